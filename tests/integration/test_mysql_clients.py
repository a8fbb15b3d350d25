"""Clients that speak MySQL's protocol over their own sockets: PyMySQL and aiomysql, PHP's mysqlnd, Node's mysql and mysql2,
MariaDB's driver for Java and its own command line client, which has its library inside."""

import http.client
import os
import re
import signal
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from harness import MariaDB, OtlpSink, TcpServer, certificates, free_port, instrumented, not_under, same_output, start, wait_until
from harness.paths import OUT, locked
from harness.programs import instrumented_command, telemetry
from harness.servers import answers
from mysql_spans import SETS, Expected, place
from test_libmariadb import NEW, Client

PYTHON, PHP, NODE = "/usr/bin/python3", "/usr/bin/php", "/usr/bin/node"
SCOPE = "otel-instrument.mysql"

PYMYSQL = """
import sys, pymysql
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = pymysql.connect(host=host, port=port, user="app", password="secret", database="shop")
cursor = db.cursor()
def run(*statement):
    try:
        cursor.execute(*statement)
        print(cursor.rowcount, cursor.fetchall())
    except pymysql.Error as e:
        print(e.args[0])
if count:
    for i in range(count):
        run("SELECT %s", (i,))
    sys.exit()
run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)")
cursor.executemany("INSERT INTO p VALUES (%s, %s)", [(1, "one"), (2, "two")])
run("SELECT name FROM p WHERE id > %s", (0,))
run("SELECT * FROM nosuch")
db.ping()
db.commit()
"""
PYMYSQL_SPANS = [
    Expected("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)", "p", summary="CREATE TABLE p", affected=0),
    Expected("INSERT INTO p VALUES (?, ?),(?, ?)", "p", affected=2),
    Expected("SELECT name FROM p WHERE id > ?", "p", rows=2),
    Expected("SELECT * FROM nosuch", "nosuch", error="1146", message="Table 'shop.nosuch' doesn't exist"),
    Expected("COMMIT", affected=0),
]

AIOMYSQL = """
import asyncio, sys, aiomysql
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
async def main():
    db = await aiomysql.connect(host=host, port=port, user="app", password="secret", db="shop")
    cursor = await db.cursor()
    async def run(*statement):
        try:
            await cursor.execute(*statement)
            print(cursor.rowcount, await cursor.fetchall())
        except aiomysql.Error as e:
            print(e.args[0])
    if count:
        for i in range(count):
            await run("SELECT %s", (i,))
        return
    await run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)")
    await cursor.executemany("INSERT INTO p VALUES (%s, %s)", [(1, "one"), (2, "two")])
    await run("SELECT name FROM p WHERE id > %s", (0,))
    await run("SELECT * FROM nosuch")
    await db.ping()
    await db.commit()
    db.close()
asyncio.run(main())
"""

MYSQLI = r"""
[, $host, $port, $count] = $argv;
mysqli_report(MYSQLI_REPORT_OFF);
$db = mysqli_init();
$db->real_connect($host, "app", "secret", "shop", $port);
$db->set_charset("utf8mb4");
function run($text) {
    global $db;
    $result = $db->query($text);
    echo $db->errno, " ", $result instanceof mysqli_result ? json_encode($result->fetch_all()) : $db->affected_rows, "\n";
}
if ($count) {
    for ($i = 0; $i < $count; $i++)
        run("SELECT $i");
    exit;
}
run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
$insert = $db->prepare("INSERT INTO p VALUES (?, ?)");
foreach ([[1, "one"], [2, "two"]] as [$id, $name]) {
    $insert->bind_param("is", $id, $name);
    echo $insert->execute(), " ", $insert->affected_rows, "\n";
}
$insert->close();
$select = $db->prepare("SELECT name FROM p WHERE id > ?");
$zero = 0;
$select->bind_param("i", $zero);
$select->execute();
echo json_encode($select->get_result()->fetch_all()), "\n";
run("SELECT * FROM nosuch");
var_dump($db->prepare("SELECT * FROM nosuch"));
$db->multi_query("SELECT 1; SELECT 2 UNION SELECT 3; DELETE FROM p");
do {
    if ($result = $db->store_result())
        echo json_encode($result->fetch_all()), "\n";
} while ($db->more_results() && $db->next_result());
$db->select_db("mysql");
run("SELECT 4");
$db->close();
"""
PREPARED_SPANS = [Expected("INSERT INTO p VALUES (?, ?)", "p", affected=1), Expected("INSERT INTO p VALUES (?, ?)", "p", affected=1),
                  Expected("SELECT name FROM p WHERE id > ?", "p", rows=2)]


