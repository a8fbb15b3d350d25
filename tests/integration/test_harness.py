"""The harness itself: what the other tests rely on."""

import gzip
import urllib.error
import urllib.request

import pytest

from harness import (Answer, HttpServer, MariaDB, Nginx, OtlpSink, Redis, app, bare, run, tree)
from harness.otlp import trace_service


def message(*names):
    """A request with one span for each name; every span is the child of the one before it."""
    request = trace_service().ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(schema_url="https://resource")
    pair = resource_spans.resource.attributes.add(key="service.name")
    pair.value.string_value = "self-test"
    scope_spans = resource_spans.scope_spans.add(schema_url="https://spans")
    scope_spans.scope.name = "scope"
    scope_spans.scope.version = "1"
    for number, name in enumerate(names, 1):
        span = scope_spans.spans.add(
            name=name, kind=3, trace_id=b"\1" * 16, span_id=bytes([number]) * 8, flags=0x101, trace_state="a=b",
            start_time_unix_nano=number, end_time_unix_nano=number + 5, dropped_attributes_count=number)
        if number > 1:
            span.parent_span_id = bytes([number - 1]) * 8
        span.status.code = 2
        span.status.message = "bad"
        span.attributes.add(key="s").value.string_value = "text"
        span.attributes.add(key="i").value.int_value = -5
        span.attributes.add(key="d").value.double_value = 0.5
        span.attributes.add(key="b").value.bool_value = True
        span.attributes.add(key="a").value.array_value.values.add(string_value="x")
    return request.SerializeToString()


def post(sink, body, **headers):
    headers = {"Content-Type": "application/x-protobuf", **headers}
    return urllib.request.urlopen(urllib.request.Request(sink.endpoint + "/v1/traces", body, headers), timeout=10)


def check_span(span, name, number, parent):
    assert vars(span) == {
        "name": name, "kind": "CLIENT", "status": ("ERROR", "bad"),
        "attributes": {"s": "text", "i": -5, "d": 0.5, "b": True, "a": ["x"]},
        "trace_id": "01" * 16, "span_id": f"{number:02x}" * 8, "parent_span_id": parent, "flags": 0x101,
        "trace_state": "a=b", "resource": {"service.name": "self-test"}, "scope_name": "scope", "scope_version": "1",
        "schema_url": "https://spans", "resource_schema_url": "https://resource", "start": number, "end": number + 5,
        "dropped_attributes": number,
    }


def test_sink_decodes_http():
    with OtlpSink() as sink:
        post(sink, gzip.compress(message("one", "two")), **{"Content-Encoding": "gzip"})
        one, two = sink.exactly(2)
        check_span(one, "one", 1, "")
        check_span(two, "two", 2, "01" * 8)
        (request,) = sink.requests
        assert (request.path, request.content_encoding) == ("/v1/traces", "gzip")
        assert request.body == message("one", "two") and request.size < len(request.body)
        assert [node if isinstance(node, list) else node[0] for node in tree([two, one])][0] == "one"
        with pytest.raises(AssertionError, match="2 spans instead of 1"):
            sink.exactly(1)
        with pytest.raises(AssertionError, match="2 of 3 spans"):
            sink.wait(3, timeout=0.05)


def test_sink_decodes_grpc():
    import grpc

    with OtlpSink("grpc") as sink:
        with grpc.insecure_channel(sink.endpoint.removeprefix("http://")) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
            sink.answers.append(Answer(status="UNAVAILABLE", message="later"))
            with pytest.raises(grpc.RpcError) as failure:
                export(message("lost"), timeout=10)
            assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
            assert export(message("one"), timeout=10, metadata=(("key", "value"),)) == b""
        (span,) = sink.exactly(1)
        check_span(span, "one", 1, "")
        assert [request.headers.get("key") for request in sink.requests] == [None, "value"]


def test_sink_answers_as_told():
    with OtlpSink() as sink:
        sink.answers.append(Answer(status=503, headers={"Retry-After": "7"}))
        sink.answers.append(Answer(close=True))
        with pytest.raises(urllib.error.HTTPError) as refused:
            post(sink, message("one"))
        assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "7")
        with pytest.raises(OSError):
            post(sink, message("one"))
        assert sink.spans() == [] and len(sink.requests) == 2
        assert post(sink, message("one")).status == 200
        sink.exactly(1)


def test_sink_complains_about_what_it_cannot_read():
    with pytest.raises(AssertionError, match="cannot read"):
        with OtlpSink() as sink:
            with pytest.raises(urllib.error.HTTPError):
                post(sink, b"\xff\xff")


def test_stopped_sink_refuses_and_starts_again_on_its_port():
    with OtlpSink() as sink:
        post(sink, message("one"))
        sink.stop()
        with pytest.raises(OSError):
            post(sink, message("two"))
        sink.start()
        post(sink, message("three"))
        assert [span.name for span in sink.wait(2)] == ["one", "three"]


def test_http_server():
    with HttpServer() as server:
        server.on("/mine", 201, "made", {"X-Y": "z"})
        answer = urllib.request.urlopen(server.url + "/mine?q=1", timeout=10)
        assert (answer.status, answer.read(), answer.headers["X-Y"]) == (201, b"made", "z")
        assert urllib.request.urlopen(server.url + "/redirect/3", timeout=10).read() == b"hello\n"
        assert urllib.request.urlopen(server.url + "/chunked", timeout=10).read() == b"one two three\n"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(server.url + "/status/404", timeout=10)
        paths = [request.path for request in server.requests]
        assert paths == ["/mine?q=1", "/redirect/3", "/redirect/2", "/redirect/1", "/", "/chunked", "/status/404"]
        assert server.requests[0].header("host") == f"127.0.0.1:{server.port}"


def test_https_server_is_trusted_by_its_authority():
    with HttpServer(tls=True) as server:
        assert run(["curl", "-s", "--cacert", server.ca, server.url]).stdout == b"hello\n"


def test_mariadb(mariadb):
    mariadb.sql("CREATE TABLE t (a INT); INSERT INTO t VALUES (1), (2)")
    for user, password in (("app", "secret"), ("guest", None)):
        client = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{mariadb.port}", f"-u{user}", "-BN", "shop", "-e",
                  "SELECT SUM(a) FROM t", *([f"-p{password}"] if password else [])]
        assert run(client).stdout == b"3\n"


def test_mariadb_stops_and_starts_again():
    with MariaDB() as server:
        server.sql("CREATE TABLE t (a INT) ENGINE=Aria")
        port = server.port
        server.stop()
        server.start()
        assert server.port == port
        assert server.sql("SHOW TABLES") == "t\n"


def test_redis(redis):
    assert redis.cli("SET", "a", 1) == "OK\n"
    assert run(["redis-cli", "-p", redis.port, "GET", "a"]).stdout == b"1\n"


def test_redis_with_password():
    with Redis(password="hidden") as server:
        assert run(["redis-cli", "-p", server.port, "PING"]).stdout == b"NOAUTH Authentication required.\n\n"
        assert server.cli("PING") == "PONG\n"


def test_nginx():
    with Nginx("location / { return 200 'from nginx'; }") as server:
        assert urllib.request.urlopen(server.url, timeout=10).read() == b"from nginx"


def test_programs_are_compiled_with_the_flags_they_name():
    assert bare([app("hello"), "world"]).stdout == b"hello world\n"
    assert app("hello", "-O2") != app("hello")


def test_program_that_hangs_is_ended():
    with pytest.raises(AssertionError, match="still ran"):
        bare(["sh", "-c", "sleep 60; true"], timeout=0.2)
