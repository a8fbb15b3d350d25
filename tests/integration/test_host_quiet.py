"""What the agent is while it has nothing to do, and what of the process it must not change."""

import re

import pytest
from host import SETTINGS, app, bare, both, expect, gets, instrumented, preloaded


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_disabled_it_costs_the_load_and_nothing_more(value, how, redis, sink):
    """No thread, no exporter: what the program sees of itself is what it sees without us."""
    result = both([app("host_quiet"), "look", redis.socket], sink, env={"OTEL_SDK_DISABLED": value}, how=how)
    assert result.stdout == b"right 10, threads 1, exporter 0, libcurl 0\n"
    assert sink.requests == []


@pytest.mark.parametrize("env", [
    {"OTEL_NATIVE_EXCLUDE_PROGRAMS": "host_quiet"}, {"OTEL_NATIVE_EXCLUDE_PROGRAMS": "other,*/host_q*"},
    {"OTEL_TRACES_EXPORTER": "none"},
])
def test_excluded_or_without_an_exporter_it_is_as_quiet(env, redis, sink):
    result = both([app("host_quiet"), "look", redis.socket], sink, env=env)
    assert result.stdout == b"right 10, threads 1, exporter 0, libcurl 0\n"
    assert sink.requests == []


def test_enabled_the_worker_is_one_thread(redis, sink):
    result = instrumented([app("host_quiet"), "look", redis.socket], sink, env=SETTINGS)
    assert re.fullmatch(rb"right 10, threads 2, exporter \d, libcurl \d\n", result.stdout)
    expect(sink.spans(), *gets(redis, *["quiet:1"] * 10))


def test_a_program_that_calls_nothing_instrumented_gets_no_thread(redis, sink):
    result = both([app("host_quiet"), "idle", redis.socket], sink)
    assert result.stdout == b"threads 1, exporter 0\n"
    assert sink.requests == []


def status(result):
    """Without the handlers of signals 32 and 33: libc's own, installed with the first thread, seen by no interface of libc."""
    def own(match):
        return b"SigCgt:\t%016x" % (int(match[1], 16) & ~(3 << 31))

    return re.sub(rb"SigCgt:\t(\w+)", own, result.stdout), result.stderr, result.returncode


def test_signals_limits_and_filters_are_as_without_us(redis, sink):
    command = [app("host_quiet"), "status", redis.socket]
    assert status(instrumented(command, sink, env=SETTINGS)) == status(bare(command))
    expect(sink.spans(), *gets(redis, "main:1"))


@pytest.mark.parametrize("ignored", ["PIPE", "CHLD", "TERM INT HUP"])
def test_inherited_signal_dispositions_stay(ignored, redis, sink):
    command = ["/bin/sh", "-c", f'trap "" {ignored}; exec "$@"', "sh", app("host_quiet"), "status", redis.socket]
    expected, result = bare(command), preloaded(command, sink, env=SETTINGS)
    assert status(result) == status(expected)
