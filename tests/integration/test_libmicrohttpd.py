"""What the program's function does that libmicrohttpd calls for a request belongs to that request, however many others the thread has read
or not read. (With many in flight: parenting/test_parenting_microhttpd.py.)"""

import socket
import subprocess
from contextlib import ExitStack

import pytest

from harness import app, start, trees
from harness.programs import instrumented_command, telemetry

HANDLERS = 20
SETTINGS = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}


class Servers:
    def __init__(self, redis, sink=None, env=None):
        command = [app("microhttpd_handlers"), redis.port]
        if sink:
            command, env = instrumented_command(command), telemetry(sink, {**SETTINGS, **(env or {})})
        self.process = start(command, env=env, stdin=subprocess.PIPE)
        self.open = ExitStack()

    def __enter__(self):
        self.ports = [int(self.process.stdout.readline()) for _ in range(HANDLERS)]
        return self

    def __exit__(self, *_):
        try:
            self.open.close()
            self.process.stdin.close()
            assert self.process.wait(60) == 0 and self.process.stdout.read() == self.process.stderr.read() == b""
        finally:
            self.process.kill()
            self.process.wait()

    def connect(self, number):
        return self.open.enter_context(socket.create_connection(("127.0.0.1", self.ports[number]), timeout=60))


def head(tag, length=0):
    return f"POST /{tag} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()


def answer(stream):
    assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
    while stream.readline() != b"\r\n":
        pass
    return int(stream.readline())


def talk(servers, number):
    """To one server: two requests that wait for more, then whole ones, each over a connection of its own or two over one, which
    all are answered; and the two are."""
    held = [servers.connect(number) for _ in range(2)]
    for which, client in enumerate(held):
        client.sendall(head(f"held{which}of{number}", 4) + b"ab")
    client = servers.connect(number)
    stream = client.makefile("rb")
    for tag in "suspend", "alone":
        client.sendall(head(f"{tag}of{number}"))
        assert answer(stream) == number
    client.sendall(head(f"firstof{number}") + head(f"secondof{number}"))
    assert [answer(stream), answer(stream)] == [number, number]
    for client in held:
        client.sendall(b"cd")
        assert answer(client.makefile("rb")) == number


def told(span):
    attributes = span.attributes
    return span.kind, attributes.get("url.path") or attributes["db.query.text"]


def tree_of(tag, pieces=()):
    return [("SERVER", f"/{tag}"), *([("CLIENT", f"GET {tag}{piece}")] for piece in (*pieces, ""))]


def test_each_request_has_what_its_function_asks_for(redis, sink):
    """Also where there are more functions than we have any for."""
    numbers = range(HANDLERS)
    with Servers(redis) as servers:
        for number in numbers:
            talk(servers, number)
    with Servers(redis, sink) as servers:
        for number in numbers:
            talk(servers, number)
    right = range(16)
    expected = []
    for number in right:
        expected += [tree_of(f"{tag}of{number}") for tag in ("suspend", "alone", "first", "second")]
        expected += [tree_of(f"held{which}of{number}", ("-1", "-2")) for which in range(2)]
    spans = sink.exactly(HANDLERS * 16)
    assert [span for span in spans if span.scope_name not in ("otel-instrument.http_server", "otel-instrument.hiredis")] == []
    of_right = [tree for tree in trees(spans, told) if int(tree[0][1].rpartition("of")[2].partition("-")[0]) in right]
    assert sorted(of_right) == sorted(expected)


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libmicrohttpd"}], ids=["off"])
def test_it_can_be_switched_off(env, redis, sink):
    with Servers(redis, sink, env) as servers:
        talk(servers, 0)
    roots = [tree for tree in trees(sink.exactly(16), told) if tree[0][0] == "CLIENT"]
    assert [("CLIENT", "GET firstof0")] in roots
