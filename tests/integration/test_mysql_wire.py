"""MySQL on the wire against libmariadb's hooks: the same program, once with the shared library and once with the same library inside
itself, where only its sockets are seen. The same statements give the same spans."""

import subprocess

import pytest

from harness import app, same_output
from libmariadb_client import NEW, Client
from mysql_spans import SETS

SCOPE = "otel-instrument.mysql"
ROWS = ["store", "fetch", "free"]


def static_flags():
    """Those that put libmariadb.a into a program; the shared library is then not needed."""
    folder = subprocess.run(["pkg-config", "--variable=libdir", "libmariadb"], capture_output=True, text=True, check=True).stdout
    archive = f"{folder.strip()}/libmariadb.a"
    return [f"-Wl,--whole-archive,{archive},--no-whole-archive", "-Wl,--as-needed", "-lz", "-lssl", "-lcrypto", "-lm"]


class Inside(Client):
    """The same client with the library inside."""

    def __init__(self, server):
        super().__init__(server)
        self.program = app("mysql_script", *static_flags())


def told(span, scope):
    assert span.scope_name == scope and span.start < span.end
    return (span.name, span.kind, span.status, span.attributes, span.parent_span_id, span.schema_url, span.dropped_attributes)


def same(mariadb, which, *scripts, reset=None, expected=None):
    """The spans of each script by both ways, which are the same."""
    library, wire = Client(mariadb), Inside(mariadb)
    if reset:
        library.reset = wire.reset = reset
    for script in scripts:
        env = SETS[which]
        seen = [told(span, "otel-instrument.libmariadb") for span in library.run(*script, env=env)]
        assert [told(span, SCOPE) for span in wire.run(*script, env=env)] == seen
        assert len(seen) == expected if expected is not None else seen


@pytest.fixture(params=SETS)
def which(request):
    return request.param


def prepared(text, *more):
    return ["stmt", f"prepare={text}", *more, "sclose"]


def test_statements(mariadb, which):
    client = Client(mariadb)
    same(mariadb, which, [client.tcp, "query=SELECT 1", *ROWS, "query=INSERT INTO t VALUES (1, 'x'), (2, 'y')",
                          "real_query=UPDATE t SET data = 'z' WHERE id > 0", "query=DELETE FROM t WHERE id = 77",
                          "query=SELECT * FROM t", *ROWS, "query=INSERT INTO t VALUES (1, 'again')", "query=SELCT 'secret'",
                          "query=SELECT * FROM nosuch", "query=", "query=COMMIT", "query=SET @a = 'x'", "close"], expected=11)


def test_over_a_unix_socket(mariadb, which):
    client = Client(mariadb)
    same(mariadb, which, [client.unix, "query=SELECT 1", *ROWS, "close"], expected=1)


def test_several_statements_at_once(mariadb, which):
    client = Client(mariadb)
    text = "query=SELECT 1; INSERT INTO t VALUES (1, 'x'), (2, 'y'); SELECT id FROM t; DELETE FROM t"
    same(mariadb, which, [client.multi, text, "store", "free", "next", "next", "store", "free", "next", "next",
                          "query=SELECT 1; SELECT * FROM nosuch; SELECT 2", "store", "free", "next",
                          "query=CALL two_sets()", "store", "free", "next", "store", "free", "next", "next",
                          "query=CALL breaks()", "store", "free", "next", "close"], expected=4)


def test_prepared_statements(mariadb, which):
    client = Client(mariadb)
    long = "SELECT '" + "x" * 3000 + "'"
    same(mariadb, which,
         [client.tcp, *prepared("INSERT INTO t VALUES (?, ?)", "bind=1,x", "execute", "bind=2,y", "execute", "execute"),
          *prepared("SELECT id FROM t WHERE id < ? ORDER BY id", "bind=9", "execute", "sstore", "sfetch"),
          "stmt", "prepare=SELECT * FROM nosuch", "sclose", *prepared(long, "execute", "sstore"), "close"],
         [client.tcp, "stmt", "direct=SELECT 5", "sstore", "sfetch", "sclose", "stmt", "direct=SELECT * FROM nosuch", "sclose",
          "query=SELECT 1", *ROWS, "close"])


def test_what_a_procedure_gives_back(mariadb, which):
    client = Client(mariadb)

    def reset():
        client.reset()
        mariadb.sql("DELIMITER //\nCREATE PROCEDURE outs(IN a INT, OUT b INT) BEGIN SELECT 1 UNION SELECT a; SET b = a; END //")

    same(mariadb, which, [client.tcp, *prepared("CALL outs(?, ?)", "bind=1,2", "execute", "sstore", "snext", "sstore", "snext"),
                          "close"], reset=reset, expected=1)


def test_cursors(mariadb, which):
    client, text = Client(mariadb), "SELECT id FROM t"
    same(mariadb, which,
         [client.tcp, "query=INSERT INTO t SELECT seq, 'x' FROM seq_1_to_9", *prepared(text, "cursor=3", "execute", "sfetch"),
          *prepared(text, "cursor=3", "execute", "sfetch=3", "query=DO 1", "sfetch"),
          *prepared(text, "cursor=2", "execute", "sstore"), "close"], expected=5)


