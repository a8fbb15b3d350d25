"""The same service and requests under both agents, and what is different between their spans."""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace

import boards
import reference
from harness import HttpServer, MariaDB, Redis, wait_until
from harness.programs import instrumented_command

BOARD = boards.Board("flask-board", lambda folder, _port: ["/usr/bin/python3", folder / "app.py"], "http_client", begin=[], read=[], end=[],
                     env={"PYTHONDONTWRITEBYTECODE": "1"})
CALLER = "b7ad6b7169203331"  # the parent's id that each request brings
NO_API = boards.Ask("GET", "/board?city=Nowhere", 200)
# Requests, and what is different then from the usual surroundings.
RUNS = [(BOARD.story(), {}), ([boards.REFUSED], {"BOARD_DB_PASSWORD": "wrong"}), ([NO_API], {"BOARD_API": "http://127.0.0.1:1"})]
FIELDS = ["kind", "parent", "name", "status", "description"]


@dataclass
class Seen:
    """A span in the words of a table: what differs from run to run has a name instead."""

    system: str  # server, mysql, redis, http
    fields: dict  # FIELDS and attributes
    request: object = None

    @property
    def key(self):
        return self.system, self.fields["name"].split()[0].upper()


@dataclass
class Row:
    """A field of a span in both; None: it is not there."""

    system: str
    what: str
    ours: object
    theirs: object

    @property
    def equal(self):
        return self.ours == self.theirs and type(self.ours) is type(self.theirs)


def system_of(span):
    if span.kind == "SERVER":
        return "server"
    database = span.attributes.get("db.system") or span.attributes.get("db.system.name")
    return {None: "http", "redis": "redis"}.get(database, "mysql")


def plain(value, ports):
    """Ports are chosen anew in each run."""
    if isinstance(value, int):
        return ports.get(str(value), value)
    if isinstance(value, str):
        return re.sub(r"\b\d{4,5}\b", lambda found: ports.get(found[0], found[0]), value)
    return value


def seen(span, served, ports):
    parent = {CALLER: "the caller's", served.span_id: "the request's"}.get(span.parent_span_id, "none" if not span.parent_span_id else "another")
    fields = {"kind": span.kind, "parent": parent, "name": span.name, "status": span.status[0], "description": span.status[1] or None,
              **span.attributes}
    return Seen(system_of(span), {key: plain(value, ports) for key, value in fields.items()})


def asked(place, request, number):
    """The spans of one request: the SERVER span, and the others in the order of their start."""
    trace = f"{number:032x}"
    here, _, _ = boards.ask(place, request, {"traceparent": f"00-{trace}-{CALLER}-01"})

    def mine():
        return sorted((span for span in place.sink.spans() if span.trace_id == trace), key=lambda span: (span.kind != "SERVER", span.start))

    wait_until(lambda: any(span.kind == "SERVER" for span in mine()), 60, f"the SERVER span of {request.path}")
    spans = mine()
    ports = {str(place.port): "PORT", str(place.mariadb.port): "DB-PORT", str(place.redis.port): "REDIS-PORT", str(place.api.port): "API-PORT",
             str(here): "CLIENT-PORT"}
    return [seen(span, spans[0], ports) for span in spans]


def told(servers, which, launch, settings):
    """The spans of all requests of RUNS, request by request."""
    found, number = [], 0
    for story, different in RUNS:
        for server in (servers.mariadb, servers.redis, servers.api):
            server.reset()
        with boards.running(BOARD, servers.mariadb, servers.redis, servers.api, which, launch=launch, **{**settings, **different}) as place:
            for request in story:
                number += 1
                found.append((request, asked(place, request, number)))
            ids = {f"{i:032x}" for i in range(1, number + 1)}
            assert not [span for span in place.sink.spans() if span.trace_id not in ids], "spans of no request"
    return found


def pairs(ours, theirs):
    """Spans that say the same thing, in order; None where one agent has no such span."""
    ours, theirs = list(ours), list(theirs)
    while ours or theirs:
        if ours and theirs and ours[0].key == theirs[0].key:
            yield ours.pop(0), theirs.pop(0)
        elif ours and ours[0].key not in [span.key for span in theirs]:
            yield ours.pop(0), None
        else:
            yield None, theirs.pop(0)


def rows(ours, theirs):
    """Field by field: what both have first, in the order in which they have it."""
    if not (ours and theirs):
        one = ours or theirs
        return [Row(one.system, "span", ours and ours.fields["name"], theirs and theirs.fields["name"])]
    names = [*ours.fields, *(name for name in theirs.fields if name not in ours.fields)]
    return [Row(ours.system, name, ours.fields.get(name), theirs.fields.get(name)) for name in names
            if (ours.fields.get(name), theirs.fields.get(name)) != (None, None)]


def compared(which, servers):
    """[(request, [rows of a span, rows of a span …]) …]"""
    ours = told(servers, which, instrumented_command, {})
    theirs = told(servers, which, reference.command, reference.SETTINGS)
    return [(request, [rows(*pair) for pair in pairs(mine, others)])
            for (request, mine), (_, others) in zip(ours, theirs, strict=True)]


def with_servers(do):
    """Calls it with a MariaDB, a Redis and an API that run."""
    with ExitStack() as stack:
        return do(SimpleNamespace(mariadb=stack.enter_context(MariaDB()), redis=stack.enter_context(Redis()),
                                  api=stack.enter_context(HttpServer())))
