"""Sessions that end, are lent, or get something else beneath them: what they say and send is the same, and none is mistaken for another."""

import re

import pytest

from harness import OtlpSink, app, bare, certificates, instrumented, not_under

OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-03\r\n(?=\r\n)")
OLD, NEW = "https://opentelemetry.io/schemas/1.11.0", "https://opentelemetry.io/schemas/1.21.0"


def lives(tmp_path, way, stderr=b"", program="tls_lives", **settings):
    """The client's spans, and the (trace, span) ids in the headers that have arrived."""
    command = [app(program), *certificates.server(), tmp_path / "arrived", way]
    plain = bare(command)
    assert (plain.returncode, plain.stderr) == (0, b"")
    expected = (tmp_path / "arrived").read_bytes()
    with OtlpSink() as sink:
        result = instrumented(command, sink, env=settings)
        spans = sink.spans()
    got = (tmp_path / "arrived").read_bytes()
    assert (result.returncode, result.stdout) == (0, plain.stdout) and stderr in result.stderr and bool(stderr) == bool(result.stderr)
    assert OURS.sub(b"", got) == expected
    clients = sorted((span for span in spans if span.kind == "CLIENT"), key=lambda span: span.start)
    return plain.stdout.decode().splitlines(), clients, [tuple(part.decode() for part in found) for found in OURS.findall(got)]


def ids(spans):
    return [(span.trace_id, span.span_id) for span in spans]


@not_under("address", "memory that was given back is not used again")
def test_what_waits_in_a_session_given_up_is_not_sent_by_another(tmp_path):
    """Its owner was about to repeat a write when the agent stood down, and the next session is at its address."""
    said, _, headers = lives(tmp_path, "stood-down", stderr=b"SDK")
    assert said[0] == "first: -1, error 3, queue empty" and said[2].endswith("error 0, queue empty") and not headers
    assert (tmp_path / "arrived").read_bytes().startswith(b"POST /second ")


def test_what_waits_in_a_session_is_not_sent_when_that_is_used_anew(tmp_path):
    said, _, headers = lives(tmp_path, "cleared", stderr=b"SDK")
    assert said[0] == "first: -1, error 3, queue empty" and said[2].endswith("error 0, queue empty") and not headers
    assert (tmp_path / "arrived").read_bytes().startswith(b"POST /second ")


def test_what_waits_in_a_session_that_was_lent_is_ended(tmp_path):
    """As it was begun, with our headers, though the agent has stood down."""
    said, _, headers = lives(tmp_path, "lent", stderr=b"SDK")
    assert said[0] == "first: -1, error 3, queue empty" and said[2].endswith("error 0, queue empty") and len(headers) == 1


@pytest.mark.parametrize("way", ["shorter", "bio", "dup", "references"])
def test_a_write_that_waits_is_ended(tmp_path, way):
    said, spans, headers = lives(tmp_path, way)
    assert re.fullmatch(r"taken: (\d+) of \1", said[0]) and said[1:] == ["nothing to read: -1, error 2, queue empty"]
    assert headers == ids(spans) and len(spans) == 1 and spans[0].name == "POST"


def test_a_session_set_up_leaves_no_error(tmp_path):
    """Which another session's call would be taken to have failed with."""
    said, spans, headers = lives(tmp_path, "error-queue")
    assert len(said) == 8 and all(line.endswith("queue empty") for line in said) and not spans and not headers
    assert set(said[1::2]) == {"nothing to read: -1, error 2, queue empty"}


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
def test_each_packet_in_a_bio_of_its_own(tmp_path, opt_in):
    said, spans, headers = lives(tmp_path, "packets", OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    assert len(said) == 6 and all(line.endswith("error 0, queue empty") for line in said)
    assert headers == ids(spans) and len(spans) == len({span.trace_id for span in spans}) == 3
    for number, span in enumerate(spans, 1):
        url, attributes = f"https://example.test/{number}", {}
        if opt_in != "http":
            attributes |= {"http.method": "POST", "http.url": url, "http.status_code": 200, "http.request_content_length": 4,
                           "http.response_content_length": 6}
        if opt_in:
            attributes |= {"http.request.method": "POST", "url.full": url, "server.address": "example.test", "server.port": 443,
                           "network.protocol.version": "1.1", "http.response.status_code": 200}
        assert (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes, span.parent_span_id) == (
            "POST", "CLIENT", ("UNSET", ""), "otel-instrument.http_client", NEW if opt_in else OLD, attributes, "")
