"""Whole traces over several programs that nobody here wrote: a chain of services, and proxies in front of one."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from harness import HttpServer, OtlpSink, app, bare, free_port, instrumented, serving, tree
from harness.otlp import trees
from harness.web_servers import apache, haproxy, lighttpd, nginx

PYTHON = "/usr/bin/python3"
FLASK = """
import subprocess, sys
from flask import Flask
app = Flask(__name__)

@app.route("/orders/<number>")
def order(number):
    program, url = open("calls").read().split()
    return subprocess.run([program, "get", url + number, url + number], capture_output=True, check=True).stdout
"""


def named(service, opt_in):
    return {"OTEL_SERVICE_NAME": service, "OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}


def nginx_proxy(folder, port, to):
    return nginx(folder, f"""
        upstream u {{ server 127.0.0.1:{to}; keepalive 8; }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection "";
                proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header X-Forwarded-Proto $scheme;
            }}
        }}""")


PORT = "a port"  # one that the kernel chose
SCOPES = {"libcurl": "otel-instrument.libcurl", "CLIENT": "otel-instrument.http_client", "SERVER": "otel-instrument.http_server"}


def of_set(opt_in, old, new):
    """Attributes of the old set, the new one, or both."""
    return {**(old if opt_in != "http" else {}), **(new if opt_in else {})}


def client(opt_in, service, url, peer, size, agent=None, scope="CLIENT"):
    host, port = url.split("/")[2].split(":")
    known = {"user_agent.original": agent} if agent else {}
    return ("GET", "CLIENT", ("UNSET", ""), SCOPES[scope], service, known | of_set(opt_in, {
        "http.method": "GET", "http.url": url, "http.status_code": 200, "http.response_content_length": size,
    }, {
        "http.request.method": "GET", "url.full": url, "server.address": host, "server.port": int(port), "http.response.status_code": 200,
        "network.peer.address": "127.0.0.1", "network.peer.port": peer, "network.protocol.version": "1.1"}))


def server(opt_in, service, name, url, port, size, agent=None, forwarded=False):
    """`port`: the one it listens on; the URL has that of the Host header. `forwarded`: who asks first is known by address only."""
    authority, path = url.split("/", 3)[2:]
    old = {"http.user_agent": agent} if agent else {}
    new = {"user_agent.original": agent} if agent else {}
    new |= {} if forwarded else {"client.port": PORT}
    return (name, "SERVER", ("UNSET", ""), SCOPES["SERVER"], service, of_set(opt_in, old | {
        "http.method": "GET", "http.scheme": "http", "http.host": authority, "net.host.name": authority, "net.host.port": port,
        "http.target": f"/{path}", "http.url": url, "net.peer.ip": "127.0.0.1", "net.peer.port": PORT, "http.flavor": "1.1",
        "http.status_code": 200, "http.response_content_length": size,
    }, new | {
        "http.request.method": "GET", "url.path": f"/{path}", "url.scheme": "http", "server.address": authority.split(":")[0],
        "server.port": int(authority.split(":")[1]), "client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
        "network.peer.port": PORT, "network.protocol.version": "1.1", "http.response.status_code": 200}))


def seen(span):
    """A span as the two above tell it."""
    attributes = dict(span.attributes)
    chosen = ["net.peer.port", "client.port", *(["network.peer.port"] if span.kind == "SERVER" else [])]
    for key in chosen:
        if key in attributes:
            assert 1024 <= attributes[key] <= 65535
            attributes[key] = PORT
    return (span.name, span.kind, span.status, span.scope_name, span.resource["service.name"], attributes)


# --- a chain

AGENT = "curl/" + bare(["curl", "--version"]).stdout.split()[1].decode()


@contextmanager
def chain(folder, ports, sink=None, opt_in=""):
    """nginx, gunicorn with Flask, which runs a libcurl program, which asks lighttpd."""
    first, second, last = ports
    (folder / "chain.py").write_text(FLASK)
    (folder / "calls").write_text(f"{app('curl_easy')} http://127.0.0.1:{last}/stock/")
    servers = [
        (lighttpd(folder, last, root=folder / "files"), last, "stock"),
        ([PYTHON, "/usr/bin/gunicorn", "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{second}", "chain:app"], second, "shop"),
        (nginx_proxy(folder, first, second), first, "front"),
    ]
    with ExitStack() as stack:
        for command, port, service in servers:
            stack.enter_context(serving(command, port, sink, named(service, opt_in), cwd=folder))
        yield


def trace_of(opt_in, ports, number, printed):
    """The trace of one order."""
    first, second, last = ports
    order, stock = f"http://127.0.0.1:{first}/orders/{number}", f"http://127.0.0.1:{last}/stock/{number}"
    spans = [
        client(opt_in, "user", order, first, printed, AGENT, "libcurl"),
        server(opt_in, "front", "GET /orders/{id}", order, first, printed, AGENT),
        client(opt_in, "front", order, second, printed, AGENT),
        server(opt_in, "shop", "GET /orders/{id}", order, second, printed, AGENT, forwarded=True),
        client(opt_in, "shop", stock, last, number, scope="libcurl"),
        server(opt_in, "stock", "GET /stock/{id}", stock, last, number),
    ]
    node = []
    for span in reversed(spans):
        node = [span, *([node] if node else [])]
    return node


def order(ports, number):
    return ["curl", "-s", f"http://127.0.0.1:{ports[0]}/orders/{number}"]


@pytest.fixture
def folder(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "files" / "stock").mkdir(parents=True)
    for number in range(10, 40):
        (tmp_path / "files" / "stock" / str(number)).write_text("x" * number)
    return tmp_path


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
def test_a_chain_is_one_trace(folder, opt_in):
    ports = [free_port() for _ in range(3)]
    with chain(folder, ports):
        expected = bare(order(ports, 17))
    with OtlpSink() as sink, chain(folder, ports, sink, opt_in):
        result = instrumented(order(ports, 17), sink, env=named("user", opt_in))
        assert (result.stdout, result.stderr, result.returncode) == (expected.stdout, b"", 0)
        assert tree(sink.exactly(6), seen) == trace_of(opt_in, ports, 17, len(result.stdout))


def test_chains_at_the_same_time_are_a_trace_each(folder):
    ports, numbers = [free_port() for _ in range(3)], range(10, 34)
    with OtlpSink() as sink, chain(folder, ports, sink):
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda number: instrumented(order(ports, number), sink, env=named("user", "")), numbers))
        spans = sink.exactly(6 * len(numbers))
    found = sorted(trees(spans, seen), key=lambda trace: trace[0][-1]["http.url"])
    assert len({span.trace_id for span in spans}) == len(numbers)
    assert found == [trace_of("", ports, number, len(result.stdout)) for number, result in zip(numbers, results)]


# --- proxies

def haproxy_proxy(folder, port, to):
    """It forbids itself new privileges, as programs do that are about to filter their system calls; it sets no filter."""
    return haproxy(folder, port, f"""
          default_backend b
        backend b
          server s 127.0.0.1:{to}""")


def lighttpd_proxy(folder, port, to):
    return lighttpd(folder, port, f"""
        server.modules = ("mod_proxy")
        proxy.server = ("" => (("host" => "127.0.0.1", "port" => {to})))""")


def apache_proxy(folder, port, to):
    return apache(folder, port, f"""
        ProxyPreserveHost on
        ProxyPass / http://127.0.0.1:{to}/""", modules=("proxy", "proxy_http"))


