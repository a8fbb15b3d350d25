"""Programs that speak TLS by OpenSSL: whole spans, and their output as it is without us."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
from contextlib import contextmanager

import pytest
from libmariadb_client import Client
from mysql_clients import MYSQLI, PDO, PDO_SPANS, PYMYSQL, PYMYSQL_SPANS, mysqli_spans
from mysql_spans import SETS
from redis_wire import check, wire
from test_hiredis import MODES, WRONGTYPE, Tcp
from test_tls import CLIENT, NEW, OLD, SERVER, whole

from harness import HttpServer, MariaDB, OtlpSink, Redis, certificates, free_port, not_under, same_output, start, wait_until
from harness.programs import instrumented_command, telemetry

PYTHON, PHP, NODE = "/usr/bin/python3", "/usr/bin/php", "/usr/bin/node"
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
OPT_IN = ["", "http", "http/dup"]
NO_PHP = not_under("address", "PHP's own memory")


def but_for(table, *names):
    """The table's names, some of which do not run under AddressSanitizer."""
    return [pytest.param(name, marks=NO_PHP) if name in names else name for name in table]



# --- clients of HTTPS: URL and authority are arguments ----------------------------------------------------------------------

URLLIB = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
for path in "/one", "/status/404":
    try: print(urllib.request.urlopen(sys.argv[1] + path, context=context).read())
    except urllib.error.HTTPError as error: print(error, error.read())
"""
REQUESTS = """
import requests, sys
session = requests.Session()
session.verify = sys.argv[2]
for path in "/one", "/status/404":
    answer = session.get(sys.argv[1] + path)
    print(answer.status_code, answer.content)
"""
ASYNCIO = """
import asyncio, ssl, sys
async def main():
    context = ssl.create_default_context(cafile=sys.argv[2])
    host, port = sys.argv[1].removeprefix("https://").split(":")
    for path in "/one", "/status/404":
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(f"GET {path} HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nUser-Agent: asyncio\\r\\nConnection: close\\r\\n\\r\\n".encode())
        head, _, body = (await reader.read()).partition(b"\\r\\n\\r\\n")
        print(head.split(b"\\r\\n")[0], body)
        writer.close()
asyncio.run(main())
"""
STREAM = """
$context = stream_context_create(["ssl" => ["cafile" => $argv[2]], "http" => ["user_agent" => "PHP", "ignore_errors" => true]]);
foreach (["/one", "/status/404"] as $path)
    echo file_get_contents($argv[1] . $path, false, $context), "\n";
"""
# {name: (command, the user agent it names, whether it knows its peer)}
CLIENTS = {
    "urllib": ([PYTHON, "-c", URLLIB], "Python-urllib/3", True),
    "requests": ([PYTHON, "-c", REQUESTS], "python-requests/", True),
    "asyncio": ([PYTHON, "-c", ASYNCIO], "asyncio", False),
    "PHP": ([PHP, "-r", STREAM, "--"], "PHP", True),
}


@pytest.fixture(scope="module")
def https_server():
    with HttpServer(tls=True) as server:
        yield server


def client_span(server, path, status, size, agent, opt_in, knows_peer):
    url, attributes = server.url + path, {"user_agent.original": agent}
    if opt_in != "http":
        attributes |= {"http.method": "GET", "http.url": url, "http.status_code": status, "http.response_content_length": size}
    if opt_in:
        attributes |= {"http.request.method": "GET", "url.full": url, "server.address": "127.0.0.1", "server.port": server.port,
                       "network.protocol.version": "1.1", "http.response.status_code": status}
        if knows_peer:
            attributes |= {"network.peer.address": "127.0.0.1", "network.peer.port": server.port}
        if status >= 400:
            attributes["error.type"] = str(status)
    return ("GET", "CLIENT", ("ERROR" if status >= 400 else "UNSET", ""), CLIENT, NEW if opt_in else OLD, attributes)


@pytest.mark.parametrize("opt_in", OPT_IN)
@pytest.mark.parametrize("client", but_for(CLIENTS, "PHP"))
def test_clients_of_https(https_server, client, opt_in):
    https_server.reset()
    https_server.on("/one", body=b"one")
    command, agent, knows_peer = CLIENTS[client]
    result = same_output([*command, https_server.url, certificates.authority()], env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
    assert (result.returncode, result.stderr) == (0, b"") and b"one" in result.stdout
    spans, asked = sorted(result.spans, key=lambda span: span.start), https_server.requests[-2:]
    full = asked[0].header("User-Agent")
    assert full.startswith(agent)
    assert [whole(span) for span in spans] == [
        client_span(https_server, "/one", 200, 3, full, opt_in, knows_peer),
        client_span(https_server, "/status/404", 404, len("/status/404"), full, opt_in, knows_peer)]
    assert [one.header("traceparent") for one in asked] == [f"00-{span.trace_id}-{span.span_id}-03" for span in spans]
    assert [one.header("traceparent") for one in https_server.requests[:-2]] == [None, None]


# --- servers ----------------------------------------------------------------------------------------------------------------

HTTP_SERVER = """
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b"a small answer\\n" if self.path == "/small" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""
ASYNCIO_SERVER = """
import asyncio, ssl, sys
async def serve(reader, writer):
    try:
        while line := await reader.readline():
            while (await reader.readline()).strip(): pass
            body = b"a small answer\\n" if line.split()[1] == b"/small" else b""
            status = b"200 OK" if body else b"404 Not Found"
            writer.write(b"HTTP/1.1 %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (status, len(body), body))
            await writer.drain()
        writer.close()
    except OSError: pass
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    async with await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=context) as server:
        await server.serve_forever()
asyncio.run(main())
"""
NGINX = """
    {user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr; events {{ worker_connections 256; }}
    http {{
        access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
        {upstream}
        server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; {lines} }}
    }}
"""


