"""Connections of clients that speak MySQL's protocol themselves: how they end, what is not read of them, and whose they are."""

import pytest

from harness import MariaDB, TcpServer, certificates, same_output
from libmariadb_client import NEW, Client
from mysql_clients import AIOMYSQL, PYMYSQL, PYTHON, SCOPE

GREETING = bytes.fromhex("0a") + b"8.0.36\0" + bytes.fromhex("2a000000") + b"12345678\0" + bytes.fromhex(
    "fff7" "ff" "0200" "ffc1" "15") + bytes(10) + b"123456789012\0mysql_native_password\0"
GOOD = bytes.fromhex("00000002000000")


class Fake(TcpServer):
    """A server that greets, lets everybody in, answers statements with what it is told, and closes."""

    def __init__(self, *replies, greeting=GREETING):
        super().__init__()
        self.replies, self.greeting = replies, greeting

    @staticmethod
    def packet(sequence, payload):
        return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload

    @staticmethod
    def read(reader):
        head = reader.read(4)
        return reader.read(int.from_bytes(head[:3], "little"))

    def serve(self, reader, connection):
        connection.sendall(self.packet(0, self.greeting))
        self.read(reader)
        for reply in (self.packet(2, GOOD), *self.replies):
            connection.sendall(reply)
            if reply is not self.replies[-1]:
                self.read(reader)


TRY = """
import sys, pymysql
try:
    db = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="secret", autocommit=None, read_timeout=20)
    for statement in sys.argv[2:]:
        with db.cursor() as cursor:
            cursor.execute(statement)
            print(cursor.fetchall())
except pymysql.Error as e:
    print(e.args)
"""


def trial(fake, *statements):
    """The spans of PyMySQL's statements: name, status and error."""
    result = same_output([PYTHON, "-c", TRY, fake.port, *statements], env=NEW)
    return [(span.name, span.status, span.attributes.get("error.type"), span.attributes.get("db.response.status_code"))
            for span in sorted(result.spans, key=lambda span: span.start)]


def test_a_server_that_closes():
    with Fake(b"") as fake:
        assert trial(fake, "SELECT 1") == [("SELECT", ("ERROR", ""), "connection_closed", None)]
    half = Fake.packet(1, b"\x01") + Fake.packet(2, b"\x03def\0\0\0\x011\0\x0c\x3f\0\x01\0\0\0\x03\0\0\0\0\0")
    with Fake(half) as fake:
        assert trial(fake, "SELECT 1") == [("SELECT", ("ERROR", ""), "connection_closed", None)]


def test_a_server_that_refuses():
    with Fake(b"", greeting=b"\xff\x10\x04Too many connections") as fake:
        assert trial(fake) == [("connect", ("ERROR", "Too many connections"), "1040", "1040")]


def test_a_server_that_gives_up():
    """Its message has a number out of turn, and the connection is over."""
    with Fake(Fake.packet(0, b"\xff\x87\x07#70100Connection was killed")) as fake:
        assert trial(fake, "SELECT 1") == [("SELECT", ("ERROR", "Connection was killed"), "1927", "1927")]


@pytest.mark.parametrize("reply", [Fake.packet(3, GOOD), Fake.packet(1, b""), Fake.packet(1, b"\0") + b"\0\0\0",
                                   Fake.packet(1, GOOD) + Fake.packet(2, GOOD)],
                         ids=["sequence", "empty", "cut", "twice"])
def test_nothing_is_said_of_what_is_not_certain(reply):
    """Neither about that statement, if it is not answered, nor about the next."""
    with Fake(reply) as fake:
        assert trial(fake, "SELECT 1", "SELECT 2") in ([], [("SELECT", ("UNSET", ""), None, None)])


def test_other_protocols_on_mysqls_port(mariadb):
    """A server that speaks first, and not MySQL's protocol: nothing is said about it."""
    with Fake(b"", greeting=b"\x09" + GREETING[1:]) as fake:
        assert trial(fake, "SELECT 1") == []


