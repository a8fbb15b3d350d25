"""libotel-exporter.so against real receivers, well-behaved ones: what arrives, over which connection, with which headers.

The driver stands in for the agent; tests/integration/test_exporter_failures.py has the receivers that misbehave."""

import socket
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from exporter import KEYS, OK, BadServer, Driving, client_certificate, drive, mutual_tls, read_request, settings
from harness import OtlpSink, Span, not_under
from harness.certificates import authority

PROTOCOLS = ("http", "grpc")


def expected_span(i):
    """What the driver's i-th span must look like on the other side, whole."""
    return Span(
        name=f"span {i}", kind="CLIENT", status=("UNSET", ""), attributes={key: "a value of 20 letter" for key in KEYS},
        trace_id="ab" * 16, span_id=f"{i + 1:016x}", parent_span_id="", flags=0x101, trace_state="",
        resource={"service.name": "driver"}, scope_name="otel-instrument.driver", scope_version="9.8.7",
        schema_url="https://opentelemetry.io/schemas/1.11.0", resource_schema_url="",
        start=1785585600000000000 + i * 1000, end=1785585600000000500 + i * 1000, dropped_attributes=0)


@pytest.mark.parametrize("compression", ("none", "gzip"))
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_delivers_whole_spans(protocol, compression):
    with OtlpSink(protocol) as sink:
        outcome = drive(settings(sink.endpoint, protocol, exporter_otlp_compression=compression), "export", 3)
        assert [batch.counts for batch in outcome.batches] == [(3, 0, 0)]
        assert outcome.log == []
        assert sink.exactly(3) == [expected_span(i) for i in range(3)]
        if compression == "gzip":
            (request,) = sink.requests
            assert int(request.headers["content-length"]) < len(request.body) / 3


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_keeps_the_connection(protocol):
    with OtlpSink(protocol) as sink:
        outcome = drive(settings(sink.endpoint, protocol), *("export", 2) * 5)
        assert [batch.counts for batch in outcome.batches] == [(2, 0, 0)] * 5
        assert len(sink.spans()) == 10
        assert len({request.peer for request in sink.requests}) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_connects_again_when_the_receiver_was_restarted(protocol):
    """The closed connection is noticed before it is used: no retry delay, nothing said."""
    with OtlpSink(protocol) as sink:
        driving = Driving(settings(sink.endpoint, protocol), "export", 1, "line", "export", 1, "export", 1)
        driving.wait()
        sink.stop()
        sink.start()
        driving.go()
        outcome = driving.finish()
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0)] * 3
        assert outcome.batches[1].ms < 700
        assert outcome.log == []
        assert len(sink.spans()) == 3


def test_http_request():
    with OtlpSink() as sink:
        drive(settings(sink.endpoint + "/base", exporter_otlp_headers="Api-Key=s%20ecret,x= ,Authorization=Basic dGVz=="),
              "export", 1)
        (request,) = sink.requests
        assert (request.method, request.path) == ("POST", "/base/v1/traces")
        assert request.headers == {
            "host": f"127.0.0.1:{sink.port}", "user-agent": "OTel-OTLP-Exporter-C/9.8.7", "api-key": "s ecret", "x": "",
            "authorization": "Basic dGVz==", "content-type": "application/x-protobuf", "content-length": str(request.size)}


def test_traces_endpoint_is_used_as_it_is():
    with OtlpSink() as sink:
        drive({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sink.endpoint}/as/it/is"}, "export", 1)
        assert [request.path for request in sink.requests] == ["/as/it/is"]


def test_user_agent_can_be_set():
    with OtlpSink() as sink:
        drive(settings(sink.endpoint, exporter_otlp_headers="User-Agent=mine"), "export", 1)
        assert sink.requests[0].headers["user-agent"] == "mine"


def test_grpc_request():
    with OtlpSink("grpc") as sink:
        drive(settings(sink.endpoint, "grpc", exporter_otlp_headers="Api-Key=secret"), "export", 1)
        (request,) = sink.requests
        assert request.headers["user-agent"] == "OTel-OTLP-Exporter-C/9.8.7"
        assert request.headers["api-key"] == "secret"


def test_grpc_deadline_reaches_the_server():
    left = []

    def export(_, context):
        left.append(context.time_remaining())
        return b""

    service, method = "opentelemetry.proto.collector.trace.v1.TraceService", "Export"
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(export)}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        for budget in ("4321", "0"):
            drive(settings(f"http://127.0.0.1:{port}", "grpc", exporter_otlp_timeout=budget, bsp_export_timeout="0"),
                  "export", 1)
    finally:
        server.stop(grace=None).wait()
    assert 3 < left[0] <= 4.33
    assert 90000 < left[1] <= 100000  # no limit: the longest that gRPC can say


