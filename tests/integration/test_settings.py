"""Settings from end to end: what a collector and a server receive when they are given."""

import re
import socket

import pytest
from harness import Answer, OtlpSink, app, instrumented, preloaded, start
from harness.programs import instrumented_command, telemetry

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}


def fetch(http_server, sink, env=None, times=1):
    """curl, so often in one process; its spans and what the server received."""
    http_server.reset()
    result = instrumented(["curl", "-s", *[http_server.url + "/"] * times], sink, env=env)
    assert (result.stdout, result.returncode) == (b"hello\n" * times, 0)
    return result, sink.spans(), [request.header("traceparent") for request in http_server.requests]


# --- sampling ---------------------------------------------------------------------------------------------------------

# Sampler, its argument; kept without a parent, under a sampled one, under one that is not.
SAMPLERS = [
    ("always_on", None, True, True, True),
    ("always_off", None, False, False, False),
    ("traceidratio", "0", False, False, False),
    ("traceidratio", "1", True, True, True),
    ("parentbased_always_on", None, True, True, False),
    ("parentbased_always_off", None, False, True, False),
    ("parentbased_traceidratio", "0", False, True, False),
    ("parentbased_traceidratio", "1.0", True, True, False),
    (None, None, True, True, False),
]


@pytest.mark.parametrize("sampler, argument, root, sampled, unsampled", SAMPLERS)
def test_the_sampler_decides_and_every_request_carries_its_decision(sampler, argument, root, sampled, unsampled, http_server):
    env = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    for parent, kept in ((None, root), ("01", sampled), ("03", sampled), ("00", unsampled), ("02", unsampled)):
        with OtlpSink() as sink:
            handed = f"00-{TRACE}-{PARENT}-{parent}" if parent else None
            _, spans, (sent,) = fetch(http_server, sink, {**env, "TRACEPARENT": handed})
        assert len(spans) == kept, (parent, spans)
        trace, span, flags = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", sent).groups()
        # The second bit says that the trace id is random: always for our own, as the parent says otherwise.
        assert flags == f"0{kept + 2 * (parent is None or parent in ('02', '03'))}"
        assert (trace == TRACE) == (parent is not None) and span != PARENT
        if kept:
            assert (spans[0].trace_id, spans[0].span_id, spans[0].flags & 0xff) == (trace, span, int(flags, 16))
            assert (spans[0].parent_span_id, spans[0].flags & 0x300) == ((PARENT, 0x300) if parent else ("", 0x100))


def test_a_ratio_keeps_those_whose_id_is_low(http_server, sink):
    """The lower 64 bits of the trace id, whatever the library."""
    _, spans, sent = fetch(http_server, sink, {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 60)
    low = [header for header in sent if int(header.split("-")[1][16:], 16) < 1 << 63]
    assert [header[-2:] for header in sent] == ["03" if header in low else "02" for header in sent]
    assert sorted(span.trace_id for span in spans) == sorted(header.split("-")[1] for header in low)
    assert 10 < len(low) < 50


# --- limits -----------------------------------------------------------------------------------------------------------


WHOLE = ["http.method", "http.url", "http.response_content_length", "user_agent.original", "http.status_code"]


@pytest.mark.parametrize("env, kept", [
    ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "2"}, 2), ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "0"}, 0),
    ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "4"}, 4), ({}, 5),
])
def test_attributes_beyond_the_limit_are_dropped_and_counted(env, kept, http_server, sink):
    """The later ones; those that are there stay."""
    _, (span,), _ = fetch(http_server, sink, env)
    assert (list(span.attributes), span.dropped_attributes) == (WHOLE[:kept], 5 - kept)


@pytest.mark.parametrize("env, length", [
    ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5"}, 5), ({"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "0"}, 0),
    ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9"}, 9),
])
def test_long_values_are_cut(env, length, http_server, sink):
    """Texts of spans; neither numbers nor the resource."""
    _, (span,), _ = fetch(http_server, sink, {**env, "OTEL_SERVICE_NAME": "a rather long name"})
    assert (span.attributes["http.url"], span.attributes["http.method"]) == (http_server.url[:length], "GET"[:length])
    assert (span.attributes["http.status_code"], span.dropped_attributes) == (200, 0)
    assert span.resource["service.name"] == "a rather long name"


def test_a_value_is_cut_between_characters(redis, sink):
    env = {**NEW, "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6"}
    instrumented([app("redis_script"), f"connect|127.0.0.1|{redis.port}", "command|GET äöü"], sink, env=env)
    (span,) = sink.exactly(1)
    assert span.attributes["db.query.text"] == "GET äö"


# --- the resource -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_resource_attributes_are_decoded(how, http_server, sink):
    env = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=from%20here, team = blue%2Cgreen ,formula=a=b,word=%C3%A9"}
    for name in (None, "from there"):
        how(["curl", "-s", http_server.url + "/"], sink, env={**env, "OTEL_SERVICE_NAME": name})
    first, second = sink.exactly(2)
    assert [span.resource["service.name"] for span in (first, second)] == ["from here", "from there"]
    for span in (first, second):
        assert [span.resource[key] for key in ("team", "formula", "word")] == ["blue,green", "a=b", "é"]


