"""Running a program bare, under the launcher, or with LD_PRELOAD alone; compiling the programs under test."""

import hashlib
import os
import shlex
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from . import sanitizers
from .paths import LAUNCHER, LIBRARY, OUT, SOURCE, locked
from .sink import OtlpSink
from .waiting import wait_until

APPS = SOURCE / "tests" / "apps"


@dataclass
class Result:
    stdout: bytes
    stderr: bytes
    returncode: int  # negative: the signal that ended it
    spans: list = None  # same_output() only
    pid: int = 0


def clean_environment(extra=None):
    """Nothing from the caller's environment that could change a program or its telemetry."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = os.environ["TMPDIR"]
    environment.update(sanitizers.environment())
    for name, value in (extra or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = str(value)
    return environment


def start(cmd, env=None, runtime=True, **kw):
    """A Popen in a process group of its own with a clean environment, for tests that act while it runs. `runtime`: a sanitizer's is
    preloaded where our object is."""
    kw = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "process_group": 0, **kw}
    command, environment = [str(word) for word in cmd], clean_environment(env)
    if runtime:
        sanitizers.preload(command, environment)
    return subprocess.Popen(command, env=environment, **kw)


def run(cmd, env=None, timeout=180, input=None, **kw):
    """Runs a command to its end. Killed, with everything it started, after `timeout` seconds: that is a failure."""
    process = start(cmd, env, **({"stdin": subprocess.PIPE} if input is not None else {}), **kw)
    try:
        stdout, stderr = process.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        raise AssertionError(f"{cmd} still ran after {timeout} s\nstdout: {stdout!r}\nstderr: {stderr!r}") from None
    return Result(stdout, stderr, process.returncode, pid=process.pid)


def bare(cmd, **kw):
    """The program as it is."""
    return run(cmd, **kw)


def telemetry(sink, env):
    """The settings that send to `sink`; what a test sets itself comes on top."""
    settings = {}
    if sink:
        settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = sink.endpoint
        settings["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc" if sink.protocol == "grpc" else "http/protobuf"
        settings["OTEL_NATIVE_SHUTDOWN_TIMEOUT"] = "20000"  # what is exact must not depend on a busy machine
        if sink.tls:
            settings["OTEL_EXPORTER_OTLP_CERTIFICATE"] = sink.ca
    return {**settings, **(env or {})}


def instrumented_command(cmd, flags=()):
    return [LAUNCHER, *flags, *cmd]


def instrumented(cmd, sink=None, env=None, flags=(), **kw):
    """The program under the launcher of the build tree."""
    return run(instrumented_command(cmd, flags), env=telemetry(sink, env), **kw)


def preloaded(cmd, sink=None, env=None, **kw):
    """The program with LD_PRELOAD and OTEL_* variables, without the launcher."""
    return run(cmd, env=telemetry(sink, {"LD_PRELOAD": LIBRARY, **(env or {})}), **kw)


def same_output(cmd, sink=None, env=None, flags=(), before=None, **kw):
    """Runs the program bare and instrumented; stdout, stderr and exit status must be the same byte for byte. Returns the
    instrumented run's result with the spans that have arrived. `before` is called before each run (to reset a server).
    """
    if before:
        before()
    expected = bare(cmd, env=env, **kw)
    if before:
        before()
    if sink is None:
        with OtlpSink() as own:
            result = instrumented(cmd, own, env, flags, **kw)
            result.spans = own.spans()
    else:
        result = instrumented(cmd, sink, env, flags, **kw)
        result.spans = sink.spans()
    assert (result.stdout, result.stderr, result.returncode) == (expected.stdout, expected.stderr, expected.returncode)
    return result


@contextmanager
def serving(cmd, port, sink=None, env=None, **kw):
    """A server, from when it listens on `port` to the end of the block, where it is killed with everything it started. With a sink it is
    instrumented, and its spans are sent soon; `env` is for then."""
    settings = telemetry(sink, {"OTEL_BSP_SCHEDULE_DELAY": "50", **(env or {})}) if sink else {}
    process = start(instrumented_command(cmd) if sink else cmd, env=settings, **kw)

    def listens():
        assert process.poll() is None, process.communicate()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    try:
        wait_until(listens, what=f"{cmd[0]} listening")
        yield process
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself, and nothing it started is left
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def app(name, *extra):
    """Path of the program tests/apps/NAME.c (or .cc), compiled when it or its flags have changed. Its first lines may
    say `// build: -lcurl -pthread`; `pkg:NAME` stands for what pkg-config says, -shared makes a NAME.so.
    `extra` are further flags, for a second form of the same program (-fsanitize=address …)."""
    source = next((path for suffix in (".c", ".cc") if (path := APPS / (name + suffix)).exists()), None)
    assert source, f"no program {name} in tests/apps"
    compiler, standard = ("c++", "-std=gnu++17") if source.suffix == ".cc" else ("cc", "-std=gnu11")
    flags = [*build_flags(source), *extra, *sanitizer_flags(source, extra)]
    options = [flag for flag in flags if not flag.startswith("-l")]
    libraries = [flag for flag in flags if flag.startswith("-l")]
    command = [compiler, standard, "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{APPS}", *options,
               str(source), *libraries]
    ending = ".so" if "-shared" in flags else ""
    mark = "-" + hashlib.sha256(" ".join(extra).encode()).hexdigest()[:8] if extra else ""
    target = OUT / "apps" / (name + mark + ending)
    with locked(f"app-{name}"):
        if stale(target, source, command):
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(target.name + ".new")
            made = subprocess.run([*command, "-o", str(fresh)], capture_output=True, text=True, check=False)
            assert made.returncode == 0, f"{shlex.join(command)}\n{made.stderr}"
            fresh.rename(target)
            recipe(target).write_text(shlex.join(command), encoding="utf-8")
    return target


def sanitizer_flags(source, extra):
    """Those of the build tree, but for a program that is built with one anyway, or says in its first lines why it cannot be."""
    own = any(flag.startswith("-fsanitize") for flag in extra)
    return [] if own or any(line.startswith("// no sanitizers:") for line in head(source)) else sanitizers.FLAGS


def head(source):
    return source.read_text(encoding="utf-8").splitlines()[:10]


def build_flags(source):
    flags = []
    for line in head(source):
        if line.startswith("// build:"):
            flags += shlex.split(line.removeprefix("// build:"))
    if "-lhiredis" in flags and (prefix := os.environ.get("OI_HIREDIS")):
        flags += [f"-I{prefix}/include", f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib"]
    expanded = []
    for flag in flags:
        if flag.startswith("pkg:"):
            asked = subprocess.run(["pkg-config", "--cflags", "--libs", flag.removeprefix("pkg:")],
                                   capture_output=True, text=True, check=True)
            expanded += shlex.split(asked.stdout)
        else:
            expanded.append(flag)
    return expanded


def recipe(target):
    return target.with_name(target.name + ".recipe")


def stale(target, source, command):
    if not target.exists() or not recipe(target).exists():
        return True
    if recipe(target).read_text(encoding="utf-8") != shlex.join(command):
        return True
    inputs = [source, *Path(APPS).glob("*.h")]
    return any(path.stat().st_mtime > target.stat().st_mtime for path in inputs)
