"""Sessions live in Redis; the browser holds their id."""

import secrets

from flask import request

from store import redis

COOKIE = "session"
SECONDS = 3600


def key(number):
    return f"session:{number}"


def user():
    """Who is logged in, or None."""
    number = request.cookies.get(COOKIE)
    return redis.get(key(number)) if number else None


def begin(response, username):
    number = secrets.token_hex(16)
    redis.set(key(number), username, ex=SECONDS)
    response.set_cookie(COOKIE, number, max_age=SECONDS, httponly=True, samesite="Lax")


def end(response):
    number = request.cookies.get(COOKIE)
    if number:
        redis.delete(key(number))
    response.delete_cookie(COOKIE)
