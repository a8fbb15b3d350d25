"""The launcher: its command line, what it puts into the environment, the programs it leaves alone, what it says."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from harness import LAUNCHER, LIBRARY, OUT, SOURCE, OtlpSink, bare, instrumented, preloaded, run
from harness.programs import clean_environment

PREFIX = b"otel-instrument: "


def launch(*arguments, env=None, **kw):
    """Without a sanitizer's runtime, which would be seen in LD_PRELOAD."""
    return run([LAUNCHER, *arguments], env=env, runtime=False, **kw)


def lines(result):
    """What the launcher and the agent said, without the prefix; everything on stderr must be theirs."""
    said = result.stderr.splitlines()
    assert all(line.startswith(PREFIX) for line in said), result.stderr
    return [line.removeprefix(PREFIX).decode() for line in said]


def variable(name, *arguments, env=None):
    """The value of an environment variable in a program started with these flags."""
    result = launch(*arguments, "sh", "-c", f'printf "%s" "${{{name}-unset}}"', env=env)
    assert result.returncode == 0
    return result.stdout.decode()


def compiled(name, source, *flags):
    """A small program, made once for each build tree."""
    target = OUT / "apps" / f"launcher-{name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["cc", "-O1", *flags, "-xc", "-", "-o", f"{target}.{os.getpid()}"], input=source.encode(),
                          capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    os.rename(f"{target}.{os.getpid()}", target)
    return target


SHOW = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    const char *preload = getenv("LD_PRELOAD");
    printf("%s %s\n", argc > 1 ? argv[1] : "-", preload ? preload : "unset");
    return 3;
}
"""

# Without a C library: prints "ok", ends with 7.
FREESTANDING = {
    "x86_64": r"""
static const char text[] = "ok\n";
void _start(void)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(1L), "D"(1L), "S"(text), "d"(3L) : "rcx", "r11", "memory");
    __asm__ volatile("syscall" : : "a"(60L), "D"(7L) : "rcx", "r11", "memory");
    __builtin_unreachable();
}
""",
    "aarch64": r"""
static const char text[] = "ok\n";
void _start(void)
{
    register long number __asm__("x8") = 64, a __asm__("x0") = 1, b __asm__("x1") = (long)text, c __asm__("x2") = 3;
    __asm__ volatile("svc 0" : "+r"(a) : "r"(number), "r"(b), "r"(c) : "memory");
    number = 93;
    a = 7;
    __asm__ volatile("svc 0" : : "r"(number), "r"(a));
    __builtin_unreachable();
}
""",
}
MACHINE = os.uname().machine
BARE = FREESTANDING[MACHINE]


# --- the command line ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, value", [
    (["--service_name", "x"], "x"),
    (["--service_name=x"], "x"),
    (["--service_name=-x"], "-x"),
    (["--service_name", "-1"], "-1"),
    (["--service_name", ""], ""),
    (["--service", "x"], "x"),
    (["--serv=x"], "x"),
    (["--service_name", "x", "--service_name=y"], "y"),
    (["--service_name", "x", "--"], "x"),
    ([], "from outside"),
])
def test_a_flag_sets_its_variable(arguments, value):
    assert variable("OTEL_SERVICE_NAME", *arguments, env={"OTEL_SERVICE_NAME": "from outside"}) == value


def test_flags_of_the_other_two_kinds():
    assert variable("OTEL_PYTHON_ID_GENERATOR", "--id_generator", "random") == "random"
    assert variable("OTEL_NATIVE_SUMMARY", "--summary", "false") == "false"
    assert variable("OTEL_NATIVE_DISABLED_INSTRUMENTATIONS", "--disabled_instrumentations", "redis,flask") == "redis,flask"


def test_a_flag_takes_the_place_of_every_entry_of_its_name():
    """An environment may hold a name twice; libc takes the first, a shell the last."""
    twice = compiled("twice", r"""
