"use strict";

/** What an external API says about today in a city, or null. */
async function weather(city) {
    const url = `${process.env.BOARD_API ?? "http://127.0.0.1:8080"}/weather?${new URLSearchParams({ city })}`;
    try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(10000) });
        if (!answer.ok)
            throw new Error(`status ${answer.status}`);
        return (await answer.text()).trim();
    } catch (error) {
        console.error(`${url}: ${error.message}`);
        return null;
    }
}

module.exports = { weather };
