"""Other objects in the process: sanitizers, allocators, other interposers, plugins."""

import os
import subprocess

import pytest
from harness import LIBRARY, not_under, run
from host import OtlpSink, SETTINGS, app, bare, both, expect, get, gets, instrumented, outcome, preloaded, telemetry

TWO_RUNTIMES = not_under("address", "ThreadSanitizer's runtime does not start beside AddressSanitizer's")


def library_of(name):
    return subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()


JEMALLOC = library_of("libjemalloc.so.2")
HIREDIS = os.path.realpath(library_of("libhiredis.so"))  # 0.14 or 1.x


@pytest.mark.parametrize("mode, keys", [
    ("return", ["main:1"]), ("pthread_exit", ["main:1", "thread:1"]), ("_exit", ["main:1"]), ("exit-in-thread", ["main:1"]),
])
def test_a_program_built_with_address_sanitizer(mode, keys, redis, sink):
    """Its runtime refuses to start behind another preloaded object, unless it is told not to look."""
    program = app("host_exit", "-fsanitize=address")
    result = both([program, mode, redis.socket], sink)
    assert b"AddressSanitizer" not in result.stderr
    expect(sink.spans(), *gets(redis, *keys))


def test_forks_and_exceptions_under_address_sanitizer(redis, http_server, sink):
    both([app("host_fork", "-fsanitize=address"), "many", redis.socket], sink)
    assert len(sink.spans()) == 41
    without_leaks = {"ASAN_OPTIONS": "detect_leaks=0"}  # the program has some: the handles it threw through
    both([app("host_throw", "-fsanitize=address"), "throw", redis.socket, http_server.url + "/"], sink, env=without_leaks)
    assert len(sink.spans()) == 51


def test_address_sanitizer_with_preload_alone(redis, sink):
    """With the runtime first, as other preloaded objects need it, and without."""
    command = [app("host_exit", "-fsanitize=address"), "return", redis.socket]
    result = preloaded(command, sink, env={**SETTINGS, "LD_PRELOAD": f"{library_of('libasan.so')} {LIBRARY}"})
    assert outcome(result) == outcome(bare(command))
    expect(sink.spans(), *gets(redis, "main:1"))
    assert outcome(preloaded(command, sink, env=SETTINGS)) == outcome(bare(command))
    assert len(sink.spans()) == 2


def test_the_undefined_behaviour_sanitizer(redis, sink):
    result = both([app("host_exit", "-fsanitize=undefined"), "return", redis.socket], sink)
    assert result.returncode == 7
    expect(sink.spans(), *gets(redis, "main:1"))


@TWO_RUNTIMES
def test_the_thread_sanitizer_is_left_alone(redis, sink):
    """It would report races in libraries it did not compile, and end the program with another status."""
    program = [app("host_exit", "-fsanitize=thread"), "return", redis.socket]
    result = instrumented(program, sink, env=SETTINGS)
    expected = bare(program)
    said = b"otel-instrument: a program built with ThreadSanitizer or MemorySanitizer runs without telemetry\n"
    assert (result.stdout, result.returncode, result.stderr) == (expected.stdout, expected.returncode, said)
    assert sink.spans() == []


@TWO_RUNTIMES
def test_a_program_with_the_thread_sanitizer_is_left_alone(redis, sink):
    """It would see our libraries' accesses without their synchronisation, and end the program with its own status."""
    command = [app("host_exit", "-fsanitize=thread"), "return", redis.socket]
    result = instrumented(command, sink, env=SETTINGS)
    assert outcome(result) == outcome(bare(command))
    assert sink.requests == []


@not_under("address", "its runtime is the allocator")
@pytest.mark.parametrize("program, mode, keys", [
    ("host_exit", "return", ["main:1"]),
    ("host_exit", "pthread_exit", ["main:1", "thread:1"]),
    ("host_fork", "many", ["parent:1", *[f"child:{number}" for number in range(40)]]),
])
@pytest.mark.parametrize("order", ["before", "after"])
def test_another_allocator(order, program, mode, keys, redis, sink):
    """Memory of one heap must not be freed into the other: the exporter binds to the program's allocator."""
    command = [app(program), mode, redis.socket]
    both_objects = [JEMALLOC, str(LIBRARY)] if order == "before" else [str(LIBRARY), JEMALLOC]
    expected = bare(command, env={"LD_PRELOAD": JEMALLOC})
    result = preloaded(command, sink, env={**SETTINGS, "LD_PRELOAD": ":".join(both_objects)})
    assert outcome(result) == outcome(expected)
    expect(sink.spans(), *gets(redis, *keys))


