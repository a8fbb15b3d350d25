"""libmariadb under the agent: what happens to a connection besides statements: resets, losses, connecting again."""

import pytest

from harness import MariaDB, OtlpSink
from harness.programs import instrumented
from libmariadb_client import Client
from mysql_spans import SETS, Expected, compare, driven, place

READ = ["store", "free"]
ONE = ["query=SELECT 1", *READ]
SELECTED = Expected("SELECT ?", rows=1)
NOSUCH = "Table 'shop.nosuch' doesn't exist"


@pytest.fixture
def client(mariadb):
    return Client(mariadb)


@pytest.fixture(params=SETS)
def which(request):
    return request.param


# --- no operations of the program's ----------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    "ping", "reset", "charset=latin1", "charset=nosuch", "multi=1", "multi=0", "list=dbs,-", "list=dbs,shop", "list=tables,t",
    "list=fields,t", "list=fields,nosuch", "list=processes", "stat", "refresh", "debug"])
def test_no_operations_of_the_programs(client, call):
    """Whether they succeed or not, what the library sends for them makes no span, and the session goes on where it was."""
    compare(client, [client.tcp, call, *ONE, call, "close"], [SELECTED], "dup")


def test_shutdown():
    """No span either, and the connection's end is its next statement's."""
    with MariaDB() as server:
        client = Client(server)

        def restarted():
            if server.process.poll() is None:
                server.stop()
            server.start()

        client.reset = restarted
        (span,) = client.run(client.tcp, "shutdown", "query=SELECT 1", "close")
        assert (span.name, span.status[0]) in (("SELECT", "ERROR"), ("SELECT", "UNSET"))


def test_several_statements_by_option(client, which):
    compare(client, [client.tcp, "query=SELECT 1; SELECT 2", "multi=1", "query=SELECT 1; SELECT 2", *READ, "next", *READ, "next",
                     "multi=0", "query=SELECT 3; SELECT 4", "close"],
            [Expected("SELECT ?; SELECT ?", summary="SELECT SELECT", error="1064", message=...),
             Expected("SELECT ?; SELECT ?", summary="SELECT SELECT", rows=2),
             Expected("SELECT ?; SELECT ?", summary="SELECT SELECT", error="1064", message=...)], which)


def test_a_reset_in_the_middle_of_rows(client, which):
    """What was prepared before is lost with it."""
    compare(client, [client.tcp, "query=SELECT 1", "store", "stmt", "prepare=SELECT 1 AS a", "execute", "sstore", "reset",
                     "execute", "sclose", *ONE, "close"],
            [SELECTED, Expected("SELECT ? AS a", rows=1),
             Expected("SELECT ? AS a", error="2013", message="Lost connection to server during query"), SELECTED], which)


# --- auto-reconnect --------------------------------------------------------------------------------------------------


def test_a_connection_that_was_lost_and_made_again(client, which):
    """The library connects again inside the next call, whichever that is."""
    compare(client, ["reconnect", client.tcp, "query=SELECT 0", *READ, "lose", "query=SELECT id FROM t", *READ,
                     "lose", "query=SELECT * FROM nosuch", "lose", "stmt", "prepare=SELECT id FROM t", "execute", "sstore", "sclose",
                     "lose", "send=SELECT 1", "read", *READ, "lose", "commit", "lose", "ping", *ONE, "lose", "reset", "kill", "ping",
                     *ONE, "lose", "select_db=mysql", "close"],
            [SELECTED, Expected("SELECT id FROM t", "t", rows=0),
             Expected("SELECT * FROM nosuch", "nosuch", error="1146", message=NOSUCH),
             Expected("SELECT id FROM t", "t", rows=0), SELECTED, Expected(name="COMMIT"),
             SELECTED, SELECTED, Expected(name="USE", **place("127.0.0.1", client.server.port, schema="mysql"))], which)


def test_what_was_prepared_is_lost_with_its_connection(client, which):
    """It is executed on the new one, which does not know it. (The server's message has a number that grows.)"""
    client.reset()
    script = ["reconnect", client.tcp, "stmt", "prepare=SELECT id FROM t", "lose", "execute", "prepare=SELECT id FROM t", "execute",
              "sstore", "sclose", "close"]
    with OtlpSink() as sink:
        result = instrumented([client.program, "init", *script], sink, SETS[which])
        spans = sorted(sink.spans(), key=lambda span: span.start)
    assert result.returncode == 0 and b"execute: 1 1243 Unknown prepared statement handler" in result.stdout
    expected = [Expected("SELECT id FROM t", "t", error="1243", message=...), Expected("SELECT id FROM t", "t", rows=0)]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)
    assert spans[0].status[1].startswith("Unknown prepared statement handler (")


def test_a_transaction_is_not_gone_on_with(client, which):
    """The library refuses to connect again in the middle of one."""
    compare(client, ["reconnect", client.tcp, "query=START TRANSACTION", "lose", "query=SELECT 1", *ONE, "close"],
            [Expected("START TRANSACTION", affected=0), Expected("SELECT ?", error="2006", message="Server has gone away"),
             SELECTED], which)


