"""A message board over HTTP. Settings are environment variables: see the README."""

import logging
import os

import pymysql
from flask import Flask, abort, jsonify, request
from pymysql.constants import ER
from werkzeug.exceptions import HTTPException
from werkzeug.security import check_password_hash, generate_password_hash

import api_logs
import database
import sessions
from weather import weather

app = Flask(__name__)
app.logger.setLevel(logging.INFO)
app.teardown_appcontext(database.close)


@app.errorhandler(HTTPException)
def problem(error):
    return {"error": error.description}, error.code


def given(*names):
    """The values of the body, none of them empty."""
    body = request.get_json()
    values = [body.get(name) if isinstance(body, dict) else None for name in names]
    if not all(isinstance(value, str) and value for value in values):
        abort(400, f"{' and '.join(names)}: required")
    return values


def logged_in():
    return sessions.user() or abort(401, "not logged in")


@app.post("/register")
def register():
    username, password = given("username", "password")
    try:
        database.insert("INSERT INTO users (username, password_hash) VALUES (%s, %s)", username, generate_password_hash(password))
    except pymysql.IntegrityError as error:
        if error.args[0] != ER.DUP_ENTRY:
            raise
        abort(409, "username is taken")
    api_logs.add(f"register {username}")
    return {"username": username}, 201


@app.post("/login")
def login():
    username, password = given("username", "password")
    users = database.query("SELECT password_hash FROM users WHERE username = %s", username)
    if not users or not check_password_hash(users[0]["password_hash"], password):
        abort(401, "wrong username or password")
    response = jsonify(username=username)
    sessions.begin(response, username)
    api_logs.add(f"login {username}")
    return response


@app.post("/logout")
def logout():
    username = logged_in()
    response = jsonify(username=username)
    sessions.end(response)
    api_logs.add(f"logout {username}")
    return response


@app.post("/db/message")
def post():
    username = logged_in()
    [text] = given("text")
    number = database.insert("INSERT INTO messages (username, text) VALUES (%s, %s)", username, text)
    api_logs.add(f"post {username}")
    return {"id": number}, 201


@app.get("/db/messages")
def messages():
    return jsonify(database.query("SELECT id, username, text FROM messages ORDER BY id"))


@app.get("/db/messages/search")
def search():
    word = request.args.get("q") or abort(400, "q: required")
    return jsonify(database.query("SELECT id, username, text FROM messages WHERE text LIKE %s ORDER BY id", f"%{word}%"))


@app.get("/logs/redis")
def redis_logs():
    return jsonify(api_logs.latest(20))


@app.get("/admin/users")
def users():
    return jsonify(database.query("SELECT id, username FROM users ORDER BY id"))


@app.get("/admin/users/<username>/messages")
def messages_of(username):
    if not database.query("SELECT id FROM users WHERE username = %s", username):
        abort(404, "no such user")
    return jsonify(database.query("SELECT id, username, text FROM messages WHERE username = %s ORDER BY id", username))


@app.get("/user")
def fail():
    raise RuntimeError("this always fails")


@app.get("/log")
def log():
    app.logger.info("a line in the log")
    return {"logged": True}


@app.get("/board")
@app.get("/board/<int:count>")
def board(count=10):
    today = weather(request.args.get("city", "Berlin"))
    latest = database.query("SELECT id, username, text FROM messages ORDER BY id DESC LIMIT %s", count)
    api_logs.add(f"board {count}")
    return {"weather": today, "messages": latest}


if __name__ == "__main__":
    app.run(os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000")))
