"""libmariadb under the agent: a real server, a C client that makes one call of the library an argument, whole spans.

Every program runs bare and instrumented; its output must be the same."""

import signal
import subprocess

import pytest

from harness import OtlpSink, app, free_port, same_output, start
from harness.programs import instrumented_command, telemetry

SCOPE = ("otel-instrument.libmariadb", "https://opentelemetry.io/schemas/1.11.0")
NEW_SCOPE = ("otel-instrument.libmariadb", "https://opentelemetry.io/schemas/1.25.0")
NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database"}
DUP = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database/dup"}
SYNTAX = ("You have an error in your SQL syntax; check the manual that corresponds to your MariaDB server version for the "
          "right syntax to use near '?' at line 1")


class Client:
    """Runs tests/apps/mysql_script.c against a server and knows what its spans look like."""

    def __init__(self, server):
        self.server = server
        self.program = app("mysql_script")
        self.tcp = f"connect=127.0.0.1,app,secret,shop,{server.port},-"
        self.multi = f"connect_multi=127.0.0.1,app,secret,shop,{server.port},-"
        self.unix = f"connect=localhost,app,secret,shop,-,{server.socket}"

    def reset(self):
        self.server.reset()
        self.server.sql("CREATE TABLE t (id INT PRIMARY KEY, data MEDIUMBLOB)")
        self.server.sql("DELIMITER //\nCREATE PROCEDURE two_sets() BEGIN SELECT 1; SELECT 2 UNION SELECT 3; DELETE FROM t; "
                        "END //\nCREATE PROCEDURE breaks() BEGIN SELECT 1; SELECT * FROM nosuch; END //")

    def run(self, *script, env=None):
        """The spans of `init <script>`, in the order of their start."""
        result = same_output([self.program, "init", *script], env=env, before=self.reset)
        assert result.returncode == 0
        return sorted(result.spans, key=lambda span: span.start)

    def old(self, **more):
        port = self.server.port
        attributes = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "127.0.0.1",
                      "net.peer.port": port, "db.connection_string": f"mysql://app@127.0.0.1:{port}/shop"}
        return merged(attributes, more)

    def old_unix(self, **more):
        return self.old(net__peer__name=self.server.socket, net__peer__port=None,
                        db__connection_string=f"mysql://app@/shop?unix_socket={self.server.socket}", **more)

    def new_unix(self, **more):
        return self.new(server__address=self.server.socket, server__port=None, **more)

    def new(self, **more):
        attributes = {"db.system.name": "mariadb", "db.namespace": "shop", "server.address": "127.0.0.1",
                      "server.port": self.server.port}
        return merged(attributes, more)


def merged(attributes, more):
    """Keyword arguments name attributes with `__` for a dot; None takes one away."""
    for key, value in more.items():
        attributes[key.replace("__", ".")] = value
    return {key: value for key, value in attributes.items() if value is not None}


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


def check(span, name, attributes, status=("UNSET", ""), scope=SCOPE):
    assert (span.name, span.kind, span.status, span.attributes, span.parent_span_id, span.dropped_attributes) == (
        name, "CLIENT", status, attributes, "", 0)
    assert (span.scope_name, span.schema_url) == scope
    assert span.start < span.end


# --- text statements -------------------------------------------------------------------------------------------------

STATEMENTS = ["query=SELECT 1", "store", "fetch", "free", "query=INSERT INTO t VALUES (1, 'x'), (2, 'y')",
              "real_query=UPDATE t SET data = 'z' WHERE id > 0", "query=DELETE FROM t WHERE id = 77"]


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


# --- connecting ------------------------------------------------------------------------------------------------------


def test_connect_is_a_span_on_request(client):
    env = {"OTEL_NATIVE_CONNECT_SPANS": "true", **NEW}
    connect, select = client.run(client.tcp, "query=SELECT 1", "store", "free", "close", env=env)
    check(connect, "connect", client.new(db__operation__name="connect"), scope=NEW_SCOPE)
    assert select.name == "SELECT"


def failed_connect(client, connect, env=None, *before):
    (span,) = client.run(*before, connect, "close", env=env)
    return span


def test_wrong_password(client):
    message = "Access denied for user 'app'@'127.0.0.1' (using password: YES)"
    connect = client.tcp.replace("secret", "wrong")
    check(failed_connect(client, connect), "connect", client.old(db__operation="connect"), ("ERROR", message))
    check(failed_connect(client, connect, NEW), "connect",
          client.new(db__system__name="mysql", db__operation__name="connect", error__type="1045",
                     db__response__status_code="1045"), ("ERROR", message), NEW_SCOPE)


