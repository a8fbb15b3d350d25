"""Servers over plain sockets: a SERVER span for each request, whatever the bytes come in, under the right parent."""

import signal
import socket
import struct
from contextlib import contextmanager

import pytest

from harness import OtlpSink, app, instrumented, start
from harness.programs import instrumented_command, telemetry

SCOPE = "otel-instrument.http_server"
OLD, NEW = "https://opentelemetry.io/schemas/1.11.0", "https://opentelemetry.io/schemas/1.21.0"
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"traceparent: 00-{TRACE}-{CALLER}-01\r\n"


class Server:
    """A running http_serve, and conversations with it."""

    def __init__(self, process, sink):
        self.process, self.sink = process, sink
        self.port = int(process.stdout.readline())
        self.clients = {}

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def talk(self, *pieces, half_close=False):
        """Sends each piece when the server has answered nothing yet, and returns all there is until it closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece.encode() if isinstance(piece, str) else piece)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            return self.rest(client)

    @staticmethod
    def rest(client):
        answer = b""
        while more := client.recv(65536):
            answer += more
        return answer

    def spans(self, path_key="http.target"):
        """All spans so far: one more request is made, and what was made before it has arrived when it has."""
        answer = self.talk("GET /status/418 HTTP/1.1\r\nHost: last\r\n\r\n", half_close=True)
        assert answer.startswith(b"HTTP/1.1 418")
        key = "http.target" if path_key == "http.target" else "url.path"
        with self.sink._changed:
            assert self.sink._changed.wait_for(
                lambda: any(span.attributes.get(key) == "/status/418" for span in self.sink._spans), 30)
        return sorted((span for span in self.sink.spans() if span.attributes.get(key) != "/status/418"),
                      key=lambda span: (span.start, span.end))


@contextmanager
def serving(model="thread", redis=0, url="", **settings):
    with OtlpSink() as sink:
        process = start(instrumented_command([app("http_serve"), model, redis, url]),
                        env=telemetry(sink, {**FAST, **settings}))
        try:
            yield Server(process, sink)
            assert process.poll() is None, "the server died"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def old(port, peer, target="/length", status=200, **more):
    return {"http.method": "GET", "http.scheme": "http", "http.host": "example.test:81", "net.host.name": "example.test:81",
            "net.host.port": port, "http.target": target, "http.url": f"http://example.test:81{target}",
            "net.peer.ip": "127.0.0.1", "net.peer.port": peer, "http.flavor": "1.1", "http.status_code": status, **more}


def new(port, peer, path="/length", status=200, **more):
    return {"http.request.method": "GET", "url.scheme": "http", "server.address": "example.test", "server.port": 81,
            "url.path": path, "client.address": "127.0.0.1", "client.port": peer, "network.peer.address": "127.0.0.1",
            "network.peer.port": peer, "network.protocol.version": "1.1", "http.response.status_code": status, **more}


def whole(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
def test_a_request_in_each_attribute_set(opt_in):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in) as server:
        with server.connect() as client:
            peer = client.getsockname()[1]
            client.sendall(f"GET /length?q=a&token=abc HTTP/1.1\r\nHost: example.test:81\r\nUser-Agent: a test\r\n{PARENT}\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            assert server.rest(client).endswith(b"\r\n\r\nhello, world\n")
        (span,) = server.spans("url.path" if opt_in == "http" else "http.target")
    attributes = {}
    if opt_in != "http":
        attributes |= old(server.port, peer, "/length?q=a&token=REDACTED", **{
            "http.user_agent": "a test", "http.response_content_length": 13})
    if opt_in:
        attributes |= new(server.port, peer, **{"url.query": "q=a&token=REDACTED", "user_agent.original": "a test"})
    assert whole(span) == ("GET /length", "SERVER", ("UNSET", ""), SCOPE, OLD if not opt_in else NEW, attributes)
    assert (span.trace_id, span.parent_span_id) == (TRACE, CALLER)


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("status, error", [(302, False), (404, False), (500, True), (503, True)])
def test_what_a_status_makes_of_a_span(status, error, opt_in):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in) as server:
        with server.connect() as client:
            peer = client.getsockname()[1]
            client.sendall(f"GET /status/{status} HTTP/1.1\r\nHost: example.test:81\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            server.rest(client)
        (span,) = server.spans("url.path" if opt_in == "http" else "http.target")
    failed = {"error.type": str(status)} if error and opt_in else {}
    expected = new(server.port, peer, f"/status/{status}", status, **failed) if opt_in else \
        old(server.port, peer, f"/status/{status}", status, **{"http.response_content_length": 9})
    name = "GET" if status == 404 else "GET /status/{id}"
    assert whole(span) == (name, "SERVER", ("ERROR" if error else "UNSET", ""), SCOPE, NEW if opt_in else OLD, expected)


@pytest.mark.parametrize("path, status, size", [
    ("/length", 200, 13), ("/vector", 200, 13), ("/file", 200, 13000), ("/chunked", 200, 31), ("/close", 200, 13),
    ("/hinted", 204, 0),
])
def test_ways_to_answer(path, status, size):
    with serving() as server:
        with server.connect() as client:
            peer = client.getsockname()[1]
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: example.test:81\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            server.rest(client)
        (span,) = server.spans()
    assert whole(span) == (f"GET {path}", "SERVER", ("UNSET", ""), SCOPE, OLD, old(
        server.port, peer, path, status, **{"http.response_content_length": size}))


def targets(spans):
    return [(span.attributes["http.method"], span.attributes["http.target"], span.attributes.get("http.status_code"),
             span.attributes.get("http.request_content_length"), span.attributes.get("http.response_content_length"))
            for span in spans]


def test_a_thousand_requests_over_one_connection():
    with serving() as server:
        with server.connect() as client:
            for number in range(1000):
                client.sendall(f"GET /length/{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answer = b""
                while not answer.endswith(b"hello, world\n"):
                    answer += client.recv(65536)
        spans = server.spans()
    assert targets(spans) == [("GET", f"/length/{number}", 200, None, 13) for number in range(1000)]
    assert len({span.trace_id for span in spans}) == 1000


def test_requests_in_one_piece_are_answered_in_order():
    requests = "".join(f"GET /length/{number} HTTP/1.1\r\nHost: a\r\n\r\n" for number in range(20))
    with serving() as server:
        assert server.talk(requests, half_close=True).count(b"hello, world") == 20
        assert targets(server.spans()) == [("GET", f"/length/{number}", 200, None, 13) for number in range(20)]


def test_a_request_that_comes_byte_by_byte():
    request = f"POST /length HTTP/1.1\r\nHost: a\r\n{PARENT}Content-Length: 5\r\n\r\nhello"
    with serving() as server:
        server.talk(*request, half_close=True)
        (span,) = server.spans()
    assert targets([span]) == [("POST", "/length", 200, 5, 13)]
    assert (span.trace_id, span.parent_span_id) == (TRACE, CALLER)


def test_a_head_answer_has_a_length_and_no_body():
    with serving() as server:
        with server.connect() as client:
            client.sendall(b"HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n")
            client.sendall(b"GET /vector HTTP/1.1\r\nHost: a\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            server.rest(client)
        assert targets(server.spans()) == [("HEAD", "/length", 200, None, 0), ("GET", "/vector", 200, None, 13)]


def test_a_body_that_waits_for_a_100():
    with serving() as server:
        with server.connect() as client:
            client.sendall(b"PUT /length HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 100 ")
            client.sendall(b"body")
            client.shutdown(socket.SHUT_WR)
            server.rest(client)
        assert targets(server.spans()) == [("PUT", "/length", 200, 4, 13)]


def test_an_answer_before_the_body_was_read():
    with serving() as server:
        server.talk("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", "x" * 100000, half_close=True)
        assert targets(server.spans()) == [("POST", "/refuse", 413, 100000, 9)]


def test_an_upgrade_ends_the_span_with_the_101():
    with serving() as server:

        with server.connect() as client:
            client.sendall(b"GET /switch HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            answer = client.recv(1000)
            assert answer.startswith(b"HTTP/1.1 101 ")
            client.sendall(b"GET /not-http HTTP/1.1\r\nHost: a\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            assert server.rest(client) == b"GET /not-http HTTP/1.1\r\nHost: a\r\n\r\n"
        assert targets(server.spans()) == [("GET", "/switch", 101, None, 0)]


@pytest.mark.parametrize("opt_in", ["", "http"])
def test_a_connection_that_ends_without_an_answer(opt_in):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in) as server:
        assert server.talk("GET /none HTTP/1.1\r\nHost: a\r\n\r\n") == b""
        (span,) = server.spans("url.path" if opt_in else "http.target")
    assert span.status == ("ERROR", "")
    assert "http.status_code" not in span.attributes and "http.response.status_code" not in span.attributes
    assert span.attributes.get("error.type") == ("connection_closed" if opt_in else None)


@pytest.mark.parametrize("garbage", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"*1\r\n$4\r\nPING\r\n\r\n\r\n",
    b"GET / HTTP/3.0\r\n\r\n\r\n", b"hello\r\n\r\n", bytes(range(256)) + b"\r\n\r\n", b"\r\n\r\n",
], ids=["TLS", "HTTP/2", "Redis", "version", "words", "bytes", "empty"])
def test_what_is_not_http_makes_no_span(garbage):
    with serving() as server:
        server.talk(garbage, half_close=True)
        assert server.spans() == []


def test_a_client_that_sends_no_whole_request():
    with serving() as server:
        server.talk("GET /length HTTP/1.1\r\nHost: a\r\n", half_close=True)
        assert server.spans() == []


def test_a_reset_is_its_name():
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN="http") as server:
        with server.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n")
        (span,) = server.spans("url.path")
    assert span.attributes["error.type"] == "ECONNRESET"


@pytest.mark.parametrize("waits", ["poll", "select", "epoll", ""])
@pytest.mark.parametrize("model", ["thread", "fork", "alone"])
def test_calls_belong_to_the_request_that_made_them(model, waits, redis, http_server):
    """Also after the request has waited for somebody else's answer."""
    tags = [f"{waits}tag{number}" for number in range(8)]
    for tag in tags:
        http_server.on(f"/{tag}", body="ok\n")
    with serving(model, redis.port, http_server.url, OTEL_SEMCONV_STABILITY_OPT_IN="database") as server:
        clients = [server.connect() for _ in tags]
        for client, tag in zip(clients, tags):
            client.sendall(f"GET /calls/{tag} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            client.shutdown(socket.SHUT_WR)
        for client, tag in zip(clients, tags):
            with client:
                assert server.rest(client).endswith(tag.encode())
        server.sink.wait(24)  # children send what they made at their end
        spans = server.spans()
    assert len(spans) == 24
    servers = {span.attributes["http.target"]: span for span in spans if span.kind == "SERVER"}
    for tag in tags:
        parent = servers[f"/calls/{tag}"]
        children = [span for span in spans if span.parent_span_id == parent.span_id]
        assert sorted(span.attributes.get("db.query.text") or span.attributes["http.url"] for span in children) == sorted(
            [f"GET {tag}", f"{http_server.url}/{tag}"])
        assert {span.trace_id for span in children} == {parent.trace_id}


@pytest.mark.parametrize("tag, headers, baggage", [
    ("x" * 13000, PARENT, None),
    ("a", "X-Forwarded-For: 192.0.2.1\r\n" * 300 + PARENT, None),
    ("b", f"User-Agent: {'a' * 13000}\r\n{PARENT}", None),
    ("y" * 6000, f"baggage: a={'b' * 6000}\r\n{PARENT}", None),
    ("c", f"baggage: a={'b' * 3000}\r\n{PARENT}", f"a={'b' * 3000}"),
], ids=["target", "many", "one", "both", "baggage"])
def test_the_caller_is_known_however_much_it_says(tag, headers, baggage, redis, http_server):
    """There is room for who it is, whatever comes before; half of its baggage is none."""
    http_server.on(f"/{tag[:100]}", body="ok\n")
    with serving("thread", redis.port, http_server.url, OTEL_TRACES_SAMPLER="parentbased_always_on") as server:
        server.talk(f"GET /calls/{tag} HTTP/1.1\r\nHost: a\r\n{headers}\r\n", half_close=True)
        spans = server.spans()
    (request,) = (span for span in spans if span.kind == "SERVER")
    assert (request.trace_id, request.parent_span_id) == (TRACE, CALLER)
    assert [span.parent_span_id for span in spans if span.kind == "CLIENT"] == [request.span_id] * 2
    assert http_server.requests[0].header("baggage") == baggage


WHOLE, PART, UPGRADED = "GET /{0} HTTP/1.1\r\nHost: a\r\n\r\n", "GET /part HTTP/1.1\r\nHo", "\x81\x05hello"


@pytest.mark.parametrize("words, first, second, parents", [
    ("++a1b2A", WHOLE, PART, ["a", None]),
    ("++a1b2A", WHOLE, UPGRADED, ["a", None]),
    ("++a1b2A", WHOLE, "", ["a", None]),
    pytest.param("++b1a2b3A", WHOLE, UPGRADED * 1000, [None, "a", None], id="more than is read at once"),
    ("++a1b2B3A", WHOLE, WHOLE, ["a", None, None]),
    ("++a1A2b3B", WHOLE, WHOLE, ["a", None, "b"]),
    ("++a1(a2b3)aB", WHOLE, WHOLE, ["a", "a", None]),
    ("++a(a)ab1B", WHOLE, WHOLE, ["b"]),
    ("+a1A", WHOLE + PART, None, ["a"]),
    ("++b1a2A3B", WHOLE + PART, WHOLE, ["b", None, None]),
    ("+a1A2A", WHOLE + WHOLE.replace("{0}", "z"), None, [None, None]),
])
def test_whose_turn_it_is(words, first, second, parents, redis):
    """What a thread does after it has read from a connection is never charged to a request of another one."""
    take_turns(app("http_turns"), words, first, second, parents, redis)


@pytest.mark.parametrize("words, first, second, parents", [
    ("++ab1A2B", WHOLE, WHOLE, ["b", None]),
    ("++ab1(a2)a3B", WHOLE, WHOLE, ["b", "a", None]),
    ("+a1A2A", WHOLE + WHOLE.replace("{0}", "z"), None, [None, None]),
    ("++aAb1AB", WHOLE + WHOLE.replace("{0}", "z"), WHOLE, [None]),
])
def test_whose_turn_it_is_in_a_program_whose_calls_tell(words, first, second, parents, redis, tmp_path):
    """Known by its name."""
    (tmp_path / "nginx").symlink_to(app("http_turns"))
    take_turns(tmp_path / "nginx", words, first, second, parents, redis)


def take_turns(program, words, first, second, parents, redis):
    with OtlpSink() as sink:
        process = start(instrumented_command([program, redis.port, words]), env=telemetry(sink, FAST))
        port = int(process.stdout.readline())
        clients = []
        for name, text in (("a", first), ("b", second)):
            if text is not None:
                clients.append(socket.create_connection(("127.0.0.1", port), timeout=30))
                clients[-1].sendall(text.format(name).encode("latin-1"))
                if not text:
                    clients[-1].shutdown(socket.SHUT_WR)
        assert process.wait(30) == 0
        for client in clients:
            client.close()
        spans = sink.exactly(sum(map(words.count, "AB)")) + len(parents))
    servers = {span.span_id: span.attributes["http.target"][1:] for span in spans if span.kind == "SERVER"}
    asked = [servers.get(span.parent_span_id) if span.parent_span_id else None for span in spans if span.kind == "CLIENT"]
    assert asked == parents


ROUTES = {"OTEL_NATIVE_HTTP_ROUTES": "/length/{number}/pages,/length/*"}


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("settings, path, name, route", [
    (ROUTES, "/length/17/pages?x=/y", "GET /length/{number}/pages", "/length/{number}/pages"),
    (ROUTES, "/length/17/other", "GET /length/*", "/length/*"),
    (ROUTES, "/vector/550e8400-e29b-41d4-a716-446655440000", "GET /vector/{id}", None),
    ({}, "/length/messages/search", "GET /length/messages/search", None),
    ({"OTEL_NATIVE_HTTP_ROUTE_GUESS": "false"}, "/length", "GET", None),
    ({}, "/nobody/knows", "GET", None),
])
def test_a_route_names_the_span(settings, path, name, route, opt_in):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in, **settings) as server:
        server.talk(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True)
        (span,) = server.spans("url.path" if opt_in else "http.target")
    assert (span.name, span.attributes.get("http.route")) == (name, route)


