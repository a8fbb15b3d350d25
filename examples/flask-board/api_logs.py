"""The last hundred actions, newest first, in a list in Redis."""

from store import redis

LIST = "api_logs"
KEPT = 100


def add(action):
    redis.lpush(LIST, action)
    redis.ltrim(LIST, 0, KEPT - 1)


def latest(count):
    return redis.lrange(LIST, 0, count - 1)