def test_no_server(client):
    port = free_port()
    connect = f"connect=127.0.0.1,app,secret,shop,{port},-"
    message = "Can't connect to server on '127.0.0.1' (115)"
    check(failed_connect(client, connect), "connect",
          client.old(db__operation="connect", net__peer__port=port,
                     db__connection_string=f"mysql://app@127.0.0.1:{port}/shop"), ("ERROR", message))
    check(failed_connect(client, connect, NEW), "connect",
          client.new(db__system__name="mysql", db__operation__name="connect", server__port=port, error__type="2002"),
          ("ERROR", message), NEW_SCOPE)


def test_unknown_database(client):
    span = failed_connect(client, client.tcp.replace("shop", "nosuch"), NEW)
    check(span, "connect", client.new(db__system__name="mysql", db__namespace="nosuch", db__operation__name="connect",
                                      error__type="1049", db__response__status_code="1049"),
          ("ERROR", "Unknown database 'nosuch'"), NEW_SCOPE)


def test_unknown_host(client):
    span = failed_connect(client, "connect=nosuch.invalid,app,secret,shop,7,-", NEW)
    assert (span.attributes["server.address"], span.attributes["server.port"], span.attributes["error.type"]) == (
        "nosuch.invalid", 7, "2005")


@pytest.mark.parametrize("script", [
    ["connect=localhost,app,secret,shop,-,/nosuch/mysql.sock"], ["connect=-,app,secret,shop,-,/nosuch/mysql.sock"],
    ["defaults=FILE", "connect=-,-,-,-,-,-"]])
def test_no_socket(client, tmp_path, script):
    """The last one is in a file only the library reads: its message names the place."""
    (tmp_path / "my.cnf").write_text("[client]\nsocket=/nosuch/mysql.sock\nuser=app\n", encoding="utf-8")
    script = [word.replace("FILE", str(tmp_path / "my.cnf")) for word in script]
    (span,) = client.run(*script, "close", env=NEW)
    assert span.status == ("ERROR", "Can't connect to local server through socket '/nosuch/mysql.sock' (2)")
    assert span.attributes["server.address"] == "/nosuch/mysql.sock"
    assert "server.port" not in span.attributes