@pytest.mark.parametrize("wrong", ["b=%zz", "b=%f", "b=%ff", "b", "=2"])
def test_one_wrong_resource_attribute_takes_all_with_it_and_is_named_once(wrong, http_server, sink):
    result, (span,), _ = fetch(http_server, sink, {"OTEL_RESOURCE_ATTRIBUTES": f"service.name=a,{wrong}"})
    assert span.resource["service.name"] == "unknown_service:curl" and "b" not in span.resource
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(f'otel-instrument: OTEL_RESOURCE_ATTRIBUTES: "{wrong}" ')


PROCESS = {"process.pid", "process.parent_pid", "process.executable.name", "process.executable.path", "process.command",
           "process.owner", "process.runtime.name", "process.runtime.version", "process.runtime.description"}
DETECTED = {"process": PROCESS, "os": {"os.type", "os.version"}, "host": {"host.name", "host.arch"}, "": set(),
            "service_instance,otel": set(), "process, os,host": {*PROCESS, "os.type", "os.version", "host.name", "host.arch"},
            "*": {*PROCESS, "os.type", "os.version", "host.name", "host.arch"}}


@pytest.mark.parametrize("detectors", DETECTED)
def test_the_detectors_asked_for_run(detectors, http_server, sink):
    _, (span,), _ = fetch(http_server, sink, {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": detectors})
    always = {"telemetry.sdk.language", "telemetry.sdk.name", "telemetry.sdk.version", "telemetry.distro.name",
              "telemetry.distro.version", "service.instance.id", "service.name"}
    assert set(span.resource) - {"host.id", "container.id"} == always | DETECTED[detectors]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                        span.resource["service.instance.id"])


def test_forked_children_keep_an_instance_id_that_was_set(redis, sink):
    """Their own process.pid and parent they have all the same."""
    env = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=mine", "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process"}
    result = instrumented([app("host_fork"), "nested", redis.socket], sink, env=env)
    parent, child, grandchild = sink.exactly(3)
    assert {span.resource["service.instance.id"] for span in (parent, child, grandchild)} == {"mine"}
    assert parent.resource["process.pid"] == result.pid
    assert child.resource["process.parent_pid"] == result.pid
    assert grandchild.resource["process.parent_pid"] == child.resource["process.pid"]


# --- batches ----------------------------------------------------------------------------------------------------------


def test_no_request_holds_more_than_a_batch(redis, sink):
    env = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "7", "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    instrumented([app("redis_script"), f"connect|127.0.0.1|{redis.port}", "many|100"], sink, env=env)
    assert len(sink.exactly(100)) == sum(len(request.spans) for request in sink.requests)
    assert max(len(request.spans) for request in sink.requests) == 7


@pytest.mark.parametrize("env, spans", [
    ({"OTEL_BSP_SCHEDULE_DELAY": "50"}, 1),
    ({"OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"}, 2),
])
def test_a_batch_leaves_when_its_time_is_over_or_when_it_is_full(env, spans, http_server, sink):
    """While the program still waits for its last answer."""
    urls = [http_server.url + path for path in ["/"] * spans + ["/slow/20"]]
    process = start(instrumented_command(["curl", "-s", *urls]), env=telemetry(sink, env))
    sink.wait(spans)
    assert process.poll() is None and len(sink.spans()) == spans
    process.kill()
    process.communicate()


# --- exporters --------------------------------------------------------------------------------------------------------


def test_no_exporter_still_propagates(http_server, sink):
    """What the next service sends is part of the trace all the same."""
    env = {"OTEL_TRACES_EXPORTER": "none", "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    result, spans, (sent,) = fetch(http_server, sink, env)
    assert (result.stderr, spans, sink.requests) == (b"", [], [])
    assert re.fullmatch(rf"00-{TRACE}-(?!{PARENT})[0-9a-f]{{16}}-01", sent)


@pytest.mark.parametrize("name, protocol", [("otlp_proto_grpc", "grpc"), ("otlp_proto_http", "http")])
def test_the_older_names_of_the_exporter_choose_the_protocol(name, protocol, http_server):
    with OtlpSink(protocol) as sink:
        env = {"OTEL_TRACES_EXPORTER": name, "OTEL_EXPORTER_OTLP_PROTOCOL": None}
        _, (span,), _ = fetch(http_server, sink, env)
        assert span.name == "GET"


def grpc_port_is_free():
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 4317))
        except OSError:
            return False
        return True


