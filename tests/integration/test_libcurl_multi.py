"""libcurl's multi interface: each transfer a span of its own, from its adding to its end, whatever drives it."""

import pytest
from harness import Nginx, app, bare, free_port, instrumented, same_output, wait_until
from test_libcurl import (COULDNT_CONNECT, DUP, NEW, OTHER_SPAN, OTHER_TRACE, Call, carried, failed, header_of, in_order, said_of,
                          seen)

SETS = [(None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})]
SECOND = 1_000_000_000


def run(server, mode, *paths, env=None):
    """Bare and instrumented, with the same output; the spans in order of their start, and the requests."""
    result = same_output([app("curl_multi"), mode, *(server.url + path for path in paths)], env=env, before=server.reset)
    return in_order(result.spans), list(server.requests)


def expect(server, mode, *calls, paths):
    for env, attributes in SETS:
        spans, requests = run(server, mode, *paths, env=env)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    return spans, requests


def carried_by_path(spans, requests):
    """Each request carries the context of the span that asked for its path."""
    expected = {span.attributes["http.url"].partition("/bytes")[2]: header_of(span) for span in spans}
    assert {request.path.partition("/bytes")[2]: request.header("traceparent") for request in requests} == expected


def abandoned(url, **details):
    return failed("GET", url, "abandoned", "Removed before it was done", **details)


# --- transfers that end by themselves -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["perform", "events"])
def test_each_transfer_is_a_span(http_server, mode):
    url = http_server.url
    paths = ["/bytes/3", "/bytes/5", "/status/404", "/chunked"]
    calls = [Call("GET", url + "/bytes/3", received=3), Call("GET", url + "/bytes/5", received=5),
             Call("GET", url + "/status/404", status=404, received=11), Call("GET", url + "/chunked", received=14)]
    spans, requests = expect(http_server, mode, *calls, paths=paths)
    expected = {span.attributes["url.full"].removeprefix(url): header_of(span) for span in spans}
    assert {request.path: request.header("traceparent") for request in requests} == expected
    assert len(requests) == 4 and all(span.parent_span_id == "" for span in spans)


@pytest.mark.parametrize("mode", ["perform", "events"])
def test_a_transfer_ends_when_it_does(http_server, mode):
    spans, _ = run(http_server, mode, "/slow/0.5", "/bytes/3")
    slow, fast = spans
    assert slow.attributes["http.url"].endswith("/slow/0.5") and slow.start < fast.start
    assert slow.end - slow.start >= 0.5 * SECOND
    assert fast.end < slow.start + 0.5 * SECOND < slow.end


@pytest.mark.parametrize("mode", ["perform", "events", "unread"])
def test_a_failure_among_others(http_server, mode):
    """Unread, it can be seen that there was no answer, and not why."""
    url, nowhere = http_server.url + "/bytes/3", f"http://127.0.0.1:{free_port()}/x"
    read = mode != "unread"
    calls = [Call("GET", url, received=3),
             failed("GET", nowhere, "CURLE_COULDNT_CONNECT" if read else "_OTHER", said_of(COULDNT_CONNECT) if read else "")]
    for env, attributes in SETS:
        result = same_output([app("curl_multi"), mode, url, nowhere], env=env)
        assert seen(in_order(result.spans)) == [call.brief(attributes(call)) for call in calls]


def test_every_request_of_a_redirect_carries_the_context(http_server):
    call = Call("GET", http_server.url + "/redirect/3", received=6, resend=3)
    (span,), requests = expect(http_server, "perform", call, paths=["/redirect/3"])
    assert [request.path for request in requests] == ["/redirect/3", "/redirect/2", "/redirect/1", "/"]
    assert {request.header("traceparent") for request in requests} == {header_of(span)}


def test_parents_are_what_was_current_at_the_adding(http_server):
    env = {"TRACEPARENT": f"00-{OTHER_TRACE}-{OTHER_SPAN}-01", "TRACESTATE": "a=1", "BAGGAGE": "user=7"}
    spans, requests = run(http_server, "perform", "/bytes/3", "/bytes/5", env=env)
    assert [(span.trace_id, span.parent_span_id, span.trace_state) for span in spans] == [(OTHER_TRACE, OTHER_SPAN, "a=1")] * 2
    carried_by_path(spans, requests)
    assert {(request.header("tracestate"), request.header("baggage")) for request in requests} == {("a=1", "user=7")}


@pytest.mark.parametrize("mode", ["many", "many_events"])
def test_a_thousand_transfers(sink, mode):
    with Nginx() as server:
        result = instrumented([app("curl_multi"), mode, server.url + "/"], sink, env={"OTEL_BSP_MAX_QUEUE_SIZE": "8192"})
    assert (result.returncode, result.stdout, result.stderr) == (0, b"1000, failures: 0\n", b"")
    spans = sink.exactly(1000)
    assert len({span.span_id for span in spans}) == len({span.trace_id for span in spans}) == 1000
    call = Call("GET", server.url + "/", received=6)
    assert all(one == call.brief(call.old()) for one in seen(spans))


# --- results that nobody reads -------------------------------------------------------------------------------------------


def test_results_that_nobody_reads(http_server):
    calls = [Call("GET", http_server.url + "/bytes/3", received=3),
             Call("GET", http_server.url + "/status/500", status=500, received=11)]
    expect(http_server, "unread", *calls, paths=["/bytes/3", "/status/500"])


def test_results_that_are_read_late(http_server):
    """The program waits half a second between the end of its transfers and their results."""
    calls = [Call("GET", http_server.url + "/bytes/3", received=3), Call("GET", http_server.url + "/bytes/5", received=5)]
    spans, _ = expect(http_server, "read_late", *calls, paths=["/bytes/3", "/bytes/5"])
    assert max(span.end - span.start for span in spans) < 0.5 * SECOND