def test_defaults_file_gives_the_real_values(client, tmp_path):
    (tmp_path / "my.cnf").write_text(
        f"[client]\nhost=127.0.0.1\nport={client.server.port}\nuser=app\npassword=secret\ndatabase=shop\n", encoding="utf-8")
    (span,) = client.run(f"defaults={tmp_path}/my.cnf", "connect=-,-,-,-,-,-", "query=SELECT 1", "store", "free", "close")
    check(span, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


@pytest.mark.parametrize("opt_in", ["", "database", "database/dup"])
def test_a_connection_string_is_not_shown(client, opt_in):
    """libmariadb takes one as host; it holds a password."""
    connect = f"connect=host=127.0.0.1;port={free_port()};user=app;password=geheim,-,-,-,-,-"
    (span,) = client.run(connect, "close", env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
    assert span.name == "connect" and span.status[0] == "ERROR"
    assert "geheim" not in repr(span)


def test_connecting_twice_changes_nothing(client):
    twice, select = client.run(client.tcp, "connect=other.invalid,else,x,y,9,-", "query=SELECT 1", "store", "free", "close")
    check(twice, "connect", client.old(db__operation="connect"), twice.status)
    assert twice.status[0] == "ERROR"
    check(select, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


def test_a_second_try_may_succeed(client):
    failed, select = client.run(f"connect=127.0.0.1,app,secret,shop,{free_port()},-", client.tcp, "query=SELECT 1", "store",
                                "free", "close")
    assert failed.name == "connect" and failed.status[0] == "ERROR"
    check(select, "SELECT", client.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))


def test_what_connecting_does_inside_is_no_span(client):
    spans = client.run("command=SET NAMES utf8mb4", client.tcp, "query=SELECT 1", "store", "free", "close")
    assert [span.name for span in spans] == ["SELECT"]


# --- prepared statements ---------------------------------------------------------------------------------------------


def test_prepared(client):
    spans = client.run(
        client.tcp, "stmt", "prepare=INSERT INTO t VALUES (?, 'literal')", "bind=1", "execute", "bind=2", "execute", "execute",
        "sclose", "stmt", "prepare=SELECT id FROM t WHERE id < ? ORDER BY id", "bind=9", "execute", "sstore", "sfetch", "sfree",
        "execute", "sfetch", "execute", "sfetch=1", "sfree", "execute", "sfetch=1", "sreset", "sclose", "close", env=NEW)
    insert = dict(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t")
    check(spans[0], "INSERT t", client.new(**insert), scope=NEW_SCOPE)
    check(spans[1], "INSERT t", client.new(**insert), scope=NEW_SCOPE)
    check(spans[2], "INSERT t", client.new(error__type="1062", db__response__status_code="1062", **insert),
          ("ERROR", "Duplicate entry '?' for key 'PRIMARY'"), NEW_SCOPE)
    for span, rows in zip(spans[3:], (2, 2, 1, 1), strict=True):
        check(span, "SELECT t", client.new(db__query__text="SELECT id FROM t WHERE id < ? ORDER BY id",
                                           db__query__summary="SELECT t", db__response__returned_rows=rows), scope=NEW_SCOPE)


def test_prepared_old(client):
    (span,) = client.run(client.tcp, "stmt", "prepare=INSERT INTO t VALUES (?, 'literal')", "bind=1", "execute", "sclose", "close")
    check(span, "INSERT", client.old(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT", db__sql__table="t",
                                     db__rows_affected=1))


def test_preparing_fails(client):
    prepare, execute = client.run(client.tcp, "stmt", "prepare=SELECT * FROM nosuch", "execute", "sclose", "close", env=NEW)
    text = dict(db__query__text="SELECT * FROM nosuch", db__query__summary="SELECT nosuch")
    check(prepare, "SELECT nosuch", client.new(error__type="1146", db__response__status_code="1146", **text),
          ("ERROR", "Table 'shop.nosuch' doesn't exist"), NEW_SCOPE)
    check(execute, "SELECT nosuch", client.new(error__type="2014", **text),
          ("ERROR", "Commands out of sync; you can't run this command now"), NEW_SCOPE)


def test_preparing_is_no_span(client):
    assert client.run(client.tcp, "stmt", "prepare=SELECT 1", "sclose", "close") == []


def test_bulk(client):
    (span,) = client.run(client.tcp, "stmt", "prepare=INSERT INTO t VALUES (?, 'x')", "bulk=1,2,3", "execute", "sclose", "close",
                         env=NEW)
    check(span, "BATCH INSERT t", client.new(
        db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="BATCH INSERT t", db__operation__batch__size=3),
        scope=NEW_SCOPE)


def test_bulk_old_and_dup(client):
    """Without the batch's size in the old set; and where the server refuses it."""
    script = [client.tcp, "stmt", "prepare=INSERT INTO t VALUES (?, 'x')", "bulk=1,2,3", "execute", "execute", "sclose", "close"]
    old = client.old(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT", db__sql__table="t")
    new = client.new(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="BATCH INSERT t",
                     db__operation__batch__size=3)
    refused = dict(error__type="1062", db__response__status_code="1062")
    status = ("ERROR", "Duplicate entry '?' for key 'PRIMARY'")
    good, bad = client.run(*script)
    check(good, "INSERT", {**old, "db.rows_affected": 3})
    check(bad, "INSERT", old, status)
    good, bad = client.run(*script, env=DUP)
    check(good, "BATCH INSERT t", {**old, **new, "db.rows_affected": 3}, scope=NEW_SCOPE)
    check(bad, "BATCH INSERT t", merged({**old, **new}, refused), status, NEW_SCOPE)


PARAMETERS = {"OTEL_NATIVE_DB_PARAMETERS": "true"}
TWICE = ["stmt", "prepare=INSERT INTO t VALUES (?, ?)", "bind=1,it's", "execute", "execute", "bind=2,-", "execute", "sclose"]


def test_parameters_old(client):
    good, bad, null = client.run(client.tcp, *TWICE, "close", env=PARAMETERS)
    common = dict(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT", db__sql__table="t")
    first = dict(db__statement__parameters=r"('1', 'it\'s')")
    check(good, "INSERT", client.old(**common, **first, db__rows_affected=1))
    check(bad, "INSERT", client.old(**common, **first), ("ERROR", "Duplicate entry '?' for key 'PRIMARY'"))
    check(null, "INSERT", client.old(**common, db__statement__parameters="('2', None)", db__rows_affected=1))


def test_parameters_new(client):
    good, bad, null = client.run(client.tcp, *TWICE, "close", env={**PARAMETERS, **NEW})
    common = dict(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t")
    first = dict(db__query__parameter__0="1", db__query__parameter__1="it's")
    check(good, "INSERT t", client.new(**common, **first), scope=NEW_SCOPE)
    check(bad, "INSERT t", client.new(**common, **first, error__type="1062", db__response__status_code="1062"),
          ("ERROR", "Duplicate entry '?' for key 'PRIMARY'"), NEW_SCOPE)
    check(null, "INSERT t", client.new(**common, db__query__parameter__0="2", db__query__parameter__1="NULL"),
          scope=NEW_SCOPE)


def test_parameters_of_every_type(client):
    """What cannot be written exactly is not guessed."""
    marks = ", ".join("?" * 12)
    (span,) = client.run(client.tcp, "stmt", f"prepare=SELECT {marks}", "typed", "execute", "sstore", "sclose", "close",
                         env={**PARAMETERS, **DUP})
    values = {0: "-1", 1: "65535", 2: "-5", 3: "18446744073709551615", 4: "0.5", 5: "-2.25", 7: "2026-02-03",
              8: "2026-02-03 04:05:06.000078", 9: "-26:03:04", 10: "it's \\ text", 11: "NULL"}
    old = client.old(db__statement=f"SELECT {marks}", db__operation="SELECT", db__rows_affected=1, db__statement__parameters=(
        "(-1, 65535, -5, 18446744073709551615, 0.5, -2.25, ?, '2026-02-03', '2026-02-03 04:05:06.000078', '-26:03:04', "
        r"'it\'s \\ text', None)"))
    new = client.new(db__query__text=f"SELECT {marks}", db__query__summary="SELECT", db__response__returned_rows=1,
                     **{f"db__query__parameter__{i}": value for i, value in values.items()})
    check(span, "SELECT", {**old, **new}, scope=NEW_SCOPE)


def test_parameters_sent_in_pieces(client):
    """They are not looked at, for that one execution."""
    script = [client.tcp, "stmt", "prepare=INSERT INTO t VALUES (?, ?)", "bind=1,buffer", "long=1,first ,second", "execute",
              "bind=2,buffer", "execute", "sclose", "close"]
    pieces, whole = client.run(*script, env={**PARAMETERS, **NEW})
    common = dict(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t")
    check(pieces, "INSERT t", client.new(**common, db__query__parameter__0="1"), scope=NEW_SCOPE)
    check(whole, "INSERT t", client.new(**common, db__query__parameter__0="2", db__query__parameter__1="buffer"),
          scope=NEW_SCOPE)
    assert client.server.sql("SELECT data FROM shop.t ORDER BY id").splitlines() == ["first second", "buffer"]
    pieces, _ = client.run(*script)
    check(pieces, "INSERT", client.old(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT",
                                       db__sql__table="t", db__rows_affected=1))


@pytest.mark.parametrize("env, script", [
    ({}, ["prepare=INSERT INTO t VALUES (?, 'x')", "bind=1", "execute"]),
    (PARAMETERS, ["prepare=INSERT INTO t VALUES (?, 'x')", "bulk=1,2", "execute"]),
    (PARAMETERS, ["prepare=INSERT INTO t VALUES (?, 'x')", "bulk=1", "execute"]),
    (PARAMETERS, ["prepare=INSERT INTO t VALUES (?, 'x')", "bind=1", "prepare=SELECT 1", "execute"])])
def test_no_parameters(client, env, script):
    """Unless asked for; of a batch; of the statement before."""
    (span,) = client.run(client.tcp, "stmt", *script, "sclose", "close", env={**env, **DUP})
    assert span.status[0] == "UNSET"
    assert [key for key in span.attributes if "parameter" in key] == []


def test_parameters_of_a_statement_executed_at_once(client):
    (span,) = client.run(client.tcp, "stmt", "prebind=2", "bind=7,x", "direct=INSERT INTO t VALUES (?, ?)", "sclose", "close",
                         env={**PARAMETERS, **NEW})
    check(span, "INSERT t", client.new(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t",
                                       db__query__parameter__0="7", db__query__parameter__1="x"), scope=NEW_SCOPE)


def test_prepared_and_executed_at_once(client):
    good, bad = client.run(client.tcp, "stmt", "direct=SELECT 5", "sstore", "sfetch", "sclose", "stmt",
                           "direct=SELECT * FROM nosuch", "sclose", "close", env=NEW)
    check(good, "SELECT", client.new(db__query__text="SELECT ?", db__query__summary="SELECT", db__response__returned_rows=1),
          scope=NEW_SCOPE)
    assert bad.status == ("ERROR", "Table 'shop.nosuch' doesn't exist")


def test_prepared_procedure(client):
    (span,) = client.run(client.tcp, "stmt", "prepare=CALL two_sets()", "execute", "sfetch", "snext", "sstore", "sfetch",
                         "snext", "sclose", "close", env=NEW)
    check(span, "CALL two_sets", client.new(db__query__text="CALL two_sets()", db__query__summary="CALL two_sets",
                                            db__response__returned_rows=3), scope=NEW_SCOPE)


def test_rows_of_a_statement_left_open(client):
    """The program ends between two rows; a statement is closed after its connection."""
    (left,) = client.run(client.tcp, "stmt", "prepare=SELECT 1 UNION SELECT 2", "execute", "sfetch=1", "exit=0")
    assert left.name == "SELECT"
    (closed,) = client.run(client.tcp, "stmt", "prepare=SELECT 1", "execute", "close", "sclose")
    assert closed.name == "SELECT"


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
