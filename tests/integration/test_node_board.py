"""examples/node-board: Node's http, mysql2, ioredis and fetch; the whole trace of each request."""

import shutil
import subprocess

import pytest
from boards import OPT_IN, REFUSED, Board, at_once, compare, running, tell

from harness import OUT, SOURCE
from harness.paths import locked

TRUSTED = {"OTEL_NATIVE_CONTEXT": "turn"}


def modules():
    """The packages that the board's package.json asks for, in a folder of their own beside a copy of it."""
    folder = OUT / "node-board"
    with locked("node-board"):
        if not (folder / "node_modules").exists():
            npm = shutil.which("npm")
            if not npm:
                pytest.skip("npm is not installed")
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.copy(SOURCE / "examples" / "node-board" / "package.json", folder)
            made = subprocess.run([npm, "install", "--prefix", folder, "--no-audit", "--no-fund", "--omit=dev"], capture_output=True,
                                  text=True, check=False, timeout=300)
            if made.returncode != 0:
                shutil.rmtree(folder / "node_modules", ignore_errors=True)
                pytest.skip("npm's registry is not to be reached")
    return str(folder / "node_modules")


@pytest.fixture
def board():
    return Board("node-board", lambda folder, _port: ["/usr/bin/node", folder / "app.js"], "http_client", lower=True,
                 begin=["SET session:? ? ? ?"], read=["GET session:?"], end=["DEL session:?"], env={"NODE_PATH": modules()},
                 others=["INFO"])  # ioredis asks whether the server is ready


def behind_the_pool(request, number):
    """Passwords are hashed by another thread: what the loop does when that has told it so has no parent."""
    return "must" if request.path == "/register" or request.path == "/login" and number > 0 else False


@pytest.mark.parametrize("which", OPT_IN)
def test_the_whole_story(board, mariadb, redis, http_server, which):
    """One request at a time, and the order of events trusted."""
    with running(board, mariadb, redis, http_server, which, **TRUSTED) as place:
        expected = tell(place)
    compare(place, expected, behind_the_pool)


@pytest.mark.parametrize("which", OPT_IN)
def test_the_order_of_events_is_not_trusted(board, mariadb, redis, http_server, which):
    """Timers may have run: the same spans, each with its own request as parent or with none."""
    with running(board, mariadb, redis, http_server, which) as place:
        expected = tell(place)
    compare(place, expected, lambda _request, _number: True)


def test_a_database_that_refuses(board, mariadb, redis, http_server):
    with running(board, mariadb, redis, http_server, BOARD_DB_PASSWORD="wrong", **TRUSTED) as place:
        expected = tell(place, [REFUSED])
    compare(place, expected)


def test_many_at_once(board, mariadb, redis, http_server):
    """No call has another request's span as its parent."""
    with running(board, mariadb, redis, http_server, OTEL_NATIVE_DB_STATEMENT="raw") as place:
        found, spans = at_once(place)
    assert found["wrong"] == 0 and found.total() == 2 * 64
    assert sum(span.kind == "CLIENT" for span in spans) == 4 * 64 + 1
