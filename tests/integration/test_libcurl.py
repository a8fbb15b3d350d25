"""libcurl's easy interface: whole spans, what the server receives, and a program that notices nothing."""

import ctypes
import re

import pytest
from harness import HttpServer, Nginx, app, bare, certificates, free_port, instrumented, preloaded, same_output

NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http"}
DUP = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}
OTHER_TRACE, OTHER_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
KNOWN = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}

LIBCURL = ctypes.CDLL("libcurl.so.4")
LIBCURL.curl_easy_strerror.restype = LIBCURL.curl_version.restype = ctypes.c_char_p
VERSION = tuple(map(int, re.match(rb"libcurl/(\d+)\.(\d+)", LIBCURL.curl_version()).groups()))
COULDNT_RESOLVE_HOST, COULDNT_CONNECT = 6, 7


def said_of(code):
    """libcurl's own words for an error, which change from version to version."""
    return LIBCURL.curl_easy_strerror(code).decode()


class Call:
    """One transfer as the test expects it: what both attribute sets are made of."""

    def __init__(self, method, url, status=200, sent=None, received=None, agent=None, error=None, message="", resend=0,
                 version="1.1", port=None, peer="127.0.0.1"):
        self.method, self.url, self.status, self.sent, self.received = method, url, status, sent, received
        self.agent, self.error, self.message, self.resend, self.version = agent, error, message, resend, version
        authority = re.match(r"https?://(?:[^@/]*@)?([^:/?#]+)(?::(\d+))?", url)
        self.host = authority[1]
        self.port = port or int(authority[2] or (443 if url.startswith("https") else 80))
        self.peer = peer

    def old(self):
        return given({
            "http.method": self.method if self.method in KNOWN else "_OTHER",
            "http.url": self.url,
            "http.status_code": self.status,
            "http.request_content_length": self.sent,
            "http.response_content_length": self.received,
            "user_agent.original": self.agent,
        })

    def new(self):
        known = self.method in KNOWN
        return given({
            "http.request.method": self.method if known else "_OTHER",
            "http.request.method_original": None if known else self.method,
            "url.full": self.url,
            "server.address": self.host,
            "server.port": self.port,
            "network.peer.address": self.peer,
            "network.peer.port": self.port if self.peer else None,
            "network.protocol.version": self.version if self.status else None,
            "http.response.status_code": self.status,
            "http.request.resend_count": self.resend or None,
            "user_agent.original": self.agent,
            "error.type": self.error or (str(self.status) if self.failed else None),
        })

    @property
    def failed(self):
        return bool(self.error) or (self.status or 0) >= 400

    def brief(self, attributes):
        return (self.method if self.method in KNOWN else "HTTP", "CLIENT", ("ERROR" if self.failed else "UNSET", self.message),
                "otel-instrument.libcurl", attributes)


def given(attributes):
    return {key: value for key, value in attributes.items() if value is not None}


def seen(spans):
    return [(span.name, span.kind, span.status, span.scope_name, span.attributes) for span in spans]


def in_order(spans):
    return sorted(spans, key=lambda span: (span.start, span.end))


def run(server, mode, path="/bytes/3", second="/bytes/5", env=None, program="curl_easy"):
    """The program bare and instrumented, with the same output; the instrumented run's spans in order of their start, and what
    the server received in it."""
    result = same_output([app(program), mode, server.url + path, server.url + second], env=env, before=server.reset)
    return in_order(result.spans), list(server.requests)


def expect(server, mode, *calls, path="/bytes/3"):
    """Old set, new set and both; returns spans and requests of the last run."""
    for env, attributes in ((None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})):
        spans, requests = run(server, mode, path, env=env)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    return spans, requests


def header_of(span):
    return f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}"


def carried(spans, requests):
    """Each request carries the context of the span of the same position."""
    assert [request.header("traceparent") for request in requests] == [header_of(span) for span in spans]


