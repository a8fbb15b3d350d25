"""Whose child is what a server asks others for, with many requests in flight?

Each request carries a tag in its path, `/t64x17`, and the server puts that into all that it asks others for: the path of an HTTP
request, the key of a Redis command, a name in an SQL statement. So the spans say themselves which belong together, whatever parents
they have. A server is a `Server`, a list of them a test:

    SERVERS = [Server("a server of threads", command, calls=("HTTP", "Redis"))]

    @pytest.mark.parametrize("server", SERVERS, ids=str)
    def test_parents(server, place):
        check(server, place)

The command listens on `place.port`, asks `place.url`/TAG, Redis at `place.redis.port`, MariaDB at `place.mariadb.port`, as `calls` says,
once each, and answers with the tag. It is started once and asked with 1, 8 and 64 requests in flight; a row of the table for each.

OI_PARENTING_TIMES=n makes each row n times as long.
"""

import http.client
import io
import os
import random
import re
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from harness import HttpServer, MariaDB, OtlpSink, Redis, free_port, start, wait_until
from harness.http_server import Route
from harness.programs import instrumented_command, telemetry

import table

TIMES = int(os.environ.get("OI_PARENTING_TIMES") or 1)
REQUESTS = {1: 60, 8: 160, 64: 320}  # a row, by how many are in flight
TAG = re.compile(r"\bt(\d+)x(\d+)\b")
TARGETS = ("url.path",)  # where a SERVER span says its tag
TEXTS = ("url.full", "db.query.text")  # and a CLIENT span
SETTINGS = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "30000",  # the receiver is not that fast
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}  # keys of Redis are in the new set only


class Second(HttpServer):
    """The server that is asked: it answers with the path, after a while that differs, so that answers overtake each other."""

    def take(self, request):
        super().take(request)
        return Route(200, request.path.strip("/").encode(), delay=random.random() / 200)


@dataclass
class Place:
    """Where a server runs, and whom it asks. `keep` enters a context until the test is over."""

    folder: Path
    second: Second
    keep: object
    port: int = field(default_factory=free_port)
    redis: Redis = None
    mariadb: MariaDB = None

    @property
    def url(self):
        return self.second.url


@dataclass
class Server:
    """`right`: how many of the children must have the right parent, in per cent, for each number in flight or one for all. 100 is what
    the documentation promises; less is what it says there is at least. `carried`: the requests bring a `traceparent`. `headers`: its HTTP
    requests must name the child in theirs. `pieces`: every third request is sent in two. `pipelined`: requests are sent two at a time."""

    name: str
    command: object  # a function of a Place
    calls: tuple = ("HTTP", "Redis", "MariaDB")
    right: object = 100
    env: dict = field(default_factory=dict)
    carried: bool = False
    headers: bool = True
    pieces: bool = True
    pipelined: bool = False

    def __str__(self):
        return self.name

    def least(self, in_flight):
        return self.right[in_flight] if isinstance(self.right, dict) else self.right


@dataclass
class Row:
    server: Server
    in_flight: int
    right: int = 0
    wrong: int = 0
    none: int = 0
    examples: list = field(default_factory=list)

    @property
    def children(self):
        return self.right + self.wrong + self.none


# --- the clients


def pieces_of(text, random_state):
    """The request, or two parts of it."""
    cut = random_state.randrange(1, len(text))
    return [text[:cut], text[cut:]]


class Stream(io.BufferedReader):
    """What a connection says, an answer after the other; each reader wants to close it."""

    def __init__(self, connection):
        super().__init__(socket.SocketIO(connection, "r"))

    def makefile(self, _mode):
        return self

    def close(self):
        pass


class Client:
    """One conversation: a request after the other, over a connection that is kept as long as the server likes, and sometimes not."""

    def __init__(self, server, port, number):
        self.server, self.port = server, port
        self.random = random.Random(number)
        self.connection = self.stream = None

    def open(self):
        self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = Stream(self.connection)

    def close(self):
        if self.connection:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
        self.connection = self.stream = None

    def text(self, tag):
        carried = f"traceparent: 00-{self.random.getrandbits(128):032x}-{self.random.getrandbits(64):016x}-01\r\n"
        return f"GET /{tag} HTTP/1.1\r\nHost: parents\r\n{carried if self.server.carried else ''}Accept: */*\r\n\r\n".encode()

    def send(self, text):
        if not self.server.pieces or self.random.randrange(3):
            self.connection.sendall(text)
            return
        first, second = pieces_of(text, self.random)
        self.connection.sendall(first)
        time.sleep(self.random.random() / 500)
        self.connection.sendall(second)

    def take(self, tag):
        """False: the connection is not kept."""
        answer = http.client.HTTPResponse(self.stream, method="GET")
        answer.begin()
        body = answer.read().decode()
        assert answer.status == 200 and {found[0] for found in TAG.finditer(body)} == {tag}, (tag, answer.status, body)
        return not answer.will_close

    def ask(self, tags):
        if self.connection is None:
            self.open()
        self.send(b"".join(map(self.text, tags)))
        if not all([self.take(tag) for tag in tags]) or self.random.randrange(5) == 0:
            self.close()

    def converse(self, tags):
        at_a_time = 2 if self.server.pipelined else 1
        try:
            for number in range(0, len(tags), at_a_time):
                self.ask(tags[number:number + at_a_time])
        finally:
            self.close()


