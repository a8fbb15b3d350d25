"""What a program writes into a session arrives, byte for byte, and our headers with it: however often it has to be repeated."""

import random
import re
import socket
import ssl
import threading

import pytest

from harness import OtlpSink, app, bare, certificates, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-03\r\n(?=\r\n)")
WAYS = ["plain", "ex", "moving", "small", "ex+moving+longer", "longer", "partial", "partial+moving", "ex+partial+moving+small"]


class Recorder:
    """Takes what comes, in bites, and little at once."""

    def __enter__(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificates.server())
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.record, daemon=True)
        self.thread.start()
        return self

    def record(self):
        connection, _ = self.listener.accept()
        dice, pieces = random.Random(1), []
        with self.context.wrap_socket(connection, server_side=True) as session:
            while more := session.recv(dice.randint(1, 30000)):
                pieces.append(more)
        self.got = b"".join(pieces)

    def __exit__(self, *_):
        self.listener.close()

    def all(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.got


class LateRecorder(Recorder):
    """Reads nothing before somebody has connected to a port beside."""

    def __enter__(self):
        self.other = socket.create_server(("127.0.0.1", 0))
        self.exports = self.other.getsockname()[1]
        return super().__enter__()

    def record(self):
        connection, _ = self.listener.accept()
        with self.context.wrap_socket(connection, server_side=True) as session:
            export, _ = self.other.accept()
            export.recv(65536)
            export.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.got = b"".join(iter(lambda: session.recv(65536), b""))
            session.unwrap()

    def __exit__(self, *_):
        self.other.close()
        super().__exit__()


def written(folder, way, seed, size, sink=None, **settings):
    """[(where a call began, where it ended when it was shorter, where it ended)], what has arrived, and what the calls have said."""
    with Recorder() as recorder:
        command = [app("tls_writes"), recorder.port, way, seed, size, folder / "sent"]
        result = instrumented(command, sink, env=settings) if sink else bare(command)
        assert (result.returncode, result.stderr) == (0, b""), result
        *calls, last = result.stdout.decode().splitlines()
        assert last == "bad 0"
        return [tuple(map(int, call.split())) for call in calls], recorder.all(), (folder / "sent").read_bytes()


def places(calls, sent):
    """Of each request: whether the empty line behind its headers was within one call, and not cut while that was shorter."""
    for found in re.finditer(rb"\r\n\r\n", sent):
        place = found.start() + 2
        yield any(begin <= place and found.end() <= end and place + 1 not in shorter for begin, *shorter, end in calls)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [60, 3000, 60000])
def test_all_that_was_taken_arrives(tmp_path, way, size):
    seed = WAYS.index(way) + size
    with OtlpSink() as sink:
        calls, got, sent = written(tmp_path, way, seed, size, sink)
        spans = sink.spans()
    assert OURS.sub(b"", got) == sent
    assert len(spans) == 100 and {span.name for span in spans} == {"POST"}
    ids = [found.decode() for found in OURS.findall(got)]
    assert len(set(ids)) == len(ids) and set(ids) <= {span.span_id for span in spans}
    if "longer" not in way and "partial" not in way:
        assert calls == written(tmp_path, way, seed, size)[0]
    if "partial" in way:
        assert ids
    elif "longer" in way:  # of a call that was too long for one record a part is not under way yet when it is repeated
        assert sum(places(calls, sent)) <= len(ids) <= 100
    else:
        assert len(ids) == sum(places(calls, sent))


@pytest.mark.parametrize("seed", range(4))
def test_what_must_not_be_repeated_so_is_refused(tmp_path, seed):
    """By the library, as it is without us."""
    said = []
    for run in bare, instrumented:
        with Recorder() as recorder:
            result = run([app("tls_writes"), recorder.port, "astray", seed, 60000, tmp_path / "sent"])
            assert (result.returncode, result.stderr) == (0, b"")
            said.append(result.stdout.splitlines()[-1])
    assert said == [b"astray -1 1"] * 2  # SSL_ERROR_SSL


# A write waits to be repeated while the program exports traces by itself, whereupon the agent stands down.
EXPORTS = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.maximum_version = ssl.TLSVersion.TLSv1_2  # nothing comes from the server by itself
plain = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
session = context.wrap_socket(plain, server_hostname="localhost")
session.setblocking(False)
request = b"GET / HTTP/1.1\\r\\nHost: example.test\\r\\nX-More: " + b"m" * 12000 + b"\\r\\n\\r\\n"
while True:
    try:
        assert session.send(request) == len(request)
    except ssl.SSLWantWriteError:
        break
export = socket.create_connection(("127.0.0.1", int(sys.argv[3])))
export.sendall(b"POST /v1/traces HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/x-protobuf\\r\\nContent-Length: 0\\r\\n\\r\\n")
export.recv(1)
session.setblocking(True)
assert session.send(request) == len(request)
session.unwrap()
"""


def test_what_is_begun_is_ended_where_the_agent_stands_down():
    request = b"GET / HTTP/1.1\r\nHost: example.test\r\nX-More: " + b"m" * 12000 + b"\r\n\r\n"
    with OtlpSink() as sink, LateRecorder() as recorder:
        result = instrumented(["/usr/bin/python3", "-c", EXPORTS, recorder.port, certificates.authority(), recorder.exports], sink)
        assert (result.returncode, result.stdout) == (0, b"") and b"SDK" in result.stderr, result
        got = recorder.all()
    plain = OURS.sub(b"", got)
    assert plain == request * (len(plain) // len(request)) and len(OURS.findall(got)) == len(plain) // len(request) > 0
