"""webdis, Debian's HTTP front for Redis: a program nobody here wrote that uses hiredis asynchronously, with libevent, on threads
of its own. Each HTTP request becomes a command; what webdis answers is the same with and without the agent."""

import http.client
import json
import signal
import tempfile
import threading
from pathlib import Path

from test_hiredis import DUP, MODES, REFUSED, WRONGTYPE, Expected, Tcp, one, pytest, seen

from harness import OtlpSink, Redis, free_port, start, wait_until
from harness.programs import instrumented_command, telemetry
from harness.servers import answers, program

# Its requests' own spans are looked at below, in tests of their own.
CONNECTS = {"OTEL_NATIVE_CONNECT_SPANS": "true", "OTEL_BSP_SCHEDULE_DELAY": "50",
            "OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_server"}
PASSWORD = "hunter2"


class Webdis:
    """webdis in a folder of its own, in front of `redis`: two connections, database 2."""

    def __init__(self, redis, sink=None, env=None):
        self.redis, self.sink, self.env = redis, sink, env
        self.port = free_port()

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="oi-")
        config = Path(self.folder.name) / "webdis.json"
        config.write_text(json.dumps({
            "redis_host": "127.0.0.1", "redis_port": self.redis.port, "redis_auth": PASSWORD, "http_host": "127.0.0.1",
            "http_port": self.port, "threads": 1, "pool_size": 2, "daemonize": False, "websockets": False, "database": 2,
            "verbosity": 3, "logfile": str(config.with_name("log"))}), encoding="utf-8")
        command = [program("webdis"), str(config)]
        if self.sink:
            self.process = start(instrumented_command(command), telemetry(self.sink, self.env), cwd=self.folder.name)
        else:
            self.process = start(command, cwd=self.folder.name)
        address, question = ("127.0.0.1", self.port), b"OPTIONS / HTTP/1.0\r\n\r\n"
        wait_until(lambda: self.process.poll() is not None or answers(address, question), 60, "webdis")
        self.wait_connected()
        return self

    def wait_connected(self):
        wait_until(lambda: self.redis.cli("CLIENT", "LIST").count(" db=2 ") == 2, what="webdis's connections")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def end(self):
        """Its output, exit status and log: what that says, and not when, and not the port."""
        self.process.send_signal(signal.SIGTERM)
        stdout, stderr = self.process.communicate(timeout=60)
        log = (Path(self.folder.name) / "log").read_text(encoding="utf-8")
        return stdout, stderr, self.process.returncode, [
            line.partition(" Webdis ")[2].replace(str(self.port), "PORT") for line in log.splitlines()]

    def ask(self, path, method="GET", body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


OPENING = [Expected(name="connect", db=None), one("AUTH ?"), one("SELECT ?")]


@pytest.fixture(scope="module")
def guarded_redis():
    with Redis(password=PASSWORD) as server:
        yield server


@pytest.fixture
def server(guarded_redis):
    guarded_redis.reset()
    return guarded_redis


def both(server, act, env):
    """Runs webdis bare and instrumented; `act` uses it and returns what is to be the same. Returns that and the spans."""
    server.reset()
    with Webdis(server) as webdis:
        expected = act(webdis), webdis.end()
    server.reset()
    with OtlpSink() as sink, Webdis(server, sink, {**CONNECTS, **env}) as webdis:
        told = act(webdis), webdis.end()
        assert told == expected
        return told[0], sink.spans()


def commands_of(spans, mode, server):
    """The spans in the order of their start, but those that each new connection begins with, which are counted."""
    opening = expected_spans(mode, server, *OPENING)
    return [span for span in seen(spans) if span not in opening], [seen(spans).count(each) for each in opening]


def expected_spans(mode, server, *expected):
    return [span.span(mode.get("OTEL_SEMCONV_STABILITY_OPT_IN", ""), Tcp(server.port)) for span in expected]


@pytest.mark.parametrize("mode", MODES)
def test_one_request_after_the_other(server, mode):
    def act(webdis):
        paths = ("/SET/hello/world", "/GET/hello", "/LPUSH/hello/secret", "/GET/hello.txt", "/NONSENSE/x", "/7/GET/hello",
                 "/HSET/user:1/name/Ann")
        return [*map(webdis.ask, paths), webdis.ask("/SET/page", "PUT", "secret"), webdis.ask("/", "POST", "MGET/hello/page")]

    told, spans = both(server, act, mode)
    assert told[1][2] == b'{"GET":"world"}' and told[5][2] == b'{"GET":null}' and told[8][2] == b'{"MGET":["world","secret"]}'
    left, opened = commands_of(spans, mode, server)
    assert left == expected_spans(
        mode, server, one("SET hello ?", db=2), one("GET hello", db=2),
        one("LPUSH hello ?", db=2, reply=("WRONGTYPE", WRONGTYPE)), one("GET hello", db=2),
        one("NONSENSE ?", db=2, reply=("ERR", "unknown command 'NONSENSE', with args beginning with: ?")),
        one("GET hello", db=7), one("HSET user:1 name ?", db=2), one("SET page ?", db=2), one("MGET hello page", db=2))
    assert opened == [3, 3, 3]  # two at the start, one for database 7
    assert "secret" not in repr(spans) and PASSWORD not in repr(spans)
    assert len({span.trace_id for span in spans}) == len(spans)


@pytest.mark.parametrize("mode", [pytest.param(DUP, id="dup")])
def test_many_requests_at_once(server, mode):
    def act(webdis):
        told = []

        def many():
            for _ in range(25):
                told.append(webdis.ask("/INCR/n")[2])

        threads = [threading.Thread(target=many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(told)

    told, spans = both(server, act, mode)
    assert told == sorted(b'{"INCR":%d}' % i for i in range(1, 201))
    left, opened = commands_of(spans, mode, server)
    assert left == expected_spans(mode, server, one("INCR n", db=2)) * 200 and opened == [2, 2, 2]


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_subscription(server, mode):
    """A connection of its own, messages for as long as the client listens."""
    def act(webdis):
        listening = http.client.HTTPConnection("127.0.0.1", webdis.port, timeout=30)
        listening.request("GET", "/SUBSCRIBE/news")
        answer = listening.getresponse()
        told = [answer.status, answer.read1()]
        for word in ("one", "two"):
            told += [webdis.ask(f"/PUBLISH/news/{word}")[2], answer.read1()]
        answer.close()
        listening.close()
        wait_until(lambda: server.cli("PUBSUB", "CHANNELS") == "\n", what="the end of the subscription")
        return told

    told, spans = both(server, act, mode)
    assert told == [200, b'{"SUBSCRIBE":["subscribe","news",1]}', b'{"PUBLISH":1}', b'{"SUBSCRIBE":["message","news","one"]}',
                    b'{"PUBLISH":1}', b'{"SUBSCRIBE":["message","news","two"]}']
    left, opened = commands_of(spans, mode, server)
    assert left == expected_spans(mode, server, one("SUBSCRIBE news", db=2), *[one("PUBLISH news ?", db=2)] * 2)
    assert opened == [3, 3, 3]


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_server_that_goes_and_comes(mode):
    """webdis tries to connect again every tenth of a second, and gives its first commands at once: each is a span."""
    with Redis(password=PASSWORD) as server:
        def act(webdis):
            told = [webdis.ask("/SET/k/v")[0]]
            server.stop()
            wait_until(lambda: webdis.ask("/GET/k")[0] == 503, what="webdis to notice")
            told.append(webdis.ask("/GET/k")[::2])
            if webdis.sink:
                wait_until(lambda: any(span.status[0] == "ERROR" for span in webdis.sink.spans()), what="an attempt to connect")
            server.start()
            webdis.wait_connected()
            wait_until(lambda: webdis.ask("/ECHO/x")[0] == 200, what="webdis to use its connections")
            return [*told, webdis.ask("/ECHO/x")]

        def spans_of(webdis, sink):
            told = act(webdis)
            return told, webdis.end()[:3], sink and sink.spans()

        with Webdis(server) as webdis:
            bare = spans_of(webdis, None)
        with OtlpSink() as sink, Webdis(server, sink, {**CONNECTS, **mode}) as webdis:
            *told, spans = spans_of(webdis, sink)
        assert told == list(bare[:2])
        left, opened = commands_of(spans, mode, server)
        refused = expected_spans(mode, server, Expected(name="connect", db=None, error=REFUSED), one("AUTH ?", error=REFUSED),
                                 one("SELECT ?", error=REFUSED))
        attempts = [left.count(each) for each in refused]
        assert attempts[0] > 0 and attempts == attempts[:1] * 3
        assert [span for span in left if span not in refused] == expected_spans(
            mode, server, one("SET k ?", db=2), *[one("ECHO ?", db=2)] * 2)
        assert opened[0] > 2 and opened == opened[:1] * 3


def parents(spans):
    """{key of an INCR: key of the request it is a child of, or None}"""
    requests = {span.span_id: span for span in spans if span.kind == "SERVER"}
    found = {}
    for span in spans:
        words = span.attributes.get("db.query.text", "").split()
        if words[:1] == ["INCR"]:
            parent = requests.get(span.parent_span_id)
            assert span.parent_span_id == "" or parent.trace_id == span.trace_id
            found[words[1]] = parent and parent.attributes["http.target"].removeprefix("/INCR/")
    return found


def counting(server, clients, each, **settings):
    server.reset()
    settings = {**CONNECTS, "OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "", "OTEL_SEMCONV_STABILITY_OPT_IN": "database",
                "OTEL_BSP_MAX_QUEUE_SIZE": "20000", **settings}
    with OtlpSink() as sink, Webdis(server, sink, settings) as webdis:
        def many(client):
            for number in range(each):
                assert webdis.ask(f"/INCR/key{client}x{number}")[0] == 200

        threads = [threading.Thread(target=many, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        webdis.end()
        return parents(sink.spans())


def test_each_command_belongs_to_the_request_that_made_it(server):
    found = counting(server, 1, 50)
    assert found == {f"key0x{number}": f"key0x{number}" for number in range(50)}


def test_of_many_requests_at_once_none_is_a_wrong_parent(server):
    """With one thread for all of them, the gate is closed now and then: what is made then is nobody's."""
    found = counting(server, 8, 50)
    assert len(found) == 400
    assert {key: parent for key, parent in found.items() if parent not in (key, None)} == {}


def test_a_program_that_answers_in_turns_may_be_trusted(server):
    found = counting(server, 8, 50, OTEL_NATIVE_CONTEXT="turn")
    assert len(found) == 400 and all(key == parent for key, parent in found.items())
