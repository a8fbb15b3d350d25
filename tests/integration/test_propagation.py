"""The formats of OTEL_PROPAGATORS, over the wire and through the environment, and the hosts that get them at all."""

import re

import pytest
from harness import HttpServer, app, instrumented, same_output

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
LOW = TRACE[16:]
ROOT = f"1-{TRACE[:8]}-{TRACE[8:]}"
NAMES = ["traceparent", "tracestate", "baggage", "b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-Sampled", "X-B3-Flags",
         "X-B3-ParentSpanId", "uber-trace-id", "X-Amzn-Trace-Id", "ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"]
ALL = "tracecontext,baggage,b3,b3multi,jaeger,xray,ottrace"
NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}


def attributes(server, new):
    url = f"{server.url}/bytes/3"
    if not new:
        return {"http.method": "GET", "http.url": url, "http.status_code": 200, "http.response_content_length": 3}
    return {"http.request.method": "GET", "url.full": url, "server.address": "127.0.0.1", "server.port": server.port,
            "network.peer.address": "127.0.0.1", "network.peer.port": server.port, "network.protocol.version": "1.1",
            "http.response.status_code": 200}


def run(server, mode="get", env=None, new=False):
    """One request, bare and instrumented: the span, whole but for its ids, and the headers of ours or the program's own."""
    env = {**(NEW if new else {}), **(env or {})}
    result = same_output([app("curl_easy"), mode, f"{server.url}/bytes/3"], env=env, before=server.reset)
    (request,) = server.requests
    for span in result.spans:
        assert (span.name, span.kind, span.status, span.scope_name) == ("GET", "CLIENT", ("UNSET", ""), "otel-instrument.libcurl")
        assert span.attributes == attributes(server, new)
    assert len(result.spans) <= 1
    return next(iter(result.spans), None), {name: request.header(name) for name in NAMES if request.header(name) is not None}


def written(formats, trace, span, flags, debug=False):
    """All headers that carry this span."""
    sampled = flags & 1
    state = "d" if debug else str(sampled)
    kinds = {
        "tracecontext": {"traceparent": f"00-{trace}-{span}-{flags:02x}"},
        "b3": {"b3": f"{trace}-{span}-{state}"},
        "b3multi": {"X-B3-TraceId": trace, "X-B3-SpanId": span,
                    **({"X-B3-Flags": "1"} if debug else {"X-B3-Sampled": str(sampled)})},
        "jaeger": {"uber-trace-id": f"{trace}:{span}:0:{3 if debug else sampled}"},
        "xray": {"X-Amzn-Trace-Id": f"Root=1-{trace[:8]}-{trace[8:]};Parent={span};Sampled={sampled}"},
    }
    return {name: value for kind in formats.split(",") for name, value in kinds.get(kind, {}).items()}


# --- over the wire ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("formats", ["tracecontext", "b3", "b3multi", "jaeger", "xray", "b3,tracecontext", "ottrace", ALL])
def test_each_format_is_sent(http_server, formats, new):
    span, headers = run(http_server, env={"OTEL_PROPAGATORS": formats}, new=new)
    assert headers == written(formats, span.trace_id, span.span_id, 3)
    assert span.parent_span_id == ""


def test_the_most_that_can_be_sent(http_server):
    """Every header at its longest, through one program's two transfers on one handle."""
    state = ",".join(f"k{i}={'v' * 100}" for i in range(4))
    baggage = ",".join(f"k{i:02}={'v' * 4000}" for i in range(2)) + ",end=1"
    env = {"OTEL_PROPAGATORS": ALL, "TRACEPARENT": f"00-{TRACE}-{PARENT}-01", "TRACESTATE": state, "BAGGAGE": baggage}
    span, headers = run(http_server, env=env)
    assert headers == {**written(ALL, TRACE, span.span_id, 1), "tracestate": state, "baggage": baggage}
    result = same_output([app("curl_easy"), "list", f"{http_server.url}/bytes/3"], env=env, before=http_server.reset)
    assert [request.header("X-Amzn-Trace-Id") for request in http_server.requests] == [
        written("xray", TRACE, span.span_id, 1)["X-Amzn-Trace-Id"] for span in sorted(result.spans, key=lambda span: span.start)]