@pytest.mark.parametrize("endpoint, insecure", (("127.0.0.1", "true"), ("http://127.0.0.1", "false")))
def test_grpc_in_plaintext(endpoint, insecure):
    with OtlpSink("grpc") as sink:
        outcome = drive(settings(f"{endpoint}:{sink.port}", "grpc", exporter_otlp_insecure=insecure), "export", 1)
        assert outcome.batches[0].counts == (1, 0, 0)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tls(protocol):
    with OtlpSink(protocol, tls=True) as sink:
        env = settings(sink.endpoint, protocol, exporter_otlp_certificate=sink.ca)
        outcome = drive(env, "export", 1, "export", 1)
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0)] * 2
        assert len({request.peer for request in sink.requests}) == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_certificate_that_cannot_be_verified_is_refused_at_once(protocol):
    with OtlpSink(protocol, tls=True) as sink:
        outcome = drive(settings(sink.endpoint, protocol), "export", 1)
        assert outcome.batches[0].counts == (0, 0, 1)
        assert outcome.batches[0].ms < 700
        (line,) = outcome.log
        assert f"cannot export traces to {sink.endpoint}" in line
        assert "certificate" in line
        assert sink.requests == []


def test_mutual_tls():
    def behave(connection, _):
        while read_request(connection):
            connection.sendall(OK)

    certificate, key = client_certificate()
    with BadServer(behave, wrap=mutual_tls()) as server:
        env = settings(f"https://localhost:{server.port}", exporter_otlp_certificate=authority(),
                       exporter_otlp_client_certificate=certificate, exporter_otlp_client_key=key,
                       exporter_otlp_timeout="2000")
        assert drive(env, "export", 1).batches[0].counts == (1, 0, 0)
        del env["OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"], env["OTEL_EXPORTER_OTLP_CLIENT_KEY"]
        assert drive(env, "export", 1).batches[0].counts == (0, 0, 1)


@pytest.mark.parametrize("family", (socket.AF_INET, socket.AF_INET6))
def test_localhost_is_both_families(family):
    def behave(connection, _):
        while read_request(connection):
            connection.sendall(OK)

    with BadServer(behave, family) as server:
        outcome = drive(settings(f"http://localhost:{server.port}"), "export", 1)
        assert outcome.batches[0].counts == (1, 0, 0)
        assert server.connections == 1


def test_no_proxy_stands_before_this_machine():
    with OtlpSink() as sink:
        proxy = {"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
        assert drive(settings(sink.endpoint), "export", 1, extra_env=proxy).batches[0].counts == (1, 0, 0)


def test_a_proxy_of_the_environment_is_used():
    paths = []

    def behave(connection, _):
        while request := read_request(connection):
            paths.append(request[0].split(b"\r\n")[0])
            connection.sendall(OK)

    with BadServer(behave) as proxy:
        outcome = drive(settings("http://collector.invalid:4318"), "export", 1, extra_env={"http_proxy": proxy.endpoint})
        assert outcome.batches[0].counts == (1, 0, 0)
        assert paths == [b"POST http://collector.invalid:4318/v1/traces HTTP/1.1"]


def test_long_requests_are_split():
    """70 spans of 1 MiB: no request over 64 MiB, nothing lost."""
    with OtlpSink() as sink:
        outcome = drive(settings(sink.endpoint), "big", 70, 1 << 20)
        assert outcome.batches[0].counts == (70, 0, 0)
        assert [len(request.spans) for request in sink.requests] == [35, 35]
        assert all(request.size <= 64 << 20 for request in sink.requests)
        assert len({span.span_id for span in sink.spans()}) == 70


def test_a_span_that_fits_no_request_is_dropped_alone():
    with OtlpSink() as sink:
        outcome = drive(settings(sink.endpoint), "big", 1, 65 << 20, "export", 2)
        assert [batch.counts for batch in outcome.batches] == [(0, 0, 1), (2, 0, 0)]
        assert len(sink.exactly(2)) == 2
        assert len(outcome.log) == 2  # it fails, it works again


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_forked_child_has_its_own_connection(protocol):
    with OtlpSink(protocol) as sink:
        outcome = drive(settings(sink.endpoint, protocol), "export", 1, "fork", "export", 2, "export", 2)
        assert [batch.counts for batch in outcome.batches] == [(1, 0, 0)] + [(2, 0, 0)] * 4
        peers = [request.peer for request in sink.requests]
        assert peers[0] == peers[3] == peers[4] != peers[1] == peers[2]


def test_none_discards():
    with OtlpSink() as sink:
        outcome = drive(settings(sink.endpoint, traces_exporter="none"), "export", 2, "flush")
        assert outcome.batches[0].counts == (2, 0, 0)
        assert (outcome.log, sink.requests) == ([], [])


def test_console_beside_otlp():
    with OtlpSink() as sink:
        outcome = drive(settings(sink.endpoint, traces_exporter="console,otlp"), "export", 1)
        assert outcome.batches[0].counts == (1, 0, 0)
        assert outcome.log == [
            "otel-instrument: trace abababababababababababababababab, driver, 1 span, 1 µs",
            "     0 µs       1 µs  span 0  benchmark.key.aaaaaa=a value of 20 letter  "
            "benchmark.key.bbbbbb=a value of 20 letter  benchmark.key.cccccc=a value of 20 letter"]
        assert len(sink.exactly(1)) == 1


@not_under("address", "its memory is several times that of the program")
def test_memory_stays_small():
    """Loading libcurl leaves 8.4 MB resident; what is not needed any more is given back."""
    with OtlpSink() as sink:
        driving = Driving(settings(sink.endpoint), "rss", *("export", 512) * 5, "rss", "line")
        driving.wait()
        driving.go()
        driving.finish()
        before, *_, after = (int(line[4:]) for line in driving.seen.split() if line.startswith(b"rss="))
        assert after - before < 6000
