"use strict";
const { query } = require("./database");
const logs = require("./api_logs");
const passwords = require("./passwords");
const sessions = require("./sessions");
const { weather } = require("./weather");
const { HttpError } = require("./web");

const DUPLICATE = "ER_DUP_ENTRY";

function credentials({ username, password }) {
    if (typeof username !== "string" || typeof password !== "string" || !username || !password)
        throw new HttpError(400, "username and password are required");
    return { username, password };
}

async function loggedIn(request) {
    const username = await sessions.userOf(request);
    if (!username)
        throw new HttpError(401, "not logged in");
    return username;
}

async function register({ body }) {
    const { username, password } = credentials(body);
    const hash = await passwords.hash(password);
    try {
        await query("INSERT INTO users (username, password_hash) VALUES (?, ?)", username, hash);
    } catch (error) {
        if (error.code === DUPLICATE)
            throw new HttpError(409, "username is taken");
        throw error;
    }
    await logs.add(`register ${username}`);
    return { status: 201, body: { username } };
}

async function login({ body, response }) {
    const { username, password } = credentials(body);
    const [user] = await query("SELECT password_hash FROM users WHERE username = ?", username);
    if (!user || !(await passwords.matches(password, user.password_hash)))
        throw new HttpError(401, "wrong username or password");
    await sessions.begin(response, username);
    await logs.add(`login ${username}`);
    return { body: { username } };
}

async function logout({ request, response }) {
    const username = await loggedIn(request);
    await sessions.end(request, response);
    await logs.add(`logout ${username}`);
    return { body: { username } };
}

async function post({ request, body }) {
    const username = await loggedIn(request);
    if (typeof body.text !== "string" || !body.text)
        throw new HttpError(400, "text is required");
    const { insertId } = await query("INSERT INTO messages (username, text) VALUES (?, ?)", username, body.text);
    await logs.add(`post ${username}`);
    return { status: 201, body: { id: insertId } };
}

async function messages() {
    return { body: await query("SELECT id, username, text FROM messages ORDER BY id") };
}

async function search({ query: asked }) {
    const word = asked.get("q");
    if (!word)
        throw new HttpError(400, "q is required");
    return { body: await query("SELECT id, username, text FROM messages WHERE text LIKE ? ORDER BY id", `%${word}%`) };
}

async function redisLogs() {
    return { body: await logs.latest(20) };
}

async function users() {
    return { body: await query("SELECT id, username FROM users ORDER BY id") };
}

async function messagesOf({ parameters: { username } }) {
    const [user] = await query("SELECT id FROM users WHERE username = ?", username);
    if (!user)
        throw new HttpError(404, "no such user");
    return { body: await query("SELECT id, username, text FROM messages WHERE username = ? ORDER BY id", username) };
}

async function fail() {
    throw new Error("this always fails");
}

async function log() {
    console.log("a line in the log");
    return { body: { logged: true } };
}

async function board({ parameters: { count = 10 }, query: asked }) {
    const today = await weather(asked.get("city") ?? "Berlin");
    const latest = await query("SELECT id, username, text FROM messages ORDER BY id DESC LIMIT ?", count);
    await logs.add(`board ${count}`);
    return { body: { weather: today, messages: latest } };
}

module.exports = [
    ["POST", "/register", register],
    ["POST", "/login", login],
    ["POST", "/logout", logout],
    ["POST", "/db/message", post],
    ["GET", "/db/messages", messages],
    ["GET", "/db/messages/search", search],
    ["GET", "/logs/redis", redisLogs],
    ["GET", "/admin/users", users],
    ["GET", "/admin/users/:username/messages", messagesOf],
    ["GET", "/user", fail],
    ["GET", "/log", log],
    ["GET", "/board", board],
    ["GET", "/board/:count(int)", board],
];
