"""A program that exports traces itself, as opentelemetry-cpp does over libcurl: the agent stands down in it."""

import http.client

import pytest
from harness import HttpServer, OtlpSink, app, bare, instrumented, preloaded, start
from harness.programs import instrumented_command, telemetry

LINE = (b"otel-instrument: this program exports traces itself: tracing stops here "
        b"(OTEL_NATIVE_WITH_SDK=true goes on)\n")


@pytest.fixture
def collector():
    with HttpServer() as server:
        for name in ("traces", "metrics", "logs"):
            server.on(f"/v1/{name}")
        yield server


def run(http_server, collector, signal="traces", env=None, how=instrumented, through=()):
    """Bare and instrumented: the same output but for what the agent says; spans, and what our server received."""
    command = [app("curl_sdk"), f"{http_server.url}/bytes/3", collector.url, signal, *through]
    expected = bare(command)
    http_server.reset()
    with OtlpSink() as sink:
        result = how(command, sink, env=env)
        spans = sorted(sink.spans(), key=lambda span: span.start)
    assert (result.stdout, result.returncode) == (expected.stdout, 0)
    assert result.stdout.count(b" 200\n") == 6
    for span in [span for span in spans if span.kind == "CLIENT"]:
        assert (span.name, span.kind, span.status, span.scope_name) == ("GET", "CLIENT", ("UNSET", ""), "otel-instrument.libcurl")
        assert span.attributes == {"http.method": "GET", "http.url": command[1], "http.status_code": 200,
                                   "http.response_content_length": 3}
    return result, spans, [request.header("traceparent") for request in http_server.requests]


def carried(spans):
    return [f"00-{span.trace_id}-{span.span_id}-03" for span in spans]


@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_traces_stop_with_one_line_at_the_first_export(http_server, collector, how):
    """What was made until then is delivered; a child forked later is silent too; the exports never carry anything."""
    result, spans, sent = run(http_server, collector, how=how)
    assert result.stderr == LINE
    assert len(spans) == 1 and sent == [*carried(spans), None, None, None]
    assert [request.header("traceparent") for request in collector.requests] == [None] * 4  # two runs


@pytest.mark.parametrize("through", ["async", "json"])
def test_however_it_exports(http_server, collector, through):
    """opentelemetry-cpp does so through a multi handle; JSON is the other encoding."""
    result, spans, sent = run(http_server, collector, through=[through])
    assert result.stderr == LINE
    assert len(spans) == 1 and sent == [*carried(spans), None, None, None]
    assert [request.header("traceparent") for request in collector.requests] == [None] * 4


def test_told_to_go_on_it_goes_on(http_server, collector):
    result, spans, sent = run(http_server, collector, env={"OTEL_NATIVE_WITH_SDK": "true"})
    assert result.stderr == b""
    assert len(spans) == 4 and sent == carried(spans)
    assert [request.header("traceparent") for request in collector.requests] == [None] * 4


@pytest.mark.parametrize("signal", ["metrics", "logs"])
def test_exporting_other_signals_is_no_reason(http_server, collector, signal):
    result, spans, sent = run(http_server, collector, signal)
    assert result.stderr == b""
    assert len(spans) == 4 and sent == carried(spans)
    assert [request.header("traceparent") for request in collector.requests] == [None] * 4


def test_the_process_span_ends_with_it(http_server, collector):
    """So that what was made has its parent; how the process ended is not known then."""
    result, spans, sent = run(http_server, collector, env={"OTEL_NATIVE_PROCESS_SPAN": "true"})
    assert result.stderr == LINE
    own, call = spans
    assert (own.name, own.kind, own.status, own.parent_span_id) == ("curl_sdk", "INTERNAL", ("UNSET", ""), "")
    assert "process.exit.code" not in own.attributes and own.attributes["process.executable.name"] == "curl_sdk"
    assert (call.trace_id, call.parent_span_id) == (own.trace_id, own.span_id)
    assert sent == [*carried([call]), None, None, None]


def test_a_handle_that_was_under_way_carries_nothing_afterwards(http_server, collector):
    """The first request's headers were given to libcurl before; a later one with the same handle is not that span's."""
    command = [app("curl_sdk"), f"{http_server.url}/bytes/3", collector.url, "traces", "multi"]
    expected = bare(command)
    http_server.reset()
    with OtlpSink() as sink:
        result = instrumented(command, sink)
        assert sink.spans() == []
    assert (result.stdout, result.stderr) == (expected.stdout, LINE)
    first, *again = [request.header("traceparent") for request in http_server.requests]
    assert first and again == [None, None]


SOCKETS = """
import http.client, pycurl, sys
page, collector, kind = sys.argv[1:]
def fetch():
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, page)
    curl.setopt(pycurl.WRITEFUNCTION, len)
    curl.perform()
    print(curl.getinfo(pycurl.RESPONSE_CODE), flush=True)
fetch()
client = http.client.HTTPConnection(*collector.split("//")[1].split(":"))
for path in ("/v1/" + kind, "/v1/" + kind):
    client.request("POST", path, b"bytes", {"Content-Type": "application/x-protobuf"})
    print(client.getresponse().read(), flush=True)
fetch()
"""


@pytest.mark.parametrize("kind, stops", [("traces", True), ("metrics", False)])
def test_an_export_over_a_plain_socket_counts_as_one_over_libcurl(http_server, collector, kind, stops):
    command = ["/usr/bin/python3", "-c", SOCKETS, f"{http_server.url}/bytes/3", collector.url, kind]
    expected = bare(command)
    with OtlpSink() as sink:
        result = instrumented(command, sink)
        assert (result.stdout, result.returncode) == (expected.stdout, 0)
        assert result.stderr == (LINE if stops else b"")
        assert [span.attributes["http.url"] for span in sink.exactly(1 if stops else 2)] == [command[3]] * (1 if stops else 2)


RELAY = """
import http.client, http.server, pycurl, sys
page, collector = sys.argv[1:]
class Relay(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        client = http.client.HTTPConnection(*collector.split("//")[1].split(":"))
        client.request("POST", self.path, self.rfile.read(int(self.headers["Content-Length"])), dict(self.headers))
        self.send_response(client.getresponse().status)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Relay)
print(server.server_port, flush=True)
server.handle_request()
curl = pycurl.Curl()
curl.setopt(pycurl.URL, page)
curl.setopt(pycurl.WRITEFUNCTION, len)
curl.perform()
"""


def test_a_relay_of_exports_is_no_program_with_an_sdk(http_server, collector):
    """A proxy in front of a collector sends on what others have exported."""
    url = f"{http_server.url}/bytes/3"
    with OtlpSink() as sink:
        process = start(instrumented_command(["/usr/bin/python3", "-c", RELAY, url, collector.url]), env=telemetry(sink, {}))
        client = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=30)
        client.request("POST", "/v1/traces", b"bytes", {"Content-Type": "application/x-protobuf"})
        assert client.getresponse().status == 200
        assert (process.communicate(timeout=30), process.returncode) == ((b"", b""), 0)
        assert [span.attributes["http.url"] for span in sink.exactly(1)] == [url]