def test_two_hundred_guessed_names_and_no_more():
    with serving() as server:
        with server.connect() as client:
            for number in range(250):
                letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number:03}")
                client.sendall(f"GET /length/{letters} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                answer = b""
                while not answer.endswith(b"hello, world\n"):
                    answer += client.recv(65536)
        names = [span.name for span in server.spans()]
    assert len(set(names)) == 201 and names[200:] == ["GET"] * 50


@pytest.mark.parametrize("headers, expected", [
    ("Forwarded: for=192.0.2.60;proto=https;host=shop.example\r\n",
     {"client.address": "192.0.2.60", "url.scheme": "https", "server.address": "shop.example"}),
    ("X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example:8443\r\n",
     {"client.address": "203.0.113.9", "url.scheme": "https", "server.address": "shop.example", "server.port": 8443}),
])
def test_what_proxies_say_comes_first_in_the_new_set(headers, expected):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN="http") as server:
        with server.connect() as client:
            peer = client.getsockname()[1]
            client.sendall(f"GET /length HTTP/1.1\r\nHost: example.test:81\r\n{headers}\r\n".encode())
            client.shutdown(socket.SHUT_WR)
            server.rest(client)
        (span,) = server.spans("url.path")
    attributes = new(server.port, peer)
    del attributes["client.port"], attributes["server.port"]
    assert span.attributes == {**attributes, **expected}


