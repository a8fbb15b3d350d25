"use strict";
// Sessions live in Redis; the browser holds their id.
const { randomBytes } = require("node:crypto");
const redis = require("./redis");

const SECONDS = 3600;

const key = (id) => `session:${id}`;

function idOf(request) {
    const [, id] = (request.headers.cookie ?? "").match(/(?:^|;\s*)session=([0-9a-f]{32})(?:;|$)/) ?? [];
    return id;
}

/** The user who is logged in, or null. */
async function userOf(request) {
    const id = idOf(request);
    return id ? redis.get(key(id)) : null;
}

async function begin(response, username) {
    const id = randomBytes(16).toString("hex");
    await redis.set(key(id), username, "EX", SECONDS);
    response.setHeader("Set-Cookie", `session=${id}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${SECONDS}`);
}

async function end(request, response) {
    const id = idOf(request);
    if (id)
        await redis.del(key(id));
    response.setHeader("Set-Cookie", "session=; Path=/; Max-Age=0");
}

module.exports = { begin, end, userOf };