@pytest.mark.parametrize("program, mode, keys", [
    ("host_exit", "exit", ["main:1"]), ("host_fork", "many-exit", ["parent:1", *[f"child:{n}" for n in range(40)]]),
])
@pytest.mark.parametrize("order", ["before", "after", "launcher"])
def test_another_interposer_of_the_same_functions(order, program, mode, keys, redis, sink):
    """It wraps redisvCommand too, as it must: the variable arguments of redisCommand cannot be handed on otherwise."""
    command = [app(program), mode, redis.socket]
    other = app("host_interposer")
    expected = bare(command, env={"LD_PRELOAD": other})
    if order == "launcher":
        result = instrumented(command, sink, env={**SETTINGS, "LD_PRELOAD": other})
    else:
        objects = f"{other}:{LIBRARY}" if order == "before" else f"{LIBRARY}:{other}"
        result = preloaded(command, sink, env={**SETTINGS, "LD_PRELOAD": objects})
    assert in_any_order(result) == in_any_order(expected)
    expect(sink.spans(), *gets(redis, *keys))


def in_any_order(result):
    """Forked children write their lines as they please."""
    stdout, stderr, returncode = outcome(result)
    return stdout, sorted(stderr.splitlines()), returncode


def test_preloaded_twice_is_once(redis, sink):
    command = [app("host_exit"), "return", redis.socket]
    result = instrumented(command, sink, env={**SETTINGS, "LD_PRELOAD": f"{LIBRARY}:{LIBRARY}"})
    assert outcome(result) == outcome(bare(command))
    expect(sink.spans(), *gets(redis, "main:1"))


@pytest.mark.parametrize("mode, times", [("load", 10), ("together", 20)])
def test_a_plugin_that_comes_and_goes_with_its_client_library(mode, times, redis, sink):
    both([app("host_plugin"), mode, app("host_module"), redis.socket], sink)
    expect(sink.spans(), *gets(redis, *["module:1"] * times))


def test_a_client_library_reached_by_dlsym(redis, sink):
    """Pointers bypass interposition, unless dlsym is followed too. test_dynamic.py has more."""
    both([app("host_plugin"), "symbol", HIREDIS, redis.socket], sink)
    expect(sink.spans(), get(redis, "symbol:1"))


@pytest.mark.parametrize("size", [512, 1600])
def test_static_thread_local_space_is_left_for_the_program(size, redis, sink):
    """glibc keeps a little for modules opened late; neither the agent nor the exporter's libraries may use it up."""
    plugin = app("host_static_tls", f"-DSIZE={size}")
    result = both([app("host_plugin"), "tls", app("host_module"), redis.socket, plugin], sink)
    assert result.returncode == 53
    expect(sink.spans(), *gets(redis, "module:1"))


def test_a_preloaded_object_that_is_missing_changes_nothing_of_ours(redis, sink):
    command = [app("host_exit"), "return", redis.socket]
    env = {**SETTINGS, "LD_PRELOAD": "/nonexistent/libother.so"}
    expected = bare(command, env={"LD_PRELOAD": env["LD_PRELOAD"]})
    result = instrumented(command, sink, env=env)
    assert (result.stdout, result.returncode) == (expected.stdout, expected.returncode)
    expect(sink.spans(), *gets(redis, "main:1"))


def test_bound_at_once_and_bound_late(redis, sink):
    for env in ({"LD_BIND_NOW": "1"}, {"LD_BIND_NOT": "1"}):
        result = run([app("host_exit"), "return", redis.socket],
                     env=telemetry(sink, {**SETTINGS, **env, "LD_PRELOAD": LIBRARY}))
        assert result.returncode == 7
    expect(sink.spans(), *gets(redis, "main:1", "main:1"))


@not_under("address", "before the program is relocated its runtime has no shadow memory")
@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_libraries_that_choose_their_functions_before_we_are_relocated(how, redis, sink):
    """The loader runs their IFUNC resolvers first; what those call of libc is our wrapper, which can reach nothing yet."""
    library = app("host_ifunc_library")
    command = [app("host_ifunc", "-Wl,--no-as-needed", str(library)), "chosen", redis.socket]
    result = both(command, sink, how=how)
    assert (result.stdout, result.returncode) == (b"chosen 3\nright 1\n", 0)
    expect(sink.spans(), *gets(redis, "main:1"))


@pytest.mark.parametrize("how", [instrumented, preloaded])
def test_sockets_before_our_constructor(how, sink):
    """The constructors of all libraries come before ours: what they call of libc works, ends in time and says why it fails."""
    command = [app("host_early", "-Wl,--no-as-needed", str(app("host_early_library")))]
    result = both(command, sink, how=how)
    assert result.stdout.count(b": 1, 0\n") == 13
    assert b"poll(&set, 1, 1500): 0, 0\n" in result.stdout


@not_under("address", "its runtime refuses RTLD_DEEPBIND, which is what keeps them apart")
@pytest.mark.parametrize("protocol, tls", [("http", False), ("http", True), ("grpc", False), ("grpc", True)])
def test_a_program_that_exports_libraries_of_its_own(protocol, tls, redis):
    """As Node does with OpenSSL, zlib and nghttp2: the exporter's libraries must not bind to them."""
    command = [app("host_symbols"), "return", redis.socket]
    with OtlpSink(protocol, tls=tls) as sink:
        both(command, sink, env={"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"})
        expect(sink.exactly(1), *gets(redis, "main:1"))
