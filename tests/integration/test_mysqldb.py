"""python3-mysqldb: an extension module that is opened with RTLD_LOCAL, so libmariadb is outside the global scope."""

import pytest

from harness import same_output
from libmariadb_client import Client
from mysql_spans import SETS, Expected, place

PROGRAM = """
import sys, MySQLdb
port = int(sys.argv[1])
connection = MySQLdb.connect(host="127.0.0.1", port=port, user="app", passwd="secret", db="shop")
cursor = connection.cursor()
cursor.execute("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20))")
print(cursor.execute("INSERT INTO goods VALUES (%s, %s), (%s, %s)", (1, "it's", 2, "two")))
print(cursor.execute("SELECT name FROM goods WHERE id = %s", (1,)), cursor.fetchall())
connection.commit()
try:
    cursor.execute("SELECT * FROM nosuch")
except MySQLdb.ProgrammingError as error:
    print(error)
connection.close()
"""

MISSING = "Table 'shop.nosuch' doesn't exist"


def spans_of(mariadb, opt_in=""):
    result = same_output(["/usr/bin/python3", "-c", PROGRAM, mariadb.port], before=mariadb.reset,
                         env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
    assert result.stdout.startswith(b"2\n1 (") and b"1146" in result.stdout
    spans = sorted(result.spans, key=lambda span: span.start)
    assert {(span.kind, span.scope_name, span.parent_span_id) for span in spans} == {
        ("CLIENT", "otel-instrument.libmariadb", "")}
    return spans


def test_old_attributes(mariadb):
    common = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "127.0.0.1",
              "net.peer.port": mariadb.port, "db.connection_string": f"mysql://app@127.0.0.1:{mariadb.port}/shop"}

    def expected(operation, statement=None, table=None, rows=None, status=("UNSET", "")):
        found = {"db.operation": operation, "db.statement": statement, "db.sql.table": table, "db.rows_affected": rows}
        return (operation, status, {**common, **{key: value for key, value in found.items() if value is not None}})

    assert [(span.name, span.status, span.attributes) for span in spans_of(mariadb)] == [
        expected("SET", "SET autocommit=?"),
        expected("CREATE", "CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(?))", "goods", 0),
        expected("INSERT", "INSERT INTO goods VALUES (?, ?), (?, ?)", "goods", 2),
        expected("SELECT", "SELECT name FROM goods WHERE id = ?", "goods", 1),
        expected("COMMIT"),
        expected("SELECT", "SELECT * FROM nosuch", "nosuch", status=("ERROR", MISSING)),
    ]


def test_new_attributes(mariadb):
    common = {"db.system.name": "mariadb", "db.namespace": "shop", "server.address": "127.0.0.1",
              "server.port": mariadb.port}

    def expected(summary, text, status=("UNSET", ""), **more):
        return (summary, status, {**common, "db.query.summary": summary, "db.query.text": text, **more})

    assert [(span.name, span.status, span.attributes) for span in spans_of(mariadb, "database")] == [
        expected("SET", "SET autocommit=?"),
        expected("CREATE TABLE goods", "CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(?))"),
        expected("INSERT goods", "INSERT INTO goods VALUES (?, ?), (?, ?)"),
        expected("SELECT goods", "SELECT name FROM goods WHERE id = ?", **{"db.response.returned_rows": 1}),
        ("COMMIT", ("UNSET", ""), {**common, "db.operation.name": "COMMIT"}),
        expected("SELECT nosuch", "SELECT * FROM nosuch", ("ERROR", MISSING),
                 **{"db.response.status_code": "1146", "error.type": "1146"}),
    ]


def test_both_attribute_sets(mariadb):
    old, new, both = (spans_of(mariadb, opt_in) for opt_in in ("", "database", "database/dup"))
    assert [span.attributes for span in both] == [{**one.attributes, **other.attributes} for one, other in zip(old, new)]


