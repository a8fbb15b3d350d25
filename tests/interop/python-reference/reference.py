"""The Python agent from PyPI, in a virtual environment that is made once and kept with the other things the tests make."""

import os
import shutil
import subprocess

from harness import OUT
from harness.paths import locked

# What the documentation says of it was seen with these.
CONTRIB, SDK = "0.66b1", "1.45.1"
PACKAGES = [f"opentelemetry-exporter-otlp-proto-http=={SDK}", f"opentelemetry-distro=={CONTRIB}",
            *(f"opentelemetry-instrumentation-{name}=={CONTRIB}" for name in ("flask", "pymysql", "redis", "requests"))]
FOLDER = OUT / "python-reference"
SETTINGS = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


class Absent(Exception):
    """The agent cannot be installed here; says why."""


def install():
    """Returns the folder of its programs. The service's own packages are the system's, the same as without it."""
    with locked("python-reference"):
        made = FOLDER / "made"
        if not made.exists() or made.read_text(encoding="utf-8").split() != PACKAGES:
            shutil.rmtree(FOLDER, ignore_errors=True)
            step(["/usr/bin/python3", "-m", "venv", "--system-site-packages", FOLDER], "python3-venv is not installed")
            step([FOLDER / "bin" / "pip", "install", "--quiet", "--retries", "1", *PACKAGES], "PyPI is not to be reached")
            made.write_text("\n".join(PACKAGES), encoding="utf-8")
    return FOLDER / "bin"


def step(command, why):
    """With the environment of the caller, which may name a proxy or a mirror."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    except subprocess.TimeoutExpired:
        raise Absent(why) from None
    if ran.returncode != 0:
        raise Absent(f"{why}: {(ran.stderr.strip().splitlines() or ['no more is known'])[-1]}")


def command(service):
    """What the user would type instead of `python3 app.py`."""
    folder = install()
    return [folder / "opentelemetry-instrument", folder / "python", *service[1:]]
