"""Descriptors: the agent's are never the program's, and the program's are never the agent's."""

import os
import select
import subprocess

import pytest
from harness import run
from host import SETTINGS, app, bare, expect, gets, instrumented, instrumented_command, outcome, preloaded, start, telemetry

# Each span is sent at once: the worker has its connection open while the program goes on.
AT_ONCE = {**SETTINGS, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1", "OTEL_BSP_SCHEDULE_DELAY": "0"}
FILES = {f"file-{number}": f"file-{number}".encode() for number in range(11)}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode", [f"{when}-{means}" for when in ("after", "before")
                                  for means in ("loop", "closefrom", "close_range")])
def test_a_program_that_closes_everything_and_reuses_the_numbers(mode, how, redis, sink, tmp_path):
    """Whatever the agent has to say (here: a closing line, a debug log) must not end in the program's files."""
    command = [app("host_fds"), mode, redis.socket]
    (tmp_path / "bare").mkdir()
    (tmp_path / "watched").mkdir()
    expected = bare(command, cwd=tmp_path / "bare")
    assert contents(tmp_path / "bare") == FILES
    talkative = {**AT_ONCE, "OTEL_NATIVE_SUMMARY": "true", "OTEL_LOG_LEVEL": "debug"}
    result = how(command, sink, env=talkative, cwd=tmp_path / "watched")
    assert contents(tmp_path / "watched") == FILES
    assert outcome(result) == outcome(expected) and result.returncode == 30
    expect(sink.spans(), *gets(redis, "first:1", "second:1"))


@pytest.mark.parametrize("mode", ["after-loop", "before-close_range"])
def test_a_program_that_closes_everything_with_a_dead_collector_and_bad_settings(mode, redis, tmp_path):
    env = {**AT_ONCE, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_MAX_QUEUE_SIZE": "many",
           "OTEL_NATIVE_SUMMARY": "true", "OTEL_TRACES_EXPORTER": "otlp,console"}
    result = preloaded([app("host_fds"), mode, redis.socket], env=env, cwd=tmp_path)
    assert (result.stdout, result.returncode) == (b"", 30)
    assert contents(tmp_path) == FILES


def test_closing_only_the_standard_ones(redis, sink):
    result = instrumented([app("host_fds"), "standard", redis.socket], sink, env=AT_ONCE)
    assert (result.stdout, result.returncode) == (b"", 30)
    expect(sink.spans(), *gets(redis, "first:1", "second:1"))


@pytest.mark.parametrize("mode, keys", [("list", ["first:1"] * 3), ("numbers", ["number"] * 50),
                                        ("without-main", ["first:1"])])
def test_the_program_sees_no_descriptor_more_and_gets_the_numbers_it_expects(mode, keys, redis, sink):
    command = [app("host_fds"), mode, redis.socket]
    expected = bare(command)
    result = instrumented(command, sink, env=AT_ONCE)
    assert outcome(result) == outcome(expected)
    expect(sink.spans(), *gets(redis, *keys))


def read_to_end(stream, seconds=20):
    """Everything until the other side is closed, which must happen in time."""
    data = b""
    while True:
        ready, _, _ = select.select([stream], [], [], seconds)
        assert ready, f"still open after {seconds} s, with {data}"
        more = os.read(stream.fileno(), 65536)
        if not more:
            return data
        data += more


def test_pipes_end_when_the_program_hangs_up_though_the_worker_lives(redis, sink):
    command = instrumented_command([app("host_fds"), "hang-up", redis.socket])
    process = start(command, telemetry(sink, AT_ONCE), stdin=subprocess.PIPE)
    try:
        assert read_to_end(process.stdout) == b"asked 1\n"
        assert read_to_end(process.stderr) == b""
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(20) == 32
    finally:
        process.kill()
        process.wait()
    expect(sink.spans(), *gets(redis, "first:1", "second:1"))


def test_a_pipe_from_before_the_worker_ends_when_the_program_closes_it(redis, sink):
    result = instrumented([app("host_fds"), "pipe-end", redis.socket], sink, env=AT_ONCE)
    assert (result.stdout, result.returncode) == (b"asked 1, reader said 'end'\n", 33)
    expect(sink.spans(), *gets(redis, "first:1"))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_started_with_standard_descriptors_closed(closed, redis, sink):
    """The first files the program opens then get the numbers 0 to 2."""
    command = ["/bin/sh", "-c", f'"$@" {closed}; echo "status $?" >&3', "sh"]
    inner = [app("host_exit"), "exit", redis.socket]
    expected = run_with_third(command, inner, {})
    result = run_with_third(command, instrumented_command(inner), telemetry(sink, AT_ONCE))
    assert result == expected
    expect(sink.spans(), *gets(redis, "main:1"))


def run_with_third(command, inner, env):
    """Descriptor 3 leads to us too; returns everything that came out, its lines marked."""
    plumbing = '{ "$@" 3>&1 1>&4 2>&5 | sed "s/^/third: /"; } 4>&1 5>&2'
    result = run(["/bin/bash", "-c", plumbing, "bash", *command, *inner], env=env)
    return result.stdout, result.stderr, result.returncode


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_has_gone_away(stream, redis, sink):
    """Writing into the broken pipe does to the program what it does without us, and the agent adds no SIGPIPE."""
    command = [app("host_exit"), "err", redis.socket]

    def without_reader(words, env):
        reading, writing = os.pipe()
        os.close(reading)
        process = start(words, env, **{stream: writing})
        os.close(writing)
        stdout, stderr = process.communicate(timeout=30)
        return stdout, stderr, process.returncode

    expected = without_reader(command, {})
    talkative = {**AT_ONCE, "OTEL_NATIVE_SUMMARY": "true"} if stream == "stderr" else AT_ONCE
    assert without_reader(instrumented_command(command), telemetry(sink, talkative)) == expected
    assert expected[2] == -13
