"""Each hooked function of libmariadb, its success and its failure, whole spans in both attribute sets: a table, which is compared
with the list of hooks."""

import re
import socket
import socketserver
import threading
import time
from dataclasses import dataclass, field

import pytest

from harness import free_port, paths
from libmariadb_client import PARAMETERS, SYNTAX, Client
from mysql_spans import Expected, compare, place
from test_libmariadb_nonblocking import Loop

CONNECTS = {"OTEL_NATIVE_CONNECT_SPANS": "true"}
READ = ["store", "free"]
ONE = ["query=SELECT 1", *READ]
SELECTED = Expected("SELECT ?", rows=1)
INSERTED = Expected("INSERT INTO t VALUES (?, ?)", "t", affected=1)
INSERT = "INSERT INTO t VALUES (1, 'x')"
NOSUCH = dict(error="1146", message="Table 'shop.nosuch' doesn't exist")
MISSED = Expected("SELECT * FROM nosuch", "nosuch", **NOSUCH)
GONE = dict(error="2006", message="Server has gone away")
LOST = dict(error="2013", message="Lost connection to server during query")
DENIED = dict(error="1045", message="Access denied for user 'nobody'@'127.0.0.1' (using password: YES)")
# The server does not end such a transaction so.
BEGUN, STARTED = "query=XA START 'x'", Expected("XA START ?", summary="XA", affected=0)
ACTIVE = dict(error="1399", message="XAER_RMFAIL: The command cannot be executed when global transaction is in the  ACTIVE state")
LARGE = "SELECT seq, REPEAT('x', 30) FROM seq_1_to_200000"
LARGE_SHOWN = dict(text="SELECT seq, REPEAT(?, ?) FROM seq_1_to_200000", table="seq_1_to_200000")
SET = Expected("SET autocommit=?")


def prepared(text, *more):
    return ["stmt", f"prepare={text}", *more]


@dataclass
class Row:
    functions: str  # that succeed or, with `fails`, fail in it
    script: list
    expected: list
    fails: bool = False
    env: dict = field(default_factory=dict)
    unix: bool = False  # over a socket, where a lost connection is lost at once

    def __str__(self):
        return self.functions.split()[0].removeprefix("mysql_") + ("-fails" if self.fails else "")


def at_port(port):
    at = place("127.0.0.1", port)
    return dict(old=at["old"], new={**at["new"], "db__system__name": "mysql"})


MYSQL = place("127.0.0.1", 0, schema="mysql")