def mysqli_spans(port):
    there = place("127.0.0.1", port, schema="mysql")
    return [
        PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], PYMYSQL_SPANS[3],
        Expected("SELECT ?; SELECT ? UNION SELECT ?; DELETE FROM p", "p", summary="SELECT SELECT SELECT DELETE p", rows=3, affected=2),
        Expected(name="USE", **there), Expected("SELECT ?", rows=1, **there),
    ]


PDO = r"""
[, $host, $port, $count] = $argv;
$db = new PDO("mysql:host=$host;port=$port;dbname=shop;charset=utf8mb4", "app", "secret",
              [PDO::ATTR_ERRMODE => PDO::ERRMODE_SILENT, PDO::ATTR_EMULATE_PREPARES => false]);
function run($text) {
    global $db;
    $result = $db->query($text);
    echo $result ? json_encode($result->fetchAll(PDO::FETCH_NUM)) : $db->errorInfo()[1], "\n";
}
if ($count) {
    for ($i = 0; $i < $count; $i++)
        $db->exec("DO $i");
    exit;
}
echo $db->exec("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)"), "\n";
$insert = $db->prepare("INSERT INTO p VALUES (?, ?)");
$insert->execute([1, "one"]);
$insert->execute([2, "two"]);
$select = $db->prepare("SELECT name FROM p WHERE id > ?");
$select->execute([0]);
echo json_encode($select->fetchAll(PDO::FETCH_NUM)), "\n";
run("SELECT * FROM nosuch");
$db->beginTransaction();
$db->commit();
"""
PDO_SPANS = [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], Expected("START TRANSACTION", summary="START", affected=0),
             Expected("COMMIT ", affected=0)]

MYSQLJS = r"""
const [host, port, count] = process.argv.slice(1);
const db = require("mysql").createConnection({host, port, user: "app", password: "secret", database: "shop"});
const run = (...statement) => new Promise(resolve => db.query(...statement, (error, rows) => {
    console.log(error ? error.errno : JSON.stringify(rows.affectedRows ?? rows));
    resolve();
}));
(async () => {
    for (let i = 0; i < count; i++)
        await run("SELECT ?", [i]);
    if (count > 0)
        return db.end();
    await run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
    await run("INSERT INTO p VALUES ?", [[[1, "one"], [2, "two"]]]);
    await run("SELECT name FROM p WHERE id > ?", [0]);
    await run("SELECT * FROM nosuch");
    await new Promise(resolve => db.ping(resolve));
    await new Promise(resolve => db.commit(resolve));
    db.end();
})();
"""
MYSQLJS_SPANS = [PYMYSQL_SPANS[0], Expected("INSERT INTO p VALUES (?, ?), (?, ?)", "p", affected=2), *PYMYSQL_SPANS[2:]]

MYSQL2 = r"""
const [host, port, count] = process.argv.slice(1);
(async () => {
    const db = await require("mysql2/promise").createConnection({host, port, user: "app", password: "secret", database: "shop"});
    const run = async (how, ...statement) => {
        try {
            const [rows] = await db[how](...statement);
            console.log(JSON.stringify(rows.affectedRows ?? rows));
        } catch (error) {
            console.log(error.errno);
        }
    };
    for (let i = 0; i < count; i++)
        await run("query", "SELECT ?", [i]);
    if (count > 0)
        return db.end();
    await run("query", "CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
    await run("execute", "INSERT INTO p VALUES (?, ?)", [1, "one"]);
    await run("execute", "INSERT INTO p VALUES (?, ?)", [2, "two"]);
    await run("execute", "SELECT name FROM p WHERE id > ?", [0]);
    await run("query", "SELECT * FROM nosuch");
    await run("execute", "SELECT * FROM nosuch");
    await db.ping();
    await run("query", "USE mysql");
    await run("query", "SELECT 1");
    await db.end();
})();
"""