@pytest.mark.parametrize("memory", [False, True])
def test_encryption_that_is_not_seen_is_left_alone(memory):
    """TLS that nobody tells us of; and a session on memory, which does not know that the server has greeted before it."""
    class Encrypted(MariaDB):
        def command(self):
            certificate, key = certificates.server()
            return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    program = PYMYSQL.replace('database="shop")', 'database="shop", ssl={"check_hostname": False, "verify_mode": "none"})')
    if memory:
        program = "import ssl; trusting = ssl._create_unverified_context()\n" + AIOMYSQL.replace('db="shop")', 'db="shop", ssl=trusting)')
    env = {} if memory else {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "openssl"}
    with Encrypted() as server:
        result = same_output([PYTHON, "-c", program, "127.0.0.1", server.port, 0], before=server.reset, env=env)
        assert int(server.sql("SHOW STATUS LIKE 'Ssl_finished_accepts'").split()[1]) > 0
        assert (result.returncode, result.stderr, result.spans) == (0, b"", [])


def test_a_result_that_is_not_read_to_its_end(mariadb):
    """The program has seen enough of it, and goes: no error, and no count."""
    program = TRY.replace("db.cursor()", "db.cursor(pymysql.cursors.SSCursor)").replace(
        "print(cursor.fetchall())", "print(cursor.fetchone(), flush=True); os.close(db._sock.fileno()); os._exit(0)").replace("import", "import os,")
    result = same_output([PYTHON, "-c", program, mariadb.port, "SELECT REPEAT('x', 1000) FROM shop.seq_1_to_500000"], env=NEW)
    (span,) = result.spans
    assert (span.status, span.attributes.get("db.response.returned_rows")) == (("UNSET", ""), None)


def test_a_statement_that_takes_many_writes(mariadb):
    """The kernel takes some of it at a time: it is one statement, shown without its values."""
    program = """
import socket, sys, pymysql
db = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="secret", autocommit=None, write_timeout=20)
db._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
for _ in range(3):
    with db.cursor() as cursor:
        cursor.execute("SELECT LENGTH('" + "secret " * 200000 + "') AS a, 'secret' AS b, 'x''y' AS c")
        print(cursor.fetchall())
"""
    result = same_output([PYTHON, "-c", program, mariadb.port], env=NEW)
    assert [span.attributes["db.query.text"] for span in result.spans] == ["SELECT LENGTH(?) AS a, ? AS b, ? AS c"] * 3


def test_a_connection_that_ends_in_the_middle_of_a_command(mariadb):
    """What was answered before is not told again as a failure."""
    program = """
import os, sys, pymysql
db = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="secret", autocommit=None)
db.select_db("shop")
db._sock.sendall(bytes([10, 0, 0, 0, 0x17]))
os.close(db._sock.fileno())
os._exit(0)
"""
    result = same_output([PYTHON, "-c", program, mariadb.port], env=NEW)
    assert [(span.name, span.status) for span in result.spans] == [("USE", ("UNSET", ""))]


def test_a_forked_child(mariadb):
    """Neither says again what its parent does, nor ends it by closing its copy."""
    program = """
import os, sys, pymysql
db = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="secret", database="shop")
cursor = db.cursor(pymysql.cursors.SSCursor)
cursor.execute("SELECT 1 UNION SELECT 2")
if os.fork() == 0:
    db._sock.close()
    other = pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", password="secret", database="shop")
    other.cursor().execute("DO 1")
    sys.exit()
os.wait()
print(cursor.fetchall())
cursor.execute("SELECT 3")
print(cursor.fetchall())
"""
    result = same_output([PYTHON, "-c", program, mariadb.port], env=NEW)
    spans = sorted(result.spans, key=lambda span: span.start)
    assert [(span.name, span.status[0], span.attributes.get("db.response.returned_rows")) for span in spans] == [
        ("SELECT SELECT", "UNSET", 2), ("DO", "UNSET", None), ("SELECT", "UNSET", 1)]


def test_a_library_with_hooks_of_its_own_is_not_seen_twice(mariadb):
    program = """
import sys, MySQLdb, pymysql
for library in (MySQLdb, pymysql):
    db = library.connect(host="127.0.0.1", port=int(sys.argv[1]), user="app", passwd="secret", db="shop", autocommit=None)
    cursor = db.cursor()
    cursor.execute("SELECT 1")
    print(cursor.fetchall())
    db.close()
"""
    result = same_output([PYTHON, "-c", program, mariadb.port], env=NEW)
    spans = sorted(result.spans, key=lambda span: span.start)
    assert [(span.name, span.scope_name, span.attributes) for span in spans] == [
        ("SELECT", library, Client(mariadb).new(db__query__text="SELECT ?", db__query__summary="SELECT", db__response__returned_rows=1))
        for library in ("otel-instrument.libmariadb", SCOPE)]
