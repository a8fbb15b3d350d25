"""The environment: what a program is handed, hands on, and may spoil."""

import re
import socket

import pytest
from host import SETTINGS, app, bare, both, expect, gets, instrumented, preloaded

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
HANDED = {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01", "TRACESTATE": "vendor=1", "BAGGAGE": "user=7"}
EXECS = ["execv", "execvp", "execve", "execvpe", "execl", "execlp", "execle", "fexecve", "execveat"]


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode", [*EXECS, "spawn", "fork", "vfork"])
def test_without_a_current_span_the_next_program_is_handed_what_ours_was(mode, how, redis, sink):
    command = [app("host_environment"), mode, redis.socket]
    both(command, sink, how=how)
    both(command, sink, env=HANDED, how=how)
    first, second = sink.spans()
    expect([first, second], *gets(redis, "main:1", "main:1"))
    assert first.parent_span_id == ""
    assert (second.trace_id, second.parent_span_id, second.trace_state) == (TRACE, PARENT, "vendor=1")


@pytest.mark.parametrize("mode", [*EXECS, "spawn", "fork", "vfork"])
def test_the_process_span_is_handed_on(mode, redis, sink):
    env = {**SETTINGS, **HANDED, "OTEL_NATIVE_PROCESS_SPAN": "true"}
    result = instrumented([app("host_environment"), mode, redis.socket], sink, env=env)
    assert result.returncode == 0
    spans = sink.spans()
    (call,) = [span for span in spans if span.name == "GET"]
    (own,) = [span for span in spans if span.name == "host_environment"]
    assert (own.trace_id, own.parent_span_id, own.kind) == (TRACE, PARENT, "INTERNAL")
    assert (call.trace_id, call.parent_span_id) == (TRACE, own.span_id)
    handed = re.search(rb"^TRACEPARENT=00-(\w+)-(\w+)-(\w+) TRACESTATE=(.*) BAGGAGE=(.*)$", result.stdout, re.M).groups()
    shell = [span for span in spans if span.name in ("sh", "dash")]
    above = {span.span_id.encode() for span in (own, *shell)}
    assert handed[0] == TRACE.encode() and handed[1] in above and handed[3:] == (b"vendor=1", b"user=7")
    assert all(span.trace_id == TRACE and span.parent_span_id == own.span_id for span in shell)


def test_an_environment_of_the_programs_own_keeps_its_variables(redis, sink):
    result = both([app("host_environment"), "own", redis.socket], sink)
    assert result.stdout == b"redis 1\nown=1 home=\n"
    expect(sink.spans(), *gets(redis, "main:1"))


def test_exec_that_fails_leaves_the_program_traced(redis, sink):
    result = both([app("host_environment"), "fails", redis.socket], sink)
    assert result.returncode == 45
    expect(sink.spans(), *gets(redis, *["main:1"] * 4))


def test_exec_of_the_same_program_is_one_trace_where_there_is_a_parent(redis, sink):
    both([app("host_environment"), "self", redis.socket], sink, env=HANDED)
    spans = sink.spans()
    assert [span.brief() for span in spans] == gets(redis, "main:1", "main:1")
    assert {(span.trace_id, span.parent_span_id) for span in spans} == {(TRACE, PARENT)}
    assert len({span.resource["service.instance.id"] for span in spans}) == 2


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode, status, times", [("overwrite", 47, 2), ("overwrite-first", 47, 1), ("clear", 48, 2)])
def test_a_program_that_spoils_its_arguments_and_environment(mode, status, times, how, redis, sink):
    """As setproctitle does. Nothing of ours points into either."""
    env = {"OTEL_SERVICE_NAME": "a name to keep", "OTEL_RESOURCE_ATTRIBUTES": "team=blue", **HANDED}
    result = both([app("host_environment"), mode, redis.socket], sink, env=env, how=how)
    assert result.returncode == status
    spans = sink.spans()
    expect(spans, *gets(redis, *["main:1"] * times))
    for span in spans:
        assert (span.resource["service.name"], span.resource["team"]) == ("a name to keep", "blue")
        assert (span.trace_id, span.parent_span_id, span.trace_state) == (TRACE, PARENT, "vendor=1")


@pytest.mark.parametrize("mode", ["session", "listen", "accept"])
def test_the_parent_from_the_environment_counts_until_the_program_becomes_a_daemon(mode, redis, sink):
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients = [socket.create_connection(server.getsockname()) for _ in ("bare", "instrumented")]
        both([app("host_environment"), mode, redis.socket, server.fileno()], sink, env=HANDED, pass_fds=[server.fileno()])
        for client in clients:
            client.close()
    first, second = sorted(sink.spans(), key=lambda span: span.start)
    expect([first, second], *gets(redis, "main:1", "main:1"))
    assert (first.trace_id, first.parent_span_id) == (TRACE, PARENT)
    assert second.trace_id != TRACE and second.parent_span_id == ""


@pytest.mark.parametrize("traceparent", ["", "nonsense", f"00-{TRACE}-{PARENT}", f"ff-{TRACE}-{PARENT}-01",
                                         f"00-{'0' * 32}-{PARENT}-01", "x" * 5000])
def test_a_bad_traceparent_in_the_environment_is_none(traceparent, redis, sink):
    both([app("host_environment"), "plain", redis.socket], sink, env={"TRACEPARENT": traceparent})
    (span,) = sink.spans()
    assert span.parent_span_id == "" and span.trace_id != TRACE


def test_the_environment_gets_nothing_but_what_is_documented(redis, sink):
    """LD_PRELOAD, the settings, and one mark; in the order and with the values of before."""
    def listed(result):
        return dict(line.split(b"=", 1) for line in result.stdout.splitlines())

    without = listed(bare(["/usr/bin/env"]))
    within = listed(instrumented(["/usr/bin/env"], sink))
    more = {name: value for name, value in within.items() if without.get(name) != value}
    assert without.items() <= within.items()
    assert all(name == b"LD_PRELOAD" or name.startswith(b"OTEL_") for name in more), more
