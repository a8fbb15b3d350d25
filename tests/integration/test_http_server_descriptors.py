"""What programs do with the descriptors of their connections: nothing of it loses or doubles a request."""

import resource
import signal
import socket
from contextlib import contextmanager

import pytest

from harness import OtlpSink, app, not_under, same_output, start
from harness.programs import instrumented_command, telemetry

FAST = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@contextmanager
def serving(how, env=None, **kw):
    with OtlpSink() as sink:
        process = start(instrumented_command([app("http_descriptors"), how]), env=telemetry(sink, {**FAST, **(env or {})}), **kw)
        try:
            yield process, sink
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def ask(client, path):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    answer = b""
    while not answer.endswith(path.encode()):
        more = client.recv(4096)
        assert more, answer
        answer += more


def heard(sink, count, last="/last"):
    """(path, status) of all spans, in order, once that of the last request has come."""
    with sink._changed:
        assert sink._changed.wait_for(
            lambda: len(sink._spans) >= count and any(span.attributes["http.target"] == last for span in sink._spans), 60)
    return [(span.attributes["http.target"], span.attributes.get("http.status_code"))
            for span in sorted(sink.spans(), key=lambda span: (span.start, span.end))]


@pytest.mark.parametrize("how", ["plain", "dup", "number", "pass", "fork", "vfork", "system", "late", "often", "peek", "threads", "wrong", "guest"])
def test_each_request_is_one_span(how):
    with serving(how) as (process, sink):
        port = int(process.stdout.readline())
        expected = []
        for connection in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                for number in range(3):
                    ask(client, f"/{connection}/{number}")
                    expected.append((f"/{connection}/{number}", 200))
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            ask(client, "/last")
        assert heard(sink, len(expected) + 1) == [*expected, ("/last", 200)]