#include <unistd.h>
int main(int argc, char **argv)
{
    char *environment[] = {"PATH=/usr/bin:/bin", "OTEL_SERVICE_NAME=one", "A=1", "OTEL_SERVICE_NAME=two", 0};
    (void)argc;
    execve(argv[1], argv + 1, environment);
    return 99;
}
""")
    result = run([twice, LAUNCHER, "--service_name", "three", "/usr/bin/env"])
    assert [line for line in result.stdout.splitlines() if line.startswith(b"OTEL_SERVICE")] == [b"OTEL_SERVICE_NAME=three"]


def test_everything_after_the_command_is_the_commands():
    arguments = ["--service_name", "x", "--", "--help", "-h", "--version", "", "a b", "--", "-"]
    result = launch("--", "printf", "<%s>", *arguments)
    assert result.stdout == "".join(f"<{argument}>" for argument in arguments).encode()
    result = launch("printf", "--", "<%s>", "x")
    assert result.stdout == bare(["printf", "--", "<%s>", "x"]).stdout


@pytest.mark.parametrize("arguments, message", [
    (["--nonsense", "1", "true"], "unrecognized arguments: --nonsense"),
    (["--SERVICE_NAME", "1", "true"], "unrecognized arguments: --SERVICE_NAME"),
    (["--service-name", "1", "true"], "unrecognized arguments: --service-name (did you mean --service_name?)"),
    (["-s", "true"], "unrecognized arguments: -s"),
    (["--service_name"], "argument --service_name: expected one argument"),
    (["--service_name", "--", "true"], "argument --service_name: expected one argument"),
    (["--traces_s", "x", "true"], "ambiguous option: --traces_s could match --traces_sampler, --traces_sampler_arg"),
    ([], "the following arguments are required: command"),
    (["--service_name", "x"], "the following arguments are required: command"),
])
def test_a_wrong_command_line_is_status_2(arguments, message):
    result = launch(*arguments)
    usage, said = result.stderr.splitlines()
    assert usage.startswith(b"usage: otel-instrument ")
    assert (said, result.stdout, result.returncode) == (PREFIX + message.encode(), b"", 2)


@pytest.mark.parametrize("arguments, status, message", [
    (["no-such-command-here"], 127, "no-such-command-here: command not found"),
    (["/no/such/file", "x"], 127, "/no/such/file: no such file or directory"),
    ([""], 127, ": command not found"),
    (["/etc"], 126, "/etc: is a directory"),
    (["/etc/passwd"], 126, "/etc/passwd: permission denied"),
])
def test_what_cannot_be_started(arguments, status, message):
    result = launch("--", *arguments)
    assert (lines(result), result.stdout, result.returncode) == ([message], b"", status)


def test_an_interpreter_that_is_not_there(tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    result = launch(script)
    assert (lines(result), result.returncode) == ([f"{script}: the interpreter it names does not exist"], 127)


def test_version_ignores_what_follows():
    for arguments in (["--version"], ["--vers", "--nonsense"], ["--service_name", "x", "--version", "false"]):
        result = launch(*arguments)
        assert re.fullmatch(rb"otel-instrument \d+\.\d+\.\d+\n", result.stdout)
        assert (result.stderr, result.returncode) == (b"", 0)


def table():
    """The flags and variables of agent/config.def."""
    text = (SOURCE / "agent" / "config.def").read_text(encoding="utf-8")
    rows = re.findall(r'^OI_SETTING\(\w+,\s*\w+,\s*"(\w+)",\s*(NULL|"\w+")', text, re.M)
    assert len(rows) > 100
    return [(name, None if flag == "NULL" else flag.strip('"')) for name, flag in rows]


def test_help_is_for_people():
    result = launch("--help")
    assert (result.stderr, result.returncode) == (b"", 0)
    assert launch("-h", "false").stdout == result.stdout
    text = result.stdout.decode()
    listed = re.findall(r"^  (?:--(\w+) VALUE|(OTEL_\w+))", text, re.M)
    assert sorted(flag or name for flag, name in listed) == sorted(flag or name for name, flag in table())
    assert [line for line in text.splitlines() if len(line) > 80 and len(line.split()) > 1] == []
    assert not any(line != line.rstrip() for line in text.splitlines())
    for section in ("General:", "Traces:", "OTLP export:", "Limits:", "Metrics:", "Logs:"):
        assert f"\n{section}\n" in text
    words = " ".join(text.split())
    assert "libcurl, hiredis, libmariadb, openssl, gnutls, libmicrohttpd, http_server, http_client, redis, mysql" in words
    assert "[no effect yet]" in words


# --- taking the program's place -------------------------------------------------------------------------------------------


def test_it_replaces_itself():
    result = launch("sh", "-c", "echo $$; kill -TERM $$")
    assert (result.stdout, result.returncode) == (f"{result.pid}\n".encode(), -signal.SIGTERM)
    assert launch("sh", "-c", "exit 42").returncode == 42


def test_argv_0_is_what_was_written(tmp_path):
    """As bare: programs begin their messages with it."""
    assert launch("sh", "-c", "echo $0").stdout == b"sh\n"
    os.symlink("/bin/sh", tmp_path / "shell")
    result = launch("shell", "-c", "echo $0", env={"PATH": ".:/bin"}, cwd=tmp_path)
    assert result.stdout == b"shell\n"
    assert launch("./shell", "-c", "echo $0", cwd=tmp_path).stdout == b"./shell\n"


def test_a_script_without_interpreter_is_the_shells(tmp_path):
    script = tmp_path / "script"
    script.write_text('echo "$0 $1"; exit 4\n')
    script.chmod(0o755)
    result = launch(script, "x")
    assert (result.stdout.decode(), result.stderr, result.returncode) == (f"{script} x\n", b"", 4)


def test_it_works_as_process_1():
    command = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if run([*command, "true"]).returncode != 0:
        command = ["unshare", "--pid", "--fork"]
    result = run([*command, LAUNCHER, "sh", "-c", "echo $$; exit 5"])
    assert (result.stdout, result.stderr, result.returncode) == (b"1\n", b"", 5)


@pytest.mark.parametrize("by", ["launcher", "agent"])
@pytest.mark.parametrize("stderr", ["closed", "broken", "full"])
def test_a_lost_stderr_keeps_no_program_from_starting(stderr, by, tmp_path):
    """A complaint is due, and nobody is there to take it, or the file may not become any longer."""
    command = [LAUNCHER, "--sdk_disabled", "perhaps"] if by == "launcher" else [
        "env", f"LD_PRELOAD={LIBRARY}", "OTEL_SDK_DISABLED=perhaps"]
    command += ["sh", "-c", "trap '' PIPE; echo started; exit 6"]
    if stderr != "broken":
        place = "&-" if stderr == "closed" else f'"{tmp_path}/stderr"'
        command = ["sh", "-c", f'{"ulimit -f 0; " if stderr == "full" else ""}exec "$@" 2>{place}', "sh", *command]
        result = subprocess.run(command, env=clean_environment(), stdout=subprocess.PIPE, check=False, timeout=30)
    else:
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=writer, check=False, timeout=30)
        os.close(writer)
    assert (result.stdout, result.returncode) == (b"started\n", 6)


def test_signal_dispositions_are_passed_on():
    """SIGPIPE was at its default, and is; ignored, and is."""
    command = [str(LAUNCHER), "--sdk_disabled", "perhaps", "sh", "-c", "grep SigIgn /proc/self/status"]
    for ignored in (False, True):
        shell = ["sh", "-c", ("trap '' PIPE; " if ignored else "") + 'exec "$@"', "sh"]
        result = run([*shell, *command])
        assert result.stdout == run([*shell, *command[3:]]).stdout


# --- LD_PRELOAD -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """Some other library to preload."""
    path = tmp_path_factory.mktemp("another") / "another.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", path], input=b"int another;", check=True)
    return str(path)


def test_the_library_comes_first_and_once(another):
    assert variable("LD_PRELOAD") == str(LIBRARY)
    assert variable("LD_PRELOAD", env={"LD_PRELOAD": another}) == f"{LIBRARY}:{another}"
    assert variable("LD_PRELOAD", env={"LD_PRELOAD": f"{another} {LIBRARY}"}) == f"{LIBRARY}:{another}"
    assert variable("LD_PRELOAD", LAUNCHER, "--service_name", "x") == str(LIBRARY)


def test_a_library_that_is_not_there(tmp_path):
    launcher = tmp_path / "otel-instrument"
    shutil.copy(LAUNCHER, launcher)
    result = run([launcher, "sh", "-c", 'echo "${LD_PRELOAD-unset}"; exit 3'], runtime=False)
    (said,) = lines(result)
    assert said.startswith("libotel-instrument.so not found (") and said.endswith("/bin/sh runs without telemetry")
    assert f"{tmp_path}/.libs/libotel-instrument.so" in said
    assert (result.stdout, result.returncode) == (b"unset\n", 3)


def test_a_program_built_with_address_sanitizer():
    """Its runtime refuses to start when anything is loaded before it, unless it is asked not to look."""
    program = compiled("asan", SHOW, "-fsanitize=address")
    result = launch(program, env={"ASAN_OPTIONS": "detect_leaks=0"})
    assert (result.stderr, result.returncode) == (b"", 3)
    assert result.stdout.decode() == f"- {LIBRARY}\n"
    below = launch("/bin/sh", "-c", f"{program}; exit $?", env={"ASAN_OPTIONS": "detect_leaks=0"})
    assert (below.stdout, below.stderr, below.returncode) == (result.stdout, b"", 3)


# --- programs it leaves alone -----------------------------------------------------------------------------------------------


def untouched(program, why, *arguments, env=None):
    """The program runs as it does bare, after one line. An outer LD_PRELOAD of ours is taken out."""
    command = [program, *arguments]
    expected = bare(command, env=env)
    for preload in (None, str(LIBRARY)):
        result = launch(*command, env={**(env or {}), "LD_PRELOAD": preload})
        assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode)
        assert lines(result) == [f"{program} {why}: it runs without telemetry"]
    quiet = launch("--log_level", "error", *command, env=env)
    assert (quiet.stdout, quiet.stderr, quiet.returncode) == (expected.stdout, b"", expected.returncode)


def test_a_static_program():
    untouched(compiled("static", SHOW, "-static"), "is statically linked")
    untouched(compiled("static-pie", SHOW, "-static-pie"), "is statically linked")


@pytest.mark.skipif(MACHINE != "x86_64", reason="the kernel may not run 32-bit programs")
def test_a_32_bit_program():
    source = r"""