PROXIES = {"nginx": nginx_proxy, "haproxy": haproxy_proxy, "lighttpd": lighttpd_proxy, "Apache httpd": apache_proxy}


def headers_of(server):
    """What the last server was sent, but for trace headers; whether a connection is kept says nothing of a request."""
    return [(request.method, request.path, sorted((name, value) for name, value in request.headers if name.lower() != "traceparent"))
            for request in server.requests]


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_two_spans_of_the_trace(name, opt_in, folder):
    port = free_port()
    urls = [f"http://127.0.0.1:{port}/bytes/{number}" for number in (11, 70000, 12)]
    with HttpServer() as last:
        command = PROXIES[name](folder, port, last.port)
        with serving(command, port, cwd=folder):
            expected = bare(["curl", "-s", *urls])
        sent = headers_of(last)
        last.reset()
        with OtlpSink() as sink, serving(command, port, sink, named("front", opt_in), cwd=folder):
            result = instrumented(["curl", "-s", *urls], sink, env=named("user", opt_in))
            assert (result.stdout, result.stderr, result.returncode) == (expected.stdout, b"", 0)
            spans = sink.exactly(9)
        assert trees(spans, seen) == [
            [client(opt_in, "user", url, port, size, AGENT, "libcurl"),
             [server(opt_in, "front", "GET /bytes/{id}", url, port, size, AGENT),
              [client(opt_in, "front", url, last.port, size, AGENT)]]]
            for url, size in zip(urls, (11, 70000, 12))]
        assert headers_of(last) == sent
        assert [request.header("traceparent") for request in last.requests] == [
            f"00-{span.trace_id}-{span.span_id}-03" for span in sorted(spans, key=lambda span: span.start)
            if span.scope_name == "otel-instrument.http_client"]
