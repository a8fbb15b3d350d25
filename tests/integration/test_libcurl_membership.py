"""Handles that come into multi handles and leave them: what libcurl refuses changes nothing, and a transfer under way is told
of when its handle, its multi handle or the program goes."""

import pytest
from harness import HttpServer, Nginx, app, instrumented, same_output, wait_until
from test_libcurl import DUP, NEW, Call, carried, header_of, in_order, seen
from test_libcurl_multi import SECOND, abandoned, failed

SETS = [(None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})]


@pytest.fixture
def server():
    """Of each test's own: a request that arrives late is no other test's matter."""
    with HttpServer() as one:
        yield one


def expect(server, mode, *calls, paths):
    """In the three sets; spans, requests and output of the last run."""
    for env, attributes in SETS:
        result = same_output([app("curl_membership"), mode, *(server.url + path for path in paths)], env=env, before=server.reset)
        spans = in_order(result.spans)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    return spans, list(server.requests), result.stdout.decode().splitlines()


def arrived(server, spans):
    """Each span's context has been sent, once. A program that does not wait for its answer may be over before the server has
    looked at what it sent; a request of an earlier run may come now."""
    expected = sorted(header_of(span) for span in spans)

    def sent():
        return sorted(header for request in list(server.requests) if (header := request.header("traceparent")) in expected)
    wait_until(lambda: len(sent()) >= len(expected), what="the requests' arrival")
    assert sent() == expected


def unfinished(url, **details):
    return failed("GET", url, "abandoned", "The program ended before it was done", peer="127.0.0.1", **details)


# --- what libcurl refuses -------------------------------------------------------------------------------------------------


def test_what_is_refused_in_a_callback_changes_nothing(server):
    """Not even freeing the multi handle: the redirect that follows carries the context, and the span ends with its transfer."""
    url = server.url
    calls = [Call("GET", url + "/redirect/1", received=6, resend=1), Call("GET", url + "/bytes/5", received=5)]
    (first, second), requests, said = expect(server, "refused_inside", *calls, paths=["/redirect/1", "/bytes/5"])
    assert said[:7] == ["cleanup: 8", "remove: 8", "add: 8", "perform: 8", "socket action: 8", "message: 0", "alone: 1"]
    assert [request.header("traceparent") for request in requests] == [header_of(first)] * 2 + [header_of(second)]


def test_freeing_is_refused_in_the_timer_callback_too(server):
    call = Call("GET", server.url + "/redirect/1", received=6, resend=1)
    (span,), requests, said = expect(server, "refused_in_timer", call, paths=["/redirect/1"])
    assert "refused: 8" in said
    assert [request.header("traceparent") for request in requests] == [header_of(span)] * 2


def test_a_handle_is_out_though_the_timer_callback_failed(server):
    url = server.url
    calls = [abandoned(url + "/slow/2", peer="127.0.0.1"), Call("GET", url + "/bytes/3", received=3)]
    spans, _, said = expect(server, "timer_fails", *calls, paths=["/slow/2", "/bytes/3"])
    assert said == ["removed: 11", "alone: 0", "freed: 0"]
    arrived(server, spans)


# --- from one to another --------------------------------------------------------------------------------------------------


def test_a_handle_goes_to_another_multi_handle(server):
    """The first one is freed while the transfer runs in the second."""
    url = server.url
    calls = [abandoned(url + "/slow/5", peer="127.0.0.1"), Call("GET", url + "/bytes/3", received=3)]
    spans, _, said = expect(server, "moved", *calls, paths=["/slow/5", "/bytes/3"])
    assert said == ["taken: 0", "not in it: 0", "not here: 1", "freed: 0", "done: 0", "removed: 0", "freed: 0"]
    arrived(server, spans)


def test_a_handle_is_taken_out_and_added_again(server):
    url = server.url
    gone, good = abandoned(url + "/slow/5", peer="127.0.0.1"), Call("GET", url + "/bytes/3", received=3)
    spans, _, _ = expect(server, "added_again", gone, gone, good, good, paths=["/slow/5", "/bytes/3"])
    arrived(server, spans)


def test_nothing_of_the_transfer_before_shows_in_one_that_has_not_begun(server):
    url = server.url
    expect(server, "not_begun", Call("GET", url + "/bytes/3", received=3), abandoned(url + "/bytes/5"),
           paths=["/bytes/3", "/bytes/5"])


