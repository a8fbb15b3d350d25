"""OTEL_NATIVE_SQLCOMMENTER: what the server is sent, from its own log; output, spans and refusals."""

import re

import pytest

from libmariadb_client import DUP, NEW, STATEMENTS, Client

ON = {"OTEL_NATIVE_SQLCOMMENTER": "true"}
READ = ["store", "free"]
STATE = {"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "TRACESTATE": "congo=t61rcWkgMzE,rojo=00f067"}


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


def sent(client, *script, env=None):
    """The spans, and what the server was sent by the instrumented program."""
    reset = client.reset

    def reset_and_log():
        reset()
        client.server.sql("SET GLOBAL general_log = 0; SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; "
                          "SET GLOBAL general_log = 1")

    client.reset = reset_and_log
    try:
        spans = client.run(*script, env={**ON, **(env or {})})
    finally:
        client.reset = reset
    client.server.sql("SET GLOBAL general_log = 0")
    log = client.server.sql("SELECT HEX(argument) FROM mysql.general_log WHERE user_host LIKE 'app%' AND "
                            "command_type IN ('Query', 'Prepare', 'Execute') ORDER BY event_time")
    return spans, [bytes.fromhex(line) for line in log.split()]


def comment(span, state=""):
    return f" /*traceparent='00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}'{state}*/".encode()


PLACES = [("SELECT 1", "SELECT 1", ""), ("SELECT 2;", "SELECT 2", ";"), ("SELECT 3 ; \n ", "SELECT 3", " ; \n "),
          ("INSERT INTO t VALUES (1, 'it''s'); SELECT 4;", "INSERT INTO t VALUES (1, 'it''s'); SELECT 4", ";"),
          ("SELECT '/* no comment */', '-- nor this', \"#\", `id` FROM t",
           "SELECT '/* no comment */', '-- nor this', \"#\", `id` FROM t", "")]


@pytest.mark.parametrize("call", ["query", "real_query"])
@pytest.mark.parametrize("text, before, after", PLACES)
def test_where_the_comment_stands(client, call, text, before, after):
    spans, log = sent(client, client.multi, f"{call}={text}", *READ, "next", *READ, "close")
    (span,) = spans
    assert span.status[0] == "UNSET"
    # The server logs each statement of several; a single one with its semicolon.
    assert before.split("; ")[-1].encode() + comment(span) in log[-1]
    assert "traceparent" not in repr(span.attributes)


def test_what_the_server_gets(client):
    spans, log = sent(client, client.tcp, "query=SELECT 1", *READ, "real_query=SELECT 2", *READ, "query=DO 3", "close")
    assert log == [text + comment(span) for text, span in zip((b"SELECT 1", b"SELECT 2", b"DO 3"), spans, strict=True)]


def test_tracestate_is_encoded(client):
    (span,), log = sent(client, client.tcp, "query=SELECT 1", *READ, "close", env=STATE)
    assert span.trace_id == STATE["TRACEPARENT"].split("-")[1]
    assert log == [b"SELECT 1" + comment(span, ",tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067'")]


@pytest.mark.parametrize("text", [
    "SELECT 1 /* mine */", "SELECT /*+ hint */ 1", "SELECT 1 /*!40101 + 1 */", "SELECT 1 -- mine", "SELECT 1 # mine",
    "CREATE VIEW v AS SELECT 1", "SELECT 1; create table u (id INT)", "ALTER TABLE t COMMENT = 'x'",
    r"SELECT 'a\' # b'", "SELECT 'open", "SELECT 1 /* open"])
def test_left_alone(client, text):
    script = [client.multi, "query=" + text, "store", "free", "next", "close"]
    _, log = sent(client, *script)
    assert not re.search(b"traceparent", b"".join(log))


def test_prepared_and_sent_statements_are_left_alone(client):
    spans, log = sent(client, client.tcp, "stmt", "prepare=SELECT 1", "execute", "sstore", "sclose", "stmt", "direct=SELECT 2",
                      "sstore", "sclose", "send=SELECT 3", "read", *READ, "commit", "autocommit=1", "close")
    assert len(spans) == 5 and b"traceparent" not in b"".join(log)


def test_long_statements_are_left_alone(client):
    fits, too_long = "SELECT '" + "x" * 8000 + "'", "SELECT '" + "x" * 8150 + "'"
    spans, log = sent(client, client.tcp, "query=" + fits, *READ, "query=" + too_long, *READ, "blob=100000", "close")
    assert [span.status[0] for span in spans] == ["UNSET"] * 3
    assert [b"traceparent" in text for text in log] == [True, False, False]


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_SQLCOMMENTER": "false"}, {"OTEL_PROPAGATORS": "baggage"},
                                 {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libmariadb"}])
def test_no_comment(client, env):
    _, log = sent(client, client.tcp, "query=SELECT 1", *READ, "close", env=env)
    assert log == [b"SELECT 1"]


def test_an_unsampled_trace_goes_on(client):
    spans, log = sent(client, client.tcp, "query=SELECT 1", *READ, "close", env={"OTEL_TRACES_SAMPLER": "always_off"})
    assert spans == []
    assert re.fullmatch(rb"SELECT 1 /\*traceparent='00-[0-9a-f]{32}-[0-9a-f]{16}-0[02]'\*/", log[0])


@pytest.mark.parametrize("opt_in", [{}, NEW, DUP])
def test_spans_are_the_same(client, opt_in):
    """All but ids and times."""
    def run(env):
        spans = client.run(client.tcp, *STATEMENTS, "query=SELECT * FROM nosuch", "close", env={**opt_in, **env})
        return [(span.name, span.attributes, span.status) for span in spans]
    assert run(ON) == run({})
