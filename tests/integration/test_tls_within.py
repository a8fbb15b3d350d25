"""What programs do in the middle of a write of OpenSSL's: it says what it does without us, and nothing of one write gets into another."""

import pytest
from harness import not_under
from test_tls_lives import ids, lives

# way: the requests whose headers have arrived, and that are spans
WAYS = {
    "paused": ["POST /paused", "POST /other"],  # the first one, paused, has our bytes beneath until it has ended
    "other-bio": ["POST /changed"],
    "lent-before": ["POST /lent"],
    "gone": ["POST /gone", "POST /other"],
    "datagrams": [],
    "error-queue": ["POST /full", "GET /queue"],
    "jumped": ["POST /jumped", "POST /next"],
    "jumped+moving": ["POST /jumped", "POST /next"],
}

NOT_UNDER = {"paused": not_under("address", "its runtime does not know the stacks of OpenSSL's asynchronous jobs")}


@pytest.mark.parametrize("opt_in", ["", "http/dup"])
@pytest.mark.parametrize("way", [pytest.param(way, marks=NOT_UNDER.get(way, ())) for way in WAYS])
def test_a_write_is_ended_as_it_was_begun(tmp_path, way, opt_in):
    _, spans, headers = lives(tmp_path, way, program="tls_within", OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    expected = []
    for span, (method, path) in zip(spans, map(str.split, WAYS[way]), strict=True):
        url = f"https://example.test{path}"
        attributes = {"http.method": method, "http.url": url}
        if opt_in:
            attributes |= {"http.request.method": method, "url.full": url, "server.address": "example.test", "server.port": 443,
                           "error.type": "abandoned"}  # nobody answers
        if opt_in and path == "/gone":
            attributes |= {"error.type": "EPIPE", "network.peer.address": "127.0.0.1",
                           "network.peer.port": span.attributes["network.peer.port"]}
        expected.append((method, "CLIENT", ("ERROR", ""), "otel-instrument.http_client", attributes))
    assert [(span.name, span.kind, span.status, span.scope_name, span.attributes) for span in spans] == expected
    assert headers == ids(spans)


@pytest.mark.parametrize("way", ["nested", "nested+moving"])
def test_a_write_within_another_goes_as_it_is(tmp_path, way):
    """What belongs to which cannot be told then: nothing is said about that session."""
    said, spans, headers = lives(tmp_path, way, program="tls_within")
    assert said[0] == "nested: 75 of 75" and len(said) == 3
    assert not spans and len(headers) == 1
