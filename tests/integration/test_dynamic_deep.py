"""Modules opened with RTLD_DEEPBIND: their imports are pointed at the wrappers once they are open."""

import os

import pytest
from harness import app, not_under, same_output
from host import SETTINGS, both, expect, gets

pytestmark = not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND")

KEYS = ["name:1", "table:1", "variable:1"]  # "next:1" goes past us, on purpose
# As linkers make them by default, as distributions do, and in the ways in between.
BUILDS = {
    "lazy": ["-Wl,-z,lazy"],
    "now": ["-Wl,-z,now"],
    "no-plt": ["-fno-plt"],
    "no-relro": ["-Wl,-z,norelro", "-Wl,-z,lazy"],
    "relro-late": ["-Wl,-z,relro", "-Wl,-z,lazy"],
}


@pytest.mark.parametrize("mode", ["l", "n", "lg"])
@pytest.mark.parametrize("build", BUILDS)
def test_a_module_in_c(build, mode, redis, sink):
    """Each way a call can go out of it; the protection of its memory is told by the program."""
    result = both([app("dynamic_deep"), mode, app("dynamic_deep_module", *BUILDS[build]), redis.socket], sink)
    assert result.returncode == 60 and b"same 1 1\nasked 4\n" in result.stdout
    expect(sink.spans(), *gets(redis, *KEYS * 2))


def test_a_module_with_text_relocations_is_left_alone(redis, sink):
    """Some of its imports stand in memory that is read-only; where one cannot be changed none is, for they are compared. What its
    library sends is seen on the wire."""
    module = app("dynamic_deep_module", "-fno-pic", "-mcmodel=large", "-Wl,-z,notext")
    result = both([app("dynamic_deep"), "n", module, redis.socket], sink)
    assert result.returncode == 60 and b"same 1 1\n" in result.stdout
    assert {span.scope_name for span in sink.spans()} == {"otel-instrument.redis"}
    expect(sink.spans(), *gets(redis, *[*KEYS, "next:1"] * 2))


def test_a_module_that_ends_the_program(redis, sink):
    """libc's exit is what it finds; ours must come before it."""
    result = both([app("dynamic_deep"), "ne", app("dynamic_deep_module"), redis.socket], sink)
    assert result.returncode == 61
    expect(sink.spans(), *gets(redis, *KEYS))


def test_a_module_named_from_the_programs_folder(redis, sink):
    """$ORIGIN is the caller's: the call goes on by a jump, and the module is not followed."""
    module = app("dynamic_deep_module")
    assert os.path.dirname(module) == os.path.dirname(app("dynamic_deep"))
    both([app("dynamic_deep"), "n", f"$ORIGIN/{os.path.basename(module)}", redis.socket], sink)
    assert sink.spans() == []


def test_a_module_found_on_the_programs_runpath(redis, sink):
    """The same: who calls is what decides."""
    module = app("dynamic_deep_module")
    program = app("dynamic_deep", f"-Wl,--enable-new-dtags,-rpath,{os.path.dirname(module)}")
    result = both([program, "nr", module, redis.socket], sink)
    assert result.returncode == 60 and sink.spans() == []


def test_a_module_that_cannot_be_opened(redis, sink):
    result = both([app("dynamic_deep"), "n", "/nonexistent/module.so", redis.socket], sink)
    assert result.returncode == 97 and b"dlopen: /nonexistent/module.so: cannot open" in result.stdout


def test_a_module_whose_constructor_waits_for_a_thread(redis, sink):
    """The constructor's own calls come too early for us."""
    env = {"REDIS_SOCKET": redis.socket}
    module = app("dynamic_thread")
    program = app("host_plugin", "-DDEEP")
    both([program, "load", module, redis.socket], sink, env=env)
    expect(sink.spans(), *gets(redis, *["module:1"] * 10))


def test_two_threads_open_and_close_one_module(redis, sink):
    both([app("host_plugin", "-DDEEP"), "together", app("host_module"), redis.socket], sink)
    expect(sink.spans(), *gets(redis, *["module:1"] * 20))


def test_a_library_that_is_switched_off(redis, sink):
    off = {**SETTINGS, "OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "redis"}
    result = same_output([app("dynamic_deep"), "l", app("dynamic_deep_module"), redis.socket], sink, env=off)
    assert result.spans == []
