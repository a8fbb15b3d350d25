"""The row *servers*: wrk against three servers, bare and instrumented in turn. README.md says what is counted."""

import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import LAUNCHER, Nginx, clean_environment
from harness.paths import BUILD
from harness.servers import program

HERE = Path(__file__).resolve().parent
PACKAGES = ["@opentelemetry/api", "@opentelemetry/auto-instrumentations-node"]
LIMITS = {"nginx, small file": 0.90, "libmicrohttpd": 0.95, "Node": 0.95}


@dataclass
class Run:
    rate: float  # requests a second, as wrk says
    cpu: float  # seconds of processor time a request, of the process that serves
    worker: float  # of these, of the thread that exports
    spans: str = ""  # what is wrong with the number of spans


def threads(pid):
    """Seconds of processor time of each thread, by name and number."""
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        times[name, task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return times


def load(port, path, seconds, connections):
    """wrk on one thread; (requests, requests a second)."""
    said = subprocess.run([program("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}{path}"],
                          capture_output=True, text=True, check=True).stdout
    return int(re.search(r"(\d+) requests in", said)[1]), float(re.search(r"Requests/sec:\s*([\d.]+)", said)[1])


class FileNginx(Nginx):
    """One worker process, an access log that is off, connections that are kept."""

    def __init__(self, prefix, env):
        super().__init__("location / { root html; } location /count { stub_status; }",
                         "access_log off; sendfile on; keepalive_requests 1000000000;")
        self.prefix, self.env = prefix, env

    def prepare(self):
        super().prepare()
        (self.folder / "html").mkdir(exist_ok=True)
        (self.folder / "html" / "index.html").write_text("x" * 612, encoding="utf-8")
        configuration = self.folder / "nginx.conf"
        text = configuration.read_text(encoding="utf-8")
        configuration.write_text(text.replace(f"access_log {self.folder}/access.log;", ""), encoding="utf-8")

    def command(self):
        return ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in clean_environment(self.env).items()),
                *self.prefix, *map(str, super().command())]

    @property
    def serving(self):
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0])

    def requests(self):
        """All so far, this one included; those of the run are over when nothing is being written any more."""
        with urllib.request.urlopen(f"{self.url}/count", timeout=30) as answer:
            return int(re.search(r"requests\s+\d+ \d+ (\d+)", answer.read().decode())[1])


@contextmanager
def nginx(prefix, env):
    with FileNginx(prefix, env) as server:
        outcome = {}
        yield server.serving, server.port, outcome
        outcome["requests"] = server.requests()
        server.stop(signal.SIGQUIT)
        outcome["said"] = server.log


def hello(command):
    @contextmanager
    def serving(prefix, env):
        with tempfile.TemporaryFile("w+") as said, subprocess.Popen(
                [*prefix, *command], stdout=subprocess.PIPE, stderr=said, text=True, env=clean_environment(env)) as process:
            outcome = {}
            try:
                yield process.pid, int(process.stdout.readline()), outcome
            finally:
                process.send_signal(signal.SIGTERM)
                rest, _ = process.communicate(timeout=120)
            outcome["requests"] = int(rest)
            said.seek(0)
            outcome["said"] = said.read()
    return serving


SERVERS = {
    "nginx, small file": (nginx, "/index.html"),
    "libmicrohttpd": (hello([str(BUILD / "tests" / "bench" / "hello")]), "/hello"),
    "Node": (hello(["/usr/bin/node", str(HERE / "hello.js")]), "/hello"),
}


def received(settings):
    """Spans that the receiver has been sent so far."""
    with urllib.request.urlopen(settings["OTEL_EXPORTER_OTLP_ENDPOINT"], timeout=30) as answer:
        return int(answer.read())


def check(outcome, spans):
    """What is wrong with the number of spans; `` if each request is one. What the agent itself says of them, where that can
    be read (nginx puts its log in the place of stderr)."""
    requests = outcome["requests"]
    if spans == requests:
        return ""
    said = "; ".join(re.findall(r"spans made .*", outcome["said"]))
    return f"{requests:,} requests, but {spans:,} spans" + (f" ({said})" if said else "")


def measure(kind, way, settings, options):
    serving, path = SERVERS[kind]
    prefix, env, counted = way
    spans = received(settings)
    with serving(prefix, env) as (pid, port, outcome):
        load(port, path, 1, options.connections)
        before = threads(pid)
        requests, rate = load(port, path, options.load, options.connections)
        used = {thread: time - before.get(thread, 0) for thread, time in threads(pid).items()}
    worker = sum(time for (name, _), time in used.items() if name == "otel-worker")
    return Run(rate, sum(used.values()) / requests, worker / requests, check(outcome, received(settings) - spans) if counted else "")


@contextmanager
def node_packages(say):
    """OpenTelemetry's own instrumentation of Node, installed for this run; None where the registry cannot be reached."""
    with tempfile.TemporaryDirectory(prefix="oi-node-") as folder:
        npm = shutil.which("npm")
        try:
            subprocess.run([npm or "npm", "install", "--no-audit", "--no-fund", "--prefix", folder, *PACKAGES], check=True,
                           capture_output=True, timeout=300, cwd=folder)
            yield Path(folder) / "node_modules"
        except (OSError, subprocess.SubprocessError) as error:
            say(f"  Node under {PACKAGES[1]}: skipped, npm cannot install it ({type(error).__name__})")
            yield None


def ways_of(kind, settings, modules):
    ways = {"bare": ([], {}, False), "ours": ([str(LAUNCHER)], settings, True)}
    if kind == "Node" and modules:
        register = modules / "@opentelemetry" / "auto-instrumentations-node" / "build" / "src" / "register.js"
        ways["OpenTelemetry JS"] = ([], {**settings, "NODE_OPTIONS": f"--require {register}", "OTEL_METRICS_EXPORTER": "none",
                                         "OTEL_LOGS_EXPORTER": "none"}, False)
    return ways


def tell(kind, runs, row, say):
    bare = runs["bare"]
    for way, of_way in runs.items():
        if way != "bare":
            kept = [one.rate / other.rate for one, other in zip(of_way, bare)]
            row(f"{kind}, {way}: throughput kept", statistics.median(kept), LIMITS[kind] if way == "ours" else None,
                f"  (all {min(kept):.3f} to {max(kept):.3f}; {statistics.median(one.rate for one in of_way):,.0f} of "
                f"{statistics.median(one.rate for one in bare):,.0f} requests a second)")
    for way, of_way in runs.items():
        say(f"    {way}: {statistics.median(one.cpu for one in of_way) * 1e6:.2f} µs of processor time a request"
            f" (least {min(one.cpu for one in of_way) * 1e6:.2f}), of which the exporting thread "
            f"{statistics.median(one.worker for one in of_way) * 1e6:.2f}")
    wrong = [one.spans for one in runs["ours"] if one.spans]
    say("    spans: " + ("; ".join(wrong) if wrong else "each request is one, all were delivered"))


def bench(options, sink, row, say):
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed: apt-get install wrk")
    say(f"servers, wrk with {options.connections} connections for {options.load} s, {options.server_rounds} rounds, each way in "
        "turn; every request sampled")
    with sink() as settings, node_packages(say) as modules:
        for kind in SERVERS:
            ways = ways_of(kind, settings, modules)
            runs = {way: [] for way in ways}
            for number in range(options.server_rounds):
                for way in list(ways) if number % 2 == 0 else reversed(ways):
                    runs[way].append(measure(kind, ways[way], settings, options))
            tell(kind, runs, row, say)
