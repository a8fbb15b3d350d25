"""libcurl's multi interface in libevent's loop: hundreds of transfers at once, each with its own span, times and parent."""

import pytest
from harness import HttpServer, Nginx, app, certificates, free_port, same_output
from test_libcurl import (COULDNT_CONNECT, DUP, NEW, OTHER_SPAN, OTHER_TRACE, Call, failed, header_of, said_of,
                          seen)

COUNT = 300
SETS = [(None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})]
SECOND = 1_000_000_000


def by_size(spans):
    return sorted(spans, key=lambda span: int(span.attributes.get("url.full", span.attributes.get("http.url")).rpartition("/")[2]))


@pytest.mark.parametrize("mode", ["all", "waves", "late"])
@pytest.mark.parametrize("env, attributes", SETS, ids=["old", "new", "dup"])
def test_hundreds_of_transfers(mode, env, attributes):
    """Exactly one span each, with its own size, and its own context in its own request."""
    with HttpServer() as server:
        result = same_output([app("curl_event"), mode, COUNT, server.url], env=env, before=server.reset)
        assert result.stdout.decode().splitlines() == [f"{i}: 1 0 200 {i}" for i in range(1, COUNT + 1)] + ["freed: 0"]
        spans = by_size(result.spans)
        calls = [Call("GET", f"{server.url}/bytes/{i}", received=i) for i in range(1, COUNT + 1)]
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
        assert len({span.trace_id for span in spans}) == len({span.span_id for span in spans}) == COUNT
        assert all(span.parent_span_id == "" for span in spans)
        assert len(server.requests) == COUNT
        assert {request.path.rpartition("/")[2]: request.header("traceparent") for request in server.requests} == {
            str(i): header_of(span) for i, span in enumerate(spans, 1)}


@pytest.mark.parametrize("env, attributes", SETS, ids=["old", "new", "dup"])
def test_hundreds_of_streams_over_one_connection(env, attributes):
    """HTTP/2, of which every tenth request fails; nginx writes down what it has received."""
    port, (certificate, key) = free_port(), certificates.server()
    url = f"https://localhost:{port}"
    lines = f"""listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key}; http2_max_concurrent_streams 1000; keepalive_requests 10000;
                location ~ 0$ {{ return 404 "$request_uri"; }} location / {{ return 200 "$request_uri"; }}
                access_log told.log told;"""
    with Nginx(lines, "log_format told '$request_uri $http_traceparent $connection';") as server:
        log = server.folder / "told.log"
        result = same_output([app("curl_event"), "streams", COUNT, url, certificates.authority()], env=env,
                             before=lambda: log.write_text("", encoding="utf-8"))
        spans = by_size(result.spans)
        calls = [Call("GET", f"{url}/bytes/{i}", received=len(f"/bytes/{i}"), version="2",
                      status=200 if i % 10 else 404) for i in range(1, COUNT + 1)]
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
        told = [line.split() for line in log.read_text(encoding="utf-8").splitlines()]
        assert len(told) == COUNT and len({connection for _, _, connection in told}) == 1
        assert {path: context for path, context, _ in told} == {
            f"/bytes/{i}": header_of(span) for i, span in enumerate(spans, 1)}


def test_all_have_the_same_parent():
    with HttpServer() as server:
        env = {"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01"}
        result = same_output([app("curl_event"), "all", COUNT, server.url], env=env, before=server.reset)
        assert len(result.spans) == COUNT
        assert {(span.trace_id, span.parent_span_id) for span in result.spans} == {(OTHER_TRACE, OTHER_SPAN)}


@pytest.mark.parametrize("mode", ["all", "late"])
def test_spans_end_in_the_order_of_the_answers(mode):
    """The first answers come last; when the program reads the results, the times are those of the answers all the same."""
    with HttpServer() as server:
        for i in range(1, 6):
            server.on(f"/bytes/{i}", body="x" * i, delay=0.25 * (6 - i))
        result = same_output([app("curl_event"), mode, 6, server.url], before=server.reset_requests)
        spans = by_size(result.spans)
        assert all((span.end - span.start) / SECOND >= 0.25 * (5 - i) for i, span in enumerate(spans))
        assert sorted(spans, key=lambda span: span.end) == spans[::-1]


def test_a_server_that_is_gone():
    """Every transfer fails; none is missing, none twice."""
    with HttpServer() as gone:
        url = gone.url
    result = same_output([app("curl_event"), "all", 100, url], env=NEW)
    calls = [failed("GET", f"{url}/bytes/{i}", "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT)) for i in range(1, 101)]
    assert seen(by_size(result.spans)) == [call.brief(call.new()) for call in calls]