static const char text[] = "ok\n";
void _start(void)
{
    __asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"(text), "d"(3) : "memory");
    __asm__ volatile("int $0x80" : : "a"(1), "b"(7));
    __builtin_unreachable();
}
"""
    untouched(compiled("32", source, "-m32", "-nostdlib", "-static", "-fno-pic", "-no-pie"), "is a 32-bit program")


def test_a_musl_program(tmp_path):
    """One whose loader calls itself musl's: it would take our library for one of its own, and die."""
    loader = tmp_path / f"ld-musl-{MACHINE}.so.1"
    shutil.copy(compiled("loader", BARE, "-nostdlib", "-static-pie"), loader)
    program = compiled("musl", BARE, "-nostdlib", "-pie", f"-Wl,--dynamic-linker={loader}")
    untouched(program, "uses musl, not glibc")


@pytest.mark.parametrize("line", ["#!{}", "#! {} first", "#!/usr/bin/env {}", "#!/usr/bin/env -S {} first"])
def test_a_script_is_what_runs_it(line, tmp_path):
    static = compiled("static", SHOW, "-static")
    script = tmp_path / "script"
    script.write_text(line.format(static) + "\n")
    script.chmod(0o755)
    untouched(script, f"is run by {static}, which is statically linked", "argument")
    script.write_text("#!/usr/bin/env sh\necho ran; exit 2\n")
    result = launch(script)
    assert (result.stdout, result.stderr, result.returncode) == (b"ran\n", b"", 2)


