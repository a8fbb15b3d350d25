"""Redis, where sessions and the latest actions are."""

import os

from redis import Redis

redis = Redis(os.environ.get("BOARD_REDIS_HOST", "127.0.0.1"), int(os.environ.get("BOARD_REDIS_PORT", "6379")), decode_responses=True)
