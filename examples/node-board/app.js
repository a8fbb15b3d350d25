"use strict";
// A message board over HTTP. Settings are environment variables: see the README.
const http = require("node:http");
const routes = require("./routes");
const { HttpError, findRoute, readBody, send } = require("./web");

async function handle(request, response) {
    const url = new URL(request.url, "http://board");
    const [route, parameters] = findRoute(routes, request.method, url.pathname);
    const body = await readBody(request);
    const answer = await route({ request, response, parameters, query: url.searchParams, body });
    send(response, answer.status ?? 200, answer.body);
}

const server = http.createServer((request, response) => {
    handle(request, response).catch((error) => {
        if (!(error instanceof HttpError))
            console.error(error);
        send(response, error.status ?? 500, { error: error instanceof HttpError ? error.message : "internal server error" });
    });
});

server.listen(Number(process.env.PORT ?? 8000), process.env.HOST ?? "127.0.0.1");
