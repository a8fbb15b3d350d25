"use strict";
const mysql = require("mysql2/promise");

const pool = mysql.createPool({
    host: process.env.BOARD_DB_HOST ?? "127.0.0.1",
    port: Number(process.env.BOARD_DB_PORT ?? 3306),
    user: process.env.BOARD_DB_USER ?? "board",
    password: process.env.BOARD_DB_PASSWORD ?? "",
    database: process.env.BOARD_DB_NAME ?? "board",
});

/** The rows of a statement, or what the server says of its effect. */
async function query(text, ...values) {
    const [rows] = await pool.query(text, values);
    return rows;
}

module.exports = { query };