def test_unsampled_requests_say_so_in_every_format(http_server):
    span, headers = run(http_server, env={"OTEL_PROPAGATORS": ALL, "OTEL_TRACES_SAMPLER": "always_off"})
    assert span is None
    _, trace, own, _ = headers["traceparent"].split("-")
    assert headers == written(ALL, trace, own, 2)


@pytest.mark.parametrize("mode, formats, flags, debug", [
    ("own_b3", "b3", 1, False), ("own_b3", "tracecontext,b3multi", 1, False), ("own_b3_multi", "b3", 1, True),
    ("own_jaeger", "tracecontext,jaeger", 1, False), ("own_xray", "xray,tracecontext,baggage", 1, False),
    ("own_ottrace", "ottrace,tracecontext", 1, False),
])
def test_a_header_of_the_programs_own_is_left_as_it_is(http_server, mode, formats, flags, debug):
    """Nothing is added in any other format, and the span is that span's child."""
    own = {
        "own_b3": {"b3": f"{TRACE}-{PARENT}-1"},
        "own_b3_multi": {"X-B3-TraceId": TRACE, "X-B3-SpanId": PARENT, "X-B3-Flags": "1"},
        "own_jaeger": {"uber-trace-id": f"{TRACE}:{PARENT}:0:1"},
        "own_xray": {"X-Amzn-Trace-Id": f"Root={ROOT};Parent={PARENT};Sampled=1"},
        "own_ottrace": {"ot-tracer-traceid": LOW, "ot-tracer-spanid": PARENT, "ot-tracer-sampled": "true"},
    }[mode]
    span, headers = run(http_server, mode, env={"OTEL_PROPAGATORS": formats})
    assert headers == own
    assert (span.trace_id, span.parent_span_id) == ("0" * 16 + LOW if mode == "own_ottrace" else TRACE, PARENT)
    assert span.flags & 0x300 == 0x300  # the parent came out of a header


def test_a_header_of_a_format_that_is_not_chosen_is_any_header(http_server):
    span, headers = run(http_server, "own_b3")
    assert headers == {"b3": f"{TRACE}-{PARENT}-1", **written("tracecontext", span.trace_id, span.span_id, 3)}
    assert span.parent_span_id == "" and span.trace_id != TRACE


def test_a_decision_of_the_programs_own_counts(http_server):
    span, headers = run(http_server, "own_b3_deny", env={"OTEL_PROPAGATORS": "tracecontext,b3"})
    assert (span, headers) == (None, {"b3": "0"})
    span, headers = run(http_server, "own_b3_none", env={"OTEL_PROPAGATORS": "tracecontext,b3"})
    assert headers == {} and span.parent_span_id == ""


# --- from the environment ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("formats, given, trace, flags, debug", [
    ("b3", {"B3": f"{TRACE}-{PARENT}-1"}, TRACE, 1, False),
    ("b3", {"B3": f"{TRACE}-{PARENT}-d"}, TRACE, 1, True),
    ("b3", {"B3": f"{LOW}-{PARENT}"}, "0" * 16 + LOW, 1, False),
    ("b3,b3multi", {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT, "X_B3_SAMPLED": "1"}, TRACE, 1, False),
    ("b3multi,jaeger", {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT, "X_B3_FLAGS": "1"}, TRACE, 1, True),
    ("jaeger", {"UBER_TRACE_ID": f"{TRACE}:{PARENT}:0:1"}, TRACE, 1, False),
    ("b3,jaeger", {"UBER_TRACE_ID": f"{TRACE}:{PARENT}:0:3"}, TRACE, 1, True),
    ("xray", {"X_AMZN_TRACE_ID": f"Root={ROOT};Parent={PARENT};Sampled=1"}, TRACE, 1, False),
    ("tracecontext,ottrace", {"OT_TRACER_TRACEID": LOW, "OT_TRACER_SPANID": PARENT, "OT_TRACER_SAMPLED": "true"},
     "0" * 16 + LOW, 1, False),
    ("tracecontext,b3", {"TRACEPARENT": f"00-{TRACE}-{PARENT}-03", "B3": f"{TRACE}-{PARENT}-d"}, TRACE, 3, True),
    ("tracecontext,b3", {"TRACEPARENT": f"00-{'1' * 32}-{PARENT}-01", "B3": f"{TRACE}-{PARENT}-1"}, TRACE, 1, False),
])
def test_each_format_is_read_from_the_environment(http_server, formats, given, trace, flags, debug):
    span, headers = run(http_server, env={"OTEL_PROPAGATORS": formats, **given})
    assert (span.trace_id, span.parent_span_id) == (trace, PARENT)
    assert headers == written(formats, trace, span.span_id, flags, debug)


