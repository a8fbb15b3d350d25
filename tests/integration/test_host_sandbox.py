"""Programs that shut themselves in: seccomp filters, another root, another user, limits."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from harness import not_under
from harness.paths import LIBRARY
from host import SETTINGS, app, bare, both, counted, expect, get, gets, instrumented, preloaded, start

SHADOW = not_under("address", "the runtime's shadow memory is beyond any limit")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its root or user")


@pytest.fixture
def open_folder():
    """A folder that every user can enter; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="host-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("mode, calls", [("seccomp-after", 21), ("seccomp-connected", 20), ("seccomp-by-syscall-prctl", 20),
                                         pytest.param("seccomp-by-syscall", 20, marks=needs_root), pytest.param(
    "seccomp-no-futex", 21, marks=not_under("address", "the runtime needs futexes of its own"))])
def test_a_filter_that_kills_on_any_unusual_system_call(mode, calls, redis, sink):
    """The agent makes no new kind of system call on the program's threads, not at its end either."""
    result = both([app("host_sandbox"), mode, redis.socket], sink)
    assert result.returncode == 40
    expect(sink.spans(), *gets(redis, *["main:1"] * calls))


@pytest.mark.parametrize("mode", ["seccomp-asked", "confined-child"])
def test_what_is_no_filter_of_this_process(mode, redis, sink):
    """Telemetry goes on as before: the closing line, which a process under a filter does not print, too."""
    result = instrumented([app("host_sandbox"), mode, redis.socket], sink, env={**SETTINGS, "OTEL_NATIVE_SUMMARY": "true"})
    expected = bare([app("host_sandbox"), mode, redis.socket])
    assert (result.stdout, result.returncode) == (expected.stdout, 40)
    assert b"spans made 2, delivered 2" in result.stderr
    expect(sink.spans(), *gets(redis, "main:1", "main:1"))


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_SUMMARY": "true"}, {"OTEL_NATIVE_PROCESS_SPAN": "true"}])
def test_under_a_filter_the_end_makes_no_other_system_call(env, redis, sink):
    """Neither to print the closing line nor for the process span's attributes."""
    result = both([app("host_sandbox"), "seccomp-after", redis.socket], sink, env=env)
    assert result.returncode == 40


NOBODY_LISTENS = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize("stderr", ["pipe", "socket"])
def test_a_filter_from_before_the_start_and_a_diagnostic(stderr, redis):
    """As systemd's SystemCallFilter=@system-service: what the worker does to reach the program's stderr must be in there."""
    if stderr == "socket":
        ours, theirs = (end.detach() for end in socket.socketpair())
    else:
        ours, theirs = os.pipe()
    with start([app("host_sandbox"), "seccomp-inherited", redis.socket], stderr=theirs,
               env={**SETTINGS, **NOBODY_LISTENS, "LD_PRELOAD": LIBRARY}) as program, os.fdopen(ours, "rb") as said:
        os.close(theirs)
        stdout, said = program.stdout.read(), said.read()
    assert (stdout, program.returncode) == (b"right 1\n", 45)
    assert said.startswith(b"otel-instrument: cannot export traces to ") and said.count(b"\n") == 1


def test_a_vfork_child_does_not_act_for_its_parent(redis, sink):
    """Where asking for the pid might kill: a child whose exec failed ended its parent's telemetry by its _exit."""
    result = both([app("host_sandbox"), "spawn", redis.socket], sink)
    assert (result.stdout, result.returncode) == (b"status 9\nstatus 0\nright 2\n", 46)
    expect(sink.spans(), *gets(redis, "main:1", "main:1"))


def test_strict_seccomp(redis, sink):
    """The program may only read, write and leave: the exit by a raw system call flushes nothing, and kills nothing."""
    result = both([app("host_sandbox"), "seccomp-strict", redis.socket], sink)
    assert result.stdout == b"right 1\nstrict\n"
    assert len(sink.spans()) <= 1


