"""The process as a whole: PID 1, its span, its closing line."""

import os
import re

import pytest
from harness import LIBRARY, run
from host import (SETTINGS, app, bare, both, counted, expect, get, gets, instrumented, instrumented_command, outcome, preloaded,
                  telemetry)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a process namespace")
@pytest.mark.parametrize("ending, status", [("return", 7), ("pthread_exit", 0), ("exit-in-thread", 8)])
@pytest.mark.parametrize("launcher", [True, False])
def test_as_pid_1(launcher, ending, status, redis, sink):
    inner = [app("host_exit"), ending, redis.socket]
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    expected = run([*namespace, *inner])
    if launcher:
        result = run([*namespace, *instrumented_command(inner)], env=telemetry(sink, SETTINGS))
    else:
        result = run([*namespace, "env", f"LD_PRELOAD={LIBRARY}", *inner], env=telemetry(sink, SETTINGS))
    assert outcome(result) == outcome(expected) and result.returncode == status
    spans = sink.spans()
    expect(spans, *gets(redis, "main:1", *(["thread:1"] if ending == "pthread_exit" else [])))
    assert {span.resource["process.pid"] for span in spans} == {1}


ENDINGS = {"return": 7, "return-300": 44, "exit": 3, "_exit": 4, "quick_exit": 6, "exit-in-thread": 8, "pthread_exit-alone": 0,
           "errx": 15}


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_process_span_has_the_exit_code_and_is_the_root(ending, how, redis, sink):
    program = app("host_exit")
    status = ENDINGS[ending]
    result = both([program, ending, redis.socket], sink, env={"OTEL_NATIVE_PROCESS_SPAN": "true"}, how=how)
    assert result.returncode == status
    own, call = sink.exactly(2)
    pid = own.attributes.pop("process.pid")
    assert pid == own.resource["process.pid"] == call.resource["process.pid"]
    failed = {"error.type": str(status)} if status else {}
    assert own.brief() == ("host_exit", "INTERNAL", "ERROR" if status else "UNSET", {
        "process.executable.name": "host_exit", "process.executable.path": str(program), "process.exit.code": status, **failed})
    assert call.brief() == get(redis, "main:1")
    assert (call.trace_id, call.parent_span_id, own.parent_span_id) == (own.trace_id, own.span_id, "")
    assert own.start <= call.start <= call.end <= own.end


def test_a_program_that_does_nothing_has_its_process_span_and_no_other(sink):
    both(["/bin/true"], sink, env={"OTEL_NATIVE_PROCESS_SPAN": "true"})
    (span,) = sink.spans()
    assert (span.name, span.kind, span.status, span.attributes["process.exit.code"]) == ("true", "INTERNAL", ("UNSET", ""), 0)


def test_process_spans_of_a_script_are_one_tree(sink):
    """sh runs false and true: the shell's span is the parent of both."""
    env = {**SETTINGS, "OTEL_NATIVE_PROCESS_SPAN": "true"}
    result = instrumented(["/bin/sh", "-c", "/bin/false; /bin/true; exit 5"], sink, env=env)
    assert result.returncode == 5
    shell, first, second = sink.exactly(3)
    assert [span.name for span in (first, second)] == ["false", "true"] and shell.name in ("sh", "dash")
    assert [span.attributes["process.exit.code"] for span in (shell, first, second)] == [5, 1, 0]
    assert {span.trace_id for span in (first, second)} == {shell.trace_id}
    assert {span.parent_span_id for span in (first, second)} == {shell.span_id}
    assert shell.parent_span_id == ""


def test_one_closing_line_a_process(redis, sink):
    env = {**SETTINGS, "OTEL_NATIVE_SUMMARY": "true"}
    expected = bare([app("host_fork"), "nested", redis.socket])
    result = instrumented([app("host_fork"), "nested", redis.socket], sink, env=env)
    assert outcome(result) == outcome(expected)
    lines = result.stderr.decode().splitlines()
    pattern = (r"otel-instrument: summary of process (\d+): spans made 1, delivered 1, dropped: queue full 0, no memory 0, "
               r"export failed 0, rejected 0, too late 0")
    matched = [re.fullmatch(pattern, line) for line in lines]
    assert len(lines) == 3 and all(matched), lines
    assert {match[1] for match in matched} == {str(span.resource["process.pid"]) for span in sink.exactly(3)}


def test_the_closing_line_counts_what_came_too_late(redis, sink):
    result = instrumented([app("host_exit"), "atexit-call", redis.socket], sink, env={**SETTINGS, "OTEL_NATIVE_SUMMARY": "true"})
    assert len(result.stderr.splitlines()) == 1 and b"spans made 1, delivered 1" in result.stderr
    assert counted(span.brief() for span in sink.spans()) == counted(gets(redis, "main:1"))