def mysql2_spans(port):
    there = place("127.0.0.1", port, schema="mysql")
    return [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], PYMYSQL_SPANS[3], Expected("USE mysql", affected=0),
            Expected("SELECT ?", rows=1, **there)]


JDBC = r"""
import java.sql.*;
public class Program {
    static Connection db;
    static void run(String text) throws Exception {
        try (Statement statement = db.createStatement()) {
            boolean rows = statement.execute(text);
            int count = 0;
            if (rows)
                while (statement.getResultSet().next())
                    count++;
            System.out.println(rows ? count : statement.getUpdateCount());
        } catch (SQLException e) {
            System.out.println(e.getErrorCode());
        }
    }
    public static void main(String[] args) throws Exception {
        db = DriverManager.getConnection("jdbc:mariadb://" + args[0] + ":" + args[1] + "/shop?useServerPrepStmts=true", "app", "secret");
        int count = Integer.parseInt(args[2]);
        for (int i = 0; i < count; i++)
            run("SELECT " + i);
        if (count > 0)
            return;
        run("CREATE TABLE p (id INT PRIMARY KEY, name TEXT)");
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO p VALUES (?, ?)")) {
            for (int i = 1; i <= 2; i++) {
                insert.setInt(1, i);
                insert.setString(2, i == 1 ? "one" : "two");
                System.out.println(insert.executeUpdate());
            }
        }
        try (PreparedStatement select = db.prepareStatement("SELECT name FROM p WHERE id > ?")) {
            select.setInt(1, 0);
            ResultSet rows = select.executeQuery();
            while (rows.next())
                System.out.println(rows.getString(1));
        }
        run("SELECT * FROM nosuch");
        System.out.println(db.isValid(1));
        db.setAutoCommit(false);
        run("DELETE FROM p");
        db.commit();
        db.close();
    }
}
"""
JDBC_SPANS = [PYMYSQL_SPANS[0], *PREPARED_SPANS, PYMYSQL_SPANS[3], Expected("set autocommit=?", summary="set", affected=0),
              Expected("DELETE FROM p", "p", affected=2), PYMYSQL_SPANS[4]]


def mysql2():
    """The folder it is installed in, from npm's registry."""
    folder = OUT / "mysql2"
    with locked("mysql2"):
        if not (folder / "node_modules" / "mysql2").exists():
            if not shutil.which("npm"):
                pytest.skip("npm is not installed")
            folder.mkdir(parents=True, exist_ok=True)
            made = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, "mysql2@3"],
                                  capture_output=True, text=True, check=False, timeout=120)
            if made.returncode != 0:
                pytest.skip("npm's registry is not to be reached")
    return str(folder / "node_modules")


def java_program(tmp_path):
    source = tmp_path / "Program.java"
    source.write_text(JDBC, encoding="utf-8")
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/mariadb-java-client.jar", source]


CLIENTS = {
    "pymysql": (lambda _: [PYTHON, "-c", PYMYSQL], {}, PYMYSQL_SPANS),
    "aiomysql": (lambda _: [PYTHON, "-c", AIOMYSQL], {}, PYMYSQL_SPANS),
    "mysqli": (lambda _: [PHP, "-r", MYSQLI, "--"], {}, mysqli_spans),
    "pdo": (lambda _: [PHP, "-r", PDO, "--"], {}, PDO_SPANS),
    "mysqljs": (lambda _: [NODE, "-e", MYSQLJS, "--"], {"NODE_PATH": "/usr/share/nodejs"}, MYSQLJS_SPANS),
    "mysql2": (lambda _: [NODE, "-e", MYSQL2, "--"], {"NODE_PATH": mysql2}, mysql2_spans),
    "jdbc": (java_program, {}, JDBC_SPANS),
}


