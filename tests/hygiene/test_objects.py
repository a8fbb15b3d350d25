"""What the two shared objects offer, need and look like. Each line is a way to break somebody's program."""

import platform
import re

import pytest
from harness import not_under, sanitizers
from objects import EXPORTER, LAUNCHER, LIBRARY, exported, files, imported, needed, tool

# Debian 12's floor: what the object built there may ask of a libc.
FLOOR = (2, 34)


def built_with():
    return tuple(map(int, platform.libc_ver()[1].split(".")))


def hooks():
    found = set()
    for path in [*files("hooks", ".c"), *files("hooks", ".S")]:
        found |= set(re.findall(r"^OI_(?:HOOK\([^,]*, *|STUB\()(\w+)[,)]", path.read_text(encoding="utf-8"), re.M))
    return found


def test_the_preloaded_object_exports_its_hooks_and_nothing_else():
    assert hooks(), "no hook found in the sources"
    assert exported(LIBRARY) == hooks()


def test_the_exporter_exports_its_opener_and_nothing_else():
    assert exported(EXPORTER) == {"oi_exporter_open"}


def test_exported_names_carry_no_version():
    """A named version node disables interposition."""
    assert "version definition" not in tool("readelf", "-VW", LIBRARY).lower()


@pytest.mark.parametrize("path", [LIBRARY, LAUNCHER], ids=lambda path: path.name)
def test_what_every_program_gets_needs_libc_alone(path):
    """And the runtimes of the sanitizers it is built with."""
    runtimes = ["libasan.so", "libubsan.so"] if sanitizers.KIND == "address" else []
    others = [name for name in needed(path) if name.split(".so")[0] + ".so" not in runtimes]
    assert others == ["libc.so.6"] and len(needed(path)) == len(runtimes) + 1


@pytest.mark.parametrize("path", [LIBRARY, LAUNCHER], ids=lambda path: path.name)
def test_no_symbol_is_newer_than_the_floor(path):
    newer = {}
    # The headers of glibc 2.38 and later turn strtoul into a symbol of that version. A launcher built there stays there.
    floor = (2, 38) if path == LAUNCHER and built_with() >= (2, 38) else FLOOR
    for name, version in imported(path).items():
        if version.startswith("GLIBC_") and tuple(map(int, version[6:].split("."))) > floor:
            newer[name] = version
    assert newer == {}


# A library has no business with these: they end the program, print to its stdout, or change what it can observe.
FORBIDDEN = {"abort", "printf", "puts", "putchar", "vprintf", "perror", "signal", "sigaction", "putenv", "unsetenv",
             "clearenv", "setlocale", "setrlimit", "setrlimit64", "chdir", "umask", "sigaltstack", "__assert_fail", "fopen",
             "system", "popen", "gethostbyname", "getaddrinfo", "sleep", "usleep", "nanosleep", "setitimer", "alarm"}


def test_the_preloaded_object_does_not_call_what_the_host_would_notice():
    assert FORBIDDEN & set(imported(LIBRARY)) == set()


def segments(path):
    """[(type, memory size, flags)]"""
    found = re.findall(r"^\s+(\w+)\s+0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x(\w+) ([RWE ]{3})\s", tool("readelf", "-lW", path), re.M)
    assert found
    return [(kind, int(size, 16), flags) for kind, size, flags in found]


def test_thread_local_data_is_small_and_static():
    """8 KiB of it crashed a program with 16 KiB thread stacks; a dynamic model would call the allocator."""
    (size,) = [size for kind, size, _ in segments(LIBRARY) if kind == "TLS"]
    assert size <= 64
    assert "STATIC_TLS" in tool("readelf", "-dW", LIBRARY)
    assert "__tls_get_addr" not in imported(LIBRARY)
    relocations = tool("readelf", "-rW", LIBRARY)
    assert "DTPMOD" not in relocations and "TLSDESC" not in relocations


def test_the_exporter_has_no_thread_local_data():
    """Opened late, it would take from the little that is left for the program's own modules."""
    assert [size for kind, size, _ in segments(EXPORTER) if kind == "TLS"] == []


@pytest.mark.parametrize("path", [LIBRARY, EXPORTER, LAUNCHER], ids=lambda path: path.name)
def test_nothing_is_both_writable_and_executable(path):
    loaded = segments(path)
    assert [one for one in loaded if "W" in one[2] and "E" in one[2]] == []
    assert [kind for kind, _, _ in loaded if kind == "GNU_STACK"] == ["GNU_STACK"]
    assert "GNU_RELRO" in [kind for kind, _, _ in loaded]
    dynamic = tool("readelf", "-dW", path)
    assert "BIND_NOW" in dynamic or "NOW" in dynamic
    assert "TEXTREL" not in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic


def array_entries(path, name):
    sizes = re.findall(rf"\({name}\)\s+(\d+)", tool("readelf", "-dW", path))
    return int(sizes[0]) // 8 if sizes else 0


@not_under("address", "it adds a constructor and a destructor for each source file")
def test_one_constructor_and_no_destructor_beside_the_compilers():
    assert array_entries(LIBRARY, "INIT_ARRAYSZ") == 2
    assert array_entries(LIBRARY, "FINI_ARRAYSZ") == 1
    assert array_entries(EXPORTER, "INIT_ARRAYSZ") == 1
    assert array_entries(EXPORTER, "FINI_ARRAYSZ") == 1


@not_under("address", "it describes every variable")
def test_the_preloaded_object_is_small():
    """Every program of a process tree maps it. Relocations and data are private to each of them."""
    writable = sum(size for kind, size, flags in segments(LIBRARY) if kind == "LOAD" and "W" in flags)
    assert writable < 576 * 1024
