"""What a program writes arrives, byte for byte, and our headers with it: whatever the kernel takes of each call."""

import random
import re
import socket
import threading
from contextlib import contextmanager

import pytest

from harness import OtlpSink, app, bare, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-03\r\n(?=\r?\n)")
WAYS = ["write", "writev", "send", "sendmsg", "mixed", "mixed+nonblocking", "mixed+sendfile", "mixed+sendfile+nonblocking",
        "mixed+dup", "mixed+threads", "mixed+fork", "mixed+signals+restart", "mixed+signals", "mixed+timeout"]


class Recorder:
    """Takes what comes over a unix socket, in bites."""

    def __init__(self, path, bite):
        self.path, self.bite, self.got = str(path), bite, b""

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.record, daemon=True)
        self.thread.start()
        return self

    def record(self):
        connection, _ = self.listener.accept()
        dice, pieces = random.Random(1), []
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        while more := connection.recv(dice.randint(1, self.bite)):
            pieces.append(more)
        self.got = b"".join(pieces)

    def __exit__(self, *_):
        self.listener.close()

    def all(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.got


@contextmanager
def written(folder, way, seed, size, narrow, sink, **settings):
    env = dict(settings)
    if narrow:
        env |= {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": str(narrow)}
    with Recorder(folder / "socket", 3000) as recorder:
        command = [app("http_writes"), recorder.path, way, seed, size, folder / "sent"]
        result = instrumented(command, sink, env=env) if sink else bare(command, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        yield [int(word) for word in result.stdout.split()], recorder.all(), (folder / "sent").read_bytes()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size, narrow", [(1, 0), (9, 4), (300, 40), (3000, 0), (3000, 200), (40000, 70), (200000, 0)])
def test_all_that_was_taken_arrives(tmp_path, way, size, narrow):
    with OtlpSink() as sink, written(tmp_path, way, len(way) + size, size, narrow, sink) as (counts, got, sent):
        requests, own, least, most = counts
        spans = sink.spans()
        assert len(spans) == requests or "fork" in way
        assert OURS.sub(b"", got) == sent
        ids = [found.decode() for found in OURS.findall(got)]
        torn = "fork" in way  # a request that began before a fork is given none
        assert least - torn <= len(ids) <= most
        assert set(ids) <= {span.span_id for span in spans} or "fork" in way
        assert got.count(b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == own


@pytest.mark.parametrize("settings", [{"OTEL_PROPAGATORS": "none"}, {"OTEL_NATIVE_INJECT_SOCKETS": "false"},
                                      {"OTEL_NATIVE_PROPAGATE_HOSTS": "elsewhere"},
                                      {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_client"}])
def test_nothing_is_added_where_nothing_may_be(tmp_path, settings):
    with OtlpSink() as sink, written(tmp_path, "mixed", 3, 3000, 0, sink, **settings) as (_, got, sent):
        assert got == sent


@pytest.mark.parametrize("seed", range(6))
def test_headers_of_every_format(tmp_path, seed):
    settings = {"OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi,jaeger,xray"}
    names = [b"traceparent", b"b3", b"X-B3-TraceId", b"X-B3-SpanId", b"X-B3-Sampled", b"uber-trace-id", b"X-Amzn-Trace-Id"]
    block = re.compile(b"".join(name + rb": [^\r\n]+\r\n" for name in names) + rb"(?=\r?\n)")
    with OtlpSink() as sink, written(tmp_path, "mixed+nonblocking", seed, 5000, 150, sink, **settings) as (counts, got, sent):
        assert block.sub(b"", got) == sent
        assert 0 < counts[2] <= len(block.findall(got)) <= counts[3]


# A client of the socket argv[1], which does what argv[2] says; it prints what calls return.
SCRIPT = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
def call(name, *arguments):
    print(name, getattr(libc, name)(peer.fileno(), *arguments), ctypes.get_errno())
exec(sys.argv[2])
"""


def run_bare_and_instrumented(folder, script):
    """What arrived of each run; what is printed is the same."""
    arrived, printed = [], []
    for run in bare, instrumented:
        with OtlpSink() as sink, Recorder(folder / f"socket.{run.__name__}", 3000) as recorder:
            command = ["/usr/bin/python3", "-c", SCRIPT, recorder.path, script]
            result = bare(command) if run is bare else instrumented(command, sink)
            assert (result.returncode, result.stderr) == (0, b""), result
            arrived.append(recorder.all())
            printed.append(result.stdout)
    assert printed[0] == printed[1] and printed[0]
    return arrived


def test_addresses_that_none_can_read(tmp_path):
    script = """
bad = lambda number: ctypes.c_void_p(number)
for address in 1, 4096, -1, -4096:
    call("write", bad(address), 10)
    call("send", bad(address), 10, 0x4000)
    call("writev", bad(address), 1)
    call("sendmsg", bad(address), 0x4000)
pieces = (ctypes.c_size_t * 4)(8, 10, 0, 0)
call("writev", pieces, 2)
call("write", b"GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n", 27)
"""
    plain, ours = run_bare_and_instrumented(tmp_path, script)
    assert plain == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" and OURS.sub(b"", ours) == plain and len(OURS.findall(ours)) == 1


def test_a_body_is_left_alone_where_a_child_has_ended_the_headers(tmp_path):
    script = """
peer.sendall(b"POST / HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: 12\\r\\n")
if os.fork() == 0:
    peer.sendall(b"\\r\\n")
    os._exit(0)
print(os.wait()[1])
peer.sendall(b"a: b\\r\\n\\r\\nbody")
"""
    plain, ours = run_bare_and_instrumented(tmp_path, script)
    assert plain == ours == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\na: b\r\n\r\nbody"
