"use strict";
// The last hundred actions, newest first, in a list in Redis.
const redis = require("./redis");

const LIST = "api_logs";
const KEPT = 100;

async function add(action) {
    await redis.lpush(LIST, action);
    await redis.ltrim(LIST, 0, KEPT - 1);
}

function latest(count) {
    return redis.lrange(LIST, 0, count - 1);
}

module.exports = { add, latest };
