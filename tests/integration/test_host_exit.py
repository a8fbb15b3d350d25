"""However a program ends: the same output, the same status, and its spans delivered."""

import signal

import pytest
from host import FULL, SETTINGS, app, bare, both, expect, gets, instrumented, outcome, preloaded

ENDINGS = {
    "return": 7,
    "return-300": 44,
    "exit": 3,
    "_exit": 4,
    "_Exit": 5,
    "quick_exit": 6,
    "exit-in-thread": 8,
    "atexit-_exit": 12,
    "atexit-exit": 13,
    "err": 14,
    "errx": 15,
    "error": 16,
    "pthread_exit-alone": 0,
}


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_delivers_the_span(ending, how, redis, sink):
    result = both([app("host_exit"), ending, redis.socket], sink, how=how)
    assert result.returncode == ENDINGS[ending]
    expect(sink.spans(), *gets(redis, "main:1"))


@pytest.mark.parametrize("ending, number", [
    ("abort", signal.SIGABRT), ("assert", signal.SIGABRT), ("sigterm", signal.SIGTERM), ("sigkill", signal.SIGKILL),
    ("sigsegv", signal.SIGSEGV),
])
def test_death_by_a_signal_stays_death_by_that_signal(ending, number, redis, sink):
    result = both([app("host_exit"), ending, redis.socket], sink)
    assert result.returncode == -number


def test_a_call_in_an_exit_handler_works_though_it_is_too_late_for_a_span(redis, sink):
    result = both([app("host_exit"), "atexit-call", redis.socket], sink)
    assert result.returncode == 9
    expect(sink.spans(), *gets(redis, "main:1"))


def test_after_pthread_exit_in_main_the_other_threads_go_on_and_then_the_process_ends(redis, sink):
    result = both([app("host_exit"), "pthread_exit", redis.socket], sink, timeout=20)
    assert result.stdout == b"answer 1, then thread answer 1 farewell\n"
    expect(sink.spans(), *gets(redis, "main:1", "thread:1"))


def test_threads_that_make_spans_while_the_process_exits(redis, sink):
    for _ in range(5):
        command = [app("host_exit"), "busy-threads", redis.socket]
        result = instrumented(command, sink, env=SETTINGS, timeout=20)
        assert outcome(result) == outcome(bare(command, timeout=20))
        assert result.stderr in (b"", FULL % 2048)  # they may well make more than fit
    spans = sink.spans()
    busy = [span for span in spans if span.attributes["db.query.text"] == "GET busy"]
    expect(spans, *gets(redis, *["main:1"] * 5, *["busy"] * len(busy)))


def test_threads_that_all_call_exit(redis, sink):
    for _ in range(5):
        result = instrumented([app("host_exit"), "exit-race", redis.socket], sink, timeout=20)
        assert (result.stderr, result.returncode) == (b"", 11)
        assert result.stdout.startswith(b"answer 1, then")
    assert len(sink.spans()) == 5