def test_a_setuid_program(tmp_path):
    if os.getuid() != 0:
        pytest.skip("only root can make one")
    tmp_path.chmod(0o755)
    program = tmp_path / "program"
    shutil.copy(compiled("show", SHOW), program)
    os.chown(program, 65534, 65534)
    program.chmod(0o4755)
    untouched(program, "is setuid")
    program.chmod(0o755)
    result = launch(program)
    assert (lines(result), result.stdout.decode()) == ([], f"- {LIBRARY}\n")


def test_an_excluded_program_is_left_alone_silently(http_server, sink, tmp_path):
    url = http_server.url + "/"
    for pattern in ("curl", "c?rl", "*/bin/curl", "other,[a-c]url"):
        result = instrumented(["curl", "-s", url], sink, flags=["--exclude_programs", pattern])
        assert (result.stdout, result.stderr, result.returncode) == (b"hello\n", b"", 0)
    assert [request.header("traceparent") for request in http_server.requests] == [None] * 4
    assert sink.spans() == []
    # under the name it is started by, whatever file that leads to; from a shell too
    os.symlink("/usr/bin/curl", tmp_path / "fetch")
    for command in ([tmp_path / "fetch", "-s", url], ["sh", "-c", f"{tmp_path}/fetch -s {url}"]):
        result = instrumented(command, sink, flags=["--exclude_programs", "fetch"])
        assert (result.stdout, result.stderr, result.returncode) == (b"hello\n", b"", 0)
        assert sink.spans() == []
    # what it starts is another program
    result = instrumented(["sh", "-c", f"curl -s {url}; exit 3"], sink, flags=["--exclude_programs", "sh"])
    assert (result.stdout, result.stderr, result.returncode) == (b"hello\n", b"", 3)
    sink.exactly(1)


