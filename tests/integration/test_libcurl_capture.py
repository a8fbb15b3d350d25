"""libcurl: what is said of a transfer only where the settings ask for it, headers and timings."""

import pytest
from harness import HttpServer, app, free_port, instrumented, same_output
from test_libcurl import COULDNT_CONNECT, DUP, NEW, VERSION, Call, failed, in_order, said_of, seen

ANSWER = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE"
REQUEST = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST"
SANITIZE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"
TIMINGS = {"OTEL_NATIVE_HTTP_CLIENT_TIMINGS": "true"}
MASKED = ["[REDACTED]"]
HEADERS = [("Content-Length", "3"), ("Content-Type", "text/plain; charset=utf-8"), ("X-Multi", "one"), ("ETag", '"7"'),
           ("x-multi", "two, three"), ("X-Empty", ""), ("Set-Cookie", "id=secret; HttpOnly"), ("X-Auth-Token", "secret"),
           ("Content-Location", "/a?b=1&token=secret"), ("X-Latin", "caf\u00e9")]

pytestmark = pytest.mark.skipif(VERSION < (7, 83), reason="this libcurl cannot be asked for headers")


def answering(server):
    """/with, with the headers above."""
    def answer(handler, _request):
        handler.send_response(200)
        for name, value in HEADERS:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"yes")

    server.reset()
    server.on("/with", handler=answer)


def run(server, mode, *options, path="/with", env=None):
    result = same_output([app("curl_capture"), mode, server.url + path, *options], env=env, before=lambda: answering(server))
    return in_order(result.spans), list(server.requests)


def names(prefix, headers, old=False, new=False):
    """The attributes that these headers become in the sets asked for."""
    attributes = {}
    for name, values in headers.items():
        if old:
            attributes[f"http.{prefix}.header.{name.replace('-', '_')}"] = values
        if new:
            attributes[f"http.{prefix}.header.{name}"] = values
    return attributes


SETS = [({}, Call.old, {"old": True}), (NEW, Call.new, {"new": True}),
        (DUP, lambda call: {**call.old(), **call.new()}, {"old": True, "new": True})]


def expect(server, mode, call, *options, path="/with", env=None, request=None, answer=None):
    """One transfer in all three sets, with these headers; returns what the server saw in the last run."""
    for opt_in, attributes, which in SETS:
        (span,), requests = run(server, mode, *options, path=path, env={**(env or {}), **opt_in})
        wanted = {**attributes(call), **names("request", request or {}, **which), **names("response", answer or {}, **which)}
        assert seen([span]) == [call.brief(wanted)]
    return requests


# --- answers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["easy", "multi"])
def test_headers_of_an_answer(http_server, mode):
    call = Call("GET", http_server.url + "/with", received=3)
    expect(http_server, mode, call, env={ANSWER: "content-.*, X-Multi,x-EMPTY,set-cookie,x-.*token,etag|nothing,x-lat"},
           answer={"content-length": ["3"], "content-type": ["text/plain; charset=utf-8"], "x-multi": ["one", "two, three"],
                   "etag": ['"7"'], "x-empty": [""], "set-cookie": MASKED, "x-auth-token": MASKED,
                   "content-location": ["/a?b=1&token=REDACTED"]})


def test_a_header_that_is_not_utf_8(http_server):
    expect(http_server, "easy", Call("GET", http_server.url + "/with", received=3), env={ANSWER: "x-latin"},
           answer={"x-latin": ["caf\ufffd"]})


@pytest.mark.parametrize("masked, shown", [
    ("x-multi", {"x-multi": MASKED * 2, "set-cookie": ["id=secret; HttpOnly"], "x-auth-token": ["secret"]}),
    ("MULTI, ^set-", {"x-multi": MASKED * 2, "set-cookie": MASKED, "x-auth-token": ["secret"]}),
])
def test_what_is_masked_is_a_setting(http_server, masked, shown):
    expect(http_server, "easy", Call("GET", http_server.url + "/with", received=3),
           env={ANSWER: "x-multi,set-cookie,x-auth.*", SANITIZE: masked}, answer=shown)