def tags_of(in_flight):
    return [f"t{in_flight}x{number}" for number in range(REQUESTS[in_flight] * TIMES)]


def drive(server, port, in_flight):
    """All requests of a row; returns when they have been answered."""
    tags = tags_of(in_flight)
    with ThreadPoolExecutor(in_flight) as pool:
        conversations = [pool.submit(Client(server, port, number).converse, tags[number::in_flight]) for number in range(in_flight)]
        for conversation in conversations:
            conversation.result()


# --- the spans


def tag_in(span, names):
    for name in names:
        found = TAG.search(span.attributes.get(name, ""))
        if found:
            return found[0]
    return None


class Spans:
    """Those of one row: the requests' and their children, by tag."""

    def __init__(self, sink, in_flight):
        self.served, self.children = {}, {}
        mine = f"t{in_flight}x"
        for span in sink.spans():
            tag = tag_in(span, TARGETS if span.kind == "SERVER" else TEXTS)
            if tag and tag.startswith(mine):
                (self.served if span.kind == "SERVER" else self.children).setdefault(tag, []).append(span)

    def count(self):
        return sum(map(len, self.served.values())) + sum(map(len, self.children.values()))

    def unlike(self, tags, calls):
        """What is not as it must be: one span for each request, one for each call."""
        have = {tag: (len(self.served.get(tag, [])), len(self.children.get(tag, []))) for tag in tags}
        return {tag: count for tag, count in have.items() if count != (1, calls)}


def judge(server, in_flight, spans):
    row = Row(server, in_flight)
    for tag, children in spans.children.items():
        (parent,) = spans.served[tag]
        for child in children:
            if (child.trace_id, child.parent_span_id) == (parent.trace_id, parent.span_id):
                row.right += 1
            elif child.parent_span_id == "":
                row.none += 1
            else:
                row.wrong += 1
                row.examples.append((tag, child.name, child.parent_span_id))
    return row


def check_headers(place, spans):
    """The request that went out names its own span, and no other."""
    said = {request.path.strip("/"): request.header("traceparent") for request in place.second.requests}
    for tag, children in spans.children.items():
        asked = [child for child in children if "http" in child.scope_name or "curl" in child.scope_name]
        assert [said[tag].split("-")[1:3]] == [[child.trace_id, child.span_id] for child in asked], tag


# --- the whole


class Running:
    """The server, instrumented, in a process group of its own."""

    def __init__(self, server, place, sink):
        self.place = place
        env = telemetry(sink, {**SETTINGS, **server.env})
        self.log = place.folder / "log"
        with open(self.log, "wb") as log:
            self.process = start(instrumented_command(server.command(place)), env=env, cwd=place.folder, stdout=log, stderr=log)

    def up(self):
        assert self.process.poll() is None, self.log.read_text("utf-8", "replace")
        try:
            socket.create_connection(("127.0.0.1", self.place.port), 1).close()
            return True
        except OSError:
            return False

    def __enter__(self):
        try:
            wait_until(self.up, 60, "the server being ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def measure_row(server, place, sink, in_flight):
    tags, calls = tags_of(in_flight), len(server.calls)
    drive(server, place.port, in_flight)
    expected = len(tags) * (1 + calls)
    try:
        wait_until(lambda: Spans(sink, in_flight).count() >= expected, 20)
    except AssertionError:
        pass  # said below, with what is missing
    spans = Spans(sink, in_flight)
    unlike = spans.unlike(tags, calls)
    assert not unlike, f"{server} with {in_flight} in flight: {len(unlike)} requests without their spans: {Counter(unlike.values())}"
    if server.headers and "HTTP" in server.calls:
        check_headers(place, spans)
    return judge(server, in_flight, spans)


def measure(server, place):
    with OtlpSink() as sink, Running(server, place, sink):
        return [measure_row(server, place, sink, in_flight) for in_flight in REQUESTS]


def check(server, place):
    """Measures a server and compares with what is promised. What was measured is kept for `make update-parenting`."""
    rows = measure(server, place)
    for row in rows:
        print(f"{server}: {row.in_flight} in flight, {row.right} right, {row.wrong} wrong, {row.none} none")
    for row in rows:
        assert row.wrong == 0, f"{server} with {row.in_flight} in flight: {row.wrong} wrong parents: {row.examples[:10]}"
    for row in rows:
        assert row.right * 100 >= server.least(row.in_flight) * row.children, row
    for row in rows:
        table.keep(row)