def nginx(folder, port, lines="", upstream=""):
    folder.chmod(0o755)
    (folder / "t").mkdir()
    (folder / "small").write_bytes(b"a small answer\n")
    certificate, key = certificates.server()
    (folder / "conf").write_text(NGINX.format(
        user="user root;" if os.geteuid() == 0 else "", port=port, certificate=certificate, key=key, upstream=upstream,
        lines=lines or f"root {folder};"))
    return ["/usr/sbin/nginx", "-p", folder, "-e", "stderr", "-c", folder / "conf"]


# {name: (command, whether it knows its peer)}
SERVERS = {
    "http.server": (lambda folder, port: [PYTHON, "-c", HTTP_SERVER, port, *certificates.server()], True),
    "asyncio": (lambda folder, port: [PYTHON, "-c", ASYNCIO_SERVER, port, *certificates.server()], False),
    "nginx": (nginx, True),
}


def trusting():
    return ssl.create_default_context(cafile=certificates.authority())


@contextmanager
def serving(command, port, sink=None, **env):
    """While the server runs; it is asked for nothing before it listens."""
    words = instrumented_command(command) if sink else command
    process = start(words, env=telemetry(sink, {**FAST, **env}) if sink else {}, stderr=subprocess.DEVNULL)

    def up():
        assert process.poll() is None, process.communicate()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    try:
        wait_until(up, 60, "the server")
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def asked(port, paths, headers=None):
    """[(status, body)] over one connection, whose own port comes first."""
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=trusting())
    answers = []
    for path in paths:
        client.request("GET", path, headers={"User-Agent": "a test", **(headers or {})})
        answer = client.getresponse()
        own = client.sock.getsockname()[1] if client.sock else 0
        answers.append((answer.status, answer.read()))
    client.close()
    return own, answers


def server_span(name, port, own, path, status, size, opt_in, knows_peer):
    host, attributes = f"127.0.0.1:{port}", {}
    if opt_in != "http":
        attributes |= {"http.method": "GET", "http.scheme": "https", "http.host": host, "net.host.name": host, "http.target": path,
                       "http.url": f"https://{host}{path}", "http.user_agent": "a test", "http.flavor": "1.1",
                       "http.response_content_length": size, "http.status_code": status}
        if knows_peer:
            attributes |= {"net.host.port": port, "net.peer.ip": "127.0.0.1", "net.peer.port": own}
    if opt_in:
        attributes |= {"http.request.method": "GET", "url.path": path, "url.scheme": "https", "server.address": "127.0.0.1",
                       "server.port": port, "user_agent.original": "a test", "network.protocol.version": "1.1",
                       "http.response.status_code": status}
        if knows_peer:
            attributes |= {"client.address": "127.0.0.1", "client.port": own, "network.peer.address": "127.0.0.1",
                           "network.peer.port": own}
    return (name, "SERVER", ("UNSET", ""), SERVER, NEW if opt_in else OLD, attributes)