# TCP: connected to schema `shop` before the script; `close` follows it.
ROWS = [
    Row("mysql_init mysql_real_connect mysql_close", ONE, [Expected(name="connect"), SELECTED], env=CONNECTS),
    Row("mariadb_reconnect", ["reconnect", "again", *ONE], [Expected(name="connect"), Expected(name="connect"), SELECTED], env=CONNECTS),
    Row("mariadb_reconnect", ["again"], [Expected(name="connect", **GONE)], fails=True),
    Row("mysql_query mysql_store_result mysql_free_result", ONE, [SELECTED]),
    Row("mysql_query", ["query=SELECT * FROM nosuch"], [MISSED], fails=True),
    Row("mysql_real_query", [f"real_query={INSERT}"], [INSERTED]),
    Row("mysql_real_query", ["real_query=SELCT 'secret'"], [Expected("SELCT ?", error="1064", message=SYNTAX)], fails=True),
    Row("mysql_send_query mysql_read_query_result", [f"send={INSERT}", "read", "send=SELECT 1", "read", *READ], [INSERTED, SELECTED]),
    Row("mysql_send_query", ["lose", "send=SELECT 1"], [Expected("SELECT ?", **GONE)], fails=True),
    Row("mysql_read_query_result", ["send=SELECT * FROM nosuch", "read"], [MISSED], fails=True),
    Row("mysql_next_result", ["multi=1", "query=SELECT 1; DO 2", *READ, "next", "next"],
        [Expected("SELECT ?; DO ?", summary="SELECT DO", rows=1, affected=0)]),
    Row("mysql_next_result", ["multi=1", "query=SELECT 1; SELECT * FROM nosuch", *READ, "next"],
        [Expected("SELECT ?; SELECT * FROM nosuch", summary="SELECT SELECT nosuch", rows=1, old={"db__sql__table": "nosuch"}, **NOSUCH)],
        fails=True),
    Row("mysql_use_result mysql_free_result", ["query=SELECT 1 UNION SELECT 2", "use", "fetch=1", "fetch", "free"],
        [Expected("SELECT ? UNION SELECT ?", summary="SELECT SELECT", rows=2)]),
    Row("mysql_store_result", [f"query={LARGE}", "lose", "store"], [Expected(**LARGE_SHOWN, **LOST)], fails=True, unix=True),
    Row("mysql_free_result", [f"query={LARGE}", "use", "lose", "drain", "free"], [Expected(**LARGE_SHOWN, rows=..., **LOST)], fails=True,
        unix=True),
    Row("mysql_commit mysql_rollback mysql_autocommit", ["autocommit=0", f"query={INSERT}", "rollback", f"query={INSERT}", "commit",
                                                         "autocommit=1"],
        [SET, INSERTED, Expected(name="ROLLBACK"), INSERTED, Expected(name="COMMIT"), SET]),
    Row("mysql_commit", [BEGUN, "commit", "lose", "commit"], [STARTED, Expected(name="COMMIT", **ACTIVE), Expected(name="COMMIT", **GONE)],
        fails=True),
    Row("mysql_rollback", [BEGUN, "rollback", "lose", "rollback"],
        [STARTED, Expected(name="ROLLBACK", **ACTIVE), Expected(name="ROLLBACK", **GONE)], fails=True),
    Row("mysql_autocommit", ["autocommit=0", BEGUN, "autocommit=1", "lose", "autocommit=0"],
        [SET, STARTED, Expected("SET autocommit=?", **ACTIVE), Expected("SET autocommit=?", **GONE)], fails=True),
    Row("mysql_select_db", ["select_db=mysql", *ONE], [Expected(name="USE", **MYSQL), Expected("SELECT ?", rows=1, **MYSQL)]),
    Row("mysql_select_db", ["select_db=nosuch", *ONE],
        [Expected(name="USE", error="1049", message="Unknown database 'nosuch'"), SELECTED], fails=True),
    Row("mysql_change_user", ["change_user=guest,-,mysql", *ONE],
        [Expected(name="change_user", **place("127.0.0.1", 0, "guest", "mysql")),
         Expected("SELECT ?", rows=1, **place("127.0.0.1", 0, "guest", "mysql"))]),
    Row("mysql_change_user", ["change_user=nobody,wrong,mysql"], [Expected(name="change_user", **DENIED)], fails=True),
    Row("mysql_stmt_init mysql_stmt_prepare mysql_stmt_execute mysql_stmt_store_result mysql_stmt_free_result mysql_stmt_close",
        prepared("SELECT 1", "execute", "sstore", "sfree", "execute", "sstore", "sclose"), [SELECTED, SELECTED]),
    Row("mysql_stmt_prepare", prepared("SELECT * FROM nosuch", "sclose"), [MISSED], fails=True),
    Row("mysql_stmt_execute", prepared(INSERT, "execute", "execute", "sclose"),
        [INSERTED, Expected("INSERT INTO t VALUES (?, ?)", "t", error="1062", message="Duplicate entry '?' for key 'PRIMARY'")],
        fails=True),
    Row("mysql_stmt_store_result", prepared(LARGE, "execute", "lose", "sstore", "sclose"), [Expected(**LARGE_SHOWN, **LOST)],
        fails=True, unix=True),
    Row("mysql_stmt_fetch mysql_stmt_reset", prepared("SELECT 1 UNION SELECT 2", "execute", "sfetch", "execute", "sfetch=1", "sreset",
                                                      "execute", "sfetch=2", "sfree", "sclose"),
        [Expected("SELECT ? UNION SELECT ?", summary="SELECT SELECT", rows=rows) for rows in (2, 1, 2)]),
    Row("mysql_stmt_fetch", prepared(LARGE, "execute", "lose", "sdrain", "sclose"), [Expected(**LARGE_SHOWN, rows=..., **LOST)],
        fails=True, unix=True),
    Row("mysql_stmt_next_result", prepared("CALL two_sets()", "execute", "sstore", "snext", "sfetch", "snext", "sclose"),
        [Expected("CALL two_sets()", summary="CALL two_sets", rows=3, affected=0)]),
    Row("mysql_stmt_next_result", prepared("CALL breaks()", "execute", "sstore", "snext", "sclose"),
        [Expected("CALL breaks()", summary="CALL breaks", rows=1, **NOSUCH)], fails=True),
    Row("mariadb_stmt_execute_direct", ["stmt", "direct=SELECT 5", "sstore", "sclose"], [SELECTED]),
    Row("mariadb_stmt_execute_direct", ["stmt", "direct=SELECT * FROM nosuch", "sclose"], [MISSED], fails=True),
    Row("mysql_stmt_bind_param mysql_stmt_send_long_data",
        prepared("INSERT INTO t VALUES (?, ?)", "bind=1,buffer", "long=1,first,second", "execute", "sclose"),
        [Expected("INSERT INTO t VALUES (?, ?)", "t", affected=1, old={"db__statement__parameters": "('1', ?)"},
                  new={"db__query__parameter__0": "1"})], env=PARAMETERS),
    Row("mysql_stmt_bind_param", prepared("SELECT ?", "badly", "execute", "sclose"),
        [Expected("SELECT ?", error="2031", message="No data supplied for parameters in prepared statement")], fails=True, env=PARAMETERS),
    Row("mysql_stmt_send_long_data", prepared("SELECT ?", "bind=x", "long=7,piece", "execute", "sstore", "sclose"),
        [Expected("SELECT ?", rows=1, old={"db__statement__parameters": "('x',)"}, new={"db__query__parameter__0": "x"})], fails=True,
        env=PARAMETERS),
]

