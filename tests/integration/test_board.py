"""The message board of examples/board: one program, three libraries, one trace, compared as a whole."""

import os
import signal

import pytest

from harness import BUILD, SOURCE, OtlpSink, run, same_output, start, tree, wait_until
from harness.paths import locked

BOARD = BUILD / "examples" / "board" / "board"
TABLE = "CREATE TABLE IF NOT EXISTS messages (id INT AUTO_INCREMENT PRIMARY KEY, author VARCHAR(?), text VARCHAR(?))"
INSERT = "INSERT INTO messages (author, text) VALUES (?, ?)"
SELECT = "SELECT id, author, text FROM messages ORDER BY id DESC LIMIT ?"


@pytest.fixture(scope="module", autouse=True)
def board():
    with locked("make"):
        made = run(["make", "-s", "--no-print-directory", "examples/board/board"], cwd=BUILD, timeout=300)
    assert made.returncode == 0, made.stderr.decode()


@pytest.fixture
def servers(mariadb, redis, http_server):
    """Running, and in the same state before each run of the board."""
    def reset():
        mariadb.reset()
        redis.reset()
        http_server.reset()
        http_server.on("/weather", body="rain\n", headers={"Content-Type": "text/plain"})

    reset.environment = {
        "BOARD_DB_HOST": "127.0.0.1", "BOARD_DB_PORT": mariadb.port, "BOARD_DB_USER": "app", "BOARD_DB_PASSWORD": "secret",
        "BOARD_DB_NAME": "shop", "BOARD_REDIS_HOST": "127.0.0.1", "BOARD_REDIS_PORT": redis.port,
        "BOARD_API": http_server.url,
    }
    reset.mariadb, reset.redis, reset.http = mariadb, redis, http_server
    return reset


def post(servers, sink, **settings):
    result = same_output([BOARD, "Ada", "it's me"], sink, before=servers, flags=["--process_span", "true"],
                         env={**servers.environment, **settings})
    assert result.stdout == b"Weather: rain\nMessages:\n  #1 Ada: it's me\nLatest actions:\n  list\n  post by Ada\n"
    return sink.exactly(10)