def test_an_excluded_program_that_could_not_be_traced_anyway():
    program = compiled("static", SHOW, "-static")
    result = launch("--exclude_programs", program.name, program, env={"LD_PRELOAD": str(LIBRARY)})
    assert (result.stdout, result.stderr, result.returncode) == (b"- unset\n", b"", 3)


# --- what it says about settings ---------------------------------------------------------------------------------------------

BAD = [
    ("OTEL_SDK_DISABLED", "yes", " is neither true nor false; using false"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "0", " is not a whole number from 1 to 1048576; using 2048"),
    ("OTEL_BSP_SCHEDULE_DELAY", "5s", " is not a whole number of milliseconds from 0 to 2147483647; using 5000"),
    ("OTEL_TRACES_SAMPLER_ARG", "1.5", " is not a number from 0 to 1; using 1.0"),
    ("OTEL_TRACES_SAMPLER", "sometimes", " is not one of always_on, always_off, traceidratio, parentbased_always_on, "
     "parentbased_always_off, parentbased_traceidratio; using parentbased_always_on"),
    ("OTEL_PROPAGATORS", "baggage,b4", ': "b4" is not known; using baggage'),
    ("OTEL_TRACES_EXPORTER", "nowhere", ': "nowhere" is not known; using otlp'),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "smtp", " is not one of grpc, http/protobuf; using http/protobuf"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:x", " has a bad port; using http://localhost:4318"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", " is not one of none, gzip; using none"),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1", " is not a whole number from 0 to 2147483647; using no limit"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10",
     " means 10 milliseconds (the Python agent reads seconds); 10 seconds are 10000"),
    ("OTEL_NATIVE_DISABLED_INSTRUMENTATIONS", "curl", ': "curl" is not known; using none of it'),
    ("OTEL_METRICS_EXPORTER", "otlp", " has no effect yet"),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", "9464", " has no effect yet"),
]


@pytest.mark.parametrize("name, value, message", BAD)
def test_a_bad_setting_is_named_once_and_the_program_starts(name, value, message):
    """Once: the program has children, in which the agent is loaded too."""
    program = ["sh", "-c", "sh -c 'exit 0'; env true; echo done; exit 3"]
    result = launch(*program, env={name: value})
    assert (lines(result), result.stdout, result.returncode) == ([f"{name}={value}{message}"], b"done\n", 3)
    result = launch(*program, env={name: value, "OTEL_LOG_LEVEL": "error"})
    assert (result.stderr, result.stdout, result.returncode) == (b"", b"done\n", 3)


def test_secrets_are_not_repeated():
    env = {
        "OTEL_EXPORTER_OTLP_HEADERS": "secret1",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "key=secret2",
        "OTEL_EXPORTER_JAEGER_PASSWORD": "secret3",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://user:secret4@host",
    }
    result = launch("true", env=env)
    assert b"secret" not in result.stderr
    assert sorted(lines(result)) == [
        "OTEL_EXPORTER_JAEGER_PASSWORD has no effect; use OTEL_EXPORTER_OTLP_HEADERS instead",
        "OTEL_EXPORTER_OTLP_ENDPOINT has a scheme other than http and https; using http://localhost:4318",
        "OTEL_EXPORTER_OTLP_HEADERS: what is no usable key=value is left out (member 1)",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS has no effect yet",
    ]


def test_everything_wrong_at_once():
    env = {name: "?!" for name, _ in table() if name not in ("OTEL_LOG_LEVEL", "OTEL_NATIVE_SUMMARY")}
    result = launch("sh", "-c", "echo started; exit 3", env=env)
    assert (result.stdout, result.returncode) == (b"started\n", 3)
    named = [re.match(r"OTEL_\w+", line)[0] for line in lines(result)]
    assert len(named) == len(set(named)) > 80