@pytest.mark.parametrize("connect_spans", [False, True])
def test_connecting_again_by_hand(client, which, connect_spans):
    """A connect like any other; without the option it is refused."""
    connected = [Expected(name="connect")] * connect_spans
    refused = Expected(name="connect", error="2006", message="Server has gone away")
    compare(client, [client.tcp, "again", "reconnect", "again", *ONE, "close"], [*connected, refused, *connected, SELECTED],
            which, env={"OTEL_NATIVE_CONNECT_SPANS": str(connect_spans).lower()})


@pytest.mark.parametrize("told", [True, False])
def test_the_schema_after_connecting_again(client, told):
    """That of the server's word if it gives one; else the one of the first connect, and not the last one named."""
    elsewhere = place("127.0.0.1", client.server.port, schema="mysql")
    after = elsewhere if told else {}
    compare(client, ["reconnect", client.tcp, f"query=SET session_track_schema = {int(told)}", "query=USE mysql", "query=SELECT DATABASE()",
                     *READ, "lose", "query=SELECT DATABASE()", "store", "fetch", "free", "again", "query=SELECT DATABASE()",
                     *READ, "close"],
            [Expected("SET session_track_schema = ?", affected=0), Expected("USE mysql", affected=0),
             Expected("SELECT DATABASE()", rows=1, **elsewhere), Expected("SELECT DATABASE()", rows=1, **after),
             Expected("SELECT DATABASE()", rows=1, **after)], "dup")


@pytest.mark.parametrize("told", [True, False])
def test_the_schema_of_statements_sent_together_or_in_two_calls(client, told):
    """A server that tells of its schema is believed; of one that does not, what is read first in a text is known."""
    mysql = place("127.0.0.1", client.server.port, schema="mysql")
    none = place("127.0.0.1", client.server.port, schema=None)
    where = ["query=SELECT DATABASE()", *READ]
    asked = Expected("SELECT DATABASE()", rows=1)
    compare(client, [client.multi, f"query=SET session_track_schema = {int(told)}", "send=USE mysql", "read", *where,
                     "query=USE shop; DO 1", "next", *where, "query=DO 1; USE mysql", *where, "next", *where, "select_db=shop", *where,
                     "send=USE nosuch", "read", *where, "query=DROP DATABASE shop", *where, "close"],
            [Expected("SET session_track_schema = ?", affected=0), Expected("USE mysql", affected=0),
             Expected("SELECT DATABASE()", rows=1, **mysql), Expected("USE shop; DO ?", summary="USE DO", affected=0, **mysql),
             asked, Expected("DO ?; USE mysql", summary="DO USE", affected=0),
             Expected("SELECT DATABASE()", error="2014", message=...),
             Expected("SELECT DATABASE()", rows=1, **(mysql if told else {})), Expected(name="USE"), asked,
             Expected("USE nosuch", error="1049", message="Unknown database 'nosuch'"), asked,
             Expected("DROP DATABASE shop", summary="DROP DATABASE shop", affected=1),
             Expected("SELECT DATABASE()", rows=1, **(none if told else {}))], "dup")


@pytest.fixture
def two_servers():
    with MariaDB() as first, MariaDB() as second:
        yield first, second


def test_the_host_after_connecting_again(two_servers, tmp_path, which):
    """Of several hosts in a file another one answers, inside a statement; at last none does."""
    first, second = two_servers
    (tmp_path / "my.cnf").write_text(f"[client]\nhost=127.0.0.1:{first.port},127.0.0.1:{second.port}\nuser=app\npassword=secret\n"
                                     "database=shop\n", encoding="utf-8")

    def running():
        for server in (first, second):
            if server.process is None:
                server.start()
            server.reset()

    client = Client(first)
    script = ["reconnect", f"defaults={tmp_path}/my.cnf", "connect=-,-,-,-,-,-", *ONE, "wait", *ONE, "wait", "query=SELECT 1", "again",
              "close"]
    spans = driven(client, script, [first.kill, second.kill], which, running)
    other = place("127.0.0.1", second.port)
    lost = dict(error="2002", message="Can't connect to server on '127.0.0.1' (115)")
    expected = [SELECTED, Expected("SELECT ?", rows=1, **other), Expected("SELECT ?", **lost, **other),
                Expected(name="connect", **lost, **other)]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)


def test_the_server_is_started_again(which):
    """Connected again inside of a statement; without the option it fails."""
    with MariaDB() as server:
        client = Client(server)

        def restart():
            server.kill()
            server.start()

        script = ["reconnect", client.tcp, *ONE, "on=1", "init", client.tcp, "wait", "on=0", *ONE, "close", "on=1", "query=SELECT 1",
                  "query=SELECT 1", "close"]
        spans = driven(client, script, [restart], which, server.reset)
        expected = [SELECTED, SELECTED, Expected("SELECT ?", error="2013", message=...),
                    Expected("SELECT ?", error="2006", message="Server has gone away")]
        for span, one in zip(spans, expected, strict=True):
            one.compare(span, client, which)


# --- a statement and its connection ----------------------------------------------------------------------------------


def test_a_statement_is_not_of_another_connection(client):
    """Its own is closed, and one to another place has its address."""
    elsewhere = client.unix.replace("shop", "mysql")
    (span,) = client.run("close", "init_here", client.tcp, "stmt", "prepare=SELECT 1", "close", "init_here", elsewhere, "execute",
                         "sclose", "close")
    nowhere = Expected("SELECT ?", error="2013", message="Lost connection to server during query", **place(None, user=None, schema=None))
    nowhere.compare(span, client, "old")
