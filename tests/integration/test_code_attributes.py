"""Who made the call: code.* attributes on whole spans. Each program runs bare, instrumented without these settings, and with
them: its output is the same every time, and the spans are the same but for the attributes asked for."""

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import host
import pytest
import test_host_stacks
from harness import SOURCE, OtlpSink, app, instrumented, not_under, same_output, start
from harness.programs import instrumented_command, telemetry

OPTIMISED = ("-O2", "-fomit-frame-pointer")
CODE = {"OTEL_NATIVE_CODE_ATTRIBUTES": "true"}
TRACE = {"OTEL_NATIVE_STACKTRACE_MIN_DURATION": "0ms"}
SETS = [{}, {"OTEL_SEMCONV_STABILITY_OPT_IN": "database,http"}]
KEYS = {"code.function.name", "code.file.path", "code.line.number", "code.stacktrace"}


def text_of(source):
    return str(SOURCE / "tests" / "apps" / source)


def line_of(source, function, call):
    """The line of a call in a function."""
    lines = (SOURCE / "tests" / "apps" / source).read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if re.search(rf"\b{re.escape(function)}\([^;]*$", line))
    return next(i for i in range(start, len(lines)) if call in lines[i]) + 1


def place(source, function, call, name=None):
    return {"code.function.name": name or function, "code.file.path": text_of(source),
            "code.line.number": line_of(source, function, call)}


def asks(function="ask", name=None):
    return place("code_c.c", function, "redisCommand", name)


def brief(span, code=()):
    attributes = {key: value for key, value in span.attributes.items() if key not in code}
    return (span.name, span.kind, span.status, span.scope_name, attributes)


def in_order(spans):
    return sorted(spans, key=lambda span: (span.start, span.end))


def coded(command, settings, before=None, sets=SETS, **kw):
    """Runs it in each attribute set and gives the attributes that were asked for, span by span. All others are those of the
    spans without the settings."""
    for names in sets:
        if before:
            before()
        with OtlpSink() as sink:
            instrumented(command, sink, env=names, **kw)
            plain = in_order(sink.spans())
        result = same_output(command, env={**names, **settings}, before=before, **kw)
        spans = in_order(result.spans)
        assert [brief(span, KEYS) for span in spans] == [brief(span) for span in plain]
        found = [{key: span.attributes[key] for key in KEYS if key in span.attributes} for span in spans]
        yield found


def expect(command, *expected, settings=None, **kw):
    for found in coded(command, settings or CODE, **kw):
        assert found == list(expected)


def functions(trace, first=0):
    """The functions of a stack trace, as far as they are known."""
    lines = trace.splitlines()
    assert [line.split(" ", 1)[0] for line in lines] == [f"#{i}" for i in range(first, first + len(lines))]
    return [re.match(r"#\d+ (\S.*?)(?:\+0x[0-9a-f]+ in /\S+| at \S+:\d+)$", line)[1] if " in " not in line or "+0x" in line
            else "?" for line in lines]


def expect_traces(command, *expected, ends=("main",), **kw):
    """Of each span the functions from the call outwards; `ends`: what follows them, somewhere."""
    for found in coded(command, TRACE, **kw):
        assert [set(code) for code in found] == [{"code.stacktrace"} if names else set() for names in expected]
        for code, names in zip(found, expected):
            if names:
                seen = functions(code["code.stacktrace"])
                assert seen[:len(names)] == list(names)
                assert set(ends) <= set(seen)


# --- what is known of a function -----------------------------------------------------------------------------------------


def test_optimised_code_without_frame_pointers(redis):
    expect([app("code_c", *OPTIMISED), "plain", redis.socket], asks())
    expect_traces([app("code_c", *OPTIMISED), "plain", redis.socket], ["ask", "ask_further", "main"])


@pytest.mark.parametrize("flags", [("-O0",), ("-O3", "-flto"), ("-O2", "-g", "-gz"), ("-O2", "-gdwarf-4"), ("-no-pie", "-O2")])
def test_however_it_was_compiled(flags, redis):
    expect([app("code_c", *flags), "plain", redis.socket], asks())