def test_a_child_with_other_settings_hears_about_them():
    result = launch("sh", "-c", "true; OTEL_BSP_MAX_QUEUE_SIZE=none /usr/bin/true; /usr/bin/true", env={"OTEL_SDK_DISABLED": "1"})
    assert lines(result) == [
        "OTEL_SDK_DISABLED=1 is neither true nor false; using false",
        "OTEL_SDK_DISABLED=1 is neither true nor false; using false",
        "OTEL_BSP_MAX_QUEUE_SIZE=none is not a whole number from 1 to 1048576; using 2048",
    ]


def test_preloaded_without_the_launcher_the_agent_says_it_itself():
    result = preloaded(["/usr/bin/true"], env={"OTEL_SDK_DISABLED": "1"})
    assert lines(result) == ["OTEL_SDK_DISABLED=1 is neither true nor false; using false"]


def test_nothing_set_nothing_said():
    result = launch("sh", "-c", "env true; exit 0")
    assert (result.stdout, result.stderr) == (b"", b"")


# --- the whole -----------------------------------------------------------------------------------------------------------------


def test_the_command_line_of_a_python_service(http_server, tmp_path):
    """As it stands in a Compose file, its last argument the program's own."""
    service = tmp_path / "service"
    service.write_text(f'#!/bin/sh\ncurl -s {http_server.url}/; echo "$@"\n')
    service.chmod(0o755)
    with OtlpSink("grpc") as sink:
        result = launch(
            "--log_level", "info", "--traces_exporter", "otlp", "--metrics_exporter", "otlp", "--metric_export_interval", "500",
            "--logs_exporter", "otlp", "--service_name", "otel-auto-flask-01", "--exporter_otlp_endpoint", sink.endpoint,
            "--exporter_otlp_protocol=grpc", service, "--port=5001")
        (span,) = sink.exactly(1)
    assert (result.stdout, result.returncode) == (b"hello\n--port=5001\n", 0)
    assert lines(result) == [
        "OTEL_METRICS_EXPORTER=otlp has no effect yet",
        "OTEL_METRIC_EXPORT_INTERVAL=500 has no effect yet",
        "OTEL_LOGS_EXPORTER=otlp has no effect yet",
    ]
    (request,) = http_server.requests
    assert (span.name, span.kind, span.parent_span_id, span.status) == ("GET", "CLIENT", "", ("UNSET", ""))
    assert span.attributes == {
        "http.method": "GET", "http.url": http_server.url + "/", "http.status_code": 200, "http.response_content_length": 6,
        "user_agent.original": request.header("user-agent")}
    assert span.resource["service.name"] == "otel-auto-flask-01"
    assert request.header("traceparent") == f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}"


@pytest.mark.parametrize("names", ["libcurl", "*", "requests", "http_client"])
def test_an_instrumentation_that_is_switched_off(names, http_server, sink):
    result = instrumented(["curl", "-s", http_server.url + "/"], sink, flags=["--disabled_instrumentations", names])
    assert (result.stdout, result.stderr) == (b"hello\n", b"")
    result = instrumented(["curl", "-s", http_server.url + "/"], sink,
                          env={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "urllib3,flask"})
    assert (result.stdout, result.stderr) == (b"hello\n", b"")
    assert sink.spans() == []


# --- the documentation -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table_program(tmp_path_factory):
    program = tmp_path_factory.mktemp("table") / "table"
    sources = [SOURCE / "launcher" / name for name in ("table.c", "flags.c", "help.c")]
    subprocess.run(["cc", "-D_GNU_SOURCE", '-DOI_VERSION="x"', f"-I{SOURCE}", *sources, "-o", program], check=True)
    return program


@pytest.mark.parametrize("document, form", [("configuration.md", "markdown"), ("otel-instrument.1", "roff")])
def test_the_documents_say_what_the_table_says(document, form, table_program):
    """`make update-docs` writes them."""
    text = (SOURCE / "docs" / document).read_text(encoding="utf-8")
    (settings,) = re.findall(r"begin settings[^\n]*\n(.*?)\n[^\n]*end settings", text, re.S)
    assert settings + "\n" == run([table_program, form]).stdout.decode()
