"""The message board over HTTP (examples/*-board): the same routes in each language, so one story of requests for all.

A `Board` is what one of them is known for; `running` starts it with all it asks, `Board.story` says what is asked and which spans
that makes, and `compare` holds them against those that came."""

import http.client
import json
import os
import re
import signal
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from urllib.parse import quote

import test_http_server as server_spans
from harness import SOURCE, OtlpSink, free_port, start, wait_until
from harness.otlp import outline
from harness.programs import instrumented_command, telemetry
from libmariadb_client import Client
from mysql_spans import Expected
from redis_wire import told, wire
from test_hiredis import Tcp

OPT_IN = {"old": "", "new": "http,database", "dup": "http/dup,database/dup"}
HTTP_SCHEMAS = {"old": server_spans.OLD, "new": server_spans.NEW, "dup": server_spans.NEW}
DATABASE_SCHEMAS = {"old": "https://opentelemetry.io/schemas/1.11.0", "new": "https://opentelemetry.io/schemas/1.25.0",
                    "dup": "https://opentelemetry.io/schemas/1.25.0"}
CALLS = ("GET", "SELECT", "LPUSH", "LTRIM", "lpush", "ltrim")  # of /board, by name
ADA, WRONG = {"username": "ada", "password": "a secret"}, {"username": "ada", "password": "another"}


@dataclass
class Ask:
    """A request, its answer's status, and what it makes the board ask of others."""

    method: str
    path: str
    status: int
    calls: list = field(default_factory=list)
    body: dict = None
    route: str = None  # in the span's name, where it is not the path

    @property
    def name(self):
        route = (self.route or self.path.partition("?")[0]) if self.status != 404 else None
        return " ".join(filter(None, (self.method, route)))


@dataclass
class Api:
    """A request to the external API."""

    city: str = "Berlin"
    status: int = 200


def statement(text, table, **counts):
    return Expected(text, table, **counts)


# To a board whose password for the database is wrong.
REFUSED = Ask("GET", "/db/messages", 500, [
    Expected(name="connect", error="1045", message="Access denied for user 'app'@'127.0.0.1' (using password: YES)")])


@dataclass
class Board:
    """One of the services. `command` of (folder, port); `client` is the scope of its HTTP client. Redis commands as its library writes
    them: what begins, reads and ends a session, also one that is not there."""

    folder: str
    command: object
    client: str
    begin: list
    read: list
    end: list
    lower: bool = False
    env: dict = field(default_factory=dict)
    others: list = field(default_factory=list)  # what it asks Redis when it starts
    ends_workers: bool = False  # its first process does

    @property
    def path(self):
        return SOURCE / "examples" / self.folder

    def redis(self, *texts):
        def written(text):
            name, _, rest = text.partition(" ")
            return f"{name.lower() if self.lower else name} {rest}".strip()
        return [wire(written(text)) for text in texts]

    def logged(self):
        return self.redis("LPUSH api_logs ?", "LTRIM api_logs ? ?")

    def shown(self, city="Berlin", rows=1):
        """What `/board` asks."""
        return [Api(city), statement("SELECT id, username, text FROM messages ORDER BY id DESC LIMIT ?", "messages", rows=rows), *self.logged()]

    def story(self):
        """Every route, and what goes wrong in them, each over a connection of its own."""
        read, end = self.redis(*self.read), self.redis(*self.end)
        insert = "INSERT INTO users (username, password_hash) VALUES (?, ?)"
        password = statement("SELECT password_hash FROM users WHERE username = ?", "users", rows=1)
        user = "SELECT id FROM users WHERE username = ?"
        of_user = "SELECT id, username, text FROM messages WHERE username = ? ORDER BY id"
        found = "SELECT id, username, text FROM messages WHERE text LIKE ? ORDER BY id"
        return [
            Ask("POST", "/register", 201, [statement(insert, "users", affected=1), *self.logged()], ADA),
            Ask("POST", "/register", 409, [Expected(insert, "users", error="1062", message="Duplicate entry '?' for key 'username'")], ADA),
            Ask("POST", "/register", 400, body={"username": "bob"}),
            Ask("POST", "/login", 401, [password], WRONG),
            Ask("POST", "/db/message", 401, body={"text": "too early"}),
            Ask("POST", "/logout", 401),
            Ask("POST", "/login", 200, [password, *self.redis(*self.begin), *self.logged()], ADA),
            Ask("POST", "/db/message", 201, [
                *read, statement("INSERT INTO messages (username, text) VALUES (?, ?)", "messages", affected=1), *self.logged()],
                {"text": "it's me"}),
            Ask("GET", "/db/messages", 200, [statement("SELECT id, username, text FROM messages ORDER BY id", "messages", rows=1)]),
            Ask("GET", "/db/messages/search?q=me", 200, [statement(found, "messages", rows=1)]),
            Ask("GET", "/db/messages/search?q=nothing", 200, [statement(found, "messages", rows=0)]),
            Ask("GET", "/db/messages/search", 400),
            Ask("GET", "/logs/redis", 200, self.redis("LRANGE api_logs ? ?")),
            Ask("GET", "/admin/users", 200, [statement("SELECT id, username FROM users ORDER BY id", "users", rows=1)]),
            Ask("GET", "/admin/users/ada/messages", 200, [
                statement(user, "users", rows=1), statement(of_user, "messages", rows=1)]),
            Ask("GET", "/admin/users/bob/messages", 404, [statement(user, "users", rows=0)]),
            Ask("GET", "/user", 500),
            Ask("GET", "/log", 200),
            Ask("GET", "/board", 200, self.shown()),
            Ask("GET", "/board/3?city=Paris", 200, self.shown("Paris"), route="/board/{id}"),
            Ask("GET", "/board/x", 404),
            Ask("POST", "/logout", 200, [*read, *end, *self.logged()]),
            Ask("GET", "/board?city=Atlantis", 200, [Api("Atlantis", 404), *self.shown()[1:]]),
        ]


