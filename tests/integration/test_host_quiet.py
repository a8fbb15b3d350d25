"""What the agent is while it has nothing to do, and what of the process it must not change."""

import re
import signal
import time
from pathlib import Path

import pytest
from harness import wait_until
from host import SETTINGS, app, bare, both, expect, gets, instrumented, instrumented_command, preloaded, start, telemetry


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


def test_the_worker_sleeps_and_takes_no_signal(http_server, sink):
    """It waits for work, it does not look for it: between two looks it has not run. Its batch has left, its delay is short."""
    command = instrumented_command(["curl", "-s", http_server.url + "/", http_server.url + "/slow/20"])
    process = start(command, env=telemetry(sink, {"OTEL_BSP_SCHEDULE_DELAY": "20"}))
    sink.wait(1)

    def looked_at():
        found = {}
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            lines = dict(line.split(":\t", 1) for line in (task / "status").read_text(encoding="utf-8").splitlines())
            found[lines["Name"]] = (int(lines["SigBlk"], 16), lines["voluntary_ctxt_switches"])
        return found

    def over_a_second():
        before = looked_at()["otel-worker"]
        time.sleep(1)
        return before == looked_at()["otel-worker"]

    wait_until(over_a_second, what="a worker that rests")  # after the answer it still has to put its work away
    assert set(looked_at()) == {"curl", "otel-worker"}
    blocked, _ = looked_at()["otel-worker"]
    all_but = (signal.SIGKILL, signal.SIGSTOP, 32, 33)  # nobody can block the first two, libc keeps the others
    assert blocked == sum(1 << (number - 1) for number in range(1, 65) if number not in all_but)
    process.kill()
    process.communicate()
