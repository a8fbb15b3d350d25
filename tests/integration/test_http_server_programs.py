"""Servers that nobody here wrote: each request over a kept connection is a span, whole, and they answer as they do bare."""

import http.client
import shutil
import socket

import pytest

from harness import OtlpSink, free_port, not_under, serving, start
from harness.programs import instrumented_command, telemetry
from harness.web_servers import apache, haproxy, lighttpd, nginx

PYTHON = "/usr/bin/python3"
BIG = b"0123456789abcdef" * 8192

FLASK = """
from flask import Flask, send_file
app = Flask(__name__)

@app.route("/small")
def small():
    return "a small answer\\n"

@app.route("/big")
def big():
    return send_file("big")
"""
NODE = """
    const fs = require('fs');
    require('http').createServer((request, answer) => {
        try { answer.end(fs.readFileSync('.' + request.url)); } catch { answer.statusCode = 404; answer.end(); }
    }).listen(+process.argv[2], '127.0.0.1');
"""
JAVA = """
import com.sun.net.httpserver.*;
import java.net.*;
import java.nio.file.*;
import java.util.concurrent.Executors;

public class Serve {
    public static void main(String[] a) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", exchange -> {
            Path file = Path.of("." + exchange.getRequestURI());
            byte[] body = Files.exists(file) ? Files.readAllBytes(file) : new byte[0];
            exchange.sendResponseHeaders(body.length > 0 ? 200 : 404, body.length > 0 ? body.length : -1);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
"""
FILES = {"app.py": FLASK, "serve.js": NODE, "Serve.java": JAVA}


def serves_files(sendfile):
    return lambda folder, port: nginx(folder, f"sendfile {sendfile}; server {{ listen 127.0.0.1:{port}; root {folder}; }}")


def one_file(folder, port):
    return haproxy(folder, port, f"""
          http-request return status 200 content-type text/plain file {folder}/small if {{ path /small }}
          http-request return status 404 content-type text/plain string none""")


def documents(mpm):
    return lambda folder, port: apache(folder, port, f"DocumentRoot {folder}", mpm)


# {name: command of a folder and a port}
PROGRAMS = {
    "nginx": serves_files("on"),
    "nginx without sendfile": serves_files("off"),
    "lighttpd": lighttpd,
    "haproxy": one_file,
    "Apache httpd": documents("event"),
    "Apache httpd, prefork": documents("prefork"),
    "http.server": lambda folder, port: [PYTHON, "-m", "http.server", "--bind", "127.0.0.1", port],
    "Flask": lambda folder, port: [PYTHON, "-m", "flask", "run", "-p", port],
    "gunicorn": lambda folder, port: [PYTHON, "/usr/bin/gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "app:app"],
    "gunicorn with threads": lambda folder, port: [
        PYTHON, "/usr/bin/gunicorn", "-w", "1", "--threads", "4", "-b", f"127.0.0.1:{port}", "app:app"],
    "PHP": lambda folder, port: ["/usr/bin/php", "-S", f"127.0.0.1:{port}"],
    "Node": lambda folder, port: ["/usr/bin/node", "serve.js", port],
    "Java": lambda folder, port: ["/usr/bin/java", "-XX:TieredStopAtLevel=1", "Serve.java", port],
}


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o755)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "small").write_bytes(b"a small answer\n")
    (tmp_path / "big").write_bytes(BIG)
    return tmp_path


def ask(client, path):
    client.request("GET", path)
    answer = client.getresponse()
    return answer.status, answer.getheader("Content-Type"), answer.read()


PATHS = ["/small", "/big?page=2", "/small", "/none/such"]


DEEP = not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND")


@pytest.mark.parametrize("name", [pytest.param(name, marks=DEEP) if name == "PHP" else name for name in PROGRAMS])
def test_each_request_of_a_kept_connection(name, folder):
    if name in ("Node", "Java") and not shutil.which(name.lower()):
        pytest.fail(f"{name} is not installed: ./bootstrap check installs it")
    paths = [path for path in PATHS if name != "haproxy" or not path.startswith("/big")]
    port = free_port()
    command = PROGRAMS[name](folder, port)
    with serving(command, port, cwd=folder):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        bare = [ask(client, path) for path in paths]
        client.close()
    with OtlpSink() as sink, serving(command, port, sink, cwd=folder):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        answers, peers = [], []
        for path in paths:
            client.connect() if client.sock is None else None
            peers.append(client.sock.getsockname()[1])
            answers.append(ask(client, path))
        client.close()
        assert answers == bare
        ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), "/last")
        with sink._changed:
            assert sink._changed.wait_for(
                lambda: any(span.attributes.get("http.target") == "/last" for span in sink._spans) and
                len(sink._spans) > len(paths), 60)
        spans = sorted(sink.spans(), key=lambda span: span.start)[:-1]
    assert [(span.name, span.kind, span.status, span.scope_name, span.parent_span_id, span.attributes) for span in spans] == [
        ("GET" if status == 404 else f"GET {path.split('?')[0]}", "SERVER", ("UNSET", ""), "otel-instrument.http_server", "", {
            "http.method": "GET", "http.scheme": "http", "http.host": f"127.0.0.1:{port}",
            "net.host.name": f"127.0.0.1:{port}", "net.host.port": port, "http.target": path,
            "http.url": f"http://127.0.0.1:{port}{path}", "net.peer.ip": "127.0.0.1", "net.peer.port": peer,
            "http.flavor": "1.1", "http.status_code": status, "http.response_content_length": len(body)})
        for path, peer, (status, _type, body) in zip(paths, peers, bare)]


CGI = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.recv(4096)
said, says = os.pipe()
if os.fork() == 0:
    os.dup2(says, 1)
    if sys.argv[1] == "close":
        connection.close()
    elif sys.argv[1] == "all":
        os.closerange(3, 100)
    os.execv("/bin/sh", ["sh", "-c", "echo $TRACEPARENT $TRACESTATE"])
os.close(says)
text = os.read(said, 1000)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(text), text))
"""


@pytest.mark.parametrize("closes", ["nothing", "close", "all"])
def test_a_program_that_a_request_executes_belongs_to_it(closes):
    """Also where the forked child has closed the connection by then, as CGI servers do."""
    with OtlpSink() as sink:
        process = start(instrumented_command([PYTHON, "-c", CGI, closes]), env=telemetry(sink, {"OTEL_BSP_SCHEDULE_DELAY": "50"}))
        with socket.create_connection(("127.0.0.1", int(process.stdout.readline())), timeout=30) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{'a' * 32}-{'b' * 16}-01\r\ntracestate: c=d\r\n\r\n".encode())
            answer = client.recv(1000).decode()
        assert process.wait(30) == 0
        (span,) = sink.exactly(1)
    assert (span.trace_id, span.parent_span_id) == ("a" * 32, "b" * 16)
    assert answer.endswith(f"\r\n\r\n00-{span.trace_id}-{span.span_id}-01 c=d\n")
