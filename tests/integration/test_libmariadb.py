"""libmariadb under the agent: a real server, a C client that makes one call of the library an argument, whole spans.

Every program runs bare and instrumented; its output must be the same."""

import signal
import subprocess

import pytest

from harness import OtlpSink, app, same_output, start
from harness.programs import instrumented_command, telemetry
from libmariadb_client import DUP, NEW, NEW_SCOPE, PARAMETERS, SCOPE, STATEMENTS, SYNTAX, Client, check


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


# --- text statements -------------------------------------------------------------------------------------------------


def test_statements_old(client):
    select, insert, update, delete = client.run(client.tcp, *STATEMENTS, "close")
    check(select, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))
    check(insert, "INSERT", client.old(db__statement="INSERT INTO t VALUES (?, ?), (?, ?)", db__operation="INSERT",
                                       db__sql__table="t", db__rows_affected=2))
    check(update, "UPDATE", client.old(db__statement="UPDATE t SET data = ? WHERE id > ?", db__operation="UPDATE",
                                       db__sql__table="t", db__rows_affected=2))
    check(delete, "DELETE", client.old(db__statement="DELETE FROM t WHERE id = ?", db__operation="DELETE",
                                       db__sql__table="t", db__rows_affected=0))


def test_statements_new(client):
    select, insert, update, delete = client.run(client.tcp, *STATEMENTS, "close", env=NEW)
    check(select, "SELECT", client.new(db__query__text="SELECT ?", db__query__summary="SELECT",
                                       db__response__returned_rows=1), scope=NEW_SCOPE)
    check(insert, "INSERT t", client.new(db__query__text="INSERT INTO t VALUES (?, ?), (?, ?)",
                                         db__query__summary="INSERT t"), scope=NEW_SCOPE)
    check(update, "UPDATE t", client.new(db__query__text="UPDATE t SET data = ? WHERE id > ?",
                                         db__query__summary="UPDATE t"), scope=NEW_SCOPE)
    check(delete, "DELETE t", client.new(db__query__text="DELETE FROM t WHERE id = ?",
                                         db__query__summary="DELETE t"), scope=NEW_SCOPE)


def test_statements_dup(client):
    """Both sets."""
    (span,) = client.run(client.tcp, "query=SELECT id FROM t", "store", "free", "close", env=DUP)
    old = client.old(db__statement="SELECT id FROM t", db__operation="SELECT", db__sql__table="t",
                     db__rows_affected=0)
    new = client.new(db__query__text="SELECT id FROM t", db__query__summary="SELECT t", db__response__returned_rows=0)
    check(span, "SELECT t", {**old, **new}, scope=NEW_SCOPE)


def test_unix_socket(client):
    old = client.old_unix(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1)
    new = client.new_unix(db__query__text="SELECT ?", db__query__summary="SELECT", db__response__returned_rows=1)
    for opt_in, expected in (({}, old), (NEW, new)):
        (span,) = client.run(client.unix, "query=SELECT 1", "store", "free", "close", env=opt_in)
        check(span, "SELECT", expected, scope=NEW_SCOPE if opt_in else SCOPE)