# --- methods, sizes, statuses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode, path, method, details", [
    ("get", "/bytes/3", "GET", {"received": 3}),
    ("get", "/chunked", "GET", {"received": 14}),
    ("get", "/status/204", "GET", {"status": 204, "received": 0}),
    ("get", "/status/404", "GET", {"status": 404, "received": 11}),
    ("get", "/status/500", "GET", {"status": 500, "received": 11}),
    ("head", "/bytes/3", "HEAD", {"received": 0}),
    ("post", "/echo", "POST", {"sent": 7, "received": 7}),
    ("post_empty", "/echo", "POST", {"sent": 0, "received": 0}),
    ("post_read", "/echo", "POST", {"received": 10}),  # chunked: of unknown size
    ("put", "/echo", "PUT", {"sent": 10, "received": 10}),
    ("custom", "/bytes/3", "DELETE", {"received": 3}),
    ("unheard_of", "/bytes/3", "BREW", {"received": 3}),
    ("default_protocol", "/bytes/3", "GET", {"received": 3}),
    ("no_scheme", "/bytes/3", "GET", {"received": 3}),
    ("url_handle", "/bytes/3", "GET", {"received": 3}),
    # The program asks for errors by status: told by the status, not by the CURLcode.
    ("fail_on_error", "/status/404", "GET", {"status": 404, "received": 0}),
])
def test_one_transfer_is_one_span(http_server, mode, path, method, details):
    call = Call(method, http_server.url + path, **details)
    spans, requests = expect(http_server, mode, call, path=path)
    assert [(request.method, request.path) for request in requests] == [(method, path)]
    carried(spans, requests)
    assert spans[0].parent_span_id == "" and spans[0].start <= spans[0].end


def test_options_correct_each_other_as_in_libcurl(http_server):
    methods = ["POST", "GET", "HEAD", "GET", "POST", "GET", "PATCH", "HEAD", "GET"]
    sent = {"POST": 1, "PATCH": 1}
    calls = [Call(method, http_server.url + "/bytes/3", sent=sent.get(method), received=0 if method == "HEAD" else 3)
             for method in methods]
    spans, requests = expect(http_server, "methods", *calls)
    assert [request.method for request in requests] == methods
    carried(spans, requests)


def test_form(http_server):
    spans, requests = run(http_server, "mime")
    calls = [Call("POST", http_server.url + "/bytes/3", sent=len(request.body), received=3) for request in requests]
    assert len(requests) == 2 and b'name="field"' in requests[1].body
    assert seen(spans) == [call.brief(call.old()) for call in calls]
    carried(spans, requests)


def test_port_option_beats_the_url(http_server):
    spans, _ = run(http_server, "port_option", path="", env=NEW)
    call = Call("GET", "http://127.0.0.1/bytes/3", received=3, port=http_server.port)
    assert seen(spans) == [call.brief(call.new())]


def test_user_agent_is_what_is_sent(http_server):
    url = http_server.url + "/bytes/3"
    _, requests = expect(http_server, "user_agent", Call("GET", url, received=3, agent="board/1.0"),
                         Call("GET", url, received=3, agent="list/2"), Call("GET", url, received=3))
    assert [request.header("User-Agent") for request in requests] == ["board/1.0", "list/2", None]


def test_redirects_are_one_span_with_the_first_url_and_the_last_status(http_server):
    call = Call("GET", http_server.url + "/redirect/3", received=6, resend=3)
    spans, requests = expect(http_server, "follow", call, path="/redirect/3")
    assert [request.path for request in requests] == ["/redirect/3", "/redirect/2", "/redirect/1", "/"]
    assert {request.header("traceparent") for request in requests} == {header_of(spans[0])}


def test_redirected_post_keeps_its_method(http_server):
    call = Call("POST", http_server.url + "/redirect/1", received=6, resend=1)
    _, requests = expect(http_server, "post_follow", call, path="/redirect/1")
    assert [request.method for request in requests] == ["POST", "GET"]


