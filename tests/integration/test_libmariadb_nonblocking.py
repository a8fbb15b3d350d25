"""libmariadb's non-blocking interface under the agent: connections in flight together on one thread, whole spans."""

import pytest

from harness import app, free_port, same_output
from libmariadb_client import DUP, NEW, NEW_SCOPE, PARAMETERS, Client, check, merged

ROWS = ["store", "free"]
BAD = ("ERROR", "Table 'shop.nosuch' doesn't exist")


class Loop(Client):
    """Runs tests/apps/mysql_poll.c; each script is one connection's."""

    def run(self, *scripts, env=None, port=None):
        words = []
        for script in scripts:
            words += ["/"] * bool(words) + ["connect", *script]
        result = same_output([app("mysql_poll"), port or self.server.port, *words], env=env, before=self.reset)
        assert result.returncode == 0
        return sorted(result.spans, key=lambda span: span.start)

    def run_unix(self, *scripts, env=None):
        return self.run(*scripts, env=env, port=self.server.socket)


@pytest.fixture
def loop(mariadb):
    return Loop(mariadb)


STATEMENTS = ["query=SELECT 1", *ROWS, "real_query=INSERT INTO t VALUES (1, 'x'), (2, 'y')", "query=SELECT * FROM nosuch",
              "real_query=SELECT id FROM t", "use", "fetch", "fetch", "fetch", "free", "close"]


def expected(loop):
    """Name in the new set, attributes in both, status."""
    return [
        ("SELECT", loop.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1),
         loop.new(db__query__text="SELECT ?", db__query__summary="SELECT", db__response__returned_rows=1), ("UNSET", "")),
        ("INSERT t", loop.old(db__statement="INSERT INTO t VALUES (?, ?), (?, ?)", db__operation="INSERT",
                              db__sql__table="t", db__rows_affected=2),
         loop.new(db__query__text="INSERT INTO t VALUES (?, ?), (?, ?)", db__query__summary="INSERT t"), ("UNSET", "")),
        ("SELECT nosuch", loop.old(db__statement="SELECT * FROM nosuch", db__operation="SELECT", db__sql__table="nosuch"),
         loop.new(db__query__text="SELECT * FROM nosuch", db__query__summary="SELECT nosuch", error__type="1146",
                  db__response__status_code="1146"), BAD),
        ("SELECT t", loop.old(db__statement="SELECT id FROM t", db__operation="SELECT", db__sql__table="t",
                              db__rows_affected=2),
         loop.new(db__query__text="SELECT id FROM t", db__query__summary="SELECT t", db__response__returned_rows=2),
         ("UNSET", "")),
    ]


def test_statements_old(loop):
    for span, (_, old, _, status) in zip(loop.run(STATEMENTS), expected(loop), strict=True):
        check(span, old["db.operation"], old, status)


def test_statements_new(loop):
    for span, (name, _, new, status) in zip(loop.run(STATEMENTS, env=NEW), expected(loop), strict=True):
        check(span, name, new, status, NEW_SCOPE)


def test_statements_dup(loop):
    for span, (name, old, new, status) in zip(loop.run(STATEMENTS, env=DUP), expected(loop), strict=True):
        check(span, name, {**old, **new}, status, NEW_SCOPE)


def test_many_in_flight_on_one_thread(loop):
    """The first to start is the last to end; every span has its own time, text and outcome."""
    scripts = [[f"query=SELECT SLEEP(0.{9 - i}), {i} AS c{i}", *ROWS, "close"] for i in range(8)]
    scripts += [["query=DO SLEEP(0.05)", "close"], ["query=SELECT * FROM nosuch", "close"]]
    counted, bad, *sleeping = sorted(loop.run(*scripts, env=NEW), key=lambda span: span.attributes["db.query.text"])
    for i, span in enumerate(sleeping):
        text = f"SELECT SLEEP(?), ? AS c{i}"
        check(span, "SELECT", loop.new(db__query__text=text, db__query__summary="SELECT", db__response__returned_rows=1),
              scope=NEW_SCOPE)
        assert (9 - i) * 100_000_000 <= span.end - span.start
    check(counted, "DO", loop.new(db__query__text="DO SLEEP(?)", db__query__summary="DO"), scope=NEW_SCOPE)
    assert 50_000_000 <= counted.end - counted.start
    assert bad.status == BAD
    assert max(span.start for span in sleeping) < min(span.end for span in sleeping)
    assert len({span.trace_id for span in sleeping}) == 8


