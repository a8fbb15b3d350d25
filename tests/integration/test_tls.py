"""HTTP inside of TLS, by OpenSSL: the spans of plain sockets, with `https`, and what arrives is what was written and our headers."""

import re
import socket
import ssl
import threading

import pytest

from harness import HttpServer, OtlpSink, Proxy, app, bare, certificates, instrumented, same_output, start
from harness.programs import instrumented_command, telemetry

PYTHON = "/usr/bin/python3"

OLD, NEW = "https://opentelemetry.io/schemas/1.11.0", "https://opentelemetry.io/schemas/1.21.0"
SERVER, CLIENT = "otel-instrument.http_server", "otel-instrument.http_client"
OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-03\r\n(?=\r\n)")
ON_SOCKETS = ["fd", "ex+rfd", "bio", "ex+bio0", "fd+referred", "bio+cleared"]
ON_MEMORY = ["memory", "ex+memory", "pair"]


def whole(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


def talk(tmp_path, way, sink=None, **env):
    """Standard output, and what the server has read."""
    certificate, key = certificates.server()
    command = [app("tls_talk"), certificate, key, tmp_path / "arrived", way]
    result = instrumented(command, sink, env=env) if sink else bare(command)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout, (tmp_path / "arrived").read_bytes()


def by_kind(spans):
    """[(client's, server's)] in the order of the requests."""
    sides = [sorted((span for span in spans if span.kind == kind), key=lambda span: span.start) for kind in ("CLIENT", "SERVER")]
    assert len(sides[0]) + len(sides[1]) == len(spans)
    return list(zip(*sides, strict=True))


REQUESTS = [  # method, path, query, host, its port, what else is said in each set
    ("GET", "/one", "token=REDACTED", "example.test:81", 81, {}, {"user_agent.original": "a test"}),
    ("POST", "/two", "", "example.test", None, {"http.request_content_length": 4}, {}),
]


def expected_client(request, opt_in, port):
    """`port` is the server's; None: the session works on memory, and its other end is not known."""
    method, path, query, host, said, sent, agent = request
    url, attributes = f"https://{host}{path}" + (f"?{query}" if query else ""), dict(agent)
    if opt_in != "http":
        attributes |= {"http.method": method, "http.url": url, "http.status_code": 200, "http.response_content_length": 6, **sent}
    if opt_in:
        attributes |= {"http.request.method": method, "url.full": url, "server.address": "example.test", "server.port": said or 443,
                       "network.protocol.version": "1.1", "http.response.status_code": 200}
        if port:
            attributes |= {"network.peer.address": "127.0.0.1", "network.peer.port": port}
    return (method, "CLIENT", ("UNSET", ""), CLIENT, NEW if opt_in else OLD, attributes)


def expected_server(request, opt_in, port, peer):
    method, path, query, host, said, sent, agent = request
    target, attributes = path + (f"?{query}" if query else ""), {}
    if opt_in != "http":
        attributes |= {"http.method": method, "http.scheme": "https", "http.host": host, "net.host.name": host, "http.target": target,
                       "http.url": f"https://{host}{target}", "http.flavor": "1.1", "http.response_content_length": 6,
                       "http.status_code": 200, **sent}
        attributes |= {"net.host.port": port, "net.peer.ip": "127.0.0.1", "net.peer.port": peer} if port else {}
        attributes |= {"http.user_agent": "a test"} if agent else {}
    if opt_in:
        attributes |= {"http.request.method": method, "url.path": path, "url.scheme": "https", "server.address": "example.test",
                       "network.protocol.version": "1.1", "http.response.status_code": 200, **agent}
        attributes |= {"url.query": query} if query else {}
        attributes |= {"server.port": said or port} if said or port else {}
        if port:
            attributes |= {"client.address": "127.0.0.1", "client.port": peer, "network.peer.address": "127.0.0.1",
                           "network.peer.port": peer}
    return (f"{method} {path}", "SERVER", ("UNSET", ""), SERVER, NEW if opt_in else OLD, attributes)


def ports(printed):
    """The server's and the client's; None where the session works on memory."""
    found = re.match(rb"ports (\d+) (\d+)\n", printed)
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
@pytest.mark.parametrize("way", ON_SOCKETS + ON_MEMORY)
def test_requests_of_both_sides_in_each_attribute_set(tmp_path, way, opt_in):
    plain_printed, plain = talk(tmp_path, way)
    with OtlpSink() as sink:
        printed, arrived = talk(tmp_path, way, sink, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
        pairs = by_kind(sink.spans())
    assert printed.partition(b"\n")[2] == plain_printed.partition(b"\n")[2]
    assert OURS.sub(b"", arrived) == plain
    port, peer = ports(printed) if way in ON_SOCKETS else (None, None)
    assert [(whole(client), whole(server)) for client, server in pairs] == [
        (expected_client(request, opt_in, port), expected_server(request, opt_in, port, peer)) for request in REQUESTS]
    ids = [(trace.decode(), span.decode()) for trace, span in OURS.findall(arrived)]
    assert ids == [(client.trace_id, client.span_id) for client, _ in pairs]
    assert ids == [(server.trace_id, server.parent_span_id) for _, server in pairs]
    assert [client.parent_span_id for client, _ in pairs] == ["", ""]


# --- ends, and what makes no span -------------------------------------------------------------------------------------------

# Runs what is said after PORT: send("…"), recv(n), all(), close(), plain(…).
SCRIPT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
def begin():
    global s
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname="localhost", suppress_ragged_eofs=False)
def send(text): s.sendall(text.encode())
def recv(n):
    got = b""
    while len(got) < n and (more := s.recv(min(n - len(got), 65536))): got += more
    print(got)
def all():
    try: recv(1 << 30)
    except OSError as error: print(error)
def close(): s.close()
begin()
exec(sys.argv[3])
"""
GET = "GET / HTTP/1.1\r\nHost: example.test:81\r\n\r\n"
HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
LONGER = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"


class TlsPeer:
    """Accepts a connection, reads until `text` of a step has come, then sends its answer. One of None resets the connection, of ""
    says that it is closed, of … cuts it without a word."""

    def __init__(self, *steps, protocols=()):
        self.steps, self.got = steps, b""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificates.server())
        if protocols:
            self.context.set_alpn_protocols(protocols)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        connection, _ = self.listener.accept()
        session, seen = self.context.wrap_socket(connection, server_side=True), b""
        for text, answer in self.steps:
            while text.encode() not in seen and (more := session.recv(65536)):
                seen += more
                self.got += more
            seen = seen.partition(text.encode())[2] if text else seen
            if answer is None:
                session.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif answer == "":
                session.unwrap()
            elif answer is not ...:
                session.sendall(answer.encode())
                continue
            session.close()
            return
        try:
            while more := session.recv(65536):
                self.got += more
        except OSError:
            pass

    def __exit__(self, *_):
        self.listener.close()


def converse(steps, script, **env):
    """The spans of a program that runs the script against such a peer, and the peer; its output is the same as bare."""
    with TlsPeer(*steps) as peer:
        expected = bare([PYTHON, "-c", SCRIPT, peer.port, certificates.authority(), script])
        peer.thread.join(30)
    with OtlpSink() as sink, TlsPeer(*steps) as peer:
        result = instrumented([PYTHON, "-c", SCRIPT, peer.port, certificates.authority(), script], sink, env=env)
        assert (result.returncode, result.stdout, result.stderr) == (0, expected.stdout, b""), result
        peer.thread.join(30)
        return sorted(sink.spans(), key=lambda span: span.start), peer


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("steps, script, error, status", [
    ([("\r\n\r\n", "")], f"send({GET!r}); all(); s.unwrap()", "connection_closed", 0),
    ([("\r\n\r\n", ...)], f"send({GET!r}); all()", "connection_closed", 0),
    ([("\r\n\r\n", None)], f"send({GET!r}); all()", "ECONNRESET", 0),
    ([("\r\n\r\n", LONGER), ("", "")], f"send({GET!r}); all(); s.unwrap()", "connection_closed", 200),
    ([("\r\n\r\n", LONGER), ("", ...)], f"send({GET!r}); all()", "connection_closed", 200),
    ([("\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n")], f"send({GET!r}); recv(25); close()", "abandoned", 0),
    ([("\r\n\r\n", LONGER)], f"send({GET!r}); recv(44); close()", "", 200),
    ([("\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nto the end"), ("", "")], f"send({GET!r}); all(); s.unwrap()", "", 200),
], ids=["closed", "cut", "reset", "closed within", "cut within", "left before", "left within", "to the end"])
def test_ends_before_the_end(steps, script, error, status, opt_in):
    (span,), peer = converse(steps, script, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    url, to_end = "https://example.test:81/", "to the end" in steps[0][1] if isinstance(steps[0][1], str) else False
    if opt_in:
        expected = {"http.request.method": "GET", "url.full": url, "server.address": "example.test", "server.port": 81,
                    "network.peer.address": "127.0.0.1", "network.peer.port": peer.port}
        expected |= {"http.response.status_code": status, "network.protocol.version": "1.0" if to_end else "1.1"} if status else {}
        expected |= {"error.type": error} if error else {}
    else:
        expected = {"http.method": "GET", "http.url": url, **({"http.status_code": status} if status else {}),
                    **({"http.response_content_length": 10} if to_end else {})}
    assert whole(span) == ("GET", "CLIENT", ("ERROR" if error else "UNSET", ""), CLIENT, NEW if opt_in else OLD, expected)


@pytest.mark.parametrize("script", ["send('PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n'); recv(43)", "send('hello\\r\\n\\r\\n'); recv(43)"],
                         ids=["HTTP/2", "another protocol"])
def test_what_is_not_read_is_left_alone(script):
    spans, peer = converse([("\r\n\r\n", HELLO)], script)
    assert spans == [] and b"traceparent" not in peer.got


ECHO = """
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
with context.wrap_socket(listener.accept()[0], server_side=True) as session:
    while line := session.recv(100):
        session.sendall(line)
    session.unwrap()
"""


def test_a_server_of_another_protocol_is_left_alone():
    with OtlpSink() as sink:
        process = start(instrumented_command([PYTHON, "-c", ECHO, *certificates.server()]), env=telemetry(sink, {}))
        context = ssl.create_default_context(cafile=certificates.authority())
        with socket.create_connection(("127.0.0.1", int(process.stdout.readline())), 60) as plain:
            session = context.wrap_socket(plain, server_hostname="localhost")
            for i in range(5):
                session.sendall(b"hello %d\n" % i)
                assert session.recv(100) == b"hello %d\n" % i
            session.unwrap()
        assert (*process.communicate(timeout=60), process.returncode) == (b"", b"", 0)
        assert sink.spans() == []


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "openssl"}, {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_client"},
                                 {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "*"}])
def test_what_is_switched_off_makes_no_span(env):
    spans, peer = converse([("\r\n\r\n", HELLO)], f"send({GET!r}); recv(43)", **env)
    assert spans == [] and peer.got.decode() == GET


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_INJECT_SOCKETS": "false"}, {"OTEL_PROPAGATORS": "none"},
                                 {"OTEL_NATIVE_PROPAGATE_HOSTS": "other.test"}, {"OTEL_NATIVE_PROPAGATE_HOSTS": "example.test:443"}])
def test_headers_that_are_not_wanted_are_not_added(env):
    (span,), peer = converse([("\r\n\r\n", HELLO)], f"send({GET!r}); recv(43)", **env)
    assert peer.got.decode() == GET and span.attributes["http.status_code"] == 200


def test_pipelined_requests_are_given_headers_each():
    spans, peer = converse([("/3 HTTP", HELLO * 3)], f"send({''.join(GET.replace('/ ', f'/{n} ') for n in (1, 2, 3))!r}); recv(129)")
    assert [span.attributes["http.url"][-2:] for span in spans] == ["/1", "/2", "/3"]
    assert peer.got.decode() == "".join(
        GET.replace("/ ", f"/{n} ")[:-2] + f"traceparent: 00-{span.trace_id}-{span.span_id}-03\r\n\r\n" for n, span in enumerate(spans, 1))


def test_headers_that_are_written_line_by_line():
    lines = ["GET / HTTP/1.1\r\n", "Host: example.test:81\r\n", "X: y\r\n", "\r\n"]
    (span,), peer = converse([("\r\n\r\n", HELLO)], f"[send(line) for line in {lines!r}]; recv(43)")
    assert peer.got.decode() == "".join(lines[:3]) + f"traceparent: 00-{span.trace_id}-{span.span_id}-03\r\n\r\n"


def test_a_trace_of_the_programs_own_is_left_alone():
    request = GET[:-2] + f"traceparent: 00-{'a' * 32}-{'b' * 16}-01\r\n\r\n"
    (span,), peer = converse([("\r\n\r\n", HELLO)], f"send({request!r}); recv(43)")
    assert peer.got.decode() == request and (span.trace_id, span.parent_span_id) == ("a" * 32, "b" * 16)


TUNNEL = """
import http.client, ssl, sys
client = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=ssl.create_default_context(cafile=sys.argv[2]))
client.set_tunnel("localhost", int(sys.argv[3]))
for path in "/one", "/two":
    client.request("GET", path)
    print(client.getresponse().read())