@pytest.mark.parametrize("agent, kind", [
    ("Googlebot/2.1", "bot"), ("AlwaysOn", "test"), ("curl/8", None), ("Mozilla/5.0 (compatible; bingbot/2.0)", "bot"),
    ("bbingBOT", "bot"), ("GOOGLEBOT", "bot"), ("myalwayson", "test"), ("y alwayso b oglebot bingbo", None)])
def test_who_is_no_person(agent, kind):
    with serving() as server:
        server.talk(f"GET /length HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\r\n", half_close=True)
        (span,) = server.spans()
    assert span.attributes.get("user_agent.synthetic.type") == kind


def test_exports_of_telemetry_to_this_server_are_not_traced():
    with serving() as server:
        for path in ("traces", "metrics", "logs"):
            server.talk(f"POST /v1/{path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
                        half_close=True)
        assert server.spans() == []


CAPTURE = {"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-.*,user-agent,Cookie",
           "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": "content-.*"}


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
def test_headers_become_attributes(opt_in):
    with serving(OTEL_SEMCONV_STABILITY_OPT_IN=opt_in, **CAPTURE) as server:
        server.talk(*"GET /length HTTP/1.1\r\nHost: a\r\nX-Id: 1\r\nx-id: 2 \r\nUser-Agent: me\r\nCookie: s=1\r\n"
                    "Authorization: b\r\n\r\n", half_close=True)
        (span,) = server.spans("url.path" if opt_in == "http" else "http.target")
    found = {key: value for key, value in span.attributes.items() if ".header." in key}
    old = {"http.request.header.x_id": ["1", "2"], "http.request.header.user_agent": ["me"],
           "http.request.header.cookie": ["[REDACTED]"], "http.response.header.content_type": ["text/plain"],
           "http.response.header.content_length": ["13"]}
    dashed = {key.replace("x_id", "x-id").replace("r_a", "r-a").replace("t_", "t-"): value for key, value in old.items()}
    assert found == {"": old, "http": dashed, "http/dup": {**old, **dashed}}[opt_in]
    assert span.attributes["http.user_agent" if opt_in != "http" else "user_agent.original"] == "me"