FAILURES = [
    ("INSERT INTO t VALUES (1, 'again')", "1062", "Duplicate entry '?' for key 'PRIMARY'",
     dict(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT", db__sql__table="t"), "INSERT t"),
    ("SELCT 'secret'", "1064", SYNTAX, dict(db__statement="SELCT ?", db__operation="SELCT"), "SELCT"),
    ("SELECT * FROM nosuch", "1146", "Table 'shop.nosuch' doesn't exist",
     dict(db__statement="SELECT * FROM nosuch", db__operation="SELECT", db__sql__table="nosuch"), "SELECT nosuch"),
]


def test_failing_statements_old(client):
    spans = client.run(client.tcp, "query=INSERT INTO t VALUES (1, 'x')", *(f"query={text}" for text, *_ in FAILURES), "close")
    for span, (_, code, message, attributes, _) in zip(spans[1:], FAILURES, strict=True):
        check(span, attributes["db__operation"], client.old(**attributes), ("ERROR", message))


def test_failing_statements_new(client):
    spans = client.run(client.tcp, "query=INSERT INTO t VALUES (1, 'x')", *(f"query={text}" for text, *_ in FAILURES), "close",
                       env=NEW)
    for span, (_, code, message, attributes, name) in zip(spans[1:], FAILURES, strict=True):
        check(span, name, client.new(db__query__text=attributes["db__statement"], db__query__summary=name, error__type=code,
                                     db__response__status_code=code), ("ERROR", message), NEW_SCOPE)


def test_rows_read_one_by_one_are_counted(client):
    fill = "query=INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z')"
    _, every, some, none, left = client.run(
        client.tcp, fill, "query=SELECT id FROM t", "use", "fetch", "free",
        "query=SELECT id FROM t", "use", "fetch=2", "free",
        "query=SELECT id FROM t WHERE id = 9", "use", "fetch", "free",
        "query=SELECT id FROM t", "use", "fetch=1", "exit=0", env=NEW)
    assert [span.attributes.get("db.response.returned_rows") for span in (every, some, none, left)] == [3, 2, 0, None]


def test_a_result_nobody_reads_is_delivered(client):
    """At the next call, at close, and when the program just ends."""
    spans = client.run(client.tcp, "query=SELECT 1", "query=SELECT 2", "close",
                       "init", client.tcp, "query=SELECT 3", "close", "init", client.tcp, "query=SELECT 4", "exit=0")
    assert [(span.name, span.status[0]) for span in spans] == [
        ("SELECT", "UNSET"), ("SELECT", "ERROR"), ("SELECT", "UNSET"), ("SELECT", "UNSET")]
    assert spans[1].status[1] == "Commands out of sync; you can't run this command now"


def test_storing_the_rows_belongs_to_the_span(client):
    """Reading them one by one does not: that takes as long as the program likes."""
    text = "query=SELECT seq, REPEAT('x', 30) FROM seq_1_to_500000"
    stored, used = client.run(client.tcp, text, "store", "free", text, "use", "fetch=1", "free", "close", env=NEW)
    assert [span.attributes["db.response.returned_rows"] for span in (stored, used)] == [500_000, 1]
    assert stored.end - stored.start > 3 * (used.end - used.start)


def test_rows_given_back_late(client):
    """Read to their end, but freed only while the next statement already waits: each span keeps its own count."""
    first, second = client.run(client.tcp, "query=SELECT 1 UNION SELECT 2", "use", "fetch", "query=SELECT 3", "free", "store",
                               "free", "close", env=NEW)
    assert "db.response.returned_rows" not in first.attributes
    assert second.attributes["db.response.returned_rows"] == 1


def test_what_waits_is_delivered_once(client):
    """A child of a fork does not deliver what its parent holds; a program that executes another one does."""
    (span,) = client.run(client.tcp, "query=SELECT 1 UNION SELECT 2", "fork", "store", "free", "close")
    check(span, "SELECT", client.old(db__statement="SELECT ? UNION SELECT ?", db__operation="SELECT", db__rows_affected=2))
    (span,) = client.run(client.tcp, "query=SELECT 1", "exec=/bin/true")
    check(span, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT"))


def with_result_cut_off(client, *script):
    """The one span of a script that waits in the middle of a large result, where its connection is killed."""
    with OtlpSink() as sink:
        command = [client.program, "init", client.tcp, *script, "close"]
        process = start(instrumented_command(command), env=telemetry(sink, NEW), stdin=subprocess.PIPE)
        while process.stdout.readline() != b"waiting\n":
            pass
        client.server.sql("KILL " + client.server.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'"))
        process.communicate(b"\n", 30)
        assert process.returncode == 0
        (span,) = sink.exactly(1)
    return span


LARGE = "SELECT seq, REPEAT('x', 30) FROM seq_1_to_3000000"


def test_an_error_in_the_middle_of_the_rows(client):
    for script in (["query=" + LARGE, "use", "fetch=1", "wait", "fetch", "free"],
                   ["query=" + LARGE, "wait", "store"],
                   ["stmt", "prepare=" + LARGE, "execute", "sfetch=1", "wait", "sfetch", "sclose"],
                   ["stmt", "prepare=" + LARGE, "execute", "wait", "sstore", "sclose"]):
        span = with_result_cut_off(client, *script)
        rows = span.attributes.pop("db.response.returned_rows", None)
        assert (rows > 1) if "fetch" in " ".join(script) else (rows is None)
        # The server's last word, or none at all: both libraries' numbers for a connection that is gone.
        assert span.attributes.pop("db.response.status_code", span.attributes["error.type"]) == span.attributes["error.type"]
        assert span.attributes.pop("error.type") in ("2013", "1927", "1317")
        assert span.status[0] == "ERROR"
        check(span, "SELECT seq_1_to_3000000", client.new(
            db__query__text="SELECT seq, REPEAT(?, ?) FROM seq_1_to_3000000", db__query__summary="SELECT seq_1_to_3000000"),
            span.status, NEW_SCOPE)


def test_statement_in_two_calls(client):
    count, rows, bad = client.run(client.tcp, "send=INSERT INTO t VALUES (1, 'x')", "read", "send=SELECT id FROM t", "read",
                                  "store", "free", "send=SELECT * FROM nosuch", "read", "close", env=NEW)
    check(count, "INSERT t", client.new(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t"),
          scope=NEW_SCOPE)
    check(rows, "SELECT t", client.new(db__query__text="SELECT id FROM t", db__query__summary="SELECT t",
                                       db__response__returned_rows=1), scope=NEW_SCOPE)
    assert bad.status == ("ERROR", "Table 'shop.nosuch' doesn't exist")


# --- several results -------------------------------------------------------------------------------------------------


def test_several_statements_are_one_span(client):
    text = "INSERT INTO t VALUES (1, 'x'), (2, 'y'); SELECT id FROM t; DELETE FROM t WHERE id = 1; DO SLEEP(0.05)"
    script = [f"query={text}", "store", "next", "store", "free", "next", "next", "next"]
    (span,) = client.run(client.multi, *script, "close")
    check(span, "INSERT", client.old(
        db__statement="INSERT INTO t VALUES (?, ?), (?, ?); SELECT id FROM t; DELETE FROM t WHERE id = ?; DO SLEEP(?)",
        db__operation="INSERT", db__sql__table="t", db__rows_affected=3))
    assert span.end - span.start > 50_000_000
    (span,) = client.run(client.multi, *script, "close", env=NEW)
    assert span.attributes["db.response.returned_rows"] == 2


def test_an_error_of_a_later_statement_is_the_spans(client):
    (span,) = client.run(client.multi, "query=INSERT INTO t VALUES (1, 'x'); SELECT * FROM nosuch; SELECT 1", "store", "next",
                         "close")
    check(span, "INSERT", client.old(db__statement="INSERT INTO t VALUES (?, ?); SELECT * FROM nosuch; SELECT ?",
                                     db__operation="INSERT", db__sql__table="t", db__rows_affected=1),
          ("ERROR", "Table 'shop.nosuch' doesn't exist"))


def test_results_of_a_procedure_are_one_span(client):
    script = ["query=CALL two_sets()", "store", "free", "next", "use", "fetch", "free", "next", "store", "next"]
    (span,) = client.run(client.tcp, *script, "close")
    check(span, "CALL", client.old(db__statement="CALL two_sets()", db__operation="CALL", db__rows_affected=0))
    (span,) = client.run(client.tcp, *script, "close", env=NEW)
    check(span, "CALL two_sets", client.new(db__query__text="CALL two_sets()", db__query__summary="CALL two_sets",
                                            db__response__returned_rows=3), scope=NEW_SCOPE)


def test_a_procedure_that_breaks(client):
    (span,) = client.run(client.tcp, "query=CALL breaks()", "store", "free", "next", "close")
    assert (span.name, span.status) == ("CALL", ("ERROR", "Table 'shop.nosuch' doesn't exist"))


# --- transactions, schema, user --------------------------------------------------------------------------------------


def test_transactions(client):
    spans = client.run(client.tcp, "autocommit=0", "query=INSERT INTO t VALUES (1, 'x')", "rollback",
                       "query=INSERT INTO t VALUES (1, 'y')", "commit", "autocommit=1", "close")
    off, _, rollback, _, commit, on = spans
    for span in (off, on):
        check(span, "SET", client.old(db__statement="SET autocommit=?", db__operation="SET", db__rows_affected=None))
    check(rollback, "ROLLBACK", client.old(db__operation="ROLLBACK"))
    check(commit, "COMMIT", client.old(db__operation="COMMIT"))


def test_schema_follows(client):
    spans = client.run(client.tcp, "query=SELECT 1", "store", "free", "query=USE mysql", "query=SELECT 2", "store", "free",
                       "select_db=shop", "query=SELECT 3", "store", "free", "select_db=nosuch", "query=use `mysql`",
                       "query=SELECT 4", "store", "free", "query=USE nosuch", "query=SELECT 5", "store", "free", "stmt", "prepare=USE shop",
                       "execute", "sclose", "query=SELECT 6", "store", "free", "close")
    assert [(span.name, span.attributes["db.name"], span.status[0]) for span in spans] == [
        ("SELECT", "shop", "UNSET"), ("USE", "shop", "UNSET"), ("SELECT", "mysql", "UNSET"),
        ("USE", "shop", "UNSET"), ("SELECT", "shop", "UNSET"), ("USE", "shop", "ERROR"), ("use", "shop", "UNSET"),
        ("SELECT", "mysql", "UNSET"), ("USE", "mysql", "ERROR"), ("SELECT", "mysql", "UNSET"),
        ("USE", "mysql", "UNSET"), ("SELECT", "shop", "UNSET")]


def test_change_user(client):
    changed, after, refused = client.run(client.tcp, "change_user=guest,-,mysql", "query=SELECT 1", "store", "free",
                                         "change_user=nobody,wrong,shop", "close")
    guest = dict(db__user="guest", db__name="mysql", db__connection_string=f"mysql://guest@127.0.0.1:{client.server.port}/mysql")
    check(changed, "change_user", client.old(db__operation="change_user", **guest))
    check(after, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1, **guest))
    check(refused, "change_user", client.old(db__operation="change_user", **guest),
          ("ERROR", "Access denied for user 'nobody'@'127.0.0.1' (using password: YES)"))


def test_lock_wait(client):
    spans = client.run(
        client.tcp, "query=INSERT INTO t VALUES (1, 'x')", "autocommit=0", "query=UPDATE t SET data = 'a'",
        "on=1", "init", client.tcp, "query=SET innodb_lock_wait_timeout = 1", "query=UPDATE t SET data = 'b'", "close",
        "on=0", "commit", "close", env=NEW)
    check(spans[-2], "UPDATE t", client.new(db__query__text="UPDATE t SET data = ?", db__query__summary="UPDATE t",
                                            error__type="1205", db__response__status_code="1205"),
          ("ERROR", "Lock wait timeout exceeded; try restarting transaction"), NEW_SCOPE)
    assert spans[-2].end - spans[-2].start > 900_000_000


# --- size, number, interference --------------------------------------------------------------------------------------


def test_large_and_binary_statements(client):
    large, binary = client.run(client.tcp, "blob=1000000", "bytes", "close")
    for span in (large, binary):
        check(span, "INSERT", client.old(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT",
                                         db__sql__table="t", db__rows_affected=1))
    assert int(client.server.sql("SELECT SUM(LENGTH(data)) FROM t")) == 1_000_256


def test_ten_thousand_statements(client):
    spans = client.run(client.tcp, "loop=10000,SELECT 1", "close", env={"OTEL_BSP_MAX_QUEUE_SIZE": "20000"})
    assert len(spans) == 10_000
    assert {span.name for span in spans} == {"SELECT"}
    assert len({span.span_id for span in spans}) == 10_000


def test_threads(client):
    result = same_output([app("mysql_threads"), client.server.port, 100], before=client.reset)
    assert result.stdout == b"1600 rows\n"
    assert [len(result.spans), len({span.span_id for span in result.spans})] == [1600, 1600]
    assert {span.attributes["db.statement"] for span in result.spans} == {"SELECT ?"}


def test_server_dies_in_the_middle(mariadb):
    """A server of its own, killed while it works on a statement."""
    with type(mariadb)() as server, OtlpSink() as sink:
        client = Client(server)
        command = [client.program, "init", client.tcp, "query=SELECT SLEEP(60)", "query=SELECT 1", "close"]
        process = start(instrumented_command(command), env=telemetry(sink, NEW))
        while "SLEEP" not in server.sql("SELECT info FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"):
            assert process.poll() is None
        server.stop(signal.SIGKILL)
        assert process.wait(30) == 0
        lost, gone = sink.exactly(2)
    check(lost, "SELECT", client.new(db__query__text="SELECT SLEEP(?)", db__query__summary="SELECT", error__type="2013"),
          lost.status, NEW_SCOPE)
    check(gone, "SELECT", client.new(db__query__text="SELECT ?", db__query__summary="SELECT", error__type="2006"),
          gone.status, NEW_SCOPE)
    assert lost.status[0] == gone.status[0] == "ERROR"


def test_children_of_the_process_span(client):
    spans = client.run(client.tcp, "query=SELECT 1", "store", "free", "close", env={"OTEL_NATIVE_PROCESS_SPAN": "true"})
    process, select = spans
    assert (process.kind, select.parent_span_id, select.trace_id) == ("INTERNAL", process.span_id, process.trace_id)


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libmariadb"}, {"OTEL_SDK_DISABLED": "true"},
                                 {"OTEL_TRACES_SAMPLER": "always_off"}])
def test_off(client, env):
    assert client.run(client.tcp, *STATEMENTS, "query=SELECT * FROM nosuch", "close", env=env) == []


# --- MySQL's own library ---------------------------------------------------------------------------------------------


def test_the_other_library(sink):
    """The same names, other layouts, none of MariaDB's additions; errno is untouched."""
    library = app("mysql_fake")
    program = app("mysql_fake_user", "-Wl,--no-as-needed", str(library))
    result = same_output([program], sink, env=NEW)
    select, insert = sorted(result.spans, key=lambda span: span.start)
    common = {"db.system.name": "mysql", "db.namespace": "shop", "server.address": "db.example", "server.port": 3307}
    check(select, "SELECT", {**common, "db.query.text": "SELECT ?", "db.query.summary": "SELECT",
                             "db.response.returned_rows": 1}, scope=NEW_SCOPE)
    check(insert, "INSERT t", {**common, "db.query.text": "INSERT INTO t VALUES (?)", "db.query.summary": "INSERT t"},
          scope=NEW_SCOPE)
    assert result.stdout == b"0 77\n"


@pytest.mark.parametrize("env, old, new", [({}, True, False), (NEW, False, True)])
def test_parameters_bound_by_name(sink, env, old, new):
    """MySQL's own function: which value is which parameter's is not known, and what was bound before is no more."""
    program = app("mysql_fake_named", "-Wl,--no-as-needed", str(app("mysql_fake")))
    result = same_output([program], sink, env={**PARAMETERS, **env})
    first, second = sorted(result.spans, key=lambda span: span.start)
    common = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "db.example", "net.peer.port": 3307,
              "db.connection_string": "mysql://app@db.example:3307/shop", "db.statement": "SELECT ?", "db.operation": "SELECT",
              "db.rows_affected": 1} if old else {
              "db.system.name": "mysql", "db.namespace": "shop", "server.address": "db.example", "server.port": 3307,
              "db.query.text": "SELECT ?", "db.query.summary": "SELECT", "db.response.returned_rows": 1}
    value = {"db.statement.parameters": "('first',)"} if old else {"db.query.parameter.0": "first"}
    check(first, "SELECT", {**common, **value}, scope=NEW_SCOPE if new else SCOPE)
    check(second, "SELECT", common, scope=NEW_SCOPE if new else SCOPE)
    assert result.stdout == b"00000\n"
