"use strict";
// What the board needs of a web framework: routes, JSON bodies, errors that are answers.

class HttpError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

// Routes are [method, path, function]; `:name` in a path stands for one part of it, `:name(int)` for a number.
function matches(path, asked) {
    const parts = path.split("/");
    const given = asked.split("/");
    const parameters = {};
    if (parts.length !== given.length)
        return null;
    for (const [index, part] of parts.entries()) {
        const [, name, int] = part.match(/^:(\w+)(\(int\))?$/) ?? [];
        if (name ? given[index] === "" || (int && !/^\d+$/.test(given[index])) : part !== given[index])
            return null;
        if (name)
            parameters[name] = int ? Number(given[index]) : decodeURIComponent(given[index]);
    }
    return parameters;
}

function findRoute(routes, method, asked) {
    const found = routes.map(([name, path, run]) => [name, run, matches(path, asked)]).filter(([, , parameters]) => parameters);
    if (found.length === 0)
        throw new HttpError(404, "not found");
    const route = found.find(([name]) => name === method);
    if (!route)
        throw new HttpError(405, "method not allowed");
    return [route[1], route[2]];
}

async function readBody(request) {
    let text = "";
    for await (const part of request.setEncoding("utf8"))
        text += part;
    if (text === "")
        return {};
    try {
        return JSON.parse(text);
    } catch {
        throw new HttpError(400, "the body is no JSON");
    }
}

function send(response, status, body) {
    const text = JSON.stringify(body) + "\n";
    response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
    response.end(text);
}

module.exports = { HttpError, findRoute, readBody, send };