def test_without_debug_information_there_is_no_file(redis):
    expect([app("code_c", *OPTIMISED, "-g0"), "plain", redis.socket], {"code.function.name": "ask"})
    expect_traces([app("code_c", *OPTIMISED, "-g0"), "plain", redis.socket], ["ask", "ask_further", "main"])


def test_of_a_stripped_program_exported_functions_are_known(redis):
    stripped = app("code_c", *OPTIMISED, "-s", "-rdynamic")
    expect([stripped, "open", redis.socket], {"code.function.name": "ask_openly"})
    expect([stripped, "plain", redis.socket], {})
    for (code,) in coded([stripped, "plain", redis.socket], TRACE):
        assert re.match(rf"#0 0x[0-9a-f]+ in {re.escape(str(stripped))}\n#1 0x[0-9a-f]+ in ", code["code.stacktrace"])


def test_an_inlined_function_is_a_function(redis):
    inlined = [app("code_c", *OPTIMISED), "inlined", redis.socket]
    expect(inlined, asks("ask_inline"))
    expect_traces(inlined, ["ask_inline", "has_inlined", "main"])


def test_a_call_that_is_the_last_of_its_function(redis):
    """It is a jump: the frame that is left is the caller's."""
    expect_traces([app("code_c", *OPTIMISED), "tail", redis.socket], ["run_tail", "main"])
    for (code,) in coded([app("code_c", *OPTIMISED), "tail", redis.socket], CODE):
        assert code["code.function.name"] == "run_tail"


# --- from everywhere -----------------------------------------------------------------------------------------------------


def test_from_a_callback_of_libc(redis):
    qsort = [app("code_c", *OPTIMISED), "qsort", redis.socket]
    expect(qsort, asks())
    expect_traces(qsort, ["ask", "compare"], ends=["run_qsort", "main"])


def test_from_a_thread(redis):
    expect([app("code_c", *OPTIMISED), "thread", redis.socket], asks())
    expect_traces([app("code_c", *OPTIMISED), "thread", redis.socket], ["ask", "thread"], ends=[])


def test_from_a_coroutine(redis):
    expect([app("code_c", *OPTIMISED), "coroutine", redis.socket], asks())
    expect_traces([app("code_c", *OPTIMISED), "coroutine", redis.socket], ["ask"], ends=[])


def test_not_from_a_signal_handler(redis):
    """On the thread's stack, on another, and some frames further in; the call after them is told again."""
    expect([app("code_c", *OPTIMISED), "signal", redis.socket], {}, {}, {}, asks())
    expect_traces([app("code_c", *OPTIMISED), "signal", redis.socket], [], [], [], ["ask", "run_signal", "main"])


def test_from_ten_thousand_frames_deep(redis):
    deep = [app("code_c", *OPTIMISED), "deep", redis.socket]
    expect(deep, asks())
    expect_traces(deep, ["ask", *["deep"] * 63], ends=[])


def test_from_code_that_nothing_describes(redis):
    """Written into memory at run time. The walk ends there; a call that it makes itself is not told."""
    jit = [app("code_c", *OPTIMISED), "jit", redis.socket]
    expect(jit, asks(), {})
    expect_traces(jit, ["ask"], [], ends=[])
    for first, _ in coded(jit, TRACE):
        assert first["code.stacktrace"].count("\n") == 0


def test_from_a_module_that_is_closed_before_the_export(redis):
    module = app("code_module", *OPTIMISED)
    expect([app("code_c", *OPTIMISED), "module", redis.socket, module], place("code_module.c", "module_ask", "redisCommand"))
    expect_traces([app("code_c", *OPTIMISED), "module", redis.socket, module], ["module_ask", "run_module", "main"])


