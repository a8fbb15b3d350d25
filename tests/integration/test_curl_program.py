"""The curl program, as installed: the simplest thing a person tries."""

import re

import pytest

from harness import OtlpSink, bare, free_port, instrumented, preloaded, same_output

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
    url = f"http://127.0.0.1:{free_port()}/"
    span = one(same_output(["curl", "-sS", url]))
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
