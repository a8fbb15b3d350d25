"use strict";
const Redis = require("ioredis");

module.exports = new Redis({ host: process.env.BOARD_REDIS_HOST ?? "127.0.0.1", port: Number(process.env.BOARD_REDIS_PORT ?? 6379) });
