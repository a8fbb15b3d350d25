"""libmariadb under the agent: prepared statements, plain ones and procedures, cursors, bulk arrays, long texts."""

import pytest

from libmariadb_client import DUP, NEW, NEW_SCOPE, PARAMETERS, Client, check, merged
from mysql_spans import SETS, Expected, compare

DUPLICATE = dict(error="1062", message="Duplicate entry '?' for key 'PRIMARY'")
INSERT = "INSERT INTO t VALUES (?, ?)"
FILL = "query=INSERT INTO t SELECT seq, 'x' FROM seq_1_to_9"
FILLED = Expected("INSERT INTO t SELECT seq, ? FROM seq_1_to_9", "t", summary="INSERT t SELECT seq_1_to_9", affected=9)


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


@pytest.fixture(params=SETS)
def which(request):
    return request.param


def prepared(text, *more):
    return ["stmt", f"prepare={text}", *more, "sclose"]


# --- plain ones ------------------------------------------------------------------------------------------------------


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


# --- procedures ------------------------------------------------------------------------------------------------------


class Procedures(Client):
    def reset(self):
        super().reset()
        self.server.sql(
            "DELIMITER //\n"
            "CREATE PROCEDURE outs(IN a INT, OUT b INT, INOUT c INT) BEGIN SET b = a + 1; SET c = c + 1; END //\n"
            "CREATE PROCEDURE rows_and_outs(IN a INT, OUT b INT) BEGIN SELECT 1 UNION SELECT a; SELECT a; SET b = a; END //\n"
            "CREATE PROCEDURE breaks_late(OUT b INT) BEGIN SELECT 1; SET b = 1; INSERT INTO nosuch VALUES (1); END //")


def called(name, arguments, **more):
    return Expected(f"CALL {name}({arguments})", summary=f"CALL {name}", **more)


@pytest.mark.parametrize("read", [["sstore", "sfetch"], ["sfetch"], ["sstore"]])
def test_parameters_that_a_procedure_sets(mariadb, which, read):
    """They come as a row, which is none of the procedure's."""
    client = Procedures(mariadb)
    compare(client, [client.tcp, *prepared("CALL outs(?, ?, ?)", "bind=1,2,3", "execute", *read, "snext"),
                     *prepared("CALL rows_and_outs(?, ?)", "bind=1,2", "execute", *read, "snext", *read, "snext", *read, "snext"),
                     "close"],
            [called("outs", "?, ?, ?", affected=0), called("rows_and_outs", "?, ?", rows=2, affected=0)], which)


def test_a_procedure_that_breaks_after_a_result(mariadb, which):
    client = Procedures(mariadb)
    compare(client, [client.tcp, *prepared("CALL breaks_late(?)", "bind=1", "execute", "sstore", "sfetch", "snext"), "close"],
            [called("breaks_late", "?", rows=1, error="1146", message="Table 'shop.nosuch' doesn't exist")], which)


def test_parameters_shown_are_those_given(mariadb):
    client = Procedures(mariadb)
    compare(client, [client.tcp, *prepared("CALL outs(?, ?, ?)", "bind=1,2,3", "execute", "sstore", "snext"), "close"],
            [called("outs", "?, ?, ?", affected=0, old={"db__statement__parameters": "('1', '2', '3')"},
                    new={f"db__query__parameter__{i}": str(i + 1) for i in range(3)})], "dup", env=PARAMETERS)


# --- cursors ---------------------------------------------------------------------------------------------------------


def test_rows_of_a_cursor(client, which):
    """Fetched three at a time, to the end, to the middle, after other statements, or at once."""
    text, seen = "SELECT id FROM t", ("SELECT id FROM t", "t")
    compare(client, [client.tcp, FILL, *prepared(text, "cursor=3", "execute", "sfetch"),
                     *prepared(text, "cursor=3", "execute", "sfetch=4"),
                     *prepared(text, "cursor=3", "execute", "sfetch=2", "query=DO 1", "sfetch"),
                     *prepared(text, "cursor=2", "execute", "sstore"),
                     *prepared(text, "cursor=3", "execute", "sfetch=1", "sreset", "execute", "sfetch=2", "sfree"), "close"],
            [FILLED, Expected(*seen, rows=9), Expected(*seen, rows=4), Expected(*seen, rows=9), Expected("DO ?", affected=0),
             Expected(*seen, rows=9), Expected(*seen, rows=1), Expected(*seen, rows=2)], which)


# --- bulk ------------------------------------------------------------------------------------------------------------


