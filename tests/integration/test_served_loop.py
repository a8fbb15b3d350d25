"""A server that gives what its requests ask for to one event loop: what the loop's functions call belongs to the request that
the operation was begun for, though the loop's thread serves nobody."""

import socket

import pytest

from harness import app, start, trees
from harness.programs import instrumented_command, telemetry

TAGS = [f"tag{number}" for number in "abcdefgh"]


def serve(command, env):
    """All requests are under way at once; the server ends when it has answered them."""
    process = start(command, env=env)
    try:
        port = int(process.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in TAGS]
        for client, tag in zip(clients, TAGS):
            client.sendall(f"GET /{tag} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        for client in clients:
            with client:
                assert client.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
        assert process.wait(30) == 0 and process.stderr.read() == b""
    finally:
        process.kill()
        process.communicate()


def told(span):
    attributes = span.attributes
    return span.kind, attributes.get("http.target") or attributes.get("http.url") or attributes["db.query.text"]


@pytest.mark.parametrize("library", ["libcurl", "hiredis"])
def test_functions_of_a_loop_belong_to_the_requests(library, redis, http_server, sink):
    for tag in TAGS:
        http_server.on(f"/{tag}", body="ok\n")
    command = [app("served_loop"), library, redis.port, http_server.url, len(TAGS)]
    serve(command, {})
    serve(instrumented_command(command), telemetry(sink, {"OTEL_SEMCONV_STABILITY_OPT_IN": "database"}))
    operation = f"{http_server.url}/{{}}" if library == "libcurl" else "ECHO ?"
    expected = [[("SERVER", f"/{tag}"), [("CLIENT", operation.format(tag))], [("CLIENT", f"GET {tag}")]] for tag in TAGS]
    assert sorted(trees(sink.exactly(3 * len(TAGS) + 1), told)) == sorted([*expected, [("CLIENT", "GET after")]])