def test_a_statement_in_two_operations(loop):
    count, bad = loop.run(["send=INSERT INTO t VALUES (1, 'x')", "read", "send=SELECT * FROM nosuch", "read", "close"], env=NEW)
    check(count, "INSERT t", loop.new(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t"),
          scope=NEW_SCOPE)
    check(bad, "SELECT nosuch", expected(loop)[2][2], BAD, NEW_SCOPE)


def test_several_results(loop):
    (span,) = loop.run(["query=SELECT 1; SELECT 2 UNION SELECT 3; DO SLEEP(0.05); SELECT * FROM nosuch", *ROWS, "next", *ROWS,
                        "next", "next", "close"], env=NEW)
    check(span, "SELECT SELECT SELECT DO SELECT nosuch", loop.new(
        db__query__text="SELECT ?; SELECT ? UNION SELECT ?; DO SLEEP(?); SELECT * FROM nosuch",
        db__query__summary="SELECT SELECT SELECT DO SELECT nosuch", db__response__returned_rows=3, error__type="1146",
        db__response__status_code="1146"), BAD, NEW_SCOPE)
    assert span.end - span.start > 50_000_000


def test_transactions(loop):
    off, insert, rollback, commit, on = loop.run(["autocommit=0", "query=INSERT INTO t VALUES (1, 'x')", "rollback", "commit",
                                                  "autocommit=1", "close"], env=DUP)
    for span in (off, on):
        text = "SET autocommit=?"
        check(span, "SET", {**loop.old(db__statement=text, db__operation="SET"),
                            **loop.new(db__query__text=text, db__query__summary="SET")}, scope=NEW_SCOPE)
    for span, name in ((rollback, "ROLLBACK"), (commit, "COMMIT")):
        check(span, name, {**loop.old(db__operation=name), **loop.new(db__operation__name=name)}, scope=NEW_SCOPE)
    assert insert.attributes["db.rows_affected"] == 1


def test_schema_and_user_follow(loop):
    """Once the operation has succeeded, not when it begins."""
    spans = loop.run(["select_db=mysql", "query=SELECT 1", *ROWS, "select_db=nosuch", "query=USE shop", "query=SELECT 2", *ROWS,
                      "change_user=nobody", "close"], ["change_user=guest", "query=SELECT 3", *ROWS, "close"], env=DUP)
    assert sorted((span.name, span.attributes["db.user"], span.attributes["db.namespace"], span.status[0])
                  for span in spans) == sorted([
        ("USE", "app", "mysql", "UNSET"), ("SELECT", "app", "mysql", "UNSET"), ("USE", "app", "mysql", "ERROR"),
        ("USE", "app", "mysql", "UNSET"), ("SELECT", "app", "shop", "UNSET"), ("change_user", "app", "shop", "ERROR"),
        ("change_user", "guest", "mysql", "UNSET"), ("SELECT", "guest", "mysql", "UNSET")])


def test_connecting(loop):
    env = {"OTEL_NATIVE_CONNECT_SPANS": "true", **DUP}
    connect, select = loop.run(["query=SELECT 1", *ROWS, "close"], env=env)
    check(connect, "connect", {**loop.old(db__operation="connect"), **loop.new(db__operation__name="connect")}, scope=NEW_SCOPE)
    assert select.name == "SELECT"


def test_connecting_fails(loop):
    port = free_port()
    (span,) = loop.run(["close"], env=DUP, port=port)
    old = loop.old(db__operation="connect", net__peer__port=port, db__connection_string=f"mysql://app@127.0.0.1:{port}/shop")
    new = loop.new(db__system__name="mysql", db__operation__name="connect", server__port=port, error__type="2002")
    assert span.status[0] == "ERROR" and span.status[1].startswith("Can't connect to server on '127.0.0.1'")
    check(span, "connect", {**old, **new}, span.status, NEW_SCOPE)


def test_wrong_password(loop):
    result = same_output([app("mysql_poll"), loop.server.port, "connect=wrong", "close"], env=NEW, before=loop.reset)
    (span,) = result.spans
    check(span, "connect", loop.new(db__system__name="mysql", db__operation__name="connect", error__type="1045",
                                    db__response__status_code="1045"),
          ("ERROR", "Access denied for user 'app'@'127.0.0.1' (using password: YES)"), NEW_SCOPE)


PREPARED = ["stmt", "prepare=INSERT INTO t VALUES (?, ?)", "bind=1,x", "execute", "execute", "sclose", "stmt",
            "prepare=SELECT id FROM t WHERE id < ?", "bind=9", "execute", "sstore", "sfetch", "sfetch", "sfree", "execute",
            "sfetch", "sfetch", "sfree", "sclose", "stmt", "prepare=SELECT * FROM nosuch", "sclose", "close"]


def test_prepared_old(loop):
    insert, again, stored, fetched, bad = loop.run(PREPARED)
    attributes = loop.old(db__statement="INSERT INTO t VALUES (?, ?)", db__operation="INSERT", db__sql__table="t")
    check(insert, "INSERT", {**attributes, "db.rows_affected": 1})
    check(again, "INSERT", attributes, ("ERROR", "Duplicate entry '?' for key 'PRIMARY'"))
    for span in (stored, fetched):
        check(span, "SELECT", loop.old(db__statement="SELECT id FROM t WHERE id < ?", db__operation="SELECT",
                                       db__sql__table="t", db__rows_affected=1))
    check(bad, "SELECT", expected(loop)[2][1], BAD)


def test_prepared_new(loop):
    insert, again, stored, fetched, bad = loop.run(PREPARED, env={**NEW, **PARAMETERS})
    attributes = loop.new(db__query__text="INSERT INTO t VALUES (?, ?)", db__query__summary="INSERT t",
                          db__query__parameter__0="1", db__query__parameter__1="x")
    check(insert, "INSERT t", attributes, scope=NEW_SCOPE)
    check(again, "INSERT t", merged(attributes, dict(error__type="1062", db__response__status_code="1062")),
          ("ERROR", "Duplicate entry '?' for key 'PRIMARY'"), NEW_SCOPE)
    for span in (stored, fetched):
        check(span, "SELECT t", loop.new(db__query__text="SELECT id FROM t WHERE id < ?", db__query__summary="SELECT t",
                                         db__query__parameter__0="9", db__response__returned_rows=1), scope=NEW_SCOPE)
    check(bad, "SELECT nosuch", expected(loop)[2][2], BAD, NEW_SCOPE)


def test_prepared_procedure(loop):
    (span,) = loop.run(["stmt", "prepare=CALL two_sets()", "execute", "sstore", "snext", "sfetch", "sfetch", "sfetch", "snext",
                        "sreset", "sclose", "close"], env=NEW)
    check(span, "CALL two_sets", loop.new(db__query__text="CALL two_sets()", db__query__summary="CALL two_sets",
                                          db__response__returned_rows=3), scope=NEW_SCOPE)


def test_long_data(loop):
    (span,) = loop.run(["stmt", "prepare=INSERT INTO t VALUES (9, CONCAT(?, ?))", "bind=buffer,x", "long=a", "long=b", "execute",
                        "sclose", "close"], env={**NEW, **PARAMETERS})
    check(span, "INSERT t", loop.new(db__query__text="INSERT INTO t VALUES (?, CONCAT(?, ?))", db__query__summary="INSERT t",
                                     db__query__parameter__1="x"), scope=NEW_SCOPE)


def test_no_operations_of_the_programs(loop):
    assert loop.run(["ping", "reset", "ping", "close"]) == []


def test_given_up(loop):
    """Rows thrown away unread; the program ends with a statement in flight, and with rows not read."""
    unread, flight, rows = loop.run(
        ["query=SELECT seq FROM seq_1_to_200000", "use", "fetch", "free", "close"],
        ["send=SELECT SLEEP(9)", "abandon"], ["query=SELECT 1", "abandon"], env=NEW)
    spans = sorted((unread, flight, rows), key=lambda span: span.attributes["db.query.text"])
    assert [(span.attributes["db.query.text"], span.attributes.get("db.response.returned_rows"), span.status[0])
            for span in spans] == [("SELECT ?", None, "UNSET"), ("SELECT SLEEP(?)", None, "UNSET"),
                                   ("SELECT seq FROM seq_1_to_200000", 1, "UNSET")]


def test_the_end_of_the_program_with_a_statement_in_flight(loop):
    spans = loop.run(["query=SELECT SLEEP(9)", *ROWS], ["query=SELECT SLEEP(0.2)", *ROWS, "quit"], env=NEW)
    flight, done = sorted(spans, key=lambda span: "db.response.returned_rows" in span.attributes)
    attributes = loop.new(db__query__text="SELECT SLEEP(?)", db__query__summary="SELECT")
    check(flight, "SELECT", attributes, scope=NEW_SCOPE)
    check(done, "SELECT", {**attributes, "db.response.returned_rows": 1}, scope=NEW_SCOPE)
    assert 100_000_000 <= flight.end - flight.start < 8_000_000_000


def test_one_connection_after_the_other(loop):
    """Mixed with calls that wait."""
    result = same_output([app("mysql_async"), loop.server.port, 20], before=loop.reset)
    *selects, do = sorted(result.spans, key=lambda span: span.start)
    assert len(selects) == 20
    for span in selects:
        check(span, "SELECT", loop.old(db__statement="SELECT ?", db__operation="SELECT", db__rows_affected=1))
    check(do, "DO", loop.old(db__statement="DO ?", db__operation="DO", db__rows_affected=0))


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libmariadb"}, {"OTEL_TRACES_SAMPLER": "always_off"}])
def test_off(loop, env):
    for script in (STATEMENTS, PREPARED):
        assert loop.run(script, env=env) == []
