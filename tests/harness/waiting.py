"""Waiting for a condition, never for time to pass."""

import time


def wait_until(condition, timeout=90.0, what="the condition"):
    """Returns the condition's first true value. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.01)
