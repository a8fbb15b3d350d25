"""Clients over plain sockets: a CLIENT span for each request a program writes itself, and its context in the request."""

import re
import socket
import threading

import pytest

from harness import OUT, HttpServer, OtlpSink, app, free_port, instrumented, not_under, same_output, start
from harness.programs import instrumented_command, telemetry

SCOPE = "otel-instrument.http_client"
OLD, NEW = "https://opentelemetry.io/schemas/1.11.0", "https://opentelemetry.io/schemas/1.21.0"
PYTHON = "/usr/bin/python3"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"traceparent: 00-{TRACE}-{CALLER}-01\r\n"

# Runs what is said after PORT: send("…"), half(), recv(n), all(), close(), again().
SCRIPT = """
import socket, struct, sys
def again():
    global s
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send(text): s.sendall(text if isinstance(text, bytes) else text.encode())
def half(): s.shutdown(socket.SHUT_WR)
def recv(n):
    got = b""
    while len(got) < n and (more := s.recv(min(n - len(got), 65536))): got += more
    print(got)
def all(): recv(1 << 30)
def close(): s.close()
again()
exec(sys.argv[2])
"""


class Peer:
    """Accepts one connection after the other; of each it reads until `text` of a step has come, then sends its answer.
    An answer of None resets the connection, of "" closes it."""

    def __init__(self, *steps):
        self.steps, self.got = steps, b""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def serve(self):
        connection = None
        for text, answer in self.steps:
            if connection is None:
                connection, _ = self.listener.accept()
                seen = b""
            while text.encode() not in seen and (more := connection.recv(65536)):
                seen += more
                self.got += more
            seen = seen.partition(text.encode())[2] if text else seen
            if answer:
                connection.sendall(answer.encode())
                continue
            if answer is None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            connection = None
        while connection and (more := connection.recv(65536)):
            self.got += more

    def __exit__(self, *_):
        self.listener.close()