def form(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


def process(spans):
    path = str(BOARD)
    return ("board", "INTERNAL", ("UNSET", ""), "otel-instrument.process", "", {
        "process.executable.name": "board", "process.executable.path": path, "process.exit.code": 0,
        "process.pid": spans[0].attributes["process.pid"]})


def expected_old(servers):
    scheme = "https://opentelemetry.io/schemas/1.11.0"
    sql = {"db.system": "mysql", "db.name": "shop", "db.user": "app", "net.peer.name": "127.0.0.1",
           "net.peer.port": servers.mariadb.port,
           "db.connection_string": f"mysql://app@127.0.0.1:{servers.mariadb.port}/shop"}
    redis = {"db.system": "redis", "db.redis.database_index": 0, "net.peer.name": "127.0.0.1",
             "net.peer.port": servers.redis.port, "net.transport": "ip_tcp",
             "db.connection_string": f"redis://127.0.0.1:{servers.redis.port}/0"}

    def statement(name, text, table, **more):
        return [(name, "CLIENT", ("UNSET", ""), "otel-instrument.libmariadb", scheme, {
            **sql, "db.statement": text, "db.operation": name, "db.sql.table": table, **more})]

    def command(name, arguments):
        return [(name, "CLIENT", ("UNSET", ""), "otel-instrument.hiredis", scheme, {
            **redis, "db.statement": " ".join([name] + ["?"] * arguments), "db.operation": name,
            "db.redis.args_length": arguments + 1})]

    request = [("GET", "CLIENT", ("UNSET", ""), "otel-instrument.libcurl", scheme, {
        "http.method": "GET", "http.url": servers.http.url + "/weather?city=Berlin", "http.status_code": 200,
        "http.response_content_length": 5})]
    return [
        statement("CREATE", TABLE, "messages", **{"db.rows_affected": 0}),
        request,
        statement("INSERT", INSERT, "messages", **{"db.rows_affected": 1}),
        command("LPUSH", 2), command("LTRIM", 3),
        statement("SELECT", SELECT, "messages", **{"db.rows_affected": 1}),
        command("LPUSH", 2), command("LTRIM", 3), command("LRANGE", 3),
    ]


def expected_new(servers):
    database = "https://opentelemetry.io/schemas/1.25.0"
    sql = {"db.system.name": "mariadb", "db.namespace": "shop", "server.address": "127.0.0.1",
           "server.port": servers.mariadb.port}
    redis = {"db.system.name": "redis", "db.namespace": "0", "server.address": "127.0.0.1",
             "server.port": servers.redis.port, "network.peer.address": "127.0.0.1",
             "network.peer.port": servers.redis.port, "network.transport": "tcp"}

    def statement(summary, text, **more):
        return [(summary, "CLIENT", ("UNSET", ""), "otel-instrument.libmariadb", database, {
            **sql, "db.query.text": text, "db.query.summary": summary, **more})]

    def command(text):
        name = text.split()[0]
        return [(name, "CLIENT", ("UNSET", ""), "otel-instrument.hiredis", database, {
            **redis, "db.query.text": text, "db.operation.name": name, "db.redis.args_length": len(text.split())})]

    port = servers.http.port
    request = [("GET", "CLIENT", ("UNSET", ""), "otel-instrument.libcurl", "https://opentelemetry.io/schemas/1.21.0", {
        "http.request.method": "GET", "url.full": servers.http.url + "/weather?city=Berlin", "server.address": "127.0.0.1",
        "server.port": port, "network.peer.address": "127.0.0.1", "network.peer.port": port,
        "network.protocol.version": "1.1", "http.response.status_code": 200})]
    return [
        statement("CREATE TABLE messages", TABLE),
        request,
        statement("INSERT messages", INSERT),
        command("LPUSH api_logs ?"), command("LTRIM api_logs ? ?"),
        statement("SELECT messages", SELECT, **{"db.response.returned_rows": 1}),
        command("LPUSH api_logs ?"), command("LTRIM api_logs ? ?"), command("LRANGE api_logs ? ?"),
    ]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_whole_trace_old(servers, protocol):
    with OtlpSink(protocol) as sink:
        spans = post(servers, sink)
    assert tree(spans, form) == [process(spans), *expected_old(servers)]


def test_whole_trace_new(servers, sink):
    spans = post(servers, sink, OTEL_SEMCONV_STABILITY_OPT_IN="http,database")
    assert tree(spans, form) == [process(spans), *expected_new(servers)]


def test_whole_trace_both(servers, sink):
    spans = post(servers, sink, OTEL_SEMCONV_STABILITY_OPT_IN="http/dup,database/dup")
    both = [{**old[0][5], **new[0][5]} for old, new in zip(expected_old(servers), expected_new(servers))]
    assert [child[0][5] for child in tree(spans, form)[1:]] == both


def test_server_receives_the_ids_of_the_span(servers, sink):
    spans = post(servers, sink)
    (request,) = servers.http.requests
    (span,) = (span for span in spans if span.name == "GET")
    assert request.header("traceparent") == f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}"


def test_failures_look_the_same(servers, sink):
    """A server that is not there: the board's own message and exit status, and one span that says why."""
    missing = {**servers.environment, "BOARD_DB_PASSWORD": "wrong"}
    result = same_output([BOARD], sink, before=servers, env=missing)
    assert result.returncode == 1 and b"Access denied" in result.stderr
    (span,) = sink.exactly(1)
    assert (span.name, span.kind, span.status[0]) == ("connect", "CLIENT", "ERROR")
    assert span.status[1] == result.stderr.decode().removeprefix("board: database: ").strip()


def test_demo_prints_the_tree_and_cleans_up(tmp_path):
    result = run([SOURCE / "examples" / "board" / "demo"], timeout=60, env={"OI_BUILD": BUILD, "TMPDIR": tmp_path})
    assert result.returncode == 0, result.stderr.decode()
    assert b"#1 Ada: Hello, board" in result.stdout
    lines = [line.strip() for line in result.stderr.decode().splitlines()]
    names = ["board", "CREATE", "GET", "INSERT", "LPUSH", "LTRIM", "SELECT", "LPUSH", "LTRIM", "LRANGE"]
    at = 0
    for name in names:  # in this order, one line each
        at = next(index for index in range(at, len(lines)) if name in lines[index].split()) + 1
    assert list(tmp_path.iterdir()) == []


def test_interrupted_demo_cleans_up(tmp_path):
    process = start([SOURCE / "examples" / "board" / "demo"], env={"OI_BUILD": BUILD, "TMPDIR": tmp_path})
    wait_until(lambda: any(tmp_path.glob("*/redis.sock")), what="Redis of the demo")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
    assert group_is_empty(process.pid)


def group_is_empty(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
