"""Where things are. OI_BUILD names the build tree; without it the sources are built in place."""

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OI_BUILD") or SOURCE).resolve()
LAUNCHER = BUILD / "otel-instrument"
LIBRARY = BUILD / ".libs" / "libotel-instrument.so"

# Everything the tests make and keep between runs: compiled programs, message classes, an empty database.
OUT = BUILD / "tests" / "out"


@contextmanager
def locked(name):
    """One test process at a time; the others wait and then find the work done."""
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / f"{name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
