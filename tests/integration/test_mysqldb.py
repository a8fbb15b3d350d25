"""python3-mysqldb: an extension module that is opened with RTLD_LOCAL, so libmariadb is outside the global scope."""

from harness import same_output

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