@pytest.fixture(params=CLIENTS)
def client(request, tmp_path, mariadb):
    """Runs the client's program; knows what is said of its connection."""
    command, env, spans = CLIENTS[request.param]
    one = Client(mariadb)
    one.name, one.command = request.param, command(tmp_path)
    one.expected = spans(mariadb.port) if callable(spans) else spans
    one.env = {name: value() if callable(value) else value for name, value in env.items()}
    one.reset = mariadb.reset
    return one


def run(client, count, env, **more):
    """As often as `count` says, or the whole program with 0."""
    command = [*client.command, "127.0.0.1", client.server.port, count]
    result = same_output(command, env={**client.env, **env}, before=client.reset, **more)
    assert result.returncode == 0 and b"rror" not in result.stderr
    return result


@pytest.mark.parametrize("which", SETS)
@not_under("address", "PHP's and Java's own memory")
def test_statements(client, which):
    result = run(client, 0, SETS[which])
    spans = sorted(result.spans, key=lambda span: span.start)
    assert [span.name for span in spans] == [one.operation if which == "old" else one.title for one in client.expected]
    for span, one in zip(spans, client.expected, strict=True):
        one.compare(span, client, which, "mysql")


@not_under("address", "PHP's and Java's own memory")
def test_ten_thousand_statements(client):
    """Each of them is a span."""
    with OtlpSink() as sink:
        env = {**client.env, **NEW, "OTEL_BSP_MAX_QUEUE_SIZE": "20000", "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "20000"}
        result = instrumented([*client.command, "127.0.0.1", client.server.port, 10000], sink, env=env, timeout=120)
        assert result.returncode == 0, result.stderr
        spans = sink.exactly(10000)
    assert len({span.span_id for span in spans}) == len({span.trace_id for span in spans}) == 10000
    text, rows = ("DO", None) if client.name == "pdo" else ("SELECT", 1)
    expected = Expected(f"{text} ?", rows=rows, affected=None if rows else 0)
    for span in spans:
        expected.compare(span, client, "new", "mysql")


# --- the server's own client ----------------------------------------------------------------------------------------------


def shell(mariadb, *arguments):
    return ["mariadb", "--no-defaults", "--user=guest", "--batch", *arguments, "shop"]


@pytest.mark.parametrize("which", SETS)
def test_the_command_line_client(mariadb, which):
    client = Client(mariadb)
    path = place(mariadb.socket, user="guest")
    statements = b"""CREATE TABLE p (id INT); INSERT INTO p VALUES (1), (2); SELECT * FROM p;
        SELECT * FROM nosuch;
        USE mysql
        SELECT 1;
    """
    command = shell(mariadb, f"--socket={mariadb.socket}", "--force")
    result = same_output(command, env=SETS[which], before=mariadb.reset, input=statements)
    there = place(mariadb.socket, user="guest", schema="mysql")
    expected = [Expected("CREATE TABLE p (id INT)", "p", summary="CREATE TABLE p", affected=0, **path),
                Expected("INSERT INTO p VALUES (?), (?)", "p", affected=2, **path),
                Expected("SELECT * FROM p", "p", rows=2, **path),
                Expected("SELECT * FROM nosuch", "nosuch", error="1146", message="Table 'shop.nosuch' doesn't exist", **path),
                Expected("SELECT DATABASE()", rows=1, **path),
                Expected(name="USE", **there), Expected("SELECT ?", rows=1, **there)]
    spans = sorted(result.spans, key=lambda span: span.start)
    assert [span.name for span in spans] == [one.operation if which == "old" else one.title for one in expected]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which, "mysql")


def test_ten_thousand_statements_of_the_command_line_client(mariadb):
    statements = "".join(f"SELECT {i};\n" for i in range(10000)).encode()
    with OtlpSink() as sink:
        result = instrumented(shell(mariadb, "--host=127.0.0.1", f"--port={mariadb.port}"), sink, input=statements,
                              env={"OTEL_BSP_MAX_QUEUE_SIZE": "20000", "OTEL_NATIVE_SHUTDOWN_TIMEOUT": "20000"}, timeout=120)
        assert (result.returncode, result.stdout.count(b"\n")) == (0, 20000)
        spans = sink.exactly(10000)
    assert {(span.name, span.attributes["db.rows_affected"]) for span in spans} == {("SELECT", 1)}