# In flight on a poll loop. `connect` comes first.
LOOP_ROWS = [
    Row("real_connect close", ["query=DO 1"], [Expected(name="connect"), Expected("DO ?", affected=0)], env=CONNECTS),
    Row("query store_result free_result", ONE, [SELECTED]),
    Row("query", ["query=SELECT * FROM nosuch"], [MISSED], fails=True),
    Row("real_query", [f"real_query={INSERT}"], [INSERTED]),
    Row("real_query", ["real_query=SELCT 'secret'"], [Expected("SELCT ?", error="1064", message=SYNTAX)], fails=True),
    Row("send_query read_query_result", [f"send={INSERT}", "read", "send=SELECT 1", "read", *READ], [INSERTED, SELECTED]),
    Row("send_query", ["lose", "send=SELECT 1"], [Expected("SELECT ?", **GONE)], fails=True),
    Row("read_query_result", ["send=SELECT * FROM nosuch", "read"], [MISSED], fails=True),
    Row("next_result", ["query=SELECT 1; DO 2", *READ, "next", "next"],
        [Expected("SELECT ?; DO ?", summary="SELECT DO", rows=1, affected=0)]),
    Row("next_result", ["query=SELECT 1; SELECT * FROM nosuch", *READ, "next"],
        [Expected("SELECT ?; SELECT * FROM nosuch", summary="SELECT SELECT nosuch", rows=1, old={"db__sql__table": "nosuch"}, **NOSUCH)],
        fails=True),
    Row("free_result", ["query=SELECT seq FROM seq_1_to_200000", "use", "fetch", "free"],
        [Expected("SELECT seq FROM seq_1_to_200000", "seq_1_to_200000", rows=1)]),
    Row("store_result", [f"query={LARGE}", "lose", "store"], [Expected(**LARGE_SHOWN, **LOST)], fails=True, unix=True),
    Row("free_result", [f"query={LARGE}", "use", "lose", "drain", "free"], [Expected(**LARGE_SHOWN, rows=..., **LOST)], fails=True,
        unix=True),
    Row("commit rollback autocommit", ["autocommit=0", f"query={INSERT}", "rollback", f"query={INSERT}", "commit", "autocommit=1"],
        [SET, INSERTED, Expected(name="ROLLBACK"), INSERTED, Expected(name="COMMIT"), SET]),
    Row("commit", [BEGUN, "commit", "lose", "commit"], [STARTED, Expected(name="COMMIT", **ACTIVE), Expected(name="COMMIT", **GONE)],
        fails=True),
    Row("rollback", [BEGUN, "rollback", "lose", "rollback"],
        [STARTED, Expected(name="ROLLBACK", **ACTIVE), Expected(name="ROLLBACK", **GONE)], fails=True),
    Row("autocommit", ["autocommit=0", BEGUN, "autocommit=1", "lose", "autocommit=0"],
        [SET, STARTED, Expected("SET autocommit=?", **ACTIVE), Expected("SET autocommit=?", **GONE)], fails=True),
    Row("select_db", ["select_db=mysql", *ONE], [Expected(name="USE", **MYSQL), Expected("SELECT ?", rows=1, **MYSQL)]),
    Row("select_db", ["select_db=nosuch", *ONE], [Expected(name="USE", error="1049", message="Unknown database 'nosuch'"), SELECTED],
        fails=True),
    Row("change_user", ["change_user=guest", *ONE],
        [Expected(name="change_user", **place("127.0.0.1", 0, "guest", "mysql")),
         Expected("SELECT ?", rows=1, **place("127.0.0.1", 0, "guest", "mysql"))]),
    Row("change_user", ["change_user=nobody"],
        [Expected(name="change_user", error="1045", message="Access denied for user 'nobody'@'127.0.0.1' (using password: NO)")],
        fails=True),
    Row("stmt_prepare stmt_execute stmt_store_result stmt_free_result stmt_close",
        prepared("SELECT 1", "execute", "sstore", "sfree", "execute", "sstore", "sclose"), [SELECTED, SELECTED]),
    Row("stmt_prepare", prepared("SELECT * FROM nosuch", "sclose"), [MISSED], fails=True),
    Row("stmt_execute", prepared(INSERT, "execute", "execute", "sclose"),
        [INSERTED, Expected("INSERT INTO t VALUES (?, ?)", "t", error="1062", message="Duplicate entry '?' for key 'PRIMARY'")],
        fails=True),
    Row("stmt_store_result", prepared(LARGE, "execute", "lose", "sstore", "sclose"), [Expected(**LARGE_SHOWN, **LOST)], fails=True,
        unix=True),
    Row("stmt_fetch stmt_reset", prepared("SELECT 1 UNION SELECT 2", "execute", "sfetch", "sfetch", "sfetch", "execute", "sfetch",
                                          "sreset", "sclose"),
        [Expected("SELECT ? UNION SELECT ?", summary="SELECT SELECT", rows=rows) for rows in (2, 1)]),
    Row("stmt_fetch", prepared(LARGE, "execute", "lose", "sdrain", "sclose"), [Expected(**LARGE_SHOWN, rows=..., **LOST)], fails=True,
        unix=True),
    Row("stmt_next_result", prepared("CALL two_sets()", "execute", "sstore", "snext", "sfetch", "sfetch", "sfetch", "snext", "sclose"),
        [Expected("CALL two_sets()", summary="CALL two_sets", rows=3, affected=0)]),
    Row("stmt_next_result", prepared("CALL breaks()", "execute", "sstore", "snext", "sclose"),
        [Expected("CALL breaks()", summary="CALL breaks", rows=1, **NOSUCH)], fails=True),
    Row("stmt_send_long_data", prepared("INSERT INTO t VALUES (9, CONCAT(?, ?))", "bind=buffer,x", "long=a", "long=b", "execute", "sclose"),
        [Expected("INSERT INTO t VALUES (?, CONCAT(?, ?))", "t", affected=1, old={"db__statement__parameters": "(?, 'x')"},
                  new={"db__query__parameter__1": "x"})], env=PARAMETERS),
]

