"""libmicrohttpd in each of its ways to use threads, with functions that wait for what they ask for."""

import pytest

from harness import app
from measure import Server, check


def microhttpd(mode):
    def command(place):
        return [app("parenting_microhttpd"), mode, place.port, place.redis.port, place.mariadb.port, place.url]
    return command


SERVERS = [
    Server("libmicrohttpd, a thread for each connection, `select`", microhttpd("thread-select")),
    Server("libmicrohttpd, a thread for each connection, `poll`", microhttpd("thread-poll")),
    Server("libmicrohttpd, four threads, `select`", microhttpd("pool-select")),
    Server("libmicrohttpd, four threads, `poll`", microhttpd("pool-poll")),
    Server("libmicrohttpd, four threads, `epoll`", microhttpd("pool-epoll")),
    Server("libmicrohttpd, one thread, `select`", microhttpd("select")),
    Server("libmicrohttpd, one thread, `poll`", microhttpd("poll")),
    Server("libmicrohttpd, one thread, `epoll`", microhttpd("epoll")),
    Server("libmicrohttpd, the program's own `select`", microhttpd("external")),
    Server("libmicrohttpd, one thread, pipelined requests", microhttpd("select"), pipelined=True),
    Server("libmicrohttpd, one thread, asks while it answers", microhttpd("stream"), right=0),
]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_parents(server, place):
    check(server, place)
