"""Where things are. OI_BUILD names the build tree; without it the sources are built in place."""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OI_BUILD") or SOURCE).resolve()


def open_to_all(build):
    """The build tree; where other users cannot reach it, as in a private folder, a copy of what runs, for this process only."""
    if all(folder.stat().st_mode & 0o001 for folder in [build, *build.parents]):
        return build
    copy = Path(tempfile.mkdtemp(prefix="otel-instrument-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    (copy / ".libs").mkdir()
    for name in ["otel-instrument", ".libs/libotel-instrument.so", ".libs/libotel-exporter.so"]:
        if (build / name).exists():
            shutil.copy(build / name, copy / name)
    return copy


LAUNCHER = open_to_all(BUILD) / "otel-instrument"
LIBRARY = LAUNCHER.parent / ".libs" / "libotel-instrument.so"

# Everything the tests make and keep between runs: compiled programs, message classes, an empty database.
OUT = BUILD / "tests" / "out"


@contextmanager
def locked(name):
    """One test process at a time; the others wait and then find the work done."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
