"""Fixtures. A server is started once for each test process, on first use, and emptied before each test that asks for it."""

import signal
import sys
import threading
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))

pytest.register_assert_rewrite("harness")  # says what differs

from harness import HttpServer, MariaDB, OtlpSink, Redis, sanitizers  # noqa: E402  (needs the path above)

# Programs under test start with the dispositions a terminal gives them, also where the tests run in the background (SIGINT
# ignored) or under nohup (SIGHUP ignored). A worker of pytest-xdist may load this on a second thread: it has them from its parent.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def no_sanitizer_reports():
    """In a sanitizer build: none of the processes that a test has started found an error."""
    yield
    said = sanitizers.reports()
    assert not said, said


@pytest.fixture(scope="session")
def mariadb_server():
    with MariaDB() as server:
        yield server


@pytest.fixture
def mariadb(mariadb_server):
    """A running MariaDB with an empty database `shop`."""
    mariadb_server.reset()
    return mariadb_server


@pytest.fixture(scope="session")
def redis_server():
    with Redis() as server:
        yield server


@pytest.fixture
def redis(redis_server):
    """A running, empty Redis."""
    redis_server.reset()
    return redis_server


@pytest.fixture(scope="session")
def http_session_server():
    with HttpServer() as server:
        yield server


@pytest.fixture
def http_server(http_session_server):
    """A running HTTP server that has seen no request yet."""
    http_session_server.reset()
    return http_session_server


@pytest.fixture
def sink():
    """An OTLP/HTTP receiver."""
    with OtlpSink() as receiver:
        yield receiver