@pytest.mark.parametrize("name", ["OTEL_NATIVE_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"])
@pytest.mark.parametrize("sampler", ["parentbased_always_on", "always_on"])
def test_an_excluded_url_makes_no_span_nor_does_anything_below_it(name, sampler, redis, http_server):
    for path in ("/health", "/shop"):
        http_server.on(path, body="ok\n")
    settings = {name: "calls/hea.th,never", "OTEL_TRACES_SAMPLER": sampler}
    with serving("thread", redis.port, http_server.url, **settings) as server:
        for path in ("health", "shop"):
            server.talk(f"GET /calls/{path} HTTP/1.1\r\nHost: a\r\n{PARENT}\r\n", half_close=True)
        spans = server.spans()
    assert [span.attributes.get("http.target") for span in spans if span.kind == "SERVER"] == ["/calls/shop"]
    assert len(spans) == 3 and {span.trace_id for span in spans} == {TRACE}
    health, shop = (request.header("traceparent").split("-") for request in http_server.requests)
    assert (health[1], health[3], shop[1], shop[3]) == (TRACE, "00", TRACE, "01")


def test_switched_off():
    with serving(OTEL_NATIVE_DISABLED_INSTRUMENTATIONS="http_server") as server:
        assert server.talk("GET /length HTTP/1.1\r\nHost: a\r\n\r\n", half_close=True).endswith(b"hello, world\n")
        with OtlpSink() as sink:
            assert instrumented(["true"], sink).returncode == 0
        assert server.sink.spans() == []
