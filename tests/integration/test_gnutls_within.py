"""What programs do in the middle of what they give to GnuTLS: what was taken arrives, and is what the program is told of."""

import re

import pytest

from harness import OtlpSink, app, bare, certificates, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-03\r\n")


def within(tmp_path, way, sink=None):
    """What the program says, what was taken of it, and what has arrived."""
    command = [app("gnutls_within"), *certificates.server(), tmp_path / "arrived", tmp_path / "sent", way]
    result = instrumented(command, sink) if sink else bare(command)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout.decode().splitlines(), (tmp_path / "sent").read_bytes(), (tmp_path / "arrived").read_bytes()


def clients(sink):
    return sorted((span for span in sink.spans() if span.kind == "CLIENT"), key=lambda span: span.start)


@pytest.mark.parametrize("way, paths", [("no-memory", ["/given-up"]), ("jumped", ["/jumped", "/next"])])
def test_what_is_told_is_what_has_gone(tmp_path, way, paths):
    """Also where a send fails of which some has gone: the next one is another, and, being within the body of the first, no request."""
    said, sent, got = within(tmp_path, way)
    assert sent == got
    with OtlpSink() as sink:
        printed, sent, got = within(tmp_path, way, sink)
        spans = clients(sink)
    assert printed == said
    assert OURS.sub(b"", got) == sent
    ids = [found.decode() for found in OURS.findall(got)]
    assert ids == [span.span_id for span in spans]
    assert [(span.name, span.status, span.scope_name, span.attributes) for span in spans] == [
        ("POST", ("ERROR", ""), "otel-instrument.http_client", {"http.method": "POST", "http.url": f"https://example.test{path}"})
        for path in paths]


@pytest.mark.parametrize("way", ["held", "file"])
def test_what_is_held_back_is_the_programs(tmp_path, way):
    """As soon as ours has gone, the library's count is the program's; before that, ours is taken out of it."""
    counts = re.compile(r"held: (\d+) given: (\d+) came: (\d+)")
    with OtlpSink() as sink:
        for mine in None, sink:
            said, sent, got = within(tmp_path, way, mine)
            (added,) = [len(found.group()) for found in OURS.finditer(got)] or [0]
            assert OURS.sub(b"", got) == sent and bool(added) == bool(mine)
            assert len(said) > 6
            for line in said:
                held, given, came = map(int, counts.fullmatch(line).groups())
                assert held + came - (added if came else 0) == given, said
        spans = clients(sink)
    assert len(OURS.findall(got)) == 1
    if way == "held":  # what is no answer ends it all
        assert not spans
    else:
        assert [(span.name, span.scope_name, span.attributes, span.span_id.encode()) for span in spans] == [
            ("POST", "otel-instrument.http_client", {"http.method": "POST", "http.url": "https://example.test/held"}, *OURS.findall(got))]