def test_the_last_answer_of_several(http_server):
    """The first one has a Location, the last one has none."""
    call = Call("GET", http_server.url + "/redirect/2", received=6, resend=2)
    expect(http_server, "easy", call, "L=1", "H=X-One: 1", path="/redirect/2", env={ANSWER: "location,content-.*", REQUEST: "x-one"},
           request={"x-one": ["1"]}, answer={"content-type": ["text/plain"], "content-length": ["6"]})
    call = Call("GET", http_server.url + "/redirect/2", status=302, received=0)
    expect(http_server, "easy", call, path="/redirect/2", env={ANSWER: "location"}, answer={"location": ["/redirect/1"]})


def test_no_answer_has_no_headers(http_server):
    """Of a handle whose transfer before had some."""
    (first, second), _ = run(http_server, "twice", path="/close", env={ANSWER: ".*"})
    assert [key for span in (first, second) for key in span.attributes if "header" in key] == []
    url = f"http://127.0.0.1:{free_port()}/"
    call = failed("GET", url, "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT))
    result = same_output([app("curl_capture"), "easy", url, "H=X-One: 1"], env={ANSWER: ".*", REQUEST: "x-.*"})
    assert seen(result.spans) == [call.brief({**call.old(), "http.request.header.x_one": ["1"]})]


# --- requests -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["easy", "multi"])
def test_headers_of_a_request(http_server, mode):
    options = ["A=board/1", "R=http://h/?key=secret", "E=gzip", "G=0-1", "H=X-One: 1", "H=x-ONE:  2 ", "H=X-Empty;", "H=X-Removed:",
               "H=NoHeader", "H=X-Semi; colon", "H=Authorization: Bearer secret", "H=Accept:", "H=X-Colons: a:b"]
    request = {"range": ["bytes=0-1"], "user-agent": ["board/1"], "accept-encoding": ["gzip"],
               "referer": ["http://h/?key=REDACTED"], "x-one": ["1", "2"], "x-empty": [""], "authorization": MASKED,
               "x-colons": ["a:b"]}
    call = Call("GET", http_server.url + "/with", received=3, agent="board/1")
    (sent,) = expect(http_server, mode, call, *options, env={REQUEST: ".*"}, request=request)
    for name, values in request.items():
        assert values == MASKED or values == [value.strip() for value in sent.all(name)] or "REDACTED" in values[0]
    assert {name.lower() for name, _ in sent.headers} - set(request) == {"host", "traceparent"}


def test_the_list_beats_the_options(http_server):
    options = ["A=board/1", "R=http://h/", "E=gzip", "G=0-1", "H=user-agent: list/2", "H=Referer: http://list/", "H=Accept-Encoding;",
               "H=Range:"]
    request = {"user-agent": ["list/2"], "referer": ["http://list/"], "accept-encoding": [""]}
    (sent,) = expect(http_server, "easy", Call("GET", http_server.url + "/with", received=3, agent="list/2"), *options,
                     env={REQUEST: "user-agent,referer,accept-encoding,range"}, request=request)
    assert {name: sent.all(name) for name in (*request, "range")} == {**request, "range": []}


@pytest.mark.parametrize("options, method, known", [
    (["E="], "GET", {}),  # whatever libcurl was built with
    (["G=0-1", "F=1"], "GET", {}),  # another range, from libcurl itself
    (["G=0-1", "P=a"], "POST", {}),  # no Range but a Content-Range
    (["M=a", "H=Content-Type: multipart/mixed"], "POST", {}),  # with a boundary
    (["P={}", "H=Content-Type: application/json"], "POST", {"content-type": ["application/json"]}),
    (["R=" + "x" * 2000], "GET", {}),
    (["A=" + "x" * 255], "GET", {}),
    (["R=first", "R=second"], "GET", {"referer": ["second"]}),
])
def test_what_is_not_known_for_sure_is_not_shown(http_server, options, method, known):
    wanted = "accept-encoding,range,content-type,referer,user-agent"
    spans, (sent,) = run(http_server, "easy", *options, env={REQUEST: wanted})
    shown = {key.split(".")[3].replace("_", "-"): value for key, value in spans[0].attributes.items() if ".header." in key}
    assert sent.method == method and shown == known
    assert all(sent.all(name) == values for name, values in known.items())


def test_copies_and_resets(http_server):
    options = ["R=http://h/", "H=X-One: 1"]
    call = Call("GET", http_server.url + "/with", received=3)
    expect(http_server, "copy", call, *options, env={REQUEST: ".*"}, request={"referer": ["http://h/"], "x-one": ["1"]})
    expect(http_server, "reset", call, *options, env={REQUEST: ".*"})


def test_a_list_that_is_freed_in_a_callback(http_server):
    """What was sent is shown; the next transfer has the new list."""
    spans, _ = run(http_server, "twice", "H=X-One: 1", "S=1", env={REQUEST: ".*"})
    shown = [{key: value for key, value in span.attributes.items() if "header" in key} for span in spans]
    assert shown == [{"http.request.header.x_one": ["1"]}, {"http.request.header.x_other": ["2"]}]


# --- settings -----------------------------------------------------------------------------------------------------------


def test_expressions_that_cannot_be_used(http_server, sink):
    """Said once, by the launcher; the others of the list work."""
    answering(http_server)
    result = instrumented([app("curl_capture"), "easy", http_server.url + "/with"], sink,
                          env={ANSWER: "etag,(?=x),x-(", SANITIZE: "*"})
    (span,) = sink.exactly(1)
    assert result.stderr.decode() == "".join(
        f'otel-instrument: {name}: "{item}" is not a regular expression that can be used; left out\n'
        for name, item in ((ANSWER, "(?=x)"), (ANSWER, "x-("), (SANITIZE, "*")))
    assert [key for key in span.attributes if "header" in key] == ["http.response.header.etag"]


def test_nothing_unless_asked_for(http_server):
    expect(http_server, "easy", Call("GET", http_server.url + "/with", received=3), "H=X-One: 1")


def test_value_length_limit(http_server):
    (span,), _ = run(http_server, "easy", env={ANSWER: "x-multi", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "3"})
    assert span.attributes["http.response.header.x_multi"] == ["one", "two"]


# --- timings ------------------------------------------------------------------------------------------------------------


def timed(span):
    """What is told of times; the rest of the attributes."""
    prefix = "http.client.timing."
    times = {key.removeprefix(prefix): value for key, value in span.attributes.items() if key.startswith(prefix)}
    assert all(0 < value < 30 for value in times.values())
    assert sum(value for name, value in times.items() if name != "first_byte") <= times.get("first_byte", 30)
    return times, {key: value for key, value in span.attributes.items() if not key.startswith(prefix)}


@pytest.mark.parametrize("mode", ["easy", "multi"])
def test_timings(http_server, mode):
    call = Call("GET", http_server.url + "/slow/0.3", received=8)
    for opt_in, attributes, _ in SETS:
        (span,), _ = run(http_server, mode, path="/slow/0.3", env={**TIMINGS, **opt_in})
        times, others = timed(span)
        assert set(times) == {"dns", "connect", "first_byte"} and others == attributes(call)
        assert 0.3 <= times["first_byte"] <= (span.end - span.start) / 1e9


def test_timings_of_tls():
    with HttpServer(tls=True) as server:
        (span,), _ = run(server, "easy", f"C={server.ca}", env=TIMINGS)
    assert set(timed(span)[0]) == {"dns", "connect", "tls", "first_byte"}


def test_timings_of_a_connection_used_again(http_server):
    spans, _ = run(http_server, "twice", env=TIMINGS)
    assert [set(timed(span)[0]) for span in spans] == [{"dns", "connect", "first_byte"}, {"first_byte"}]


def test_timings_of_several_requests(http_server):
    """Which of them had to connect is not known."""
    (span,), _ = run(http_server, "easy", "L=1", path="/redirect/2", env=TIMINGS)
    assert set(timed(span)[0]) == {"dns", "first_byte"}


def test_timings_of_a_failure(http_server):
    url = f"http://127.0.0.1:{free_port()}/"
    (span,) = same_output([app("curl_capture"), "easy", url], env=TIMINGS).spans
    assert set(timed(span)[0]) == {"dns"}
    (span,) = same_output([app("curl_capture"), "easy", "http://no-such-host.invalid/"], env=TIMINGS).spans
    assert timed(span)[0] == {}
    (span,), _ = run(http_server, "easy", path="/close", env=TIMINGS)
    assert set(timed(span)[0]) == {"dns", "connect"}
