"""What a program gives to GnuTLS arrives, byte for byte, and our headers with it; its calls return what they do without us."""

import re

import pytest
from test_tls_bytes import Recorder

from harness import OtlpSink, app, bare, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-03\r\n(?=\r?\n)")
WAYS = ["plain", "send2", "nonblocking", "nonblocking+null", "nonblocking+send2+null", "cork", "cork+nonblocking", "cork+nonblocking+null+wait",
        "functions+nonblocking+null", "vector+cork+nonblocking", "tls1.2+nonblocking+null"]


def written(folder, way, seed, size, narrow, sink=None, **settings):
    """What the program says, what has arrived, and what the calls have taken."""
    with Recorder() as recorder:
        env = dict(settings)
        if narrow:
            env |= {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": str(narrow), "OI_NARROW_PORT": str(recorder.port)}
        command = [app("gnutls_writes"), recorder.port, way, seed, size, folder / "sent"]
        result = instrumented(command, sink, env=env) if sink else bare(command, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        return result.stdout, recorder.all(), (folder / "sent").read_bytes()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size, narrow", [(40, 0), (900, 300), (9000, 0), (9000, 2000), (60000, 0), (60000, 7000)])
def test_all_that_was_taken_arrives(tmp_path, way, size, narrow):
    seed = len(way) + size
    said, plain, sent = written(tmp_path, way, seed, size, narrow)
    assert plain == sent
    with OtlpSink() as sink:
        printed, got, sent = written(tmp_path, way, seed, size, narrow, sink)
        spans = sink.spans()
    requests, own, whole, _ = printed.split()
    if "null" not in way:  # whether a call is repeated so is decided by dice, which are thrown as often as the kernel takes little
        assert printed == said
    assert OURS.sub(b"", got) == sent
    assert len(spans) == int(requests)
    ids = [found.decode() for found in OURS.findall(got)]
    assert len(set(ids)) == len(ids) == int(whole) and set(ids) <= {span.span_id for span in spans}
    assert got.count(b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == int(own)


@pytest.mark.parametrize("settings", [{"OTEL_PROPAGATORS": "none"}, {"OTEL_NATIVE_INJECT_SOCKETS": "false"},
                                      {"OTEL_NATIVE_PROPAGATE_HOSTS": "elsewhere"},
                                      {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_client"},
                                      {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "gnutls"}])
def test_nothing_is_added_where_nothing_may_be(tmp_path, settings):
    with OtlpSink() as sink:
        _, got, sent = written(tmp_path, "cork+nonblocking+null", 3, 3000, 1000, sink, **settings)
    assert got == sent


@pytest.mark.parametrize("seed", range(3))
def test_headers_of_every_format(tmp_path, seed):
    settings = {"OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi,jaeger,xray"}
    names = [b"traceparent", b"b3", b"X-B3-TraceId", b"X-B3-SpanId", b"X-B3-Sampled", b"uber-trace-id", b"X-Amzn-Trace-Id"]
    block = re.compile(b"".join(name + rb": [^\r\n]+\r\n" for name in names) + rb"(?=\r?\n)")
    with OtlpSink() as sink:
        printed, got, sent = written(tmp_path, "cork+nonblocking", seed, 30000, 3000, sink, **settings)
    assert block.sub(b"", got) == sent and len(block.findall(got)) == int(printed.split()[2]) > 0