@pytest.mark.parametrize("given", [{"B3": "0"}, {"X_B3_SAMPLED": "0"}, {"B3": f"{TRACE}-{PARENT}-0"}])
def test_a_denial_is_kept(http_server, given):
    span, headers = run(http_server, env={"OTEL_PROPAGATORS": "b3", **given})
    assert span is None
    trace, own, sampled = headers["b3"].split("-")
    assert sampled == "0" and own != PARENT and (trace == TRACE) == (PARENT in "".join(given.values()))


def test_an_approval_without_a_span_goes_before_the_sampler(http_server):
    env = {"OTEL_PROPAGATORS": "b3", "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    assert run(http_server, env=env)[0] is None
    span, headers = run(http_server, env={**env, "B3": "d"})
    assert headers == written("b3", span.trace_id, span.span_id, 3, debug=True)


@pytest.mark.parametrize("given", ["nonsense", "", f"{TRACE}-{PARENT}-2", "x" * 5000])
def test_a_bad_b3_in_the_environment_is_none(http_server, given):
    span, headers = run(http_server, env={"OTEL_PROPAGATORS": "b3", "B3": given})
    assert span.parent_span_id == ""
    assert headers == written("b3", span.trace_id, span.span_id, 3)


# --- handing on at exec -----------------------------------------------------------------------------------------------

VARIABLES = {name.upper().replace("-", "_") for name in NAMES}


def handed(sink, formats, env, *command, process_span=False):
    """What a program executed by an instrumented shell, or by the launcher, finds in its environment."""
    settings = {"OTEL_PROPAGATORS": formats, "OTEL_NATIVE_EXCLUDE_PROGRAMS": "env",
                "OTEL_NATIVE_PROCESS_SPAN": "true" if process_span else "false", **env}
    result = instrumented(command or ["/bin/sh", "-c", "exec /usr/bin/env"], sink, env=settings)
    assert (result.returncode, result.stderr) == (0, b"")
    lines = [line.split("=", 1) for line in result.stdout.decode().splitlines()]
    found = [(name, value) for name, value in lines if name in VARIABLES]
    assert len(dict(found)) == len(found)
    return dict(found)


def in_environment(headers):
    return {name.upper().replace("-", "_"): value for name, value in headers.items()}


@pytest.mark.parametrize("formats, given", [
    ("b3", {"B3": f"{LOW}-{PARENT}-1-{PARENT}"}),
    ("b3multi", {"X_B3_TRACEID": LOW, "X_B3_SPANID": PARENT, "X_B3_SAMPLED": "1", "X_B3_PARENTSPANID": PARENT}),
    ("jaeger,b3multi,tracecontext", {"UBER_TRACE_ID": f"{LOW}:{PARENT}:{PARENT}:1"}),
    ("ottrace,b3", {"OT_TRACER_TRACEID": LOW, "OT_TRACER_SPANID": PARENT, "OT_TRACER_SAMPLED": "true"}),
])
def test_what_was_given_is_handed_on_in_every_format(sink, formats, given):
    """Written as we write it, and without what would name another span beside it."""
    assert handed(sink, formats, given) == in_environment(written(formats, "0" * 16 + LOW, PARENT, 1))


def test_a_context_without_a_decision_is_handed_on_without_one(sink):
    given = {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT}
    assert handed(sink, "b3multi,xray", given) == {**given, "X_AMZN_TRACE_ID": f"Root={ROOT};Parent={PARENT};Sampled=?"}
    assert handed(sink, "b3", {"B3": "0"}) == {"B3": "0"}


@pytest.mark.parametrize("command", ["exec /usr/bin/env", "/usr/bin/env"])
def test_the_process_span_is_handed_on_in_every_format(sink, command):
    given = {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT, "X_B3_SAMPLED": "1", "X_B3_PARENTSPANID": PARENT, "BAGGAGE": "a=1"}
    found = handed(sink, ALL, given, "/bin/sh", "-c", command, process_span=True)
    (span,) = sink.spans()
    assert (span.trace_id, span.parent_span_id, span.kind) == (TRACE, PARENT, "INTERNAL")
    assert found == {**in_environment(written(ALL, TRACE, span.span_id, 1)), "BAGGAGE": "a=1"}


def test_the_process_span_stands_in_the_processs_own_environment(sink):
    """system() and popen() execute inside libc: what they hand on is the environment as it is."""
    given = {"X_B3_TRACEID": TRACE, "X_B3_SPANID": PARENT, "X_B3_FLAGS": "1", "X_B3_SAMPLED": "1"}
    show = ["/usr/bin/perl", "-e", r'print "$_=$ENV{$_}\n" for keys %ENV']
    found = handed(sink, "b3,b3multi", given, *show, process_span=True)
    (own,) = [span for span in sink.spans() if span.name.startswith("perl")]
    assert found == {**in_environment(written("b3,b3multi", TRACE, own.span_id, 1, debug=True)), "X_B3_SAMPLED": ""}


def test_what_the_program_sets_itself_stays(sink):
    given = {"B3": f"{TRACE}-{PARENT}-1"}
    own = f"{'1' * 32}-{'2' * 16}-1"
    assert handed(sink, "b3,tracecontext", given, "/bin/sh", "-c", f"B3={own} exec /usr/bin/env", process_span=True)["B3"] == own
    found = handed(sink, "b3", {}, "/bin/sh", "-c", f"X_B3_SPANID={'2' * 16} exec /usr/bin/env")
    assert found == {"X_B3_SPANID": "2" * 16}


# --- hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hosts, sent", [
    ("*", True), ("127.0.0.1", True), ("127.0.0.1:{port}", True), ("*:{port}", True), ("example.com, 127.*", True),
    ("127.0.0.1:1", False), ("example.com", False), ("localhost", False),
])
def test_only_these_hosts_get_headers(http_server, hosts, sent):
    env = {"OTEL_NATIVE_PROPAGATE_HOSTS": hosts.format(port=http_server.port), "OTEL_PROPAGATORS": ALL, "BAGGAGE": "a=1",
           "TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}
    span, headers = run(http_server, env=env)
    assert (span.trace_id, span.parent_span_id) == (TRACE, PARENT)
    assert headers == ({**written(ALL, TRACE, span.span_id, 1), "baggage": "a=1"} if sent else {})


def test_hosts_are_compared_without_case_and_with_the_schemes_port():
    """Names that all lead to one server, by way of the program's proxy."""
    with HttpServer() as proxy:
        def sent(url, hosts):
            env = {"OTEL_NATIVE_PROPAGATE_HOSTS": hosts, "http_proxy": proxy.url, "no_proxy": "127.0.0.1"}
            same_output([app("curl_easy"), "get", url], env=env, before=proxy.reset)
            (request,) = proxy.requests
            return bool(request.header("traceparent"))

        assert sent("http://API.example.com/", "api.EXAMPLE.com")
        assert sent("http://api.example.com/", "*.example.com:80")
        assert not sent("http://api.example.com:8080/", "*.example.com:80")
        assert not sent("http://example.com/", "*.example.com")
        assert sent("http://[::1]/", "[::1]:80")
        assert not sent("http://user:api.example.com@evil.org/", "api.example.com")


def test_a_trace_of_the_programs_own_goes_out_to_any_host(http_server):
    span, headers = run(http_server, "own_b3", env={"OTEL_NATIVE_PROPAGATE_HOSTS": "example.com", "OTEL_PROPAGATORS": "b3"})
    assert headers == {"b3": f"{TRACE}-{PARENT}-1"} and (span.trace_id, span.parent_span_id) == (TRACE, PARENT)


def test_any_value_of_the_environment_is_safe(http_server):
    """None of them may end the program or make a header of two lines."""
    for value in ("\n", "a\r\nb: c", "-" * 200, ":" * 4000, "=;" * 300, "%3A%3A%3A", "Root=;Parent=;Sampled="):
        names = ("TRACEPARENT", "B3", "UBER_TRACE_ID", "X_AMZN_TRACE_ID", "X_B3_TRACEID", "OT_TRACER_TRACEID")
        span, headers = run(http_server, env={"OTEL_PROPAGATORS": ALL, **{name: value for name in names}})
        assert headers == written(ALL, span.trace_id, span.span_id, 3)
        assert re.fullmatch("[0-9a-f]{32}", span.trace_id) and span.parent_span_id == ""