def test_too_many_redirects(http_server):
    call = Call("GET", http_server.url + "/redirect/9", status=302, received=0, resend=5, error="CURLE_TOO_MANY_REDIRECTS",
                message="Number of redirects hit maximum amount")
    expect(http_server, "follow", call, path="/redirect/9")


# --- failures ---------------------------------------------------------------------------------------------------------


def lone(mode, url, call, env=None):
    """A run against something that is no server of ours, in the three sets."""
    for extra, attributes in ((None, Call.old), (NEW, Call.new), (DUP, lambda c: {**c.old(), **c.new()})):
        result = same_output([app("curl_easy"), mode, url], env={**(env or {}), **(extra or {})})
        assert seen(result.spans) == [call.brief(attributes(call))]


def failed(method, url, error, message, **details):
    return Call(method, url, status=None, error=error, message=message, **{"peer": None, **details})


def test_connection_refused():
    url = f"http://127.0.0.1:{free_port()}/x"
    lone("get", url, failed("GET", url, "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT)))


def test_refused_post_has_no_sizes():
    url = f"http://127.0.0.1:{free_port()}/x"
    lone("post", url, failed("POST", url, "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT)))


def test_name_that_does_not_exist():
    url = "http://name.invalid/x"
    lone("get", url, failed("GET", url, "CURLE_COULDNT_RESOLVE_HOST", said_of(COULDNT_RESOLVE_HOST)))


def test_url_that_is_none():
    url = "http://127.0.0.1:99999/x"
    lone("get", url, failed("GET", url, "CURLE_URL_MALFORMAT", "URL using bad/illegal format or missing URL", port=80))


def test_timeout(http_server):
    call = failed("GET", http_server.url + "/slow/1", "CURLE_OPERATION_TIMEDOUT", "Timeout was reached", peer="127.0.0.1")
    expect(http_server, "short_timeout", call, path="/slow/1")


def test_server_hangs_up(http_server):
    call = failed("GET", http_server.url + "/close", "CURLE_GOT_NOTHING", "Server returned nothing (no headers, no data)",
                  peer="127.0.0.1")
    expect(http_server, "get", call, path="/close")


def test_answer_breaks_off(http_server):
    call = Call("GET", http_server.url + "/short", received=10, error="CURLE_PARTIAL_FILE",
                message="Transferred a partial file")
    expect(http_server, "get", call, path="/short")


def test_what_the_program_cancels_is_no_error(http_server):
    (span,), _ = run(http_server, "abort_by_callback", "/drip/100", env=DUP)
    received = span.attributes["http.response_content_length"]
    assert 0 < received < 100
    call = Call("GET", http_server.url + "/drip/100", received=received)
    assert seen([span]) == [call.brief({**call.old(), **call.new()})]


def test_a_program_that_cannot_take_the_answer_is_an_error(http_server):
    counted = 3 if VERSION < (8, 0) else 0  # whether libcurl counts what it could not hand over
    call = Call("GET", http_server.url + "/bytes/3", received=counted, error="CURLE_WRITE_ERROR",
                message="Failed writing received data to disk/application")
    expect(http_server, "write_error", call)


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_url, shown", [
    ("http://user:pass@{at}/bytes/3?a=1&X-Amz-Signature=abc&b=2",
     "http://REDACTED:REDACTED@{at}/bytes/3?a=1&X-Amz-Signature=REDACTED&b=2"),
    ("http://{at}/bytes/3?token=abc&sig=#frag", "http://{at}/bytes/3?token=REDACTED&sig=#frag"),
    ("user:pass@{at}/bytes/3", "http://REDACTED:REDACTED@{at}/bytes/3"),
])
def test_secrets_of_the_url_stay_here(http_server, given_url, shown):
    at = f"127.0.0.1:{http_server.port}"
    call = Call("GET", shown.format(at=at), received=3)
    lone("get", given_url.format(at=at), call)


def test_long_urls_are_kept(http_server):
    path = "/bytes/3?" + "&".join(f"parameter{i}=value{i}" for i in range(200))
    assert 1024 < len(path) < 8192
    expect(http_server, "get", Call("GET", http_server.url + path, received=3), path=path)


# --- headers ----------------------------------------------------------------------------------------------------------


def test_the_programs_list_stays_as_it_is(http_server):
    """The program itself compares addresses and texts and prints the list: same_output() compares that."""
    spans, requests = run(http_server, "list")
    carried(spans, requests)
    own = [[(name, value) for name, value in request.headers if name.startswith("X-")] for request in requests]
    assert own == [[("X-One", "1"), ("X-Two", "2")]] * 2 + [[]]


def test_the_span_takes_part_in_the_programs_own_trace(http_server):
    spans, requests = run(http_server, "own_trace")
    (span,), (request,) = spans, requests
    assert request.header("traceparent") == f"00-{OTHER_TRACE}-{OTHER_SPAN}-01"
    assert (request.header("tracestate"), request.header("X-One")) == ("vendor=1", "1")
    assert (span.trace_id, span.parent_span_id, span.trace_state) == (OTHER_TRACE, OTHER_SPAN, "vendor=1")
    assert span.flags & 0x300 == 0x300  # the parent came out of a header


def test_an_unsampled_trace_of_the_programs_own_makes_no_span(http_server):
    spans, requests = run(http_server, "own_trace_unsampled")
    assert not spans
    assert requests[0].header("traceparent") == f"00-{OTHER_TRACE}-{OTHER_SPAN}-00"


@pytest.mark.parametrize("mode, sent", [("own_trace_broken", "nonsense"), ("own_trace_none", None)])
def test_what_the_program_says_of_traceparent_is_left_alone(http_server, mode, sent):
    (span,), (request,) = run(http_server, mode)
    assert request.header("traceparent") == sent
    assert span.parent_span_id == ""


@pytest.mark.parametrize("mode, parent, sent, state", [
    ("own_trace_twice", "", 2, ["vendor=1"]),  # a receiver starts a new trace then
    ("own_trace_after_all", OTHER_SPAN, 1, []),  # libcurl does not send a line without a value
    ("own_state_twice", OTHER_SPAN, 1, ["a=1", "b=2"]),
])
def test_what_the_program_says_more_than_once(http_server, mode, parent, sent, state):
    (span,), (request,) = run(http_server, mode)
    given = [(name.lower(), value) for name, value in request.headers if name.lower().startswith("trace")]
    assert sorted(given) == [("traceparent", f"00-{OTHER_TRACE}-{OTHER_SPAN}-01")] * sent + [("tracestate", one) for one in state]
    assert (span.parent_span_id, span.trace_id == OTHER_TRACE, span.trace_state) == (parent, parent != "", "")


def test_context_from_the_environment_is_handed_on(http_server):
    env = {"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01", "TRACESTATE": "a=1,b=2", "BAGGAGE": "user=7"}
    (span,), (request,) = run(http_server, "get", env=env)
    assert (span.trace_id, span.parent_span_id, span.trace_state) == (OTHER_TRACE, OTHER_SPAN, "a=1,b=2")
    assert request.header("traceparent") == f"00-{OTHER_TRACE}-{span.span_id}-01"
    assert (request.header("tracestate"), request.header("baggage")) == ("a=1,b=2", "user=7")


def test_longest_baggage_is_handed_on(http_server):
    baggage = ",".join(f"k{i:02}={'v' * 4000}" for i in range(2)) + ",end=1"
    _, (request,) = run(http_server, "get", env={"BAGGAGE": baggage})
    assert request.header("baggage") == baggage


def test_state_and_baggage_of_the_program_are_not_sent_twice(http_server):
    env = {"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01", "TRACESTATE": "a=1", "BAGGAGE": "user=7"}
    (span,), (request,) = run(http_server, "own_state_and_baggage", env=env)
    assert request.header("traceparent") == f"00-{OTHER_TRACE}-{span.span_id}-01"
    assert (request.header("tracestate"), request.header("baggage")) == ("mine=1", "mine=2")


@pytest.mark.parametrize("propagators, sent", [
    ("tracecontext", {"traceparent", "tracestate"}), ("baggage", {"baggage"}), ("none", set()),
])
def test_only_the_chosen_headers_are_sent(http_server, propagators, sent):
    env = {"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01", "TRACESTATE": "a=1", "BAGGAGE": "user=7",
           "OTEL_PROPAGATORS": propagators}
    spans, (request,) = run(http_server, "get", env=env)
    assert len(spans) == 1
    assert {name for name in ("traceparent", "tracestate", "baggage") if request.header(name)} == sent


def test_unsampled_requests_propagate(http_server):
    spans, (request,) = run(http_server, "get", env={"OTEL_TRACES_SAMPLER": "always_off"})
    assert not spans
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-02", request.header("traceparent"))


def test_signed_requests_carry_nothing_of_ours(http_server):
    spans, (request,) = run(http_server, "signed_request")
    assert len(spans) == 1 and request.header("traceparent") is None
    assert "traceparent" not in request.header("Authorization")


# --- handles ----------------------------------------------------------------------------------------------------------


def test_reset_forgets_everything(http_server):
    url = http_server.url
    spans, requests = expect(http_server, "reset", Call("POST", url + "/bytes/3", sent=1, received=3, agent="before/1"),
                             Call("GET", url + "/bytes/5", received=5))
    carried(spans, requests)
    assert requests[1].header("X-One") is None


def test_a_copy_has_what_the_original_had(http_server):
    call = Call("PATCH", http_server.url + "/bytes/3", received=3, agent="copied/1")
    spans, requests = expect(http_server, "duplicate", call, call)
    carried(spans, requests)
    assert requests[1].header("X-One") == "1"


def test_a_copy_made_during_a_transfer_has_the_programs_list(http_server):
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    spans, requests = expect(http_server, "duplicate_in_callback", call, call, call)
    carried(spans, requests)
    assert [request.header("X-One") for request in requests] == ["1", "1", "1"]


def test_a_list_set_during_a_transfer_stays(http_server):
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    spans, requests = expect(http_server, "change_list_in_callback", call, call)
    carried(spans, requests)
    assert [(request.header("X-One"), request.header("X-Other")) for request in requests] == [("1", None), (None, "2")]


def test_a_transfer_inside_a_callback_is_a_span_of_its_own(http_server):
    spans, requests = run(http_server, "nested", env={"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01"})
    url = http_server.url
    calls = [Call("GET", url + "/bytes/3", received=3), Call("GET", url + "/bytes/5", received=5),
             Call("GET", url + "/bytes/3", received=3)]
    assert seen(spans) == [call.brief(call.old()) for call in calls]
    carried(spans, requests)
    assert {(span.trace_id, span.parent_span_id) for span in spans} == {(OTHER_TRACE, OTHER_SPAN)}


def test_a_handle_used_inside_its_own_callback(http_server):
    spans, requests = run(http_server, "recursive", env=NEW)
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    refused = failed("GET", http_server.url + "/bytes/3", "CURLE_FAILED_INIT", "Failed initialization")
    assert seen(spans) == [call.brief(call.new()), refused.brief(refused.new()), call.brief(call.new())]
    assert len(requests) == 2


def test_a_forked_child_goes_on_with_the_handle(http_server):
    spans, requests = run(http_server, "forked")
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert seen(spans) == [call.brief(call.old())] * 3
    carried(spans, requests)
    first, second, third = (span.resource["service.instance.id"] for span in spans)
    assert first == third != second


def test_errno_is_kept(http_server):
    spans, _ = run(http_server, "errno_kept")
    assert len(spans) == 1


def test_many_handles(http_server):
    url = http_server.url
    spans, requests = run(http_server, "many_handles")
    calls = [Call("GET", url + "/bytes/5", received=5), Call("GET", url + "/bytes/3", received=3)]
    assert seen(spans) == [call.brief(call.old()) for call in calls]
    carried(spans, requests)


def test_handles_at_ever_new_addresses(http_server):
    spans, requests = run(http_server, "ever_new_handles")
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert seen(spans) == [call.brief(call.old())]
    carried(spans, requests)


def test_a_handle_goes_from_one_interface_to_the_other(http_server):
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    spans, requests = expect(http_server, "multi", call, call, call)
    carried(spans, requests)


def test_nothing_but_http_makes_spans(http_server, tmp_path):
    file = tmp_path / "file"
    file.write_text("content\n", encoding="utf-8")
    assert same_output([app("curl_easy"), "get", f"file://{file}"]).spans == []
    assert same_output([app("curl_easy"), "get", f"dict://127.0.0.1:{free_port()}/d:x"]).spans == []
    assert same_output([app("curl_easy"), "get", f"ftp.localhost:{free_port()}/x"]).spans == []  # libcurl guesses ftp
    assert len(same_output([app("curl_easy"), "get", f"http.localhost:{free_port()}/x"]).spans) == 1
    assert run(http_server, "connect_only")[0] == []


def test_a_programs_own_telemetry_is_not_traced(http_server):
    for path, env in (("/v1/traces", {"OTEL_NATIVE_WITH_SDK": "true"}), ("/v1/metrics", None), ("/prefix/v1/logs", None)):
        spans, (request,) = run(http_server, "otlp", path, env=env)
        assert not spans and request.header("traceparent") is None


def test_switched_off(http_server):
    for env in ({"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libcurl"}, {"OTEL_SDK_DISABLED": "true"}):
        spans, (request,) = run(http_server, "get", env=env)
        assert not spans and request.header("traceparent") is None


# --- leaving a transfer in the middle -------------------------------------------------------------------------------------


def test_longjmp_out_of_a_transfer(http_server):
    """The jump makes no span; the handle refuses to work any more, bare as here; a copy works."""
    spans, requests = run(http_server, "long_jump")
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    refused = failed("GET", http_server.url + "/bytes/3", "CURLE_FAILED_INIT", "Failed initialization")
    assert seen(spans) == [refused.brief(refused.old()), call.brief(call.old())]
    assert requests[1].header("traceparent") == header_of(spans[1])
    assert [request.header("X-One") for request in requests] == ["1", "1"]


def test_exception_out_of_a_transfer(http_server):
    result = same_output([app("curl_throw"), http_server.url + "/bytes/3"], before=http_server.reset)
    assert result.stdout == b"destroyed\ncaught not this\ncode 0\ndestroyed\nxxx"
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert seen(result.spans) == [call.brief(call.old())]
    assert [request.header("X-One") for request in http_server.requests] == ["1", "1"]


# --- other servers, copies and callers --------------------------------------------------------------------------------------


def test_nginx_over_http_1_and_its_errors():
    lines = "location / { return 200 'hello\\n'; } location /missing { return 404 'no\\n'; }"
    with Nginx(lines) as server:
        for path, status, received in (("/", 200, 6), ("/missing", 404, 3)):
            result = same_output([app("curl_easy"), "get", server.url + path], env=NEW)
            call = Call("GET", server.url + path, status=status, received=received)
            assert seen(result.spans) == [call.brief(call.new())]


def test_preloaded_without_the_launcher(sink):
    """nginx answers with the header it has received."""
    with Nginx("location / { return 200 $http_traceparent; }") as server:
        result = preloaded([app("curl_easy"), "get", server.url + "/"], sink)
        (span,) = sink.exactly(1)
        call = Call("GET", server.url + "/", received=55)
        assert result.returncode == 0 and result.stdout.decode().splitlines()[0] == header_of(span)
        assert seen([span]) == [call.brief(call.old())]


def test_tls_and_http_2():
    """The tests' own authority; nginx speaks HTTP/2 over TLS."""
    certificate, key = certificates.server()
    port = free_port()
    lines = f"""listen 127.0.0.1:{port} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
                location / {{ return 200 'hello\\n'; }}"""
    with Nginx(lines):
        url = f"https://127.0.0.1:{port}/"
        trusted = same_output([app("curl_easy"), "certificate", url, certificates.authority()], env=NEW)
        call = Call("GET", url, received=6, version="2")
        assert seen(trusted.spans) == [call.brief(call.new())]
        unknown = same_output([app("curl_easy"), "get", url], env=NEW)
        named = "127.0.0.1" if VERSION < (8, 0) else None  # whether libcurl names the peer of a handshake that failed
        call = failed("GET", url, "CURLE_PEER_FAILED_VERIFICATION",
                      "SSL peer certificate or SSH remote key was not OK", peer=named)
        assert seen(unknown.spans) == [call.brief(call.new())]


def test_the_gnutls_flavour(http_server):
    spans, requests = run(http_server, "get", program="curl_gnutls")
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert seen(spans) == [call.brief(call.old())]
    carried(spans, requests)


def test_a_module_with_a_libcurl_of_its_own(http_server):
    """An RTLD_LOCAL module, as the extensions of interpreters are: libcurl is not in the global scope."""
    command = [app("curl_plugin"), app("curl_module"), http_server.url + "/bytes/3"]
    result = same_output(command, before=http_server.reset)
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert result.returncode == 0 and seen(result.spans) == [call.brief(call.old())]
    carried(result.spans, http_server.requests)


def test_two_copies_in_one_process():
    """Each handle stays with the copy that made it: they word the same error differently."""
    with HttpServer(tls=True) as server:
        result = same_output([app("curl_both"), app("curl_module_gnutls"), server.url + "/"])
        first, second, third = result.stdout.decode().split("\n\n")
        assert first.strip() == third.strip() != second.strip()
        call = failed("GET", server.url + "/", "CURLE_PEER_FAILED_VERIFICATION",
                      "SSL peer certificate or SSH remote key was not OK")
        assert seen(result.spans) == [call.brief(call.old())] * 3


def test_the_curl_program(http_server, sink):
    url = http_server.url + "/bytes/3"
    expected = bare(["curl", "-s", url])
    http_server.reset()
    result = instrumented(["curl", "-s", url], sink)
    assert (result.stdout, result.stderr, result.returncode) == (expected.stdout, expected.stderr, 0)
    (span,) = sink.exactly(1)
    agent = http_server.requests[0].header("User-Agent")
    call = Call("GET", url, received=3, agent=agent)
    assert agent.startswith("curl/") and seen([span]) == [call.brief(call.old())]
    carried([span], http_server.requests)


def test_every_transfer_of_64_threads_counts(sink):
    with Nginx() as server:
        result = instrumented([app("curl_easy"), "threads", server.url + "/"], sink,
                              env={"OTEL_BSP_MAX_QUEUE_SIZE": "8192"})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"failures: 0\n", b"")
    spans = sink.exactly(6400)
    assert len({span.span_id for span in spans}) == len({span.trace_id for span in spans}) == 6400
    call = Call("GET", server.url + "/", received=6)
    assert all(one == call.brief(call.old()) for one in seen(spans))


def test_nobody_listens_to_the_telemetry(http_server):
    """A dead collector: the program still gets its answer, the server its header."""
    http_server.reset()
    with HttpServer() as gone:
        endpoint = gone.url
    result = instrumented([app("curl_easy"), "get", http_server.url + "/bytes/3"],
                          env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_LOG_LEVEL": "none"})
    assert (result.returncode, result.stderr) == (0, b"")
    assert http_server.requests[0].header("traceparent")