@pytest.mark.skipif(not grpc_port_is_free(), reason="something listens on port 4317 here")
def test_port_4317_is_grpc_where_no_protocol_is_set(http_server):
    with OtlpSink("grpc", port=4317) as sink:
        env = {"OTEL_EXPORTER_OTLP_PROTOCOL": None, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
        _, (span,), _ = fetch(http_server, sink, env)
        assert span.name == "GET"


@pytest.mark.parametrize("flag", ["--exporter_otlp_headers", "--exporter_otlp_traces_headers"])
def test_headers_and_compression_reach_the_collector(flag, http_server, sink):
    flags = [flag, "x-team=blue%20green,Authorization=Basic dGVz==", "--exporter_otlp_compression", "gzip"]
    instrumented(["curl", "-s", http_server.url + "/"], sink, flags=flags)
    sink.exactly(1)
    (request,) = sink.requests
    assert (request.headers["x-team"], request.headers["authorization"]) == ("blue green", "Basic dGVz==")
    assert request.content_encoding == "gzip"
    assert re.fullmatch(r"OTel-OTLP-Exporter-C/\d+\.\d+\.\d+", request.headers["user-agent"])


# --- instrumentations -------------------------------------------------------------------------------------------------

OFF = {
    "http": ["libcurl", "http_client", "requests", "urllib3", "httpx", "*"],
    "redis": ["hiredis", "redis", "*"],
    "mysql": ["libmariadb", "mysql", "mysqlclient", "pymysql", "*"],
}
PYTHON = ["requests", "urllib3", "httpx", "redis", "mysql", "mysqlclient", "pymysql", "*"]


def calls(http_server, redis, mariadb):
    return {
        "http": ["curl", "-s", http_server.url + "/"],
        "redis": [app("redis_script"), f"connect|127.0.0.1|{redis.port}", "command|GET k"],
        "mysql": [app("mysql_script"), "init", f"connect=127.0.0.1,app,secret,shop,{mariadb.port},-", "query=DO 1", "close"],
    }


@pytest.mark.parametrize("name", sorted({name for names in OFF.values() for name in names} | {"http_server", "flask"}))
def test_a_name_switches_off_what_it_names_and_nothing_else(name, http_server, redis, mariadb):
    for variable in ("OTEL_NATIVE_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"):
        if variable.startswith("OTEL_PYTHON") and name not in (*PYTHON, "flask"):
            continue
        for area, command in calls(http_server, redis, mariadb).items():
            with OtlpSink() as sink:
                result = instrumented(command, sink, env={variable: f" {name} ,logging"})
                assert result.returncode == 0
                assert len(sink.spans()) == (name not in OFF[area]), (variable, area)


# --- what is recorded -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, text", [
    (None, "SELECT ? AS secret"), ("sanitized", "SELECT ? AS secret"), ("raw", "SELECT 'hunter2' AS secret"), ("off", None),
])
@pytest.mark.parametrize("opt_in, key", [("", "db.statement"), ("database", "db.query.text")])
def test_the_statement_is_masked_raw_or_left_out(opt_in, key, mode, text, mariadb, sink):
    env = {"OTEL_NATIVE_DB_STATEMENT": mode, "OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}
    script = [f"connect=127.0.0.1,app,secret,shop,{mariadb.port},-", "query=SELECT 'hunter2' AS secret", "store", "free", "close"]
    instrumented([app("mysql_script"), "init", *script], sink, env=env)
    (span,) = sink.exactly(1)
    assert (span.name, span.attributes.get(key)) == ("SELECT", text)
    assert ("hunter2" in repr(span)) == (mode == "raw")


def test_more_names_of_secrets_in_queries(http_server, sink):
    env = {"OTEL_NATIVE_REDACT_QUERY": "pin, Tan", **NEW}
    url = http_server.url + "/bytes/1?pin=1234&a=b&TAN=5678&Sig=9&pinned=1"
    instrumented(["curl", "-s", url], sink, env=env)
    (span,) = sink.exactly(1)
    assert span.attributes["url.full"] == http_server.url + "/bytes/1?pin=REDACTED&a=b&TAN=REDACTED&Sig=REDACTED&pinned=1"


def test_other_known_methods(http_server, sink):
    env = {"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS": "BREW,GET", **NEW}
    for method in ("BREW", "DELETE"):
        instrumented(["curl", "-s", "-X", method, http_server.url + "/"], sink, env=env)
    brew, delete = sink.exactly(2)
    assert (brew.name, brew.attributes["http.request.method"]) == ("BREW", "BREW")
    assert (delete.name, delete.attributes["http.request.method"]) == ("HTTP", "_OTHER")
    assert delete.attributes["http.request.method_original"] == "DELETE"


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT"])
def test_time_limits_are_milliseconds(name, http_server, sink):
    """The first batch is given up after them, and the next one goes out."""
    sink.answers.append(Answer(delay=5, keep=False))
    env = {name: "300", "OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_NATIVE_SUMMARY": "true"}
    process = start(instrumented_command(["curl", "-s", http_server.url + "/", http_server.url + "/slow/1"]),
                    env=telemetry(sink, env))
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"made 2, delivered 1" in stderr and b"export failed 1" in stderr, stderr
