"""examples/php-board: PHP's built-in server, mysqli, phpredis and curl; the whole trace of each request."""

import pytest
from boards import OPT_IN, REFUSED, Board, at_once, compare, running, tell

from harness import not_under

pytestmark = not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND, as PHP opens its extensions")

BOARD = Board(
    "php-board", lambda folder, port: ["/usr/bin/php", "-S", f"127.0.0.1:{port}", folder / "index.php"], "libcurl",
    begin=["GET session:?", "DEL session:?", "EXISTS session:?", "GET session:?", "SETEX session:? ? ?"],
    read=["EXISTS session:?", "GET session:?"], end=["EXISTS session:?", "GET session:?", "DEL session:?"])


@pytest.mark.parametrize("which", OPT_IN)
def test_the_whole_story(mariadb, redis, http_server, which):
    with running(BOARD, mariadb, redis, http_server, which) as place:
        expected = tell(place)
    compare(place, expected)


@pytest.mark.parametrize("which", OPT_IN)
def test_a_database_that_refuses(mariadb, redis, http_server, which):
    with running(BOARD, mariadb, redis, http_server, which, BOARD_DB_PASSWORD="wrong") as place:
        expected = tell(place, [REFUSED])
    compare(place, expected)


@pytest.mark.parametrize("workers", [{}, {"PHP_CLI_SERVER_WORKERS": "4"}], ids=["one", "four"])
def test_many_at_once(mariadb, redis, http_server, workers):
    """It reads a request when it has answered the one before, or another of its processes does: each call has its parent."""
    with running(BOARD, mariadb, redis, http_server, **workers) as place:
        found, spans = at_once(place)
    assert found == {"right": 64}
    calls = [span for span in spans if span.kind == "CLIENT"]
    assert len(calls) == 4 * 64 and all(span.parent_span_id for span in calls)
