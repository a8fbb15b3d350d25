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
        assert least <= len(ids) <= most
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
