"""libmariadb under the agent: the values of parameters, where they are wanted."""

import pytest

from libmariadb_client import DUP, NEW, NEW_SCOPE, PARAMETERS, Client, check

TWICE = ["stmt", "prepare=INSERT INTO t VALUES (?, ?)", "bind=1,it's", "execute", "execute", "bind=2,-", "execute", "sclose"]


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


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