def talk(steps, script, **env):
    """The spans of a program that runs the script against such a peer, and the peer."""
    with OtlpSink() as sink, Peer(*steps) as peer:
        result = instrumented([PYTHON, "-c", SCRIPT, peer.port, script], sink, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        peer.thread.join(30)
        return sorted(sink.spans(), key=lambda span: span.start), peer, result.stdout


def whole(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


def old(url, status=200, **more):
    return {"http.method": "GET", "http.url": url, **({"http.status_code": status} if status else {}), **more}


def new(url, port, status=200, **more):
    answered = {"http.response.status_code": status, "network.protocol.version": "1.1"} if status else {}
    return {"http.request.method": "GET", "url.full": url, "server.address": "example.test", "server.port": 81,
            "network.peer.address": "127.0.0.1", "network.peer.port": port, **answered, **more}


GET = "GET / HTTP/1.1\r\nHost: example.test:81\r\n\r\n"
HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
def test_a_request_in_each_attribute_set(opt_in):
    request = "GET /path?q=a&token=abc HTTP/1.1\r\nHost: example.test:81\r\nUser-Agent: a test\r\n\r\n"
    (span,), peer, printed = talk([("\r\n\r\n", HELLO)], f"send({request!r}); recv({len(HELLO)})", OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    url, attributes = "http://example.test:81/path?q=a&token=REDACTED", {"user_agent.original": "a test"}
    if opt_in != "http":
        attributes |= old(url, **{"http.response_content_length": 5})
    if opt_in:
        attributes |= new(url, peer.port)
    assert whole(span) == ("GET", "CLIENT", ("UNSET", ""), SCOPE, NEW if opt_in else OLD, attributes)
    header = f"traceparent: 00-{span.trace_id}-{span.span_id}-03\r\n"
    assert peer.got.decode() == request[:-2] + header + "\r\n" and span.parent_span_id == ""
    assert HELLO.encode() in eval(printed) and span.start < span.end


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("status, error", [(302, False), (404, True), (503, True)])
def test_what_a_status_makes_of_a_span(status, error, opt_in):
    answer = f"HTTP/1.1 {status} Status\r\nContent-Length: 0\r\n\r\n"
    (span,), peer, _ = talk([("\r\n\r\n", answer)], f"send({GET!r}); recv({len(answer)})", OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    failed = {"error.type": str(status)} if error and opt_in else {}
    expected = new("http://example.test:81/", peer.port, status, **failed) if opt_in else \
        old("http://example.test:81/", status, **{"http.response_content_length": 0})
    assert whole(span) == ("GET", "CLIENT", ("ERROR" if error else "UNSET", ""), SCOPE, NEW if opt_in else OLD, expected)


def summary(spans):
    return [(span.name, span.status[0], span.attributes["http.url"].partition("81")[2], span.attributes.get("http.status_code"),
             span.attributes.get("http.request_content_length"), span.attributes.get("http.response_content_length"))
            for span in spans]


def req(method="GET", path="/", headers="", body=""):
    return f"{method} {path} HTTP/1.1\r\nHost: example.test:81\r\n{headers}\r\n{body}"


CHUNKED = "Transfer-Encoding: chunked\r\n"
CHUNKS = "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: a\r\n\r\n"
UP = "Connection: Upgrade\r\nUpgrade: echo\r\n"


@pytest.mark.parametrize("steps, script, expected", [
    ([("body", HELLO)], f"send({req('POST', '/p', 'Content-Length: 4' + chr(13) + chr(10))!r}); send('body'); recv(43)",
     [("POST", "UNSET", "/p", 200, 4, 5)]),
    ([("0\r\nTrailer", "HTTP/1.1 200 OK\r\n" + CHUNKED + "\r\n" + CHUNKS)], f"send({req('PUT', '/c', CHUNKED, CHUNKS)!r}); recv({len(CHUNKS) + 47})",
     [("PUT", "UNSET", "/c", 200, 11, 11)]),
    ([("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), ("\r\n\r\n", HELLO)],
     f"send({req('HEAD')!r}); recv(39); send({req()!r}); recv(43)",
     [("HEAD", "UNSET", "/", 200, None, 0), ("GET", "UNSET", "/", 200, None, 5)]),
    ([("\r\n\r\n", "HTTP/1.1 204 Nothing\r\n\r\n"), ("\r\n\r\n", "HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n")],
     f"send({req('DELETE')!r}); recv(24); send({req()!r}); recv(40)",
     [("DELETE", "UNSET", "/", 204, None, 0), ("GET", "UNSET", "/", 304, None, 0)]),
    ([("\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nuntil the end"), ("", "")], f"send({req()!r}); all()",
     [("GET", "UNSET", "/", 200, None, 13)]),
    ([("\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"), ("body", HELLO)],
     "send('POST / HTTP/1.1\\r\\nHost: a:81\\r\\nExpect: 100-continue\\r\\nContent-Length: 4\\r\\n\\r\\n'); recv(25); send('body'); recv(43)",
     [("POST", "UNSET", "/", 200, 4, 5)]),
    ([("\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + HELLO)], f"send({req()!r}); recv(80)",
     [("GET", "UNSET", "/", 200, None, 5)]),
    ([("\r\n\r\n", "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")],
     f"send({req('POST', '/', 'Content-Length: 100' + chr(13) + chr(10))!r}); recv(45)",
     [("POST", "ERROR", "/", 413, 100, 0)]),
    ([("GET /3", HELLO * 3)], f"send({(req(path='/1') + req(path='/2') + req(path='/3'))!r}); recv(129)",
     [("GET", "UNSET", f"/{n}", 200, None, 5) for n in (1, 2, 3)]),
    ([("\r\n\r\n", "HTTP/1.1 101 Now\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"), ("GET /", HELLO)],
     f"send({req(headers=UP)!r}); recv(56); send({GET!r}); recv(43)", [("GET", "UNSET", "/", 101, None, 0)]),
    ([("\r\n\r\n", "HTTP/1.1 200 Connected\r\n\r\n"), ("GET /", HELLO)],
     f"send('CONNECT example.test:81 HTTP/1.1\\r\\nHost: example.test:81\\r\\n\\r\\n'); recv(26); send({GET!r}); recv(43)",
     [("CONNECT", "UNSET", "", 200, None, 0)]),
    ([("\r\n\r\n", HELLO)], "send('GET http://other.test:81/x HTTP/1.1\\r\\nHost: other.test:81\\r\\n\\r\\n'); recv(43)",
     [("GET", "UNSET", "/x", 200, None, 5)]),
    ([("hello", "+OK\r\n")], "send('hello\\r\\n'); recv(5)", []),
    ([("\r\n\r\n", "")], "send(b'\\x16\\x03\\x01' + bytes(range(200)) + b'\\r\\n\\r\\n'); all()", []),
], ids=["length", "chunked", "HEAD", "no body", "to the end", "100", "103", "early", "pipelined", "upgrade", "CONNECT", "absolute",
        "other protocol", "TLS"])
def test_messages_of_all_kinds(steps, script, expected):
    spans, _, _ = talk(steps, script)
    assert summary(spans) == expected


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("steps, script, error, status", [
    ([("\r\n\r\n", "")], f"send({GET!r}); all()", "connection_closed", 0),
    ([("\r\n\r\n", None)], f"send({GET!r})\ntry: recv(1)\nexcept OSError: pass", "ECONNRESET", 0),
    ([("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"), ("", "")], f"send({GET!r}); all()", "connection_closed", 200),
    ([("\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n")], f"send({GET!r}); recv(25); close()", "abandoned", 0),
    ([("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")], f"send({GET!r}); recv(44); close()", "", 200),
], ids=["closed", "reset", "cut", "left before", "left within"])
def test_ends_before_the_end(steps, script, error, status, opt_in):
    (span,), peer, _ = talk(steps, script, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
    expected = new("http://example.test:81/", peer.port, status) if opt_in else old("http://example.test:81/", status)
    if error and opt_in:
        expected["error.type"] = error
    assert whole(span) == ("GET", "CLIENT", ("ERROR" if error else "UNSET", ""), SCOPE, NEW if opt_in else OLD, expected)


def test_a_connection_that_cannot_be_made_is_no_request():
    with OtlpSink() as sink:
        code = f"import socket\ntry: socket.create_connection(('127.0.0.1', {free_port()}))\nexcept OSError as e: print(e)"
        assert b"refused" in same_output([PYTHON, "-c", code], sink).stdout
        assert sink.spans() == []


def test_a_trace_of_the_programs_own_is_left_alone():
    request = f"GET / HTTP/1.1\r\nHost: example.test:81\r\n{PARENT}\r\n"
    (span,), peer, _ = talk([("\r\n\r\n", HELLO)], f"send({request!r}); recv(43)")
    assert peer.got.decode() == request
    assert (span.trace_id, span.parent_span_id) == (TRACE, CALLER)


def test_headers_that_are_written_line_by_line():
    lines = ["GET / HTTP/1.1\r\n", "Host: example.test:81\r\n", "X: y\r\n", "\r\n"]
    (span,), peer, _ = talk([("\r\n\r\n", HELLO)], f"[send(line) for line in {lines!r}]; recv(43)")
    assert peer.got.decode() == "".join(lines[:3]) + f"traceparent: 00-{span.trace_id}-{span.span_id}-03\r\n\r\n"


@pytest.mark.parametrize("twin", ["2", "64v2"])
@pytest.mark.parametrize("flags", [0, 8])  # RWF_NOWAIT
def test_calls_with_a_position(flags, twin):
    """-1 is none: a socket can be written and read so."""
    script = f"""
import ctypes, select
libc = ctypes.CDLL(None, use_errno=True)
def call(name, buffer, length):
    got = getattr(libc, name)(s.fileno(), (ctypes.c_size_t * 2)(ctypes.addressof(buffer), length), 1, ctypes.c_long(-1), {flags})
    return got if got >= 0 or ctypes.get_errno() != 95 else -95
request, answer = {GET.encode()!r}, ctypes.create_string_buffer(100)
put = call("pwritev{twin}", ctypes.create_string_buffer(request), len(request))
if put == -95: send(request)  # this kernel has no such flag for sockets
select.select([s], [], [])
got = call("preadv{twin}", answer, 100)
if got == -95: recv(43)
else: print(put, got, answer.value)
"""
    (span,), peer, printed = talk([("\r\n\r\n", HELLO)], script)
    assert whole(span) == ("GET", "CLIENT", ("UNSET", ""), SCOPE, OLD, old("http://example.test:81/", **{"http.response_content_length": 5}))
    assert HELLO.encode() in eval(printed.split(b" ", 2)[-1]) and peer.got.count(b"traceparent") == (flags == 0)


def test_nothing_is_added_where_the_place_has_left():
    text = GET[:-1], GET[-1:]
    (span,), peer, _ = talk([("\r\n\r\n", HELLO)], f"[send(piece) for piece in {text!r}]; recv(43)")
    assert peer.got.decode() == GET and span.attributes["http.status_code"] == 200


@pytest.mark.parametrize("path, given_up", [("/v1/traces", True), ("/v1/metrics", False), ("/v1/logs", False)])
def test_exports_are_not_traced(path, given_up):
    export = f"POST {path} HTTP/1.1\r\nHost: a:81\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
    with OtlpSink() as sink, Peer(("\r\n\r\n", HELLO), ("\r\n\r\n", HELLO)) as peer:
        script = f"send({export!r}); recv(43); send({GET!r}); recv(43)"
        result = instrumented([PYTHON, "-c", SCRIPT, peer.port, script], sink)
        peer.thread.join(30)
        assert [span.name for span in sink.spans()] == ([] if given_up else ["GET"])
        assert (b"SDK" in result.stderr) == given_up and peer.got.startswith(export.encode())
        assert peer.got.count(b"traceparent") == (0 if given_up else 1)


def test_the_switch():
    spans, peer, _ = talk([("\r\n\r\n", HELLO)], f"send({GET!r}); recv(43)", OTEL_NATIVE_DISABLED_INSTRUMENTATIONS="http_client")
    assert spans == [] and peer.got.decode() == GET


@pytest.mark.parametrize("hosts, added", [("*", 1), ("example.test", 1), ("example.test:81", 1), ("example.test:80", 0), ("a,b*", 0)])
def test_hosts_that_get_headers(hosts, added):
    spans, peer, _ = talk([("\r\n\r\n", HELLO)], f"send({GET!r}); recv(43)", OTEL_NATIVE_PROPAGATE_HOSTS=hosts)
    assert len(spans) == 1 and peer.got.count(b"traceparent") == added


# --- requests that are handed on

IDS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\r\n")


def ask(port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(text.encode())
        got = b""
        while more := client.recv(65536):
            got += more
        return got


@pytest.mark.parametrize("size, narrow", [(0, 0), (0, 7), (0, 3), (0, 60), (40, 0), (120, 5)])
def test_a_forwarded_trace_goes_on_from_the_request_it_came_with(tmp_path, size, narrow):
    """The span's id takes the place of the caller's, however much the kernel takes at once; every other byte is the same."""
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    env = {"OTEL_BSP_SCHEDULE_DELAY": "20"}
    if narrow:
        env |= {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": str(narrow)}
    with OtlpSink() as sink:
        process = start(instrumented_command([app("http_pass"), path, "5", str(size)]), env=telemetry(sink, env))
        try:
            port = int(process.stdout.readline())
            for number in range(20):
                caller = f"{number + 1:016x}"
                request = f"GET /{number} HTTP/1.1\r\nHost: a\r\ntraceparent: 00-{TRACE}-{caller}-01\r\nX: y\r\n\r\n"
                answer = []
                client = threading.Thread(target=lambda text=request: answer.append(ask(port, text)))
                client.start()
                connection, _ = listener.accept()
                got = b""
                while b"\r\n\r\n" not in got and (more := connection.recv(65536)):
                    got += more
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                connection.close()
                client.join(30)
                trace, span_id, flags = IDS.search(got).groups()
                assert IDS.sub(f"traceparent: 00-{TRACE}-{caller}-01\r\n".encode(), got).decode() == request
                spans = [span for span in sink.wait(2 * number + 2) if f"/{number}" in
                         (span.attributes.get("http.target"), span.attributes["http.url"].removeprefix("http://a"))]
                server = next(span for span in spans if span.kind == "SERVER")
                child = next(span for span in spans if span.kind == "CLIENT")
                assert (server.trace_id, server.parent_span_id, child.trace_id) == (TRACE, caller, TRACE)
                assert child.parent_span_id == server.span_id and trace.decode() == TRACE
                if size == 0:
                    assert (span_id.decode(), flags) == (child.span_id, b"01")
        finally:
            process.kill()
            process.communicate()


# --- programs nobody here wrote

# An answer of 404 is read to its end, too: urllib leaves that to its caller.
URLLIB = """
import sys, urllib.error, urllib.request
try: answer = urllib.request.urlopen(sys.argv[1])
except urllib.error.HTTPError as error: answer = error
print(answer.read())
"""
JAVA = """
import java.net.URI;
import java.net.http.*;

public class Get {
    public static void main(String[] a) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(a[0])).build();
        System.out.println(HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"""
JAVA_SOURCE = OUT / "Get.java"
PROGRAMS = {
    "urllib": [PYTHON, "-c", URLLIB],
    "requests": [PYTHON, "-c", "import sys, requests; print(requests.get(sys.argv[1]).text)"],
    "wget": ["/usr/bin/wget", "-qO-"],
    "PHP": ["/usr/bin/php", "-r", "echo file_get_contents($argv[1], false, stream_context_create(['http' => ['ignore_errors' => true]]));", "--"],
    "Node http": ["/usr/bin/node", "-e", "require('http').get(process.argv[1], r => r.pipe(process.stdout))"],
    "Node fetch": ["/usr/bin/node", "-e", "fetch(process.argv[1]).then(r => r.text()).then(console.log)"],
    "JDK HttpClient": ["/usr/bin/java", "-XX:TieredStopAtLevel=1", JAVA_SOURCE],
}
AGENTS = {"urllib": "Python-urllib/", "requests": "python-requests/", "wget": "Wget/", "Node fetch": ("node", "undici"), "JDK HttpClient": "Java-http-client/"}


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("path, status, size", [("/chunked", 200, 14), ("/status/404", 404, 11)])
@pytest.mark.parametrize("name", [pytest.param(name, marks=not_under("address", "PHP opens modules with RTLD_DEEPBIND"))
                                  if name == "PHP" else name for name in PROGRAMS])
def test_programs(name, path, status, size, opt_in):
    JAVA_SOURCE.parent.mkdir(parents=True, exist_ok=True)
    JAVA_SOURCE.write_text(JAVA, encoding="utf-8")
    with OtlpSink() as sink, HttpServer() as server:
        url = server.url + path
        result = same_output([*PROGRAMS[name], url], sink, env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}, before=server.reset) \
            if status == 200 else instrumented([*PROGRAMS[name], url], sink, env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in})
        (span,) = sink.spans()
        agent = span.attributes.pop("user_agent.original", "")
        assert agent.startswith(AGENTS.get(name, "")) and bool(agent) == (name in AGENTS), result
        failed = status >= 400
        expected = {"http.request.method": "GET", "url.full": url, "server.address": "127.0.0.1", "server.port": server.port,
                    "network.peer.address": "127.0.0.1", "network.peer.port": server.port, "network.protocol.version": "1.1",
                    "http.response.status_code": status, **({"error.type": str(status)} if failed else {})} if opt_in else \
            old(url, status, **{"http.response_content_length": size})
        assert whole(span) == ("GET", "CLIENT", ("ERROR" if failed else "UNSET", ""), SCOPE, NEW if opt_in else OLD, expected)
        (request,) = server.requests
        assert request.header("traceparent") == f"00-{span.trace_id}-{span.span_id}-03"


def test_libcurl_keeps_what_is_libcurls():
    with OtlpSink() as sink, HttpServer() as server:
        instrumented(["/usr/bin/curl", "-s", server.url], sink)
        assert [span.scope_name for span in sink.spans()] == ["otel-instrument.libcurl"]
        assert len(server.requests[0].all("traceparent")) == 1