def test_a_module_whose_file_is_another_by_now_is_not_named(redis, tmp_path):
    """A wrong name would be worse than none."""
    module, other = tmp_path / "module.so", tmp_path / "other.so"

    def put():
        shutil.copy(app("code_module", *OPTIMISED), module)
        shutil.copy(app("code_module", "-O0"), other)

    put()
    command = [app("code_c", *OPTIMISED), "module-replaced", redis.socket, module, other]
    for settings, expected in ((CODE, [set()]), (TRACE, [{"code.stacktrace"}])):
        with OtlpSink() as sink:
            result = instrumented(command, sink, env=settings)
            assert result.stdout == b"module 4\n" and result.returncode == 0
            (span,) = sink.spans()
        put()
        assert [set(span.attributes) & KEYS] == expected
    first, *rest = span.attributes["code.stacktrace"].splitlines()
    assert re.fullmatch(rf"#0 0x[0-9a-f]+ in {re.escape(str(module))}", first) and functions("\n".join(rest), 1)[0] == "run_module"


def test_in_a_forked_child(redis):
    expect([app("code_c", *OPTIMISED), "fork", redis.socket], asks(), asks(), asks())


# --- which interface -----------------------------------------------------------------------------------------------------


def test_each_library(redis, mariadb, http_server):
    """What is begun in one function and driven to its end in another was called by the first."""
    def told(function, call):
        return place("code_libraries.c", function, call)

    expect([app("code_libraries", *OPTIMISED), http_server.url + "/", redis.socket, mariadb.socket],
           told("easy_perform", "curl_easy_perform"),
           told("multi_add", "curl_multi_add_handle"),
           told("pipeline", "redisGetReply"),
           told("async_command", "redisAsyncCommand"),
           {},  # a callback that is gone when the call is made: its caller is hiredis, which did not make it
           told("query", "mysql_query"),
           told("execute", "mysql_stmt_execute"),
           told("begin", "mysql_real_query_start"),
           sets=[*SETS, {"OTEL_SEMCONV_STABILITY_OPT_IN": "database/dup,http/dup"}])


def test_cxx_names_and_exceptions(redis, http_server):
    def told(function, call, name):
        return place("code_cxx.cc", function, call, name)

    after = told("function", "redisCommand", "shop::function")
    expect([app("code_cxx", *OPTIMISED), redis.socket, http_server.url + "/"],
           after,
           told("method", "redisCommand", "shop::Store::method"),
           told("generic", "redisCommand", "shop::Store::generic<double>"),
           told("hidden", "redisCommand", "(anonymous namespace)::hidden"),
           told("main", '"GET lambda"', "main::{lambda}::operator()"),
           after, after, after)


def test_cxx_names_without_debug_information(redis, http_server):
    expect([app("code_cxx", *OPTIMISED, "-g0"), redis.socket, http_server.url + "/"],
           *[{"code.function.name": name} for name in (
               "shop::function", "shop::Store::method", "shop::Store::generic<double>", "(anonymous namespace)::hidden",
               "main", "shop::function", "shop::function", "shop::function")])


def test_exceptions_through_a_library(redis, http_server):
    """Thrown by a function that the library calls, caught behind it."""
    url = http_server.url + "/bytes/3"
    expect([app("curl_throw", *OPTIMISED), url], place("curl_throw.cc", "fetch", "curl_easy_perform"))
    expect([app("curl_throw", *OPTIMISED), url, "multi"], *[place("curl_throw.cc", "in_multi", "curl_multi_add_handle")] * 2)
    expect([app("redis_throw", *OPTIMISED), redis.port, "2"],
           *[place("redis_throw.cc", "once", f"redisAsyncCommand(context, {name}") for name in ("throws", "show")] * 2)


# --- when ----------------------------------------------------------------------------------------------------------------


def test_a_trace_for_what_failed_or_took_long(redis):
    failed = [app("code_c", *OPTIMISED), "failed", redis.socket]
    for found in coded(failed, {"OTEL_NATIVE_STACKTRACE_MIN_DURATION": "100ms"}):
        assert [set(code) for code in found] == [set(), {"code.stacktrace"}, {"code.stacktrace"}]
        assert [functions(code["code.stacktrace"])[0] for code in found[1:]] == ["run_failed", "run_failed"]
    for found in coded(failed, {**CODE, "OTEL_NATIVE_STACKTRACE_MIN_DURATION": "100"}):
        assert ["code.stacktrace" in code for code in found] == [False, True, True]
        assert [code["code.function.name"] for code in found] == ["ask", "run_failed", "run_failed"]