def test_refused_password(mariadb):
    program = """
import sys, MySQLdb
try:
    MySQLdb.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", passwd="wrong", db="shop")
except MySQLdb.OperationalError as error:
    print(error)
"""
    result = same_output(["/usr/bin/python3", "-c", program, mariadb.port])
    (span,) = result.spans
    assert (span.name, span.kind, span.status[0]) == ("connect", "CLIENT", "ERROR")
    assert b"Access denied" in result.stdout and "Access denied" in span.status[1]
    assert span.attributes == {
        "db.system": "mysql", "db.name": "shop", "db.user": "app", "db.operation": "connect", "net.peer.name": "127.0.0.1",
        "net.peer.port": mariadb.port, "db.connection_string": f"mysql://app@127.0.0.1:{mariadb.port}/shop"}


MORE = """
import sys, threading, MySQLdb, MySQLdb.cursors
port = int(sys.argv[1])
connect = lambda **more: MySQLdb.connect(host="127.0.0.1", port=port, user="app", passwd="secret", db="shop", **more)
connection = connect()
cursor = connection.cursor()
cursor.execute("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20))")
cursor.execute("CREATE PROCEDURE two(IN a INT) BEGIN SELECT a; SELECT a UNION SELECT 2; END")
print(cursor.executemany("INSERT INTO goods VALUES (%s, %s)", [(1, "one"), (2, "two"), (3, None)]))
connection.rollback()
connection.autocommit(True)
cursor.callproc("two", (1,))
while True:
    print(cursor.fetchall())
    if not cursor.nextset():
        break
rows = connection.cursor(MySQLdb.cursors.SSCursor)
rows.execute("SELECT seq FROM seq_1_to_100")
print(len(rows.fetchmany(30)), len(rows.fetchall()))
rows.close()
connection.select_db("mysql")
cursor.execute("SELECT 1")
connection.ping()
try:
    cursor.execute("UPDATE nosuch SET a = %s", ("secret",))
except MySQLdb.ProgrammingError as error:
    print(error)

def work(shared, i):
    with lock:
        shared.query(f"SELECT {i} AS c{i}")
        shared.store_result().fetch_row()

lock, shared = threading.Lock(), connect()
threads = [threading.Thread(target=work, args=(shared, i)) for i in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.mark.parametrize("which", SETS)
def test_procedures_cursors_and_threads(mariadb, which):
    result = same_output(["/usr/bin/python3", "-c", MORE, mariadb.port], before=mariadb.reset, env=SETS[which])
    assert result.returncode == 0 and b"30 70\n" in result.stdout
    elsewhere = place("127.0.0.1", mariadb.port, schema="mysql")
    set_autocommit = Expected("SET autocommit=?")
    expected = [
        set_autocommit,
        Expected("CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(?))", "goods", summary="CREATE TABLE goods", affected=0),
        Expected("CREATE PROCEDURE two(IN a INT) BEGIN SELECT a; SELECT a UNION SELECT ?; END", summary="CREATE PROCEDURE two",
                 affected=0),
        Expected("INSERT INTO goods VALUES (?, ?),(?, ?),(?, NULL)", "goods", affected=3),
        Expected(name="ROLLBACK"), set_autocommit,
        Expected("SET @_two_0=?", affected=0), Expected("CALL two(@_two_0)", summary="CALL two", rows=3, affected=0),
        # It asks for the next result before it gives this one back: not counted.
        Expected("SELECT seq FROM seq_1_to_100", "seq_1_to_100"),
        Expected(name="USE", **elsewhere), Expected("SELECT ?", rows=1, **elsewhere),
        Expected("UPDATE nosuch SET a = ?", "nosuch", error="1146", message="Table 'mysql.nosuch' doesn't exist", **elsewhere),
        set_autocommit, *(Expected(f"SELECT ? AS c{i}", rows=1) for i in range(8))]
    client = Client(mariadb)
    spans = sorted(result.spans, key=lambda span: span.start)
    spans[-8:] = sorted(spans[-8:], key=lambda span: span.attributes.get("db.statement") or span.attributes["db.query.text"])
    assert len(spans) == len(expected), [span.name for span in spans]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which)
