"""Servers whose threads and processes serve one request at a time, and wait for what they ask for."""

import pytest

from harness import SOURCE, app
from measure import Server, check


def serve(model):
    def command(place):
        return [app("parenting_serve"), model, place.port, place.redis.port, place.mariadb.port, place.url]
    return command


def gunicorn(*options):
    def command(place):
        ports = f"{place.second.port} {place.redis.port} {place.mariadb.port}"
        return ["/usr/bin/python3", "/usr/bin/gunicorn", "-b", f"127.0.0.1:{place.port}", "--pythonpath", SOURCE / "tests" / "apps",
                "-e", f"PARENTING={ports}", *options, "parenting_wsgi"]
    return command


SERVERS = [
    Server("a thread for each connection (C)", serve("thread")),
    Server("a process for each connection (C)", serve("fork")),
    Server("threads started in the first request, given connections (C)", serve("handed"), right={1: 98, 8: 100, 64: 100}),
    Server("threads started in the first request, given requests (C)", serve("pool"), right=0),
    Server("gunicorn, four processes (`sync`)", gunicorn("-w", "4")),
    Server("gunicorn, eight threads (`gthread`)", gunicorn("-w", "1", "--threads", "8")),
]


@pytest.mark.parametrize("server", SERVERS, ids=str)
def test_parents(server, place):
    check(server, place)