def test_an_answered_transfer_is_no_error_when_it_is_removed_unread(http_server):
    calls = [Call("GET", http_server.url + "/slow/0.5", received=8), Call("GET", http_server.url + "/bytes/3", received=3)]
    expect(http_server, "remove_unread", *calls, paths=["/slow/0.5", "/bytes/3"])


# --- transfers that are given up -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["give_up_by_remove", "give_up_by_easy_cleanup"])
def test_a_transfer_that_is_given_up_is_an_error(http_server, mode):
    call = abandoned(http_server.url + "/slow/5", peer="127.0.0.1")
    spans, _ = expect(http_server, mode, call, paths=["/slow/5"])
    wait_until(lambda: header_of(spans[0]) in [request.header("traceparent") for request in list(http_server.requests)])
    assert spans[0].end - spans[0].start < 5 * SECOND


def test_freeing_the_multi_handle_gives_its_transfers_up(http_server):
    """The handle works on, with the program's own header list."""
    url = http_server.url
    calls = [abandoned(url + "/slow/5", peer="127.0.0.1"), Call("GET", url + "/bytes/3", received=3)]
    spans, requests = expect(http_server, "give_up_by_multi_cleanup", *calls, paths=["/slow/5", "/bytes/3"])
    carried(spans, requests)


def test_a_transfer_that_never_began(http_server):
    spans, requests = expect(http_server, "give_up_unsent", abandoned(http_server.url + "/bytes/3"), paths=["/bytes/3"])
    assert requests == [] and spans[0].parent_span_id == ""


def test_half_an_answer(http_server):
    (span,), _ = run(http_server, "give_up_half_way", "/drip/1000", env=DUP)
    received = span.attributes["http.response_content_length"]
    assert 0 < received < 1000
    call = Call("GET", http_server.url + "/drip/1000", received=received, error="abandoned",
                message="Removed before it was done")
    assert seen([span]) == [call.brief({**call.old(), **call.new()})]


# --- handles --------------------------------------------------------------------------------------------------------------


def test_a_handle_is_added_again(http_server):
    """The program itself compares its header list, and prints it: same_output() compares that."""
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    spans, requests = expect(http_server, "again", *[call] * 5, paths=["/bytes/3"])
    carried(spans, requests)
    own = [[(name, value) for name, value in request.headers if name.startswith("X-")] for request in requests]
    assert own == [[("X-One", "1"), ("X-Two", "2")]] * 4 + [[]]


def test_what_libcurl_refuses_changes_nothing(http_server):
    call = Call("GET", http_server.url + "/redirect/1", received=6, resend=1)
    (span,), requests = expect(http_server, "refused", call, paths=["/redirect/1"])
    assert [request.header("traceparent") for request in requests] == [header_of(span)] * 2


def test_a_handle_is_reset_while_it_is_in_use(http_server):
    url = http_server.url
    calls = [abandoned(url + "/bytes/3"), Call("GET", url + "/bytes/5", received=5)]
    spans, requests = expect(http_server, "reset", *calls, paths=["/bytes/3", "/bytes/5"])
    assert [request.header("traceparent") for request in requests] == [header_of(spans[1])]


def test_a_copy_of_a_handle_in_use(http_server):
    call = Call("GET", http_server.url + "/slow/0.2", received=8)
    spans, requests = expect(http_server, "duplicate", call, call, paths=["/slow/0.2"])
    carried(spans, requests)


def test_a_transfer_inside_a_callback(http_server):
    url = http_server.url
    calls = [Call("GET", url + "/bytes/3", received=3), Call("GET", url + "/bytes/5", received=5)]
    spans, requests = expect(http_server, "nested", *calls, paths=["/bytes/3", "/bytes/5"])
    carried(spans, requests)


def test_a_forked_child_frees_its_copies(http_server):
    spans, requests = expect(http_server, "forked", Call("GET", http_server.url + "/slow/0.2", received=8),
                             paths=["/slow/0.2"])
    carried(spans, requests)


def test_nothing_but_http_makes_spans(http_server, tmp_path):
    file = tmp_path / "file"
    file.write_text("content\n", encoding="utf-8")
    assert same_output([app("curl_multi"), "perform", f"file://{file}"]).spans == []
    assert run(http_server, "connect_only", "/bytes/3")[0] == []


def test_switched_off(http_server):
    for env in ({"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libcurl"}, {"OTEL_SDK_DISABLED": "true"}):
        spans, (request,) = run(http_server, "perform", "/bytes/3", env=env)
        assert not spans and request.header("traceparent") is None


# --- real programs --------------------------------------------------------------------------------------------------------


def test_curl_in_parallel(http_server, sink):
    urls = [f"{http_server.url}/bytes/{size}" for size in range(1, 41)]
    # One output for each transfer: which one comes first is not the same twice.
    command = ["curl", "-sS", "--no-progress-meter", "-Z", *(word for url in urls for word in ("-o", "/dev/null", url))]
    expected = bare(command)
    http_server.reset()
    result = instrumented(command, sink)
    assert (result.stdout, result.stderr, result.returncode) == (expected.stdout, expected.stderr, 0)
    spans = sink.exactly(40)
    requests = http_server.requests
    agent = requests[0].header("User-Agent")
    calls = [Call("GET", url, received=size, agent=agent) for size, url in enumerate(urls, 1)]
    by_url = sorted(spans, key=lambda span: span.attributes["http.response_content_length"])
    assert seen(by_url) == [call.brief(call.old()) for call in calls]
    carried_by_path(spans, requests)
    assert len(requests) == 40