def test_a_long_value_is_cut_as_any_other(redis):
    for (code,) in coded([app("code_c", *OPTIMISED), "plain", redis.socket], {**TRACE, **CODE},):
        whole = code["code.stacktrace"]
    result = same_output([app("code_c", *OPTIMISED), "plain", redis.socket],
                         env={**TRACE, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": 40})
    assert result.spans[0].attributes["code.stacktrace"] == whole[:40]


def mapped(command, env):
    """Names of the libraries in the process when its span has been exported."""
    with OtlpSink() as sink:
        process = start(instrumented_command(command), env=telemetry(sink, {**env, "OTEL_BSP_SCHEDULE_DELAY": 10}),
                        stdin=subprocess.PIPE)
        try:
            sink.exactly(1)
            maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        finally:
            process.communicate(timeout=60)
    return set(re.findall(r"/(lib[a-z+]+)[-.\d]*\.so", maps))


def test_nothing_is_opened_for_it_unless_asked(redis):
    command = [app("code_c", *OPTIMISED), "wait", redis.socket]
    without, within = mapped(command, {}), mapped(command, CODE)
    assert "libdw" not in without and "libdw" in within
    assert not {"libunwind", "libstdc++"} & (within - without)  # UBSan's runtime brings one


# --- programs that are hard to live in -----------------------------------------------------------------------------------


def brief_counts(spans):
    return Counter((span.name, span.kind, span.status) for span in spans)


@pytest.mark.parametrize("program, mode", [
    ("host_jump", "longjmp"), ("host_jump", "cancel"), ("host_jump", "coroutine"), ("host_jump", "handler"),
    ("host_jump", "handler-inside"), ("host_jump", "storm"),
    ("host_throw", "throw"), ("host_throw", "terminate"), ("host_throw", "cancel"), ("host_throw", "exit"),
])
def test_jumps_exceptions_and_signals_are_as_before(program, mode, redis, http_server):
    command = [app(program), mode, redis.socket, http_server.url + "/"]
    with OtlpSink() as without, OtlpSink() as within:
        host.both(command, without)
        host.both(command, within, env={**CODE, **TRACE})
        assert brief_counts(within.spans()) == brief_counts(without.spans())


@not_under("address undefined", "what it adds to a function needs stack too")
def test_small_stacks(redis, mariadb, sink):
    command = [app("host_stack"), "measure", redis.socket, mariadb.socket]
    bare = test_host_stacks.measured(host.bare(command).stdout)
    within = test_host_stacks.measured(instrumented(command, sink, env={**CODE, **TRACE}).stdout)
    more = {name: within[name][1] - bare[name][1] for name in within}
    assert {name: taken for name, taken in more.items() if taken > test_host_stacks.MOST[name]} == {}, f"all: {more}"


def test_threads_of_the_smallest_stack(redis, mariadb, sink):
    result = host.both([app("host_stack"), "small", redis.socket, mariadb.socket], sink, env={**CODE, **TRACE})
    assert result.returncode == 0
    (span,) = sink.spans()
    assert {"code.function.name", "code.stacktrace"} <= set(span.attributes)


@pytest.mark.parametrize("mode", [
    "seccomp-after", "seccomp-connected", "seccomp-strict",
    pytest.param("seccomp-no-futex", marks=not_under("address", "the runtime needs futexes of its own"))])
def test_a_filter_that_kills_on_any_unusual_system_call(mode, redis):
    command = [app("host_sandbox"), mode, redis.socket]
    with OtlpSink() as without, OtlpSink() as within:
        host.both(command, without)
        host.both(command, within, env={**CODE, **TRACE})
        assert brief_counts(within.spans()) == brief_counts(without.spans())