def test_many_rows_of_parameters(mariadb, which):
    client = Client(mariadb)
    same(mariadb, which,
         [client.tcp, *prepared("INSERT INTO t VALUES (?, 'x')", "bulk=1,2,3", "execute", "execute"),
          *prepared("INSERT INTO t VALUES (7, ?)", "bulk=-", "execute"),
          *prepared("INSERT INTO t VALUES (?, 'x')", "bulk=5", "execute"), "close"], expected=4)


def test_schemas_and_users(mariadb, which):
    client = Client(mariadb)
    same(mariadb, which, [client.tcp, "query=SELECT 1", *ROWS, "select_db=mysql", "query=SELECT 2", *ROWS, "select_db=nosuch",
                          "query=use `shop`", "query=SELECT 3", *ROWS, "change_user=guest,-,mysql", "query=SELECT 4", *ROWS,
                          "change_user=nobody,wrong,shop", "close"], expected=9)


def test_files(mariadb, which, tmp_path):
    client = Client(mariadb)
    (tmp_path / "rows").write_text("1\tone\n2\ttwo\n", encoding="utf-8")
    load = [f"query=LOAD DATA LOCAL INFILE '{tmp_path}/{name}' INTO TABLE t" for name in ("rows", "rows")]
    same(mariadb, which, ["infile=1", client.tcp, *load, "query=SELECT 1", *ROWS, "close"], expected=3)


def test_large_statements(mariadb, which):
    """Written in pieces, of a packet and of several: the strings in them are what makes them large."""
    client = Client(mariadb)
    same(mariadb, which, [client.tcp, "blob=100000", "blob=1000000", "query=SELECT data FROM t", *ROWS, "close"], expected=3)


def test_statements_and_rows_of_16_mib_and_more(mariadb):
    client = Client(mariadb)
    before = mariadb.sql("SELECT @@GLOBAL.max_allowed_packet").strip()
    mariadb.sql("SET GLOBAL max_allowed_packet = 64 << 20")
    try:
        select = "query=SELECT REPEAT('x', 16777214) UNION ALL SELECT REPEAT('y', 16777215) UNION ALL SELECT REPEAT('z', 20000000)"
        same(mariadb, "dup", [client.tcp, "query=ALTER TABLE t MODIFY data LONGBLOB", "blob=20000000", "blob=16777180", select,
                              "store", "free", "query=SELECT 1", *ROWS, "close"], expected=5)
    finally:
        mariadb.sql(f"SET GLOBAL max_allowed_packet = {before}")


def test_setting_the_session_up_is_shown_if_wanted(mariadb):
    """By the library's hooks it is, where the program asks for it."""
    client, env = Inside(mariadb), {**NEW, "OTEL_NATIVE_DB_SETUP_SPANS": "true"}
    script = [client.tcp, "autocommit=0", "ping", "query=SELECT 1", *ROWS, "query=SET NAMES utf8mb4", "ping", "close"]
    names = [span.name for span in client.run(*script, env=NEW)]
    assert names == ["SELECT", "SET"]
    assert [span.name for span in client.run(*script, env=env)] == ["SET", "PING", "SELECT", "SET", "PING"]


def test_connects(mariadb, which):
    """A connect that fails knows the server by its greeting here, and the library does not."""
    client, env = Inside(mariadb), {**SETS[which], "OTEL_NATIVE_CONNECT_SPANS": "true"}
    made, refused = client.run(client.tcp, "close", "init", client.tcp.replace("secret", "wrong"), "close", env=env)
    both = {**client.old(db__operation="connect"), **client.new(db__operation__name="connect")}
    expected = {"old": client.old(db__operation="connect"), "new": client.new(db__operation__name="connect"), "dup": both}[which]
    failed = {} if which == "old" else {"error.type": "1045", "db.response.status_code": "1045"}
    assert (made.name, made.status, made.attributes) == ("connect", ("UNSET", ""), expected)
    assert (refused.name, refused.attributes) == ("connect", {**expected, **failed})
    assert refused.status == ("ERROR", "Access denied for user 'app'@'127.0.0.1' (using password: YES)")
    if which == "new":
        (alone,) = client.run(client.tcp, "close", "init", client.tcp.replace("secret", "wrong"), "close", env=SETS[which])
        assert (alone.name, alone.status) == ("connect", refused.status)


def test_switched_off(mariadb):
    client = Inside(mariadb)
    for names in ("mysql", "*"):
        env = {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": names}
        assert client.run(client.tcp, "query=SELECT 1", *ROWS, "close", env=env) == []


def test_compression_is_left_alone(mariadb):
    result = same_output(["mariadb", "--no-defaults", "--compress", "--host=127.0.0.1", f"--port={mariadb.port}", "--user=guest",
                          "--skip-ssl", "--batch", "--execute", "SELECT 1; SELECT 2"])
    assert (result.returncode, result.stderr, result.spans) == (0, b"", [])
