"""Leaving and entering a hook in the middle: nothing is held across a real call, so nothing stays behind."""

import pytest
from host import app, both, expect, fetched

ROUNDS = 5


def old(redis, times=1):
    """The GETs of host_jump in the old attribute set, as curl's spans are."""
    return [("GET", "CLIENT", "UNSET", {
        "db.system": "redis",
        "db.connection_string": f"unix://{redis.socket}?db=0",
        "db.statement": "GET ?",
        "db.operation": "GET",
        "db.redis.args_length": 2,
        "db.redis.database_index": 0,
        "net.peer.name": redis.socket,
        "net.transport": "other",
    })] * times


OLD = {"OTEL_SEMCONV_STABILITY_OPT_IN": ""}


def jump(program, mode, redis, http_server, sink):
    return both([app(program), mode, redis.socket, http_server.url + "/"], sink, env=OLD)


def test_longjmp_out_of_a_callback_leaves_later_calls_traced(redis, http_server, sink):
    jump("host_jump", "longjmp", redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS), *[fetched(http_server)] * ROUNDS)


@pytest.mark.parametrize("mode, before, after", [("cancel", 1, 1), ("cancel-pending", 0, 1)])
def test_a_thread_cancelled_inside_a_call_leaves_the_others_traced(mode, before, after, redis, http_server, sink):
    jump("host_jump", mode, redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS * (before + after)))


def test_a_coroutine_that_leaves_its_call_and_comes_back(redis, http_server, sink):
    jump("host_jump", "coroutine", redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS * 2), *[fetched(http_server)] * ROUNDS)


def test_a_coroutine_that_never_comes_back(redis, http_server, sink):
    jump("host_jump", "coroutine-lost", redis, http_server, sink)
    expect(sink.spans(), *old(redis))


def test_calls_in_a_signal_handler_on_an_alternate_stack(redis, http_server, sink):
    jump("host_jump", "handler", redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS * 2))


def test_a_call_in_a_handler_that_interrupted_another_call(redis, http_server, sink):
    jump("host_jump", "handler-inside", redis, http_server, sink)
    blocked = ("BLPOP", "CLIENT", "UNSET", {**old(redis)[0][3], "db.statement": "BLPOP ? ?", "db.operation": "BLPOP",
                                            "db.redis.args_length": 3})
    expect(sink.spans(), *old(redis), blocked)


def test_signals_at_any_moment(redis, http_server, sink):
    jump("host_jump", "storm", redis, http_server, sink)
    expect(sink.spans(), *old(redis, 400))


def test_an_exception_through_a_hook_runs_its_destructors_and_leaves_later_calls_traced(redis, http_server, sink):
    jump("host_throw", "throw", redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS), *[fetched(http_server)] * ROUNDS)


def test_an_exception_that_nobody_catches_ends_the_program_as_before(redis, http_server, sink):
    assert jump("host_throw", "terminate", redis, http_server, sink).returncode == -6


def test_cancellation_unwinds_through_a_hook_to_the_callers_destructors(redis, http_server, sink):
    jump("host_throw", "cancel", redis, http_server, sink)
    expect(sink.spans(), *old(redis, ROUNDS))


def test_exit_from_a_handler_of_an_exception(redis, http_server, sink):
    assert jump("host_throw", "exit", redis, http_server, sink).returncode == 31
    expect(sink.spans(), *old(redis))