# --- a running board --------------------------------------------------------------------------------------------------------------


@contextmanager
def running(board, mariadb, redis, api, which="old", bare=False, launch=instrumented_command, **env):
    """The board on a free port, with what it asks, all empty, under the launcher (or as `launch` of its command says) or bare."""
    mariadb.sql((board.path / "schema.sql").read_text(encoding="utf-8"))
    weather(api)
    port = free_port()
    settings = {
        "BOARD_DB_HOST": "127.0.0.1", "BOARD_DB_PORT": mariadb.port, "BOARD_DB_USER": "app", "BOARD_DB_PASSWORD": "secret",
        "BOARD_DB_NAME": "shop", "BOARD_REDIS_HOST": "127.0.0.1", "BOARD_REDIS_PORT": redis.port, "BOARD_API": api.url, "PORT": port,
        "OTEL_SEMCONV_STABILITY_OPT_IN": OPT_IN[which], "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with OtlpSink() as sink:
        command = board.command(board.path, port)
        process = start(command if bare else launch(command), cwd=board.path,
                        env=telemetry(None if bare else sink, {**settings, **board.env, **env}))
        try:
            wait_until(lambda: listens(port, process), 60, "the board")
            sink.wait(0 if bare else len(board.others), 60)
            yield SimpleNamespace(board=board, port=port, sink=sink, mariadb=mariadb, redis=redis, api=api, which=which, jar={},
                                  others=board.redis(*board.others))
        finally:
            if board.ends_workers:
                process.terminate()
            else:
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)


def weather(api):
    def answer(handler, request):
        if request.path.endswith("city=Atlantis"):
            handler.answer(404, b"no such city\n")
        else:
            handler.answer(200, b"rain\n", {"Content-Type": "text/plain"})
    api.on("/weather", handler=answer)


def listens(port, process):
    """Without a request, which would be a span."""
    assert process.poll() is None, process.communicate()
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def ask(place, request, more=None):
    """Asks, over a connection of its own, as a browser that keeps cookies, with `more` headers; says what a SERVER span would."""
    body = json.dumps(request.body).encode() if request.body is not None else None
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=60)
    try:
        connection.connect()
        here = connection.sock.getsockname()[1]
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in place.jar.items())} if place.jar else {}
        if body:
            headers["Content-Type"] = "application/json"
        connection.request(request.method, request.path, body, {**headers, **(more or {})})
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    for cookie in answer.headers.get_all("Set-Cookie") or []:
        name, _, value = cookie.partition(";")[0].partition("=")
        place.jar[name] = value
        if not value or value == "deleted":
            del place.jar[name]
    assert answer.status == request.status, (request, answer.status, text)
    return here, len(body or b""), text


# --- what is expected -------------------------------------------------------------------------------------------------------------


def union(which, old, new):
    return {"old": old, "new": new, "dup": {**old, **new}}[which]


def served(place, request, here, sent, received):
    """A SERVER span, as a whole."""
    at = f"127.0.0.1:{place.port}"
    path, _, query = request.path.partition("?")
    old = {"http.method": request.method, "http.scheme": "http", "http.host": at, "net.host.name": at, "net.host.port": place.port,
           "http.target": request.path, "http.url": f"http://{at}{request.path}", "net.peer.ip": "127.0.0.1", "net.peer.port": here,
           "http.flavor": "1.1", "http.status_code": request.status, "http.response_content_length": received}
    new = {"http.request.method": request.method, "url.scheme": "http", "server.address": "127.0.0.1", "server.port": place.port,
           "url.path": path, "client.address": "127.0.0.1", "client.port": here, "network.peer.address": "127.0.0.1",
           "network.peer.port": here, "network.protocol.version": "1.1", "http.response.status_code": request.status}
    if sent:
        old["http.request_content_length"] = sent
    if query:
        new["url.query"] = query
    failed = request.status >= 500
    if failed:
        new["error.type"] = str(request.status)
    return (request.name, "SERVER", ("ERROR" if failed else "UNSET", ""), server_spans.SCOPE, HTTP_SCHEMAS[place.which],
            union(place.which, old, new))


