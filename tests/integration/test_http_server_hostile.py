"""Servers that leave libc's functions in the middle: they work as they do bare, and what they answer is told."""

import socket
import threading

import pytest

from harness import OtlpSink, app, start
from harness.programs import instrumented_command, telemetry

FAST = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def ask(self, path):
        """The answer: its status and its body."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, answer = b"", b""
        while b"\r\n\r\n" not in answer:
            more = self.socket.recv(4096)
            if not more:
                return None
            answer += more
        head, body = answer.split(b"\r\n\r\n", 1)
        while len(body) < int(head.rsplit(b": ", 1)[1]):
            body += self.socket.recv(4096)
        return int(head.split()[1]), body.decode()


def told(spans):
    """(path, status) of all, in order of their start."""
    return [(span.attributes["http.target"], span.attributes.get("http.status_code"))
            for span in sorted(spans, key=lambda span: (span.start, span.end))]


def begin(how, sink):
    command = [app("http_hostile"), how]
    process = start(instrumented_command(command) if sink else command, env=telemetry(sink, FAST if sink else {}))
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("how", ["jump", "cancel"])
def test_a_call_that_is_left_while_it_blocks(how):
    """By a jump out of a signal handler, or with its thread: twelve functions, before and in the middle of each request."""
    with OtlpSink() as sink:
        process, port = begin(how, sink)
        client = Client(port)
        for number in range(3):
            line = process.stdout.readline()
            assert line == b"speak\n", (line, process.communicate())
            assert client.ask(f"/{number}") == (200, f"/{number}")
        assert process.wait(60) == 0
        assert told(sink.exactly(3)) == [(f"/{number}", 200) for number in range(3)]


def test_a_signal_handler_that_serves_a_connection():
    """It may interrupt the agent, and then is not seen: nothing is told of its connection from there on, and nothing wrong."""
    with OtlpSink() as sink:
        process, port = begin("handler", sink)
        aside, client = Client(port), Client(port)
        answers = []

        def asks():
            answers.extend(aside.ask(f"/aside/{number}") for number in range(200))

        thread = threading.Thread(target=asks)
        thread.start()
        for number in range(1000):
            assert client.ask(f"/{number}") == (200, f"/{number}")
        thread.join(60)
        client.socket.close()
        assert process.wait(60) == 0
        assert answers == [(201, f"GET /aside/{number} HTTP/1.1\r\nHost: a\r\n\r\n") for number in range(200)]
        found = told(sink.wait(1000))
    assert [row for row in found if row[1] == 200] == [(f"/{number}", 200) for number in range(1000)]
    others = [row for row in found if row[1] != 200]
    assert others == [(f"/aside/{number}", 201) for number in range(len(others))]


def test_threads_that_end_in_a_request():
    """What they have read another one answers, or nobody; a thread may end the process."""
    with OtlpSink() as sink:
        process, port = begin("leave", sink)
        client = Client(port)
        assert client.ask("/answered") == (200, "/answered")
        assert client.ask("/left") is None
        assert Client(port).ask("/the-end") is None
        assert process.wait(60) == 43
        assert told(sink.exactly(2)) == [("/answered", 200), ("/left", None)]
