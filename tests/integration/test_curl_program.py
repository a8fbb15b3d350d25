"""The curl program, as installed: the simplest thing a person tries."""

import re

import pytest

from harness import OtlpSink, bare, free_port, instrumented, preloaded, same_output, tree

USER_AGENT = "curl/" + re.match(rb"curl (\S+)", bare(["curl", "--version"]).stdout)[1].decode()


def traceparent(span):
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}"


def old(url, status, size, **more):
    return {"http.method": "GET", "http.url": url, "user_agent.original": USER_AGENT, "http.status_code": status,
            "http.response_content_length": size, **more}


def one(result):
    (span,) = result.spans
    assert (span.kind, span.scope_name, span.parent_span_id) == ("CLIENT", "otel-instrument.libcurl", "")
    assert span.start < span.end
    return span


def test_get_is_a_span_whose_ids_the_server_received(http_server):
    result = same_output(["curl", "-s", http_server.url + "/"])
    span = one(result)
    assert (span.name, span.status) == ("GET", ("UNSET", ""))
    assert span.attributes == old(http_server.url + "/", 200, 6)
    without, with_it = http_server.requests
    assert without.header("traceparent") is None
    assert with_it.header("traceparent") == traceparent(span)
    assert [pair for pair in with_it.headers if pair[0] != "traceparent"] == without.headers


def test_launcher_and_preload_alone_are_equal(http_server, sink):
    for way in (instrumented, preloaded):
        assert way(["curl", "-s", http_server.url + "/"], sink).stdout == b"hello\n"
    first, second = sink.exactly(2)
    assert first.brief() == second.brief()
    ignored = ("service.instance.id",)
    assert {key: value for key, value in first.resource.items() if key not in ignored} == {
        key: value for key, value in second.resource.items() if key not in ignored}
    assert first.resource["service.name"] == "unknown_service:curl"


def test_over_grpc(http_server):
    with OtlpSink("grpc") as sink:
        span = one(same_output(["curl", "-s", http_server.url + "/"], sink))
        assert span.attributes == old(http_server.url + "/", 200, 6)


def test_console_prints_one_tree_on_stderr(http_server):
    expected = bare(["curl", "-s", http_server.url + "/"])
    result = instrumented(["curl", "-s", http_server.url + "/"], flags=["--traces_exporter", "console"])
    assert (result.stdout, result.returncode) == (expected.stdout, 0)
    assert b"GET" in result.stderr and http_server.url.encode() in result.stderr


def test_status_404_is_an_error(http_server):
    span = one(same_output(["curl", "-s", "-w", "%{http_code}", http_server.url + "/status/404"]))
    assert span.status == ("ERROR", "")
    assert span.attributes == old(http_server.url + "/status/404", 404, 11)