# They make no span that could fail, and end one that waits.
CANNOT_FAIL = {"mysql_init", "mysql_close", "mysql_use_result", "mysql_stmt_init", "mysql_stmt_close", "mysql_stmt_free_result",
               "mysql_stmt_reset", "mysql_stmt_send_long_data"}


@pytest.fixture(params=["old", "new"])
def which(request):
    return request.param


def here(client, expected, unix):
    """MYSQL and the like name no port: it is known here."""
    for one in expected:
        sets = {"old": dict(one.old), "new": dict(one.new)}
        if "net__peer__port" in sets["old"]:
            user, schema = sets["old"]["db__user"], sets["old"]["db__name"]
            sets = place("127.0.0.1", client.server.port, user, schema)
        if unix:
            sets = place(client.server.socket)
        yield Expected(**{**vars(one), **sets})


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_function(mariadb, row, which):
    client = Client(mariadb)
    script = [client.unix if row.unix else client.tcp, *row.script, "close"]
    compare(client, script, list(here(client, row.expected, row.unix)), which, env=row.env)


class Distant:
    """A server at the end of a long line: each of its answers takes its time, so that an operation that asks it something is not
    over when it has begun."""

    LATENCY = 0.005

    def __init__(self, server):
        self.server = server
        far = self

        class Line(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.create_connection(("127.0.0.1", server.port)) as there:
                    back = threading.Thread(target=far.carry, args=(there, self.request, far.LATENCY))
                    back.start()
                    far.carry(self.request, there, 0)
                    back.join()

        self.line = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line)
        self.line.daemon_threads = True
        self.port = self.line.server_address[1]

    @staticmethod
    def carry(source, target, latency):
        try:
            while data := source.recv(65536):
                time.sleep(latency)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __getattr__(self, name):
        return getattr(self.server, name)

    def __enter__(self):
        threading.Thread(target=self.line.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.line.shutdown()
        self.line.server_close()


@pytest.fixture
def distant(mariadb):
    with Distant(mariadb) as server:
        yield server


@pytest.mark.parametrize("row", LOOP_ROWS, ids=str)
def test_pair(distant, row, which):
    """Begun and gone on with; several in flight together are test_libmariadb_nonblocking's."""
    loop = Loop(distant)
    script = [*row.script, "close"]
    compare(loop, [script], list(here(loop, row.expected, row.unix)), which, env=row.env, run=loop.run_unix if row.unix else None)


@pytest.mark.parametrize("through", ["mysql_real_connect", "mysql_real_connect_start"])
def test_connect_fails(mariadb, through, which):
    port = free_port()
    expected = [Expected(name="connect", error="2002", message=..., **at_port(port))]
    if through == "mysql_real_connect":
        compare(Client(mariadb), [f"connect=127.0.0.1,app,secret,shop,{port},-", "close"], expected, which)
    else:
        loop = Loop(mariadb)
        compare(loop, [["close"]], expected, which, run=lambda *scripts, env: loop.run(*scripts, env=env, port=port))


def hooked():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((paths.SOURCE / "hooks").glob("libmariadb*.c")))
    return set(re.findall(r"^OI_HOOK\([^,]*, *(\w+),", text, re.MULTILINE))