def test_bulk_with_indicators(client, which):
    """Column after column, and row after row."""
    compare(client, [client.tcp, *prepared("INSERT INTO t VALUES (7, ?)", "bulk=-", "execute"),
                     *prepared(INSERT, "rows=1,x,2,-,3,!", "execute"), "close"],
            [Expected("INSERT INTO t VALUES (?, ?)", "t", affected=1), Expected("INSERT INTO t VALUES (?, ?)", "t", batch=3, affected=3)],
            which)
    assert client.server.sql("SELECT id, data FROM t ORDER BY id").splitlines() == ["1\tx", "2\tNULL", "3\tNULL", "7\tNULL"]


def test_bulk_that_fails_in_the_middle(client, which):
    """Also when executed again, and with one row."""
    compare(client, [client.tcp, *prepared(INSERT, "rows=1,x,2,y,2,z,3,w", "execute", "rows=8,x", "execute", "execute"), "close"],
            [Expected(INSERT, "t", batch=4, **DUPLICATE), Expected(INSERT, "t", affected=1), Expected(INSERT, "t", **DUPLICATE)], which)


def test_bulk_shows_no_parameters(client):
    compare(client, [client.tcp, *prepared(INSERT, "rows=1,x,2,y", "execute"), "close"],
            [Expected(INSERT, "t", batch=2, affected=2)], "dup", env=PARAMETERS)


# --- texts -----------------------------------------------------------------------------------------------------------


def test_a_statement_longer_than_what_is_remembered(client, which):
    """Cut in the middle of a literal, of a name, and of a list: nothing of the literal shows, and the statement is whole where it
    fails at once."""
    literal = "SELECT id FROM t WHERE data = '" + "secret " * 400 + "'"
    names = "SELECT " + ", ".join(f"{i} AS column_{i}" for i in range(300))
    spans = compare_names(client, [client.tcp, *prepared(literal, "execute", "sstore"), *prepared(names, "execute", "sstore"),
                                   *prepared(literal.replace("FROM t", "FROM nosuch")), "close"], which)
    for span, status in zip(spans, ("UNSET", "UNSET", "ERROR"), strict=True):
        assert span.status[0] == status and "secret" not in repr(span)
        text = span.attributes["db.statement" if which == "old" else "db.query.text"]
        assert text.startswith("SELECT ") and len(text) <= 2048
    first = "db.statement" if which == "old" else "db.query.text"
    assert spans[0].attributes[first] == "SELECT id FROM t WHERE data = ?"
    assert spans[2].attributes[first] == "SELECT id FROM nosuch WHERE data = ?"


def compare_names(client, script, which):
    spans = client.run(*script, env=SETS[which])
    assert {span.attributes.get("db.operation", "SELECT") for span in spans} == {"SELECT"}
    return spans


def test_executed_at_once(client, which):
    compare(client, [client.tcp, "stmt", f"direct={INSERT.replace('?, ?', '1, 2')}", "sclose", "stmt", "direct=INSERT INTO t VALUES (1, 3)",
                     "sclose", "stmt", "direct=SELECT id FROM t", "sfetch", "sclose", "stmt", "direct=SELCT 'secret'", "sclose", "close"],
            [Expected(INSERT, "t", affected=1), Expected(INSERT, "t", **DUPLICATE), Expected("SELECT id FROM t", "t", rows=1),
             Expected("SELCT ?", error="1064", message=...)], which)


def test_prepared_again(client, which):
    """One handle, one text after the other; the one that could not be prepared is no text to execute."""
    compare(client, [client.tcp, *prepared("SELECT 1", "execute", "sstore", "prepare=DO 2", "execute", "prepare=SELECT id FROM nosuch",
                                           "prepare=SELECT 3", "execute", "sstore", "sreset", "execute", "sstore"), "close"],
            [Expected("SELECT ?", rows=1), Expected("DO ?", affected=0),
             Expected("SELECT id FROM nosuch", "nosuch", error="1146", message="Table 'shop.nosuch' doesn't exist"),
             Expected("SELECT ?", rows=1), Expected("SELECT ?", rows=1)], which)


def test_sent_in_pieces(client, which):
    """And pieces for a parameter there is none of."""
    compare(client, [client.tcp, *prepared(INSERT, "bind=1,buffer", "long=1,first ,second", "execute", "long=9,x", "bind=2,buffer",
                                           "execute", "execute"), "close"],
            [Expected(INSERT, "t", affected=1), Expected(INSERT, "t", affected=1), Expected(INSERT, "t", **DUPLICATE)], which)
