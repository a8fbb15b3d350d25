"""libmariadb under the agent: connections that threads share, waits for locks, and connections that others end."""

import re

import pytest

from harness import app, same_output
from harness.waiting import wait_until
from libmariadb_client import Client
from mysql_spans import SETS, Expected, compare, driven, place


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


@pytest.fixture(params=SETS)
def which(request):
    return request.param


def test_a_pool(client, which):
    """Eight threads take turns with four connections, that one more has opened and another one closes: exact counts, and each
    span has the place of its own connection."""
    result = same_output([app("mysql_pool"), client.server.port, 25], before=client.reset, env=SETS[which])
    assert result.stdout == b"400 rows\n"
    assert [len(result.spans), len({span.span_id for span in result.spans})] == [600, 600]
    kinds = {"c": 0, "p": 0, "nosuch": 0}
    for span in result.spans:
        text = span.attributes["db.statement" if which == "old" else "db.query.text"]
        kind, number = re.fullmatch(r"SELECT (?:\? AS |\* FROM )([a-z]+)(\d)", text).groups()
        kinds[kind] += 1
        schema = "mysql" if int(number) % 2 else "shop"
        user = "guest" if which != "new" and span.attributes["db.user"] == "guest" else "app"
        if kind != "nosuch":
            user = "guest" if int(number) >= 2 else "app"
        missing = dict(table=f"nosuch{number}", error="1146", message=f"Table '{schema}.nosuch{number}' doesn't exist")
        Expected(text, **(missing if kind == "nosuch" else dict(rows=1)), **place("127.0.0.1", client.server.port, user, schema)
                 ).compare(span, client, which)
    assert set(kinds.values()) == {200}


def test_a_lock_that_is_not_given(client, which):
    """Two connections of one program; the statement waits for as long as the server lets it."""
    update = Expected("UPDATE t SET data = ?", "t", affected=1)
    spans = compare(client, [client.tcp, "query=INSERT INTO t VALUES (1, 'x')", "autocommit=0", "query=UPDATE t SET data = 'a'", "on=1", "init",
                             client.tcp, "query=SET innodb_lock_wait_timeout = 1", "query=UPDATE t SET data = 'b'", "stmt",
                             "prepare=UPDATE t SET data = 'c'", "execute", "sclose", "close", "on=0", "commit", "close"],
                    [Expected("INSERT INTO t VALUES (?, ?)", "t", affected=1), Expected("SET autocommit=?"), update,
                     Expected("SET innodb_lock_wait_timeout = ?", affected=0),
                     *[Expected("UPDATE t SET data = ?", "t", error="1205",
                                message="Lock wait timeout exceeded; try restarting transaction")] * 2, Expected(name="COMMIT")], which)
    assert all(span.end - span.start > 900_000_000 for span in spans[4:6])


def waits(client):
    """The id of the connection that waits for a lock. (information_schema.innodb_trx would stay as it is for whoever asks more
    often than ten times a second.)"""
    def asked():
        return client.server.sql(
            "SELECT id FROM information_schema.processlist WHERE command = 'Query' AND info LIKE 'UPDATE%' AND 0 < (SELECT "
            "variable_value FROM information_schema.global_status WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS')").strip()

    return wait_until(asked, what="a statement that waits for a lock")


def test_a_deadlock(client, which):
    """Of two that wait for each other the one that has changed less is chosen."""
    rows = [f"query=UPDATE t SET data = 'a' WHERE id = {i}" for i in (1, 3, 4)]
    script = [client.tcp, "query=INSERT INTO t VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'x')", "query=BEGIN", *rows, "on=1", "init",
              client.tcp, "query=BEGIN", "query=UPDATE t SET data = 'b' WHERE id = 2", "on=0", "send=UPDATE t SET data = 'c' WHERE id = 2",
              "wait", "on=1", "query=UPDATE t SET data = 'd' WHERE id = 1", "on=0", "read", "commit", "close", "on=1", "close"]
    spans = driven(client, script, [lambda: waits(client)], which, client.reset)
    begin, update = Expected("BEGIN", affected=0), Expected("UPDATE t SET data = ? WHERE id = ?", "t", affected=1)
    expected = [Expected("INSERT INTO t VALUES (?, ?), (?, ?), (?, ?), (?, ?)", "t", affected=4), begin, update, update, update, begin,
                update, update, Expected("UPDATE t SET data = ? WHERE id = ?", "t", error="1213",
                                         message="Deadlock found when trying to get lock; try restarting transaction"),
                Expected(name="COMMIT")]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)


@pytest.mark.parametrize("what", ["QUERY", "CONNECTION"])
def test_killed_by_another_one(client, which, what):
    """A statement, and then the connection lives; or a connection, and then it does not. Who says so, the server or the library, is
    a matter of chance."""
    held = ["query=INSERT INTO t VALUES (1, 'x')", "query=BEGIN", "query=UPDATE t SET data = 'a'", "on=1", "init", client.tcp]
    script = [client.tcp, *held, "send=UPDATE t SET data = 'b'", "wait", "read", "query=DO 1", "close", "on=0", "rollback", "close"]
    spans = killed(client, script, what, which)
    update, ended = spans[2], spans[3]
    Expected("UPDATE t SET data = ?", "t", affected=1).compare(update, client, which)
    if what == "QUERY":
        Expected("UPDATE t SET data = ?", "t", error="1317", message="Query execution was interrupted").compare(ended, client, which)
        Expected("DO ?", affected=0).compare(spans[4], client, which)
    else:
        for span, text, table in ((ended, "UPDATE t SET data = ?", "t"), (spans[4], "DO ?", None)):
            code = span.attributes.get("error.type", "2013")
            assert code in ("1317", "1927", "2006", "2013")
            Expected(text, table, error=code, message=...).compare(span, client, which)
    Expected(name="ROLLBACK").compare(spans[5], client, which)
    assert len(spans) == 6


def killed(client, script, what, which):
    def act():
        number = waits(client)
        client.server.sql(f"KILL {what} {number}")
        if what == "CONNECTION":
            wait_until(lambda: number not in client.server.sql("SELECT id FROM information_schema.processlist").split(),
                       what="a connection being gone")

    return driven(client, script, [act], which, client.reset, same=what == "QUERY")
