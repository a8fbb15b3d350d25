"""Any calls on OpenSSL's sessions return what they do without us, what arrives is what was written, but for our headers, and each request
is one span."""

import os
import re
import tempfile
from pathlib import Path

import pytest

from harness import OtlpSink, app, bare, certificates, instrumented

OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-9a-f]\r\n(?=\r\n)")
# What a server in the same process has received is forwarded: its ids may be ours.
FORWARDED = re.compile(rb"(?<=Traceparent: 00-)(0af7651916cd43dd8448eb211c80319c)-([0-9a-f]{16})-0[0-9a-f]")
FIRST = int(os.environ.get("OI_TRANSPARENCY_FIRST", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("OI_TRANSPARENCY_SEEDS", "4")))


def run(seed, sink=None):
    """What is printed, and {session: (what was written, what has arrived)}."""
    with tempfile.TemporaryDirectory() as folder:
        command = [app("tls_calls"), *certificates.server(), folder, seed]
        result = instrumented(command, sink) if sink else bare(command)
        assert (result.returncode, result.stderr) == (0, b""), (seed, result)
        said = result.stdout.splitlines()
        assert said and all(b" answers arrived:" in line for line in said), (seed, said)
        talks = {int(path.suffix[1:]): (path.read_bytes(), path.with_name("got" + path.suffix).read_bytes())
                 for path in Path(folder).glob("sent.*")}
        assert len(talks) == len(said)
        return said, talks


def traces_in(talks, seed):
    """The (trace, span) ids in our headers, in which everything else is as it was written, and in the program's own."""
    ours, own = [], []
    for number, (sent, got) in talks.items():
        assert FORWARDED.sub(b"", OURS.sub(b"", got)) == FORWARDED.sub(b"", sent), (seed, number)
        ours += [(trace.decode(), span.decode()) for trace, span in OURS.findall(got)]
        own += [(trace.decode(), span.decode()) for trace, span in FORWARDED.findall(got)]
    return ours, own


@pytest.mark.parametrize("seed", SEEDS)
def test_every_call_and_every_byte(seed):
    expected, talks = run(seed)
    assert not traces_in(talks, seed)[0]
    with OtlpSink() as sink:
        printed, talks = run(seed, sink)
        spans = sink.spans()
    assert printed == expected, seed
    requests = sorted(re.findall(rb"POST (/\d+/\d+) ", b"".join(sent for sent, _ in talks.values())))
    ours, own = traces_in(talks, seed)
    assert len(set(ours)) == len(ours) and 0 < len(ours) <= len(requests) - len(own), seed
    for kind in "CLIENT", "SERVER":
        mine = [span for span in spans if span.kind == kind]
        paths = sorted(span.attributes["http.url"].partition("example.test")[2].encode() if kind == "CLIENT"
                       else span.attributes["http.target"].encode() for span in mine)
        assert paths == requests, (seed, kind)
        assert {(span.status, span.attributes["http.status_code"]) for span in mine} == {(("UNSET", ""), 200)}, (seed, kind)
    clients = {(span.trace_id, span.span_id) for span in spans if span.kind == "CLIENT"}
    parents = {(span.trace_id, span.parent_span_id) for span in spans if span.kind == "SERVER" and span.parent_span_id}
    assert set(ours) <= clients and parents == set(ours) | set(own), seed
    assert len(spans) == 2 * len(requests), seed
