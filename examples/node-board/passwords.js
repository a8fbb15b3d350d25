"use strict";
const { randomBytes, scrypt, timingSafeEqual } = require("node:crypto");
const { promisify } = require("node:util");

const derive = promisify(scrypt);

async function hash(password) {
    const salt = randomBytes(16);
    return `scrypt:${salt.toString("hex")}:${(await derive(password, salt, 32)).toString("hex")}`;
}

async function matches(password, hashed) {
    const [, salt, key] = hashed.split(":");
    const expected = Buffer.from(key, "hex");
    return timingSafeEqual(await derive(password, Buffer.from(salt, "hex"), expected.length), expected);
}

module.exports = { hash, matches };