@needs_root
@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_chroot_and_another_user_before_the_first_span(how, redis, sink, open_folder):
    """Neither the exporter nor its libraries can be opened from in there: that has happened before."""
    socket = open_folder / "redis.sock"
    os.link(redis.socket, socket)
    command = [app("host_sandbox"), "chroot", "/redis.sock", open_folder]
    result = both(command, sink, how=how)
    assert result.stdout == b"confined 1, user 65534\nright 1\n" and result.returncode == 42
    (span,) = sink.spans()
    inside = get(redis, "main:1")
    for key, value in inside[3].items():
        if value == redis.socket:
            inside[3][key] = "/redis.sock"
    assert span.brief() == inside


@needs_root
@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_another_user_before_the_first_span(how, redis, sink):
    result = both([app("host_sandbox"), "setuid", redis.socket], sink, how=how)
    assert result.stdout == b"group 0, user 0\nright 1\n"
    expect(sink.spans(), *gets(redis, "main:1"))


@needs_root
@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode, status", [("keep-capabilities", 46), ("drop-capabilities", 47)])
def test_capabilities_are_a_threads_own(mode, status, how, redis, sink):
    """libc ends a process whose threads do not agree on whether they may change their user or groups."""
    os.chmod(redis.socket, 0o777)
    result = both([app("host_sandbox"), mode, redis.socket], sink, how=how)
    assert result.returncode == status
    expect(sink.spans(), *gets(redis, "main:1", "main:2"))


@needs_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv")
@pytest.mark.parametrize("env", [{}, {"OTEL_NATIVE_PROCESS_SPAN": "true"}])
def test_setpriv(env, sink):
    result = both(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "id"], sink, env=env)
    assert result.returncode == 0


@pytest.mark.parametrize("env", [{}, {"OTEL_NATIVE_PROCESS_SPAN": "true"}])
def test_a_namespace_that_only_a_process_of_one_thread_may_enter(env, redis, sink):
    result = both([app("host_sandbox"), "namespace", redis.socket], sink, env=env)
    assert result.returncode == 48
    assert len(sink.spans()) == 2 + len(env)


@pytest.mark.parametrize("limit, delivers", [
    ("limit-files", True), ("limit-file-size", True), ("limit-stack", True), ("limit-locked", True),
    pytest.param("limit-memory", False, marks=SHADOW),
])
def test_a_limit_the_program_sets_itself(limit, delivers, redis, sink):
    """Where there is not enough for the worker, telemetry goes without; the program never does."""
    command = [app("host_sandbox"), limit, redis.socket]
    expected, result = bare(command), instrumented(command, sink, env=SETTINGS)
    assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode) and result.returncode == 44
    assert_only(result.stderr, sink, gets(redis, *["main:1"] * 5), delivers)


@needs_root
def test_no_thread_can_be_made(redis, sink):
    command = [app("host_sandbox"), "limit-threads", redis.socket]
    expected, result = bare(command), instrumented(command, sink, env=SETTINGS)
    assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode)
    assert_only(result.stderr, sink, gets(redis, *["main:1"] * 5), False)


@pytest.mark.parametrize("limit", [pytest.param("-v 60000", marks=SHADOW), pytest.param("-v 30000", marks=SHADOW), "-n 5", "-n 16", "-s 128", "-l 0", "-f 0"])
def test_a_limit_set_before_the_start(limit, redis, sink):
    command = ["/bin/sh", "-c", f'ulimit {limit}; exec "$@"', "sh", app("host_exit"), "return", redis.socket]
    expected = bare(command)
    result = preloaded(command, sink, env=SETTINGS)
    assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode)
    assert_only(result.stderr, sink, gets(redis, "main:1"), False)


def assert_only(stderr, sink, briefs, all_of_them):
    """Nothing but lines of the agent's own on stderr, and no span that is not one of these."""
    assert all(line.startswith(b"otel-instrument: ") for line in stderr.splitlines()), stderr
    if all_of_them:
        expect(sink.spans(), *briefs)
    else:
        assert counted(span.brief() for span in sink.spans()) <= counted(briefs)