def called(place, call):
    """The span of what it asks others for, as a whole."""
    if isinstance(call, Api):
        return api_called(place, call)
    if isinstance(call, Expected):
        client = Client(place.mariadb)
        attributes = union(place.which, call.old_attributes(client), call.new_attributes(client))
        return (call.operation if place.which == "old" else call.title, "CLIENT", call.status, "otel-instrument.mysql",
                DATABASE_SCHEMAS[place.which], attributes)
    mode = {"old": "", "new": "database", "dup": "database/dup"}[place.which]
    name, kind, status, scope, schema, _, attributes = told(call, mode, Tcp(place.redis.port))
    return (name, kind, status, scope, schema, attributes)


def api_called(place, call):
    url = f"{place.api.url}/weather?city={quote(call.city)}"
    error = call.status >= 400
    length = {200: len("rain\n"), 404: len("no such city\n")}[call.status]
    old = {"http.method": "GET", "http.url": url, "http.status_code": call.status, "http.response_content_length": length}
    new = {"http.request.method": "GET", "url.full": url, "server.address": "127.0.0.1", "server.port": place.api.port,
           "network.peer.address": "127.0.0.1", "network.peer.port": place.api.port, "network.protocol.version": "1.1",
           "http.response.status_code": call.status, **({"error.type": str(call.status)} if error else {})}
    agent = place.api.requests[0].header("User-Agent")
    return ("GET", "CLIENT", ("ERROR" if error else "UNSET", ""), f"otel-instrument.{place.board.client}", HTTP_SCHEMAS[place.which],
            {**union(place.which, old, new), **({"user_agent.original": agent} if agent else {})})


def whole(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


def tell(place, story=None):
    """Asks all that the story says, one after the other, and waits for what the board tells of it: the expected spans of each request."""
    expected = [(request, served(place, request, here, sent, len(text)), [called(place, call) for call in request.calls])
                for request in story or place.board.story() for here, sent, text in [ask(place, request)]]
    own = sum(1 + len(calls) for _, _, calls in expected)
    place.sink.wait(own + len(place.others), 60)
    return expected


def number(span):
    """Which request a span is of, as its path, its query or its statement says."""
    text = " ".join(str(span.attributes.get(key)) for key in ("http.url", "db.statement"))
    found = re.search(r"/board/(\d+)|LIMIT (\d+)|city=t(\d+)", text)
    return next(filter(None, found.groups())) if found else None


def at_once(place, requests=64, threads=8):
    """Many requests, each with a number that goes on to the external API and into a statement. Of those two: how many have the right
    parent, another, and none."""
    asked = [Ask("GET", f"/board/{i}?city=t{i}", 200) for i in range(1, requests + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda request: ask(place, request), asked))
    spans = []
    wait_until(lambda: spans.clear() or spans.extend(place.sink.spans()) or sum(span.name in CALLS for span in spans) >= 4 * requests
               and sum(span.kind == "SERVER" for span in spans) == requests, 60, "the spans")
    served_by = {span.span_id: number(span) for span in spans if span.kind == "SERVER"}
    found = Counter()
    for span in spans:
        if span.kind == "CLIENT" and number(span):
            parent = served_by.get(span.parent_span_id)
            found["none" if not span.parent_span_id else "right" if parent == number(span) else "wrong"] += 1
    return found, spans


def carried(place, spans):
    """The external API was told of the span that asked it."""
    asked = sorted((span for span in spans if "weather" in str(span.attributes.get("http.url") or span.attributes.get("url.full"))),
                   key=lambda span: span.start)
    assert [request.header("traceparent") for request in place.api.requests] == [
        f"00-{span.trace_id}-{span.span_id}-{span.flags & 0xff:02x}" for span in asked]


def compare(place, expected, orphan=lambda _request, _number: False):
    """Holds what came of requests that were made one after the other against what was expected. `orphan` of a request and the number of its
    call: True where that span may be without a parent, "must" where it has to be."""
    spans = sorted(place.sink.spans(), key=lambda span: (span.start, span.end))
    others, spans = spans[:len(place.others)], spans[len(place.others):]
    assert [(*whole(span), span.parent_span_id) for span in others] == [(*called(place, call), "") for call in place.others]
    assert len(spans) == sum(1 + len(calls) for _, _, calls in expected), outline(spans)
    at = 0
    for request, wanted, calls in expected:
        server, *children = spans[at:at + 1 + len(calls)]
        at += 1 + len(calls)
        assert whole(server) == wanted and server.parent_span_id == "", f"\n{whole(server)}\n{wanted}"
        for number, (span, call) in enumerate(zip(children, calls, strict=True)):
            assert whole(span) == call, f"\n{whole(span)}\n{call}"
            mine = (span.trace_id, span.parent_span_id) == (server.trace_id, server.span_id)
            may = orphan(request, number)
            assert (mine and may != "must") or (may and span.parent_span_id == ""), (request, span, server)
            assert span.end <= server.end
    carried(place, spans)