@pytest.mark.parametrize("opt_in", OPT_IN)
@pytest.mark.parametrize("server", SERVERS)
def test_servers_of_https(tmp_path, server, opt_in):
    command, knows_peer = SERVERS[server]
    port = free_port()
    words = command(tmp_path, port)
    with serving(words, port):
        _, bare = asked(port, ["/small", "/none", "/small"])
    with OtlpSink() as sink:
        with serving(words, port, sink, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in):
            own, answers = asked(port, ["/small", "/none", "/small"], {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
            spans = sorted(sink.exactly(3), key=lambda span: span.start)
    assert answers == bare and [status for status, _ in answers] == [200, 404, 200]
    assert [whole(span) for span in spans] == [
        server_span(f"GET {path}" if status == 200 else "GET", port, own, path, status, len(body), opt_in, knows_peer)
        for (status, body), path in zip(answers, ["/small", "/none", "/small"], strict=True)]
    assert {(span.trace_id, span.parent_span_id) for span in spans} == {("a" * 32, "b" * 16)}


# --- whose request it is ----------------------------------------------------------------------------------------------------

KEPT = {"upstream": "keepalive 4;", "version": 'proxy_http_version 1.1; proxy_set_header Connection "";'}


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("keep", [False, True])
def test_nginx_sends_requests_on_to_a_server_of_https(tmp_path, https_server, keep, carried):
    https_server.reset()
    https_server.on("/one", body=b"one")
    port, kept = free_port(), KEPT if keep else {"upstream": "", "version": ""}
    command = nginx(tmp_path, port, lines=f"location / {{ proxy_pass https://u; {kept['version']} }}",
                    upstream=f"upstream u {{ server 127.0.0.1:{https_server.port}; {kept['upstream']} }}")
    with OtlpSink() as sink, serving(command, port, sink):
        headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"} if carried else {}
        for _ in range(3):
            assert asked(port, ["/one", "/one"], headers)[1] == [(200, b"one")] * 2
        spans = sink.exactly(12)
    servers = {span.span_id: span for span in spans if span.kind == "SERVER"}
    clients = [span for span in spans if span.kind == "CLIENT"]
    assert len(servers) == len(clients) == len({span.parent_span_id for span in clients}) == 6
    for span in clients:
        assert span.attributes["http.url"] == "https://u/one" and span.trace_id == servers[span.parent_span_id].trace_id
    assert sorted(one.header("traceparent") for one in https_server.requests) == sorted(
        f"00-{span.trace_id}-{span.span_id}-{'01' if carried else '03'}" for span in clients)
    assert {(span.trace_id, span.parent_span_id) for span in servers.values()} == {("a" * 32, "b" * 16)} or not carried


SERVICE = """
import http.server, redis, ssl, sys, urllib.request
port, certificate, key, authority, other, store = sys.argv[1:]
trusting = ssl.create_default_context(cafile=authority)
pool = redis.Redis(port=int(store), ssl=True, ssl_ca_certs=authority)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        for path in "/one", "/two":
            urllib.request.urlopen(other + path + self.path, context=trusting).read()
            pool.set("path", self.path)
        body = pool.get("path")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
"""


class TlsRedis(Redis):
    """Speaks TLS on its port."""

    def command(self):
        certificate, key = certificates.server()
        words = super().command()
        assert words[1] == "--port"
        return [words[0], "--port", "0", "--tls-port", str(self.port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key),
                "--tls-auth-clients", "no", *words[3:]]

    def ready(self):
        try:
            return self.cli("PING") == "PONG\n"
        except AssertionError:
            return False


@pytest.fixture(scope="module")
def tls_redis():
    with TlsRedis() as server:
        yield server


def test_what_a_request_asks_for_is_its_own(https_server, tls_redis):
    """What passes encrypted over the connections of a request says nothing about whom the thread works for."""
    https_server.reset()
    tls_redis.reset()
    port, paths = free_port(), [f"/{i}" for i in range(5)]
    for path in paths:
        for first in "/one", "/two":
            https_server.on(first + path, body=b"yes")
    command = [PYTHON, "-c", SERVICE, port, *certificates.server(), certificates.authority(), https_server.url, tls_redis.port]
    with OtlpSink() as sink, serving(command, port, sink):
        assert asked(port, paths)[1] == [(200, path.encode()) for path in paths]
        spans = sorted(sink.exactly(30), key=lambda span: span.start)
    for path in paths:
        (request,) = [span for span in spans if span.kind == "SERVER" and span.attributes["http.target"] == path]
        assert [span.name for span in spans if (span.trace_id, span.parent_span_id) == (request.trace_id, request.span_id)] == [
            "GET", "SET", "GET", "SET", "GET"]


# --- databases --------------------------------------------------------------------------------------------------------------

REDIS = """
import redis, sys
r = redis.Redis(port=int(sys.argv[1]), ssl=True, ssl_ca_certs=sys.argv[2], db=2)
print(r.set("user:1", "Ann"), r.get("user:1"))
pipe = r.pipeline(transaction=False); pipe.get("a").lrange("l", 0, -1); print(pipe.execute())
try: r.lpush("user:1", "secret")
except redis.RedisError as error: print(error)
print(len(r.echo("e" * 100000)))
"""


@pytest.mark.parametrize("mode", MODES)
def test_redis_py(tls_redis, mode):
    result = same_output([PYTHON, "-c", REDIS, tls_redis.port, certificates.authority()], env=mode, before=tls_redis.reset)
    assert (result.returncode, result.stderr) == (0, b"")

    check(result.spans, Tcp(tls_redis.port), wire("SET user:1 ?", db=2), wire("GET user:1", db=2), wire("GET a", db=2, together=2),
          wire("LRANGE l ? ?", db=2, together=2), wire("LPUSH user:1 ?", db=2, reply=("WRONGTYPE", WRONGTYPE)), wire("ECHO ?", db=2), mode=mode)


class TlsMariaDB(MariaDB):
    def command(self):
        certificate, key = certificates.server()
        return [*super().command(), f"--ssl-cert={certificate}", f"--ssl-key={key}"]


@pytest.fixture(scope="module")
def tls_mariadb():
    with TlsMariaDB() as server:
        yield server


SHOP = 'database="shop"'
TLS_PDO = "PDO::ATTR_EMULATE_PREPARES => false, PDO::MYSQL_ATTR_SSL_CA => $argv[4], PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT => false"
MYSQL = {
    "pymysql": ([PYTHON, "-c", PYMYSQL.replace(SHOP, SHOP + ', ssl={"ca": sys.argv[4], "check_hostname": False}')], lambda _: PYMYSQL_SPANS),
    "mysqli": ([PHP, "-r", MYSQLI.replace('"shop", $port);', '"shop", $port, null, MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT);').replace(
        "$db->real_connect", "$db->ssl_set(null, null, $argv[4], null, null); $db->real_connect"), "--"], mysqli_spans),
    "pdo": ([PHP, "-r", PDO.replace("PDO::ATTR_EMULATE_PREPARES => false", TLS_PDO), "--"], lambda _: PDO_SPANS),
}


@pytest.mark.parametrize("which", SETS)
@pytest.mark.parametrize("name", but_for(MYSQL, "mysqli", "pdo"))
def test_statements_inside_of_tls(tls_mariadb, name, which):
    """The greeting is plain, what follows is not."""
    command, expected = MYSQL[name]
    client, expected = Client(tls_mariadb), expected(tls_mariadb.port)
    result = same_output([*command, "127.0.0.1", tls_mariadb.port, 0, certificates.authority()], env=SETS[which],
                         before=tls_mariadb.reset)
    assert result.returncode == 0 and b"rror" not in result.stderr
    spans = sorted(result.spans, key=lambda span: span.start)
    assert [span.name for span in spans] == [one.operation if which == "old" else one.title for one in expected]
    for span, one in zip(spans, expected, strict=True):
        one.compare(span, client, which, "mysql")
    assert int(tls_mariadb.sql("SHOW STATUS LIKE 'Ssl_finished_accepts'").split()[1]) > 0


# --- Node: on memory, where its OpenSSL is the system's ---------------------------------------------------------------------

NODE_BOTH = """
const https = require("https"), fs = require("fs");
const [port, certificate, key, authority] = process.argv.slice(1);
const server = https.createServer({cert: fs.readFileSync(certificate), key: fs.readFileSync(key)}, (request, answer) => {
    const body = request.url == "/small" ? "a small answer\\n" : "";
    answer.writeHead(body ? 200 : 404, {"Content-Length": body.length});
    answer.end(body);
});
const get = path => new Promise(resolve => https.get(
    {host: "127.0.0.1", port, path, ca: fs.readFileSync(authority), agent: false, headers: {"User-Agent": "a test"}}, answer => {
        let text = "";
        answer.on("data", more => text += more);
        answer.on("end", () => { console.log(answer.statusCode, text); resolve(); });
    }));
server.listen(port, "127.0.0.1", async () => {
    await get("/small");
    await get("/none");
    server.close();
});
"""


def linked_with_libssl(program):
    """Node's own packages carry OpenSSL inside, out of reach."""
    return "libssl.so" in subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("opt_in", OPT_IN)
@not_under("address", "Node's own memory")
def test_node_is_seen_where_it_uses_libssl(opt_in):
    port = free_port()
    result = same_output([NODE, "-e", NODE_BOTH, "--", port, *certificates.server(), certificates.authority()],
                         env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
    assert (result.returncode, result.stdout) == (0, b"200 a small answer\n\n404 \n"), result
    spans = {kind: [whole(span) for span in sorted(result.spans, key=lambda span: span.start) if span.kind == kind]
             for kind in ("CLIENT", "SERVER")}
    if not linked_with_libssl(NODE):
        assert result.spans == []
        return

    class There:
        url = f"https://127.0.0.1:{port}"

    There.port = port
    assert spans["CLIENT"] == [client_span(There, "/small", 200, 15, "a test", opt_in, False),
                               client_span(There, "/none", 404, 0, "a test", opt_in, False)]
    assert spans["SERVER"] == [server_span("GET /small", port, 0, "/small", 200, 15, opt_in, False),
                               server_span("GET", port, 0, "/none", 404, 0, opt_in, False)]
    assert len(result.spans) == 4
