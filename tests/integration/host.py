"""What the tests of programs that are hard to live in (test_host_*.py) share.

Every one of them runs the program bare and instrumented: what it says and how it ends must be the same, and the spans must
be exactly those of its calls. The programs are tests/apps/host_*; a call is a Redis GET whose key tells which one it was.
"""

from collections import Counter

from harness import OtlpSink, app, bare, instrumented, preloaded, start
from harness.programs import instrumented_command, telemetry

# The new attribute set shows keys.
SETTINGS = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "database",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process",
    "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "20000",  # what is exact must not depend on a busy machine
}

FULL = b"otel-instrument: more than %d spans were waiting (OTEL_BSP_MAX_QUEUE_SIZE); further ones are dropped\n"


def get(redis, key):
    """The whole span of one GET over the unix socket, without ids and times."""
    return ("GET", "CLIENT", "UNSET", {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.operation.name": "GET",
        "db.query.text": f"GET {key}",
        "db.redis.args_length": 2,
        "server.address": redis.socket,
        "network.transport": "unix",
    })


def fetched(http_server, path="/"):
    """The whole span of one GET with libcurl, in the old attribute set."""
    return ("GET", "CLIENT", "UNSET", {
        "http.method": "GET",
        "http.url": http_server.url + path,
        "http.status_code": 200,
        "http.response_content_length": 6,
    })


def frozen(brief):
    name, kind, status, attributes = brief
    return (name, kind, status, tuple(sorted(attributes.items())))


def counted(briefs):
    return Counter(map(frozen, briefs))


def expect(spans, *briefs):
    """Exactly these spans, as often as they stand here, each with an id of its own and one instance a process."""
    found, wanted = counted(span.brief() for span in spans), counted(briefs)
    assert found == wanted, f"missing: {dict(wanted - found)}\ntoo many: {dict(found - wanted)}"
    assert len({span.span_id for span in spans}) == len(spans)
    processes = {(span.resource["process.pid"], span.resource["service.instance.id"]) for span in spans}
    assert len(processes) == len({pid for pid, _ in processes}) == len({instance for _, instance in processes})


def gets(redis, *keys):
    return [get(redis, key) for key in keys]


def outcome(result):
    """What the program itself said, and how it ended: without the lines that are the agent's own."""
    own = [line for line in result.stderr.splitlines(keepends=True) if not line.startswith(b"otel-instrument: ")]
    return (result.stdout, b"".join(own), result.returncode)


def both(command, sink, env=None, how=instrumented, **kw):
    """Runs it bare and instrumented and compares; returns the instrumented run's result."""
    expected = bare(command, env=env, **kw)
    result = how(command, sink, env={**SETTINGS, **(env or {})}, **kw)
    assert outcome(result) == outcome(expected)
    assert result.stderr == expected.stderr
    return result


__all__ = [
    "Counter", "FULL", "OtlpSink", "SETTINGS", "app", "bare", "both", "counted", "expect", "fetched", "get", "gets",
    "instrumented", "instrumented_command", "outcome", "preloaded", "start", "telemetry",
]