def test_every_function_is_in_the_table():
    """MySQL's own, mysql_stmt_bind_named_param, has a test of its own with a library that has it."""
    whole, good, bad = hooked(), set(), {"mysql_real_connect", "mysql_real_connect_start", "mysql_real_connect_cont"}
    for row in ROWS:
        (bad if row.fails else good).update(row.functions.split())
    for row in LOOP_ROWS:
        for name in row.functions.split():
            (bad if row.fails else good).update({f"mysql_{name}_start", f"mysql_{name}_cont"} & whole)
    assert whole - good == {"mysql_stmt_bind_named_param"}
    assert {re.sub("_(start|cont)$", "", name) for name in whole - bad} == CANNOT_FAIL | {"mysql_stmt_bind_named_param"}


# --- the rest of the non-blocking interface --------------------------------------------------------------------------

SILENT = ["ping", "reset", "charset=latin1", "charset=nosuch", "list_fields=t", "list_fields=nosuch", "stat", "refresh", "debug",
          "multi=1", "multi=0"]


@pytest.mark.parametrize("word", SILENT)
def test_no_operation_of_the_programs(distant, word):
    loop = Loop(distant)
    compare(loop, [[word, *ONE, word, "close"]], [SELECTED], "dup")


def test_killed_and_connected_again(mariadb, which):
    loop = Loop(mariadb)
    compare(loop, [["reconnect", "kill", "ping", *ONE, "lose", *ONE, "close"]], [SELECTED, SELECTED], which)


def test_every_pair_of_the_header_is_exercised():
    """In the program on the poll loop."""
    header = next(path for path in map(paths.Path, ("/usr/include/mariadb/mysql.h", "/usr/include/mysql/mysql.h")) if path.exists())
    pairs = set(re.findall(r"(mysql_\w+)_start\(", header.read_text(encoding="utf-8")))
    program = (paths.SOURCE / "tests" / "apps" / "mysql_poll.c").read_text(encoding="utf-8")
    assert len(pairs) >= 34
    assert {name for name in pairs if f"{name}_start(" not in program or f"{name}_cont(" not in program} == set()
