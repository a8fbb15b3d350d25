"""What `configure --enable-sanitizers` has made of the build tree, and what that asks of the tests.

KIND is "" (an ordinary build), "undefined" (UBSan that traps: nothing to be seen from outside, a program with an error dies of
SIGILL) or "address" (AddressSanitizer and UBSan, with their runtimes).
"""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from .paths import BUILD, LAUNCHER, OUT, locked


def configured(name):
    """The value that configure gave to a variable, "" where it has not run."""
    status = BUILD / "config.status"
    found = re.search(rf'^S\["{name}"\]="(.*)"$', status.read_text(encoding="utf-8"), re.M) if status.exists() else None
    return found[1] if found else ""


KIND = configured("SANITIZERS")

# What the programs under test are compiled with, besides what they ask for themselves.
FLAGS = [*(flag for flag in shlex.split(configured("CC")) if flag.startswith(("-f", "-D"))), "-Wno-error"] if KIND else []


# A library's constructor that allocates while it holds a lock of libc's (libp11-kit's, under libcurl) must not be what starts the
# runtime, which asks libc for a message: it would hang the program. -z initfirst is before all others.
FIRST = """
extern void __asan_init(void);
__attribute__((constructor)) static void start(void)
{
    __asan_init();
}
"""


def runtime():
    asked = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    first = (OUT if LAUNCHER.parent == BUILD else LAUNCHER.parent) / "asan-first.so"  # where all users can read it
    with locked("asan-first"):
        if not first.exists():
            subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-z,initfirst", "-xc", "-", "-o", first], input=FIRST, text=True, check=True)
    return f"{os.path.realpath(asked.stdout.strip())}:{first}"


# AddressSanitizer's, to be preloaded into programs that were not built with it.
RUNTIME = runtime() if KIND == "address" else ""

# Each process with an error leaves a report here: its stderr may be closed, or nobody's to read.
REPORTS = OUT / "reports" / str(os.getpid())


def environment():
    """For every program under test. Leaks are the program's own; unit tests look for ours."""
    if KIND != "address":
        return {}
    REPORTS.mkdir(parents=True, exist_ok=True)
    REPORTS.chmod(0o777)
    return {"ASAN_OPTIONS": f"detect_leaks=0:verify_asan_link_order=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:log_path={REPORTS}/asan",
            "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={REPORTS}/ubsan"}


def preload(command, variables):
    """Puts the runtime into LD_PRELOAD where the command is the launcher, or the variable has our object."""
    old = variables.get("LD_PRELOAD", "")
    ours = os.path.basename(command[0]) == "otel-instrument" or "libotel-instrument.so" in old
    if RUNTIME and ours and "libasan" not in old:
        variables["LD_PRELOAD"] = f"{RUNTIME}:{old}".rstrip(":")


def reports():
    """The reports since the last call, one text."""
    if not REPORTS.exists():
        return ""
    lines = [line for path in sorted(REPORTS.iterdir()) for line in path.read_text("utf-8", "replace").splitlines()]
    shutil.rmtree(REPORTS, ignore_errors=True)
    # Said of every program with coroutines, once.
    return "\n".join(line for line in lines if line and "doesn't fully support makecontext/swapcontext" not in line)


def not_under(kinds, why):
    """Marks a test that cannot hold in builds of these kinds (a word or two), and says why."""
    return pytest.mark.skipif(KIND in kinds.split(), reason=f"built with --enable-sanitizers={KIND}: {why}")