"""


def test_what_is_asked_for_through_a_tunnel():
    with OtlpSink() as sink, HttpServer(tls=True) as server, Proxy() as proxy:
        for path in "/one", "/two":
            server.on(path, body=path.encode())
        result = same_output([PYTHON, "-c", TUNNEL, proxy.port, certificates.authority(), server.port], sink)
        assert (result.returncode, result.stderr) == (0, b"")
        connect, *spans = sorted(sink.spans(), key=lambda span: span.start)
        headers = [request.header("traceparent") for request in server.requests[-2:]]
    assert connect.name == "CONNECT" and connect.attributes["http.url"] == f"http://localhost:{server.port}"
    url = f"https://localhost:{server.port}"
    assert [whole(span) for span in spans] == [
        ("GET", "CLIENT", ("UNSET", ""), CLIENT, OLD,
         {"http.method": "GET", "http.url": url + path, "http.status_code": 200, "http.response_content_length": 4}) for path in ("/one", "/two")]
    assert headers == [f"00-{span.trace_id}-{span.span_id}-03" for span in spans]


def test_what_passes_before_the_handshake_is_over():
    """What a client sends so it may have to send again: nothing is said about its connection, but the server has been asked once."""
    result = same_output([app("tls_early"), *certificates.server()])
    assert (result.returncode, result.stderr) == (0, b"") and b"early 43\n" in result.stdout
    spans = sorted(result.spans, key=lambda span: (span.start, span.kind))
    assert [(span.kind, span.name, span.attributes["http.url"], span.attributes["http.status_code"],
             span.attributes["http.response_content_length"]) for span in spans] == [
        ("CLIENT", "GET", "https://example.test/first", 200, 6), ("SERVER", "GET /first", "https://example.test/first", 200, 6),
        ("SERVER", "GET /early", "https://example.test/early", 200, 6)]
    assert [span.parent_span_id for span in spans] == ["", spans[0].span_id, ""]
