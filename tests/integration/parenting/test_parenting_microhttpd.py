"""libmicrohttpd in each of its ways to use threads, with functions that wait for what they ask for."""

import pytest

from harness import app
from measure import Server, check


def microhttpd(mode):
    def command(place):
        return [app("parenting_microhttpd"), mode, place.port, place.redis.port, place.mariadb.port, place.url]
    return command


TURN = {"OTEL_NATIVE_CONTEXT": "turn"}

# What comes in one piece is answered at once; what does not waits for its turn with others.
SERVERS = [
    Server("libmicrohttpd, a thread for each connection, `select`", microhttpd("thread-select")),
    Server("libmicrohttpd, a thread for each connection, `poll`", microhttpd("thread-poll")),
    Server("libmicrohttpd, four threads, `select`", microhttpd("pool-select"), pieces=False),
    Server("libmicrohttpd, four threads, `poll`", microhttpd("pool-poll"), pieces=False),
    Server("libmicrohttpd, four threads, `epoll`", microhttpd("pool-epoll"), pieces=False),
    Server("libmicrohttpd, one thread, `select`", microhttpd("select"), pieces=False),
    Server("libmicrohttpd, one thread, `poll`", microhttpd("poll"), pieces=False),
    Server("libmicrohttpd, one thread, `epoll`", microhttpd("epoll"), pieces=False),
    Server("libmicrohttpd, the program's own `select`", microhttpd("external"), pieces=False),
    Server("libmicrohttpd, four threads, `select`, some requests in two pieces", microhttpd("pool-select"), right=80),
    Server("libmicrohttpd, four threads, `epoll`, some requests in two pieces", microhttpd("pool-epoll"), right=80),
    Server("the same with `epoll` and `OTEL_NATIVE_CONTEXT=turn`", microhttpd("pool-epoll"), env=TURN),
    Server("libmicrohttpd, one thread, asks while it answers", microhttpd("stream"), right=0),
]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_parents(server, place):
    check(server, place)
