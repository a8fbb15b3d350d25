"""examples/flask-board: Flask's own server and gunicorn, PyMySQL, redis-py and requests; the whole trace of each request."""

import pytest
from boards import REFUSED, Board, ask, at_once, compare, running, tell

PYTHON = "/usr/bin/python3"


def gunicorn(*words):
    """As patient with a worker that has little of the machine as the tests are."""
    return lambda _folder, port: [PYTHON, "/usr/bin/gunicorn", *words, "--timeout", "120", "-b", f"127.0.0.1:{port}", "app:app"]


SERVERS = {
    "Flask": lambda folder, _port: [PYTHON, folder / "app.py"],
    "gunicorn": gunicorn("-w", "2"),
    "gunicorn with threads": gunicorn("-w", "2", "--threads", "4"),
}


@pytest.fixture(params=SERVERS)
def board(request):
    """gunicorn ends its workers, and puts others in the place of those that end before it has heard of SIGTERM itself."""
    return Board("flask-board", SERVERS[request.param], "http_client", begin=["SET session:? ? ? ?"], read=["GET session:?"],
                 end=["DEL session:?"], env={"PYTHONDONTWRITEBYTECODE": "1"}, ends_workers=True)


@pytest.mark.parametrize("which", ["old", "dup"])
def test_the_whole_story(board, mariadb, redis, http_server, which):
    with running(board, mariadb, redis, http_server, which) as place:
        expected = tell(place)
    compare(place, expected)


def test_a_database_that_refuses(board, mariadb, redis, http_server):
    with running(board, mariadb, redis, http_server, "dup", BOARD_DB_PASSWORD="wrong") as place:
        expected = tell(place, [REFUSED])
    compare(place, expected)


def test_many_at_once(board, mariadb, redis, http_server):
    """A thread reads a request when it has answered the one before: each call has its parent."""
    with running(board, mariadb, redis, http_server, OTEL_NATIVE_DB_STATEMENT="raw") as place:
        found, spans = at_once(place)
    assert found == {"right": 2 * 64}
    calls = [span for span in spans if span.kind == "CLIENT"]
    assert len(calls) == 4 * 64 and all(span.parent_span_id for span in calls)


def test_it_answers_as_it_does_bare(board, mariadb, redis, http_server):
    answers = []
    for bare in (True, False):
        mariadb.reset()
        redis.reset()
        with running(board, mariadb, redis, http_server, bare=bare) as place:
            answers.append([ask(place, request)[1:] for request in board.story()])
    assert answers[0] == answers[1]
