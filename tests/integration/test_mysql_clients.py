"""Clients that speak MySQL's protocol over their own sockets: PyMySQL and aiomysql, PHP's mysqlnd, Node's mysql and mysql2,
MySQL's and MariaDB's drivers for Java and the latter's own command line client, which has its library inside."""

import http.client
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import OtlpSink, free_port, instrumented, not_under, same_output, serving, wait_until
from libmariadb_client import NEW, Client
from mysql_clients import CLIENTS, NODE, PYTHON, shell
from mysql_spans import SETS, Expected, place


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
    pool.query("SELECT ?, SLEEP(0.01)", [request.url], (error, rows) => answer.end(JSON.stringify(error || rows)));
}).listen(+port, "127.0.0.1");
"""

# A timer asks somebody else, while the loop waits for a statement and when it has been busy with the answer for too long.
TIMER = """
const [port, database, url] = process.argv.slice(1), http = require("http");
const db = require("mysql").createConnection({host: "127.0.0.1", port: database, user: "app", password: "secret", database: "shop"});
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
setInterval(() => http.get(url, {agent}, answer => answer.resume()), 25);
http.createServer((request, answer) => {
    db.query("SELECT ?, SLEEP(0.1)", [request.url], () => {
        for (const end = Date.now() + 60; Date.now() < end;);
        setTimeout(() => answer.end(), 10);
    });
}).listen(+port, "127.0.0.1");
"""

# Two threads run one loop: requests belong to the thread that reads them (EPOLLONESHOT), the database's answers to whoever is free.
SHARED = """
import select, socket, sys, threading, pymysql
client = pymysql.connect(host="127.0.0.1", port=int(sys.argv[2]), user="app", password="secret", autocommit=None)
database = client._sock
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
loop, one_at_a_time, clients, path = select.epoll(), threading.Lock(), {}, None
for connection in (listener, database):
    connection.setblocking(False)
    loop.register(connection, select.EPOLLIN)
loop.poll(0)
def ask(number):
    text = b"\\x03SELECT '%s', %d" % (path, number)
    database.sendall(len(text).to_bytes(3, "little") + b"\\0" + text)
def serve(fd):
    global path
    if fd == listener.fileno():
        client, _ = listener.accept()
        clients[client.fileno()] = client
        loop.register(client, select.EPOLLIN | select.EPOLLONESHOT)
    elif fd == database.fileno():
        database.recv(65536)
        clients["step"] += 1
        if clients["step"] < 3:
            ask(clients["step"])
        else:
            clients["asks"].sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
            loop.modify(clients["asks"], select.EPOLLIN | select.EPOLLONESHOT)
    elif request := clients[fd].recv(65536):
        path = request.split()[1]
        clients["step"], clients["asks"] = 1, clients[fd]
        ask(1)
    else:
        clients.pop(fd).close()
def run():
    loop.poll(0)
    while True:
        for fd, _ in loop.poll(maxevents=1):
            with one_at_a_time:
                try:
                    serve(fd)
                except (BlockingIOError, KeyError):
                    pass  # the other one was quicker
other = threading.Thread(target=run)
other.start()
run()
"""


def ask(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse().read()
    connection.close()
    return answer


def parents(spans):
    """Of each statement, in the order of their start: the path of the request that is its parent, and the one it speaks of."""
    requests = {span.span_id: span.attributes["http.target"] for span in spans if span.kind == "SERVER"}
    for span in sorted(spans, key=lambda span: span.start):
        path = re.search(r"'(/[^']*)'", span.attributes.get("db.statement", ""))
        if path:
            yield requests.get(span.parent_span_id), path[1]


def served(mariadb, command, env, at_once):
    """64 requests: the paths that they asked for, and that their statements speak of."""
    port = free_port()
    with OtlpSink() as sink, serving([*command, port, mariadb.port], port, sink, {**env, "OTEL_NATIVE_DB_STATEMENT": "raw"}):
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda i: ask(port, f"/{i}"), range(64)))
        wait_until(lambda: sum(span.kind == "SERVER" for span in sink.spans()) == 64, what="the requests' spans")
        wait_until(lambda: len(list(parents(sink.spans()))) == 64, what="the statements' spans")
        return list(parents(sink.spans()))


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


def test_a_timer_that_is_late(mariadb, http_server):
    """Belongs to no statement's request, whose answer was read last."""
    port, env = free_port(), {"NODE_PATH": "/usr/share/nodejs", "OTEL_NATIVE_DB_STATEMENT": "raw"}
    with OtlpSink() as sink, serving([NODE, "-e", TIMER, "--", port, mariadb.port, http_server.url], port, sink, env):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for i in range(20):
            connection.request("GET", f"/{i}")
            connection.getresponse().read()
        connection.close()
        wait_until(lambda: len(list(parents(sink.spans()))) == 20 and sum(span.kind == "SERVER" for span in sink.spans()) == 20, what="the spans")
        spans = sink.spans()
    assert all(parent in (None, path) for parent, path in parents(spans))
    asked = [span for span in spans if span.name == "GET" and span.kind == "CLIENT"]
    assert asked and not any(span.parent_span_id for span in asked)


def test_a_loop_that_several_threads_run(mariadb):
    """Who reads an answer there says nothing about what is done next."""
    port = free_port()
    with OtlpSink() as sink, serving([PYTHON, "-c", SHARED, port, mariadb.port], port, sink, {"OTEL_NATIVE_DB_STATEMENT": "raw"}):
        for i in range(8):
            ask(port, f"/{i}")
        wait_until(lambda: len(sink.spans()) >= 24, 60, "the spans")
        spans = sink.spans()
    first, second = ([span for span in spans if str(span.attributes.get("db.statement")).endswith(number)] for number in (", 1", ", 2"))
    of = list(parents([*first, *(span for span in spans if span.kind == "SERVER")]))
    assert all(parent in (None, path) for parent, path in of) and any(parent for parent, _ in of)
    assert len(first) == len(second) == 8 and not any(span.parent_span_id for span in second)