def test_new_attributes(http_server):
    span = one(same_output(["curl", "-s", http_server.url + "/status/500?sig=1"], env={"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}))
    assert (span.name, span.status) == ("GET", ("ERROR", ""))
    assert span.attributes == {
        "http.request.method": "GET", "url.full": http_server.url + "/status/500?sig=REDACTED",
        "server.address": "127.0.0.1", "server.port": http_server.port, "network.peer.address": "127.0.0.1",
        "network.peer.port": http_server.port, "network.protocol.version": "1.1", "http.response.status_code": 500,
        "user_agent.original": USER_AGENT, "error.type": "500",
    }


def test_both_attribute_sets(http_server):
    command = ["curl", "-s", http_server.url + "/"]
    sets = {}
    for opt_in in ("", "http", "http/dup"):
        sets[opt_in] = one(same_output(command, env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})).attributes
    assert sets["http/dup"] == {**sets[""], **sets["http"]}


def test_connection_refused():
    """Without curl's message, which says how many milliseconds it took."""
    url = f"http://127.0.0.1:{free_port()}/"
    span = one(same_output(["curl", "-s", url]))
    assert (span.name, span.status[0]) == ("GET", "ERROR")
    assert span.attributes == {"http.method": "GET", "http.url": url, "user_agent.original": USER_AGENT}


def test_several_requests_over_one_connection(http_server, sink):
    urls = [http_server.url + path for path in ("/", "/bytes/10", "/status/204")]
    result = same_output(["curl", "-s", *urls], sink)
    assert [span.attributes["http.url"] for span in sink.exactly(3)] == urls
    assert len({span.trace_id for span in result.spans}) == 3
    with_header = [request for request in http_server.requests if request.header("traceparent")]
    assert [request.header("traceparent") for request in with_header] == [traceparent(span) for span in sink.exactly(3)]
    assert len({request.peer for request in with_header}) == 1


def test_redirects_are_followed_in_one_span(http_server):
    result = same_output(["curl", "-sL", http_server.url + "/redirect/2"])
    span = one(result)
    assert span.attributes["http.url"] == http_server.url + "/redirect/2"
    assert span.attributes["http.status_code"] == 200
    headers = [request.header("traceparent") for request in http_server.requests]
    assert headers == [None] * 3 + [traceparent(span)] * 3


def test_own_traceparent_is_left_alone(http_server):
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    span = one_remote(same_output(["curl", "-s", "-H", f"traceparent: {own}", http_server.url + "/"]))
    assert [request.all("traceparent") for request in http_server.requests] == [[own], [own]]
    assert span.trace_id == own.split("-")[1]


def one_remote(result):
    (span,) = result.spans
    return span


def test_upload(http_server):
    span = one(same_output(["curl", "-s", "-d", "a=b", http_server.url + "/echo"]))
    assert span.name == "POST"
    assert span.attributes == old(http_server.url + "/echo", 200, 3) | {"http.method": "POST",
                                                                       "http.request_content_length": 3}


def test_process_span_is_the_root(http_server, sink):
    same_output(["curl", "-s", http_server.url + "/"], sink, flags=["--process_span", "true"])
    process, request = sink.exactly(2)
    assert (process.name, process.kind, process.parent_span_id) == ("curl", "INTERNAL", "")
    assert (request.name, request.parent_span_id, request.trace_id) == ("GET", process.span_id, process.trace_id)


def test_parent_from_the_environment(http_server):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    (span,) = same_output(["curl", "-s", http_server.url + "/"], env={"TRACEPARENT": parent}).spans
    assert (span.trace_id, span.parent_span_id) == tuple(parent.split("-")[1:3])


@pytest.mark.parametrize("endpoint", ["nobody", "stopped"])
def test_without_a_collector_the_program_does_not_notice(http_server, endpoint):
    expected = bare(["curl", "-s", http_server.url + "/"])
    if endpoint == "nobody":
        result = instrumented(["curl", "-s", http_server.url + "/"],
                              env={"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    else:
        with OtlpSink() as sink:
            sink.stop()
            result = instrumented(["curl", "-s", http_server.url + "/"], sink)
    assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode)
    assert all(line.startswith(b"otel-instrument:") for line in result.stderr.splitlines())


def test_a_traceparent_of_the_programs_own_is_printed_at_once(http_server):
    """Its span is this process's local root: nobody here will ever see the one above it."""
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    result = instrumented(["curl", "-s", "-H", f"traceparent: {own}", http_server.url + "/"],
                          flags=["--traces_exporter", "console"])
    said = result.stderr.decode()
    assert said.startswith("otel-instrument: trace 0af7651916cd43dd8448eb211c80319c, unknown_service:curl, 1 span, ")
    assert "incomplete" not in said


def all_of(result):
    return [(span.name, span.kind, span.status, span.attributes) for span in sorted(result.spans, key=lambda span: span.start)]


def call(url, method="GET", status=200, size=None, message="", **more):
    """One transfer as a span with the old attributes."""
    attributes = {**old(url, status, size), **more, "http.method": method}
    failed = status is None or status >= 400
    return (method, "CLIENT", ("ERROR" if failed else "UNSET", message), {
        key: value for key, value in attributes.items() if value is not None})


def test_several_operations_in_one_run(http_server):
    """Each with options of its own, all over one handle's connection."""
    url = http_server.url
    result = same_output(["curl", "-s", url + "/bytes/3", "--next", "-s", "-d", "a=b", url + "/echo", "--next", "-sI", url + "/none",
                          "--next", "-s", "-X", "PATCH", "-A", "other/1", url + "/echo", "--next", "-sG", "-d", "q=1", url + "/"],
                         before=http_server.reset)
    assert all_of(result) == [
        call(url + "/bytes/3", size=3), call(url + "/echo", "POST", size=3, **{"http.request_content_length": 3}),
        call(url + "/none", "HEAD", 404, size=0), call(url + "/echo", "PATCH", size=0, **{"user_agent.original": "other/1"}),
        call(url + "/?q=1", size=6)]
    assert {request.header("traceparent") for request in http_server.requests} == {traceparent(span) for span in result.spans}


def test_forms_and_files(http_server, tmp_path):
    """A file of known size, one that comes through a pipe, and a form."""
    url, file = http_server.url + "/echo", tmp_path / "file"
    file.write_bytes(b"u" * 1000)
    assert all_of(same_output(["curl", "-s", "-T", file, url])) == [
        call(url, "PUT", size=1000, **{"http.request_content_length": 1000})]
    assert all_of(same_output(["sh", "-c", f"cat {file} | curl -s -T - {url}"])) == [call(url, "PUT", size=1000)]
    result = same_output(["curl", "-s", "-o", "/dev/null", "-F", f"file=@{file}", url], before=http_server.reset)
    size = len(http_server.requests[0].body)
    assert size > 1000 and all_of(result) == [call(url, "POST", size=size, **{"http.request_content_length": size})]


def test_each_retry_is_a_span(http_server):
    """curl itself tries again: another transfer."""
    url = http_server.url + "/"
    bodies = []

    def answer(handler, _):
        bodies.append(1)
        handler.answer(503 if len(bodies) == 1 else 200, b"hello\n")

    def before():
        bodies.clear()
        http_server.reset()
        http_server.on("/", handler=answer)

    result = same_output(["curl", "-s", "--retry", "2", "--retry-delay", "1", url], before=before)
    assert all_of(result) == [call(url, status=503, size=6), call(url, size=6)]
    assert [request.header("traceparent") for request in http_server.requests] == [
        traceparent(span) for span in sorted(result.spans, key=lambda span: span.start)]


def test_a_script_is_one_trace(http_server):
    """Two commands, of which one sees no server."""
    url, nowhere = http_server.url + "/bytes/3", f"http://127.0.0.1:{free_port()}/"
    result = same_output(["sh", "-c", f"curl -s {url}; curl -s {nowhere}; true"], flags=["--process_span", "true"])
    assert tree(result.spans, lambda span: (span.name, span.kind, span.status[0])) == [
        (result.spans[-1].name, "INTERNAL", "UNSET"),
        [("curl", "INTERNAL", "UNSET"), [("GET", "CLIENT", "UNSET")]],
        [("curl", "INTERNAL", "ERROR"), [("GET", "CLIENT", "ERROR")]]]


def test_failures_that_curl_reports(http_server, tmp_path):
    """-f, a limit of time, and a file that cannot be written."""
    url = http_server.url
    assert all_of(same_output(["curl", "-sSf", url + "/status/500"])) == [call(url + "/status/500", status=500, size=0)]
    assert all_of(same_output(["curl", "-s", "-m", "0.3", url + "/slow/1"])) == [
        call(url + "/slow/1", status=None, message="Timeout was reached")]
    (span,) = same_output(["curl", "-s", "-o", tmp_path / "none" / "file", url + "/bytes/3"], env={
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http"}).spans
    assert (span.status, span.attributes["error.type"]) == (
        ("ERROR", "Failed writing received data to disk/application"), "CURLE_WRITE_ERROR")