def test_multi_handles_at_addresses_used_before(server):
    spans, requests, _ = expect(server, "ever_new", *[Call("GET", server.url + "/bytes/3", received=3)] * 4,
                                paths=["/bytes/3"])
    carried(spans, requests)


def test_more_multi_handles_than_are_remembered(server):
    """The first transfer is none of ours, and carries nothing; the second one is."""
    (span,), requests, _ = expect(server, "very_many", Call("GET", server.url + "/bytes/3", received=3),
                                  paths=["/bytes/3"])
    assert [request.header("traceparent") for request in requests] == [None, header_of(span)]


def test_multi_handles_of_several_threads():
    """Made and freed all the time: 800 transfers, each a span."""
    with Nginx() as nginx:
        env = {"OTEL_BSP_MAX_QUEUE_SIZE": "8192"}
        result = same_output([app("curl_membership"), "by_threads", nginx.url + "/"], env=env)
    call = Call("GET", nginx.url + "/", received=6)
    assert result.stdout == b"failures: 0\n" and seen(result.spans) == [call.brief(call.old())] * 800
    assert len({span.span_id for span in result.spans}) == len({span.trace_id for span in result.spans}) == 800


@pytest.mark.parametrize("mode", ["by_socket", "by_socket_all"])
def test_functions_of_old(server, mode):
    spans, requests, _ = expect(server, mode, Call("GET", server.url + "/bytes/3", received=3), paths=["/bytes/3"])
    carried(spans, requests)


# --- the program ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["by_return", "by_exit", "by_underscore_exit", "by_exec"])
def test_what_is_under_way_when_the_program_ends(server, mode):
    spans, _, _ = expect(server, mode, unfinished(server.url + "/slow/5"), paths=["/slow/5"])
    arrived(server, spans)
    assert 0 < spans[0].end - spans[0].start < 5 * SECOND


def test_an_end_inside_a_callback(server):
    """The answer has begun."""
    call = Call("GET", server.url + "/drip/1000", received=None, error="abandoned",
                message="The program ended before it was done")
    for env, attributes in SETS:
        (span,) = same_output([app("curl_membership"), "inside", server.url + "/drip/1000"], env=env).spans
        span.attributes.pop("http.response_content_length", None)
        assert seen([span]) == [call.brief(attributes(call))]


def test_an_answer_that_nobody_has_read_is_no_error(server):
    call = Call("GET", server.url + "/bytes/3", received=3)
    spans, requests, _ = expect(server, "unread", call, paths=["/bytes/3"])
    carried(spans, requests)


def test_an_exec_that_fails(server):
    """It is told of once: before the attempt, as it was then."""
    expect(server, "by_failing_exec", unfinished(server.url + "/slow/0.3"), paths=["/slow/0.3"])


def test_a_forked_child_does_not_deliver_what_its_parent_has_under_way(server):
    spans, requests, _ = expect(server, "child", Call("GET", server.url + "/slow/0.3", received=8), paths=["/slow/0.3"])
    carried(spans, requests)


def test_what_another_thread_has_under_way_makes_no_span(server):
    expect(server, "elsewhere", paths=["/slow/1"])
    wait_until(lambda: any(request.header("traceparent") for request in list(server.requests)))


def test_what_is_under_way_when_tracing_stops_makes_no_span(server, sink):
    """The program has an SDK of its own. The transfer goes on, which nobody here sees the end of."""
    command = [app("curl_membership"), "by_export", server.url + "/slow/0.3", server.url + "/v1/traces"]
    result = instrumented(command, sink)
    assert result.stdout == b"exported: 0\ndone: 0\nremoved: 0\nfreed: 0\n"
    assert result.stderr.count(b"\n") == 1 and b"exports traces itself" in result.stderr
    assert sink.spans() == []
    result = instrumented(command, sink, env={"OTEL_NATIVE_WITH_SDK": "true"})
    call = Call("GET", server.url + "/slow/0.3", received=8)
    assert seen(sink.exactly(1)) == [call.brief(call.old())] and result.stderr == b""


def test_a_libcurl_that_is_gone_is_not_asked(server):
    """Closed with a transfer under way; when the program ends, nobody can be asked about it."""
    command = [app("curl_unload"), app("curl_module_multi"), server.url + "/slow/0.3"]
    result = same_output(command, before=server.reset)
    assert result.stdout == b"begun: 1\nclosed: 0\nlibcurl: gone\n" and result.returncode == 0
    assert result.spans == []
    wait_until(lambda: any(request.header("traceparent") for request in list(server.requests)))
