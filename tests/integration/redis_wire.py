"""What the tests of Redis on the wire share: spans as they are expected, and a program that writes what a test says."""

from test_hiredis import Tcp, one
from test_http_client import PYTHON, SCRIPT, Peer

from harness import OtlpSink, bare, instrumented

SCOPE = "otel-instrument.redis"
OK, CLOSED = "+OK\r\n", ("connection_closed", "Server closed the connection")
SETUP = {"OTEL_NATIVE_DB_SETUP_SPANS": "true"}
QUEUE = {"OTEL_BSP_MAX_QUEUE_SIZE": "40000", "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "30000"}


def wire(text, new=None, together=None, where=None, **more):
    """A command's span; `together`: how many went out with it. See test_hiredis.one."""
    expected = one(text, new, **more)
    expected.together, expected.where = together, where
    return expected


def told(expected, mode, where):
    name, kind, status, scope, schema, parent, attributes = expected.span(mode, where, SCOPE)
    if expected.together:
        attributes["db.redis.pipeline_length"] = expected.together
    return name, kind, status, scope, schema, parent, attributes


def seen(spans):
    """In the order in which they began, and of those that began with one write, in which they ended."""
    spans = sorted(spans, key=lambda span: (span.start, span.end))
    return [(span.name, span.kind, span.status, span.scope_name, span.schema_url, span.parent_span_id, span.attributes)
            for span in spans]


def check(spans, where, *expected, mode=None):
    mode = (mode or {}).get("OTEL_SEMCONV_STABILITY_OPT_IN", "")
    got, wanted = seen(spans), [told(span, mode, span.where or where) for span in expected]
    for one_got, one_wanted in zip(got, wanted, strict=False):
        assert one_got == one_wanted, f"\n{one_got}\n{one_wanted}"
    assert len(got) == len(wanted), [span[0] for span in got]


def command(*words):
    """As clients send it."""
    return f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)


def commands(*texts):
    return "".join(command(*text.split()) for text in texts)


def bulk(text):
    return f"${len(text)}\r\n{text}\r\n"


def talk(steps, script, env=None, prints=None):
    """Runs the script (test_http_client.SCRIPT) against such a peer, bare and instrumented: where the peer is, the spans."""
    outputs = []
    for agent in (False, True):
        with OtlpSink() as sink, Peer(*steps) as peer:
            run = [PYTHON, "-c", SCRIPT, peer.port, script]
            result = instrumented(run, sink, env=env) if agent else bare(run, env=env)
            assert (result.returncode, result.stderr) == (0, b""), result
            peer.thread.join(30)
            outputs.append((result.stdout, peer.got))
            where, spans = Tcp(peer.port), sink.spans()
    assert outputs[0] == outputs[1] and (prints is None or prints in outputs[0][0])
    return where, spans


def exchange(*pairs):
    """A conversation of (what the client writes, what the server answers): the peer's steps, and the client's script."""
    steps, script = [], []
    for asked, answer in pairs:
        steps.append((asked, answer))
        script.append(f"send({asked!r}); recv({len(answer)})")
    return steps, "; ".join(script)