def test_a_fork_between_requests_that_come_together():
    """The process has a child for something else: both requests are answered by their own reader."""
    with serving("between") as (process, sink):
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo")
            assert process.stdout.readline() == b"go on\n"
            client.sendall(b"dyGET /second HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while more := client.recv(4096):
                answer += more
            assert answer.endswith(b"/last")
        spans = sorted(sink.wait(3), key=lambda span: (span.start, span.end))
    assert [(span.attributes["http.target"], span.attributes["http.response_content_length"]) for span in spans] == [
        ("/first", 6), ("/second", 7), ("/last", 5)]


def told_of_addresses(command, env):
    process = start(command, env=env)
    with socket.create_connection(("127.0.0.1", int(process.stdout.readline())), timeout=30) as client:
        client.sendall(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        said, complaints = process.communicate(timeout=30)
        assert (process.returncode, complaints) == (0, b""), said
        assert client.recv(4096).endswith(b"ok")
    return said


@not_under("address", "its runtime looks at what libc is given")
def test_an_address_that_is_none_is_the_kernels_to_refuse():
    """Calls in the middle of a request fail as they do bare; the request goes on."""
    bare = told_of_addresses([app("http_addresses")], {})
    assert bare.count(b"EFAULT") > 90
    with OtlpSink() as sink:
        assert told_of_addresses(instrumented_command([app("http_addresses")]), telemetry(sink, FAST)) == bare
        assert heard(sink, 1, "/a") == [("/a", 200)]


@not_under("address", "its runtime looks at what libc is given")
def test_a_clients_arrays_that_are_none_are_the_kernels_to_refuse(http_server):
    http_server.on("/a", body="ok")
    result = same_output([app("http_addresses"), http_server.port])
    assert (result.returncode, result.stdout.count(b"EFAULT"), result.stderr) == (0, 52, b"")
    (span,) = result.spans
    assert (span.name, span.kind, span.attributes["http.status_code"]) == ("GET", "CLIENT", 200)


FAMILIES = {"inet": (socket.AF_INET, "127.0.0.1"), "inet6": (socket.AF_INET6, "::1"), "unix": (socket.AF_UNIX, None)}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_function_of_libc(family):
    """Each way to accept, name, wait for, read from, write to and close a connection, in many combinations."""
    number, address = FAMILIES[family]
    count = 120
    with OtlpSink() as sink:
        process = start(instrumented_command([app("http_functions"), family, count]), env=telemetry(sink, FAST))
        where = process.stdout.readline().decode().strip()
        peers = []
        for index in range(count):
            with socket.socket(number) as client:
                client.settimeout(30)
                client.connect("\0" + where if family == "unix" else (address, int(where)))
                peers.append({} if family == "unix" else {"net.peer.ip": address, "net.peer.port": client.getsockname()[1]})
                client.sendall(f"GET /way?n={index} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answer = b""
                while more := client.recv(100):
                    answer += more
                assert answer.endswith(b"\r\n\r\nyes")
        assert process.wait(30) == 0
        spans = sink.exactly(count)
    own = {} if family == "unix" else {"net.host.port": int(where)}
    assert [(span.name, span.kind, span.status, span.parent_span_id, span.attributes) for span in spans] == [
        ("GET /way", "SERVER", ("UNSET", ""), "", {
            "http.method": "GET", "http.scheme": "http", "http.host": "a", "net.host.name": "a", "http.flavor": "1.1",
            "http.target": f"/way?n={index}", "http.url": f"http://a/way?n={index}", "http.status_code": 200,
            "http.response_content_length": 3, **own, **peer})
        for index, peer in enumerate(peers)]


def test_what_libc_writes_by_itself_is_no_error_of_the_request():
    """An answer through a FILE is not seen: then the request is not told of at all."""
    with serving("stdio") as (process, sink):
        port = int(process.stdout.readline())
        for number in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                ask(client, f"/{number}")
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            ask(client, "/last")
        assert heard(sink, 1) == [("/last", 200)]


def test_what_dprintf_writes_is_no_error_of_the_request():
    with serving("dprintf") as (process, sink):
        port = int(process.stdout.readline())
        for number in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                ask(client, f"/{number}")
                assert client.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            ask(client, "/last")
        assert heard(sink, 1) == [("/last", 200)]


@pytest.mark.parametrize("how", ["inetd", "standard"])
def test_a_connection_that_was_inherited(how):
    ours, its = socket.socketpair()
    with serving(how, stdin=its, stdout=its) as (process, sink):
        its.close()
        ask(ours, "/a")
        ask(ours, "/last")
        ours.close()
        assert process.wait(30) == 0
        assert heard(sink, 2) == [("/a", 200), ("/last", 200)]


def test_ten_thousand_connections():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12000), hard))
    number = 10000 if hard >= 12000 else hard - 500
    with serving("all", env={"OTEL_BSP_MAX_QUEUE_SIZE": 20000}) as (process, sink):
        port = int(process.stdout.readline())
        clients = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(number)]
        try:
            for index, client in enumerate(clients):
                ask(client, f"/{index}")
            ask(clients[0], "/last")
            found = heard(sink, number + 1)
        finally:
            for client in clients:
                client.close()
    assert found == [*((f"/{index}", 200) for index in range(number)), ("/last", 200)]


@not_under("address", "its runtime makes system calls that end the program")
@pytest.mark.parametrize("when", ["listening", "later"])
def test_a_server_that_shuts_itself_in(when):
    """A filter that kills on any unusual system call: the memory for what it will serve is there before."""
    with OtlpSink() as sink, start(instrumented_command([app("http_confined"), when]), env=telemetry(sink, FAST)) as process:
        port = int(process.stdout.readline())
        for number in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert client.recv(4096).endswith(b"ok")
                assert client.recv(4096) == b""
        assert process.wait(30) == 40
        assert heard(sink, 3, "/2") == [(f"/{number}", 200) for number in range(3)]


@not_under("address", "its shadow takes more")
def test_a_server_with_little_address_space():
    """What we take of it, the program cannot have."""
    limit = 400 << 20
    with serving("plain", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) as (process, sink):
        port = int(process.stdout.readline())
        before = size_of(process.pid)
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            ask(client, "/last")
            assert size_of(process.pid) - before < limit / 20
        assert heard(sink, 1) == [("/last", 200)]


def size_of(pid):
    """In bytes, of its address space."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[0]) * resource.getpagesize()