# --- whose statement it is ------------------------------------------------------------------------------------------------

THREADS = """
import sys, threading, pymysql
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
local = threading.local()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/ready":
            self.send_error(404)
            return
        if not hasattr(local, "db"):
            local.db = pymysql.connect(host="127.0.0.1", port=int(sys.argv[2]), user="app", password="secret", database="shop")
        with local.db.cursor() as cursor:
            cursor.execute("SELECT %s, SLEEP(0.01)", (self.path,))
            body = str(cursor.fetchall()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
TURNS = """
const [port, database] = process.argv.slice(1);
const pool = require("mysql").createPool({host: "127.0.0.1", port: database, user: "app", password: "secret", database: "shop"});
require("http").createServer((request, answer) => {
    if (request.url == "/ready")
        return answer.end("yes");
    pool.query("SELECT ?, SLEEP(0.01)", [request.url], (error, rows) => answer.end(JSON.stringify(error || rows)));
}).listen(+port, "127.0.0.1");
"""


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse().read()
    connection.close()
    return answer


@contextmanager
def serving(command, env):
    """The program on a free port, and where its spans arrive."""
    with OtlpSink() as sink:
        port = free_port()
        process = start(instrumented_command([str(word).replace("{port}", str(port)) for word in command]),
                        env=telemetry(sink, {**env, "OTEL_NATIVE_DB_STATEMENT": "raw", "OTEL_BSP_SCHEDULE_DELAY": "50"}))
        try:
            wait_until(lambda: answers(("127.0.0.1", port), b"GET /ready HTTP/1.0\r\n\r\n"), 30, "the server")
            yield port, sink
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()


def parents(spans):
    """Of each statement, in the order of their start: the path of the request that is its parent, and the one it speaks of."""
    requests = {span.span_id: span.attributes["http.target"] for span in spans if span.kind == "SERVER"}
    for span in sorted(spans, key=lambda span: span.start):
        path = re.search(r"'(/[^']*)'", span.attributes.get("db.statement", ""))
        if path:
            yield requests.get(span.parent_span_id), path[1]


def served(mariadb, command, env, at_once):
    """64 requests: the paths that they asked for, and that their statements speak of."""
    with serving([*command, "{port}", mariadb.port], env) as (port, sink):
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda i: ask(port, f"/{i}"), range(64)))
        found = []
        wait_until(lambda: found.clear() or found.extend(parents(sink.spans())) or len(found) == 64, 30, "the statements' spans")
    return found


@pytest.mark.parametrize("at_once", [1, 16])
def test_a_servers_statements(mariadb, at_once):
    """Belong to the request they are made for."""
    assert all(parent == path for parent, path in served(mariadb, [PYTHON, "-c", THREADS], {}, at_once))


@pytest.mark.parametrize("at_once", [1, 16])
def test_statements_in_an_event_loop(mariadb, at_once):
    """Node's pool asks the server for a sign of life before each statement, whose answer says for which request it was. A loop in which
    timers may have run, or with several requests under way, says for none; trusted, it does."""
    command, modules = [NODE, "-e", TURNS, "--"], {"NODE_PATH": "/usr/share/nodejs"}
    assert all(parent in (None, path) for parent, path in served(mariadb, command, modules, at_once))
    if at_once == 1:
        trusted = {**modules, "OTEL_NATIVE_CONTEXT": "turn"}
        assert all(parent == path for parent, path in served(mariadb, command, trusted, at_once))


# --- connections that end, and what is not read ---------------------------------------------------------------------------

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


def test_encryption_is_left_alone():
    class Encrypted(MariaDB):
        def command(self):
            certificate, key = certificates.server()
            return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]

    program = PYMYSQL.replace('database="shop")', 'database="shop", ssl={"check_hostname": False, "verify_mode": "none"})')
    with Encrypted() as server:
        result = same_output([PYTHON, "-c", program, "127.0.0.1", server.port, 0], before=server.reset)
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
