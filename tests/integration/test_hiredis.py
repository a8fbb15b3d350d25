"""hiredis under the agent: a real server, a C client that makes one call of the library an argument, whole spans.

Every program runs bare and instrumented; its output must be the same."""

import os
import re
import signal

import pytest

from harness import OtlpSink, Redis, app, free_port, instrumented, same_output, start, wait_until
from harness.programs import instrumented_command, telemetry

NEW = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database"}
DUP = {"OTEL_SEMCONV_STABILITY_OPT_IN": "database/dup"}
MODES = [pytest.param({}, id="old"), pytest.param(NEW, id="new"), pytest.param(DUP, id="dup")]
SCHEMAS = {"": "https://opentelemetry.io/schemas/1.11.0", "database": "https://opentelemetry.io/schemas/1.25.0",
           "database/dup": "https://opentelemetry.io/schemas/1.25.0"}
WRONGTYPE = "Operation against a key holding the wrong kind of value"
REFUSED = ("ECONNREFUSED", "Connection refused")
CLOSED = ("REDIS_ERR_EOF", "Server closed the connection")


class Any:
    """Some text."""

    def __eq__(self, other):
        return bool(other)


ANY = Any()


class Expected:
    """A span as the test expects it, in whichever attribute set. Commands are (old text, new text, arguments, name)."""

    def __init__(self, *commands, db=0, error=None, reply=None, length=None, where=None, name=None, procedure=None):
        self.commands, self.db, self.error, self.reply = commands, db, error, reply
        self.length, self.where, self.name, self.procedure = length, where, name, procedure

    def operation(self, new):
        if self.name:
            return self.name
        names = [command[3] for command in self.commands]
        if len(names) == 1 and not self.length:
            return names[0]
        if not new:
            return " ".join(names)
        return f"PIPELINE {names[0]}" if len(set(names)) == 1 and self.length in (None, len(names)) else "PIPELINE"

    def attributes(self, mode, where):
        old, new = mode != "database", mode.startswith("database")
        attributes = {}
        where = self.where or where
        if old:
            attributes |= where.old(self.db)
            if self.commands:
                attributes["db.statement"] = "\n".join(command[0] for command in self.commands)
        if new:
            attributes |= where.new(self.db)
            if self.commands:
                attributes["db.query.text"] = "\n".join(command[1] for command in self.commands)
            attributes["db.operation.name"] = self.operation(True)
            if self.procedure:
                attributes["db.stored_procedure.name"] = self.procedure
            if self.error or self.reply:
                attributes["error.type"] = (self.error or self.reply)[0]
            if self.reply:
                attributes["db.response.status_code"] = self.reply[0]
        count = self.length or len(self.commands)
        if count > 1:
            attributes["db.redis.pipeline_length"] = count
            if new:
                attributes["db.operation.batch.size"] = count
        elif self.commands:
            attributes["db.redis.args_length"] = self.commands[0][2]
            if old:
                attributes["db.operation"] = self.commands[0][3]
        elif old:
            attributes["db.operation"] = self.name
        return attributes

    def span(self, mode, where, scope="otel-instrument.hiredis"):
        new = mode.startswith("database")
        failed = self.error or self.reply
        return (self.operation(new), "CLIENT", ("ERROR", failed[1]) if failed else ("UNSET", ""), scope,
                SCHEMAS[mode], "", self.attributes(mode, where))


def one(text, new=None, **more):
    """A command whose old text is `NAME ? …`; `new` is its text in the new set, if that differs from the old one."""
    words = text.split()
    old = " ".join([words[0]] + ["?"] * (len(words) - 1))
    return Expected((old, new or text, len(words), words[0]), **more)


def pipeline(*texts, **more):
    return Expected(*(one(text).commands[0] for text in texts), **more)


class Tcp:
    def __init__(self, port, host="127.0.0.1", address="127.0.0.1"):
        self.port, self.host, self.address = port, host, address

    def old(self, db):
        index = {"db.redis.database_index": db} if db is not None else {}
        return {"db.system": "redis", "net.peer.name": self.host, "net.peer.port": self.port, "net.transport": "ip_tcp",
                "db.connection_string": f"redis://{self.host}:{self.port}" + (f"/{db}" if db is not None else ""), **index}

    def new(self, db):
        index = {"db.namespace": str(db)} if db is not None else {}
        peer = {"network.peer.address": self.address, "network.peer.port": self.port} if self.address else {}
        return {"db.system.name": "redis", "server.address": self.host, "server.port": self.port, "network.transport": "tcp",
                **peer, **index}


class Unix:
    def __init__(self, path):
        self.path = path

    def old(self, db):
        index = {"db.redis.database_index": db} if db is not None else {}
        return {"db.system": "redis", "net.peer.name": self.path, "net.transport": "other",
                "db.connection_string": f"unix://{self.path}" + (f"?db={db}" if db is not None else ""), **index}

    def new(self, db):
        index = {"db.namespace": str(db)} if db is not None else {}
        return {"db.system.name": "redis", "server.address": self.path, "network.transport": "unix", **index}


class Nowhere:
    """A context made from a descriptor."""

    def old(self, db):
        return {"db.system": "redis", "db.redis.database_index": db}

    def new(self, db):
        return {"db.system.name": "redis", "db.namespace": str(db)}


def seen(spans):
    spans = sorted(spans, key=lambda span: span.start)
    return [(span.name, span.kind, span.status, span.scope_name, span.schema_url, span.parent_span_id, span.attributes)
            for span in spans]


def check(spans, mode, where, *expected):
    mode = mode.get("OTEL_SEMCONV_STABILITY_OPT_IN", "")
    assert seen(spans) == [span.span(mode, where) for span in expected]


class Client:
    def __init__(self, server):
        self.server = server
        self.where = Tcp(server.port)
        self.open = f"connect|127.0.0.1|{server.port}"

    def expect(self, calls, *expected, mode=None, where=None, env=None):
        """Runs the calls bare and instrumented and compares all spans."""
        mode = mode or {}
        result = same_output([app("redis_script"), *calls], env={**mode, **(env or {})}, before=self.server.reset)
        assert result.returncode == 0, result
        check(result.spans, mode, where or self.where, *expected)
        return result


@pytest.fixture
def client(redis):
    return Client(redis)


# --- one command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_commands_in_every_form(client, mode):
    client.expect(
        [client.open, "command|SET user:%s:name %s|1|Ann", "numbers|SET user:%d %d|7|42",
         "list|GET %s:%s|user|7", "argv|SET|bin\\0ary|\\r\\n\\0", "argv_strings|HSET|h|field|secret", "binary|k1|v\\0v",
         "command|lrange list 0 -1", "command|GET session:%s|3f2a9bdc4e5f60718293a4b5c6d7e8f9"],
        one("SET user:1:name ?"),
        one("SET user:7 ?"),
        one("GET user:7"),
        one("SET ? ?"),
        one("HSET h field ?"),
        one("SET k1 ?"),
        one("lrange list ? ?"),
        one("GET session:?"),
        mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_error_replies(client, mode):
    client.expect(
        [client.open, "command|SET k v", "command|LPUSH k secret", "command|SET k", "command|NONSENSE user secret",
         "command|INCR k", "command|GET k"],
        one("SET k ?"),
        one("LPUSH k ?", reply=("WRONGTYPE", WRONGTYPE)),
        one("SET k", reply=("ERR", "wrong number of arguments for 'set' command")),
        one("NONSENSE ? ?", reply=("ERR", "unknown command 'NONSENSE', with args beginning with: ?")),
        one("INCR k", reply=("ERR", "value is not an integer or out of range")),
        one("GET k"),
        mode=mode)


def test_secrets_are_masked(client):
    result = client.expect(
        [client.open, "command|AUTH hunter2", "command|AUTH joe hunter2", "command|HELLO 3 AUTH joe hunter2",
         "command|CONFIG SET requirepassword hunter2", "command|ACL SETUSER joe !hunter2", "command|HUNT x hunter2"],
        one("AUTH ?", reply=("ERR", "AUTH <password> called without any password configured for the default user. "
                             "Are you sure your configuration is correct?")),
        one("AUTH ? ?", reply=("WRONGPASS", "invalid username-password pair or user is disabled.")),
        one("HELLO ? ? ? ?", reply=("WRONGPASS", "invalid username-password pair or user is disabled.")),
        one("CONFIG SET ? ?", reply=("ERR", ANY)),
        one("ACL SETUSER ? ?", reply=("ERR", ANY)),
        one("HUNT ? ?", reply=("ERR", ANY)),
        mode=NEW)
    assert "hunter2" not in repr(result.spans)


def test_authentication():
    with Redis(password="hunter2") as server:
        client = Client(server)
        result = client.expect(
            [client.open, "command|GET k", "command|AUTH wrong", "command|AUTH hunter2", "command|GET k"],
            one("GET k", reply=("NOAUTH", "Authentication required.")),
            one("AUTH ?", reply=("WRONGPASS", "invalid username-password pair or user is disabled.")),
            one("AUTH ?"),
            one("GET k"),
            mode=DUP)
        assert "hunter2" not in repr(result.spans) and "wrong" not in repr(result.spans)


def test_ten_megabytes(client):
    client.expect([client.open, "large|10000000"], one("SET big ?"), one("GET big"), mode=NEW)


def test_ten_thousand_commands_are_ten_thousand_spans(client):
    env = {"OTEL_BSP_MAX_QUEUE_SIZE": "20000"}
    result = same_output([app("redis_script"), client.open, "many|10000"], env=env, before=client.server.reset)
    assert len(result.spans) == 10000
    expected = one("INCR ?").span("", client.where)
    assert [span for span in seen(result.spans) if span != expected] == []
    assert len({span.span_id for span in result.spans}) == len({span.trace_id for span in result.spans}) == 10000


def test_threads(client):
    env = {"OTEL_BSP_MAX_QUEUE_SIZE": "20000"}
    result = same_output([app("redis_threads"), client.server.port, "8", "500"], env=env, before=client.server.reset)
    assert len(result.spans) == 4000
    assert {span.name for span in result.spans} == {"INCR"}


def test_disabled(client):
    result = same_output([app("redis_script"), client.open, "command|GET k"],
                         env={"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "hiredis"}, before=client.server.reset)
    assert result.spans == []


def test_not_sampled(client):
    result = same_output([app("redis_script"), client.open, "command|GET k", "append|GET k", "append|GET k", "get", "get"],
                         env={"OTEL_TRACES_SAMPLER": "always_off"}, before=client.server.reset)
    assert result.spans == []


def test_parent_from_the_environment(client):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    result = same_output([app("redis_script"), client.open, "command|GET k", "append|GET k", "append|GET k", "get", "get"],
                         env={"TRACEPARENT": f"00-{trace}-{parent}-01"}, before=client.server.reset)
    assert [(span.trace_id, span.parent_span_id) for span in result.spans] == [(trace, parent)] * 2


# --- connecting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_connections(client, mode):
    port, path = client.server.port, client.server.socket
    client.expect(
        [client.open, "command|PING", f"connect|localhost|{port}", "command|PING",
         f"connect_timeout|127.0.0.1|{port}|5000", "command|PING", f"unix|{path}", "command|PING",
         f"unix_timeout|{path}|5000", "command|PING", f"options|127.0.0.1|{port}", "command|PING",
         f"options|unix|{path}", "command|PING", f"fd|127.0.0.1|{port}", "command|PING", "free_keep_fd"],
        one("PING"),
        one("PING", where=Tcp(port, "localhost", None)),
        one("PING"),
        one("PING", where=Unix(path)),
        one("PING", where=Unix(path)),
        one("PING"),
        one("PING", where=Unix(path)),
        one("PING", where=Nowhere()),
        mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_failed_connects(client, mode):
    port = free_port()
    client.expect(
        [f"connect|127.0.0.1|{port}", f"connect_timeout|127.0.0.1|{port}|500", "unix|/nonexistent/redis.sock",
         "connect|host.invalid|6380"],
        Expected(name="connect", db=None, error=REFUSED, where=Tcp(port)),
        Expected(name="connect", db=None, error=REFUSED, where=Tcp(port)),
        Expected(name="connect", db=None, error=("ENOENT", "No such file or directory"), where=Unix("/nonexistent/redis.sock")),
        Expected(name="connect", db=None, error=("REDIS_ERR_OTHER", ANY), where=Tcp(6380, "host.invalid", None)),
        mode=mode)


def test_a_command_on_a_failed_connection(client):
    port = free_port()
    client.expect(
        [f"connect|127.0.0.1|{port}", "command|GET k", "append|GET k", "append|GET k", "get", "get",
         "reconnect"],
        Expected(name="connect", db=None, error=REFUSED),
        one("GET k", error=REFUSED),
        pipeline("GET k", "GET k", error=REFUSED),
        Expected(name="connect", db=None, error=REFUSED),
        mode=NEW, where=Tcp(port))


def test_connect_spans(client):
    client.expect(
        [client.open, f"unix|{client.server.socket}", "reconnect"],
        Expected(name="connect", db=None),
        Expected(name="connect", db=None, where=Unix(client.server.socket)),
        Expected(name="connect", db=None, where=Unix(client.server.socket)),
        mode=DUP, env={"OTEL_NATIVE_CONNECT_SPANS": "true"})


def test_nonblocking_context(client):
    """Sent when the program writes; what it never writes makes no span."""
    client.expect(
        [f"unix_nonblock|{client.server.socket}", "command|SET k v", "exchange", "append|GET k", "append|GET k", "exchange",
         "get", "append|GET k"],
        one("SET k ?"), pipeline("GET k", "GET k"), mode=NEW, where=Unix(client.server.socket))


def test_nonblocking_context_that_cannot_connect(client):
    port = free_port()
    client.expect(
        [f"nonblock|127.0.0.1|{port}", "command|GET k", "exchange"], one("GET k", error=REFUSED), mode=NEW, where=Tcp(port))


# --- which database -------------------------------------------------------------------------------------------------------


def test_the_selected_database_is_followed(client):
    client.expect(
        [client.open, "command|SELECT 3", "command|GET k", "numbers|SELECT %d|5", "command|GET k", "argv|select|7",
         "command|GET k", "command|SELECT 99999", "command|GET k", "reconnect", "command|GET k"],
        one("SELECT ?"),
        one("GET k", db=3),
        one("SELECT ?", db=3),
        one("GET k", db=5),
        one("select ?", db=5),
        one("GET k", db=7),
        one("SELECT ?", db=7, reply=("ERR", "DB index is out of range")),
        one("GET k", db=7),
        one("GET k"),
        mode=DUP)


def test_select_in_a_transaction_and_in_a_pipeline(client):
    client.expect(
        [client.open, "command|MULTI", "command|SELECT 4", "command|EXEC", "command|GET k", "command|MULTI",
         "command|SELECT 6", "command|DISCARD", "command|GET k", "append|SELECT 2", "append|GET k", "get", "get",
         "command|GET k", "command|RESET", "command|GET k"],
        one("MULTI"), one("SELECT ?"), one("EXEC"), one("GET k", db=4),
        one("MULTI", db=4), one("SELECT ?", db=4), one("DISCARD", db=4), one("GET k", db=4),
        pipeline("SELECT ?", "GET k", db=4),
        one("GET k", db=2), one("RESET", db=2), one("GET k"),
        mode=NEW)


@pytest.mark.parametrize("mode", MODES)
def test_an_error_inside_of_a_transaction(client, mode):
    client.expect(
        [client.open, "command|SET s x", "command|MULTI", "command|INCR n", "command|LPUSH s secret", "command|INCR s",
         "command|EXEC", "append|MULTI", "append|LPUSH s secret", "append|EXEC", "get", "get", "get", "command|GET s"],
        one("SET s ?"), one("MULTI"), one("INCR n"), one("LPUSH s ?"), one("INCR s"), one("EXEC", reply=("WRONGTYPE", WRONGTYPE)),
        pipeline("MULTI", "LPUSH s ?", "EXEC", reply=("WRONGTYPE", WRONGTYPE)), one("GET s"), mode=mode)


def test_a_transaction_that_is_refused(client):
    client.expect(
        [client.open, "command|MULTI", "command|NONSENSE", "command|EXEC", "command|MULTI", "command|EXEC"],
        one("MULTI"), one("NONSENSE", reply=("ERR", ANY)),
        one("EXEC", reply=("EXECABORT", "Transaction discarded because of previous errors.")), one("MULTI"), one("EXEC"), mode=NEW)


# --- pipelines ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_pipeline(client, mode):
    client.expect(
        [client.open, "append|SET %s %s|n|1", "append_list|INCRBY %s 5|n", "append_argv|GET|n", "get", "get", "get",
         "command|PING"],
        pipeline("SET n ?", "INCRBY n ?", "GET n"), one("PING"), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_pipeline_with_error_replies(client, mode):
    client.expect(
        [client.open, "append|SET s x", "append|LPUSH s secret", "append|INCR s", "get", "get", "get"],
        pipeline("SET s ?", "LPUSH s ?", "INCR s", reply=("WRONGTYPE", WRONGTYPE)), mode=mode)


def test_a_pipeline_of_one_is_a_command(client):
    client.expect([client.open, "append|GET k", "get", "append|GET k", "drop"], one("GET k"), one("GET k"), mode=NEW)


def test_protocol_bytes(client):
    client.expect(
        [client.open, "append_bytes|*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n*1\\r\\n$4\\r\\nPING\\r\\n", "get", "get",
         "append_bytes|PING\\r\\n", "get"],
        pipeline("GET k", "PING"), Expected(name="redis"), mode=NEW)


def test_commands_appended_between_replies_are_the_next_pipeline(client):
    result = client.expect(
        [client.open, "append|GET a", "append|GET b", "get", "append|GET c", "append|GET d", "get", "get", "get",
         "command|PING"],
        pipeline("GET a", "GET b"), pipeline("GET c", "GET d"), one("PING"), mode=NEW)
    spans = sorted(result.spans, key=lambda span: span.start)
    assert spans[0].end <= spans[2].start and spans[1].end <= spans[2].start


def test_a_command_joins_what_is_outstanding(client):
    """Its reply is the oldest one that is due: hiredis does not sort."""
    client.expect(
        [client.open, "append|GET a", "append|GET b", "get", "command|GET c", "get"],
        pipeline("GET a", "GET b"), one("GET c"), mode=NEW)


def test_replies_without_commands_are_nobodys(client):
    client.expect(
        [client.open, "timeout|50", "command|SUBSCRIBE a b", "get", "get"],
        one("SUBSCRIBE ? ?"), mode={})


def test_a_long_pipeline(client):
    commands = [("INCR ?", "", 2, "INCR")] * 32
    result = same_output([app("redis_script"), client.open, "append_many|10000", "get_many|10000"],
                         before=client.server.reset)
    (span,) = result.spans
    assert span.attributes == Expected(*commands, length=10000).attributes("", client.where)
    assert span.name.startswith("INCR INCR ")


def test_replies_left_unread(client):
    """They were sent: the span ends with the context. What was never sent makes none."""
    client.expect(
        [client.open, "append|GET a", "append|GET b", "get", "free", client.open, "append|GET a"],
        pipeline("GET a", "GET b"), mode=NEW)


# --- failures in the middle -------------------------------------------------------------------------------------------------


def test_a_timeout(client):
    client.expect(
        [client.open, "timeout|50", "command|BLPOP nothing 0", "command|GET k"],
        one("BLPOP nothing ?", error=("EAGAIN", "Resource temporarily unavailable")),
        one("GET k", error=("EAGAIN", "Resource temporarily unavailable")), mode=NEW)


def test_an_invalid_format(client):
    client.expect([client.open, "command|GET %z"], one("GET", error=("REDIS_ERR_OTHER", "Invalid format string")), mode=NEW)


def test_an_invalid_format_in_a_pipeline(client):
    client.expect(
        [client.open, "append|GET a", "append|GET %z", "get"],
        pipeline("GET a", "GET", error=("REDIS_ERR_OTHER", "Invalid format string")), mode=NEW)


def blocked(server):
    return "cmd=blpop" in server.cli("CLIENT", "LIST")


def blocked_with_more(server):
    """What came behind the command has been read as well: the connection of a server that is killed now ends, and is not reset."""
    return re.search(r" qbuf=[1-9].* cmd=blpop", server.cli("CLIENT", "LIST"))


def interrupted(server, cmd, env, act):
    """Runs a program bare and instrumented; `act` is called with it whenever it hangs in BLPOP. The spans of the latter."""
    outputs = []
    with OtlpSink() as sink:
        for command, settings in ((cmd, env), (instrumented_command(cmd), telemetry(sink, env))):
            process = start(command, env=settings)
            try:
                act(process)
                outputs.append((*process.communicate(timeout=60), process.returncode))
            finally:
                if process.poll() is None:
                    process.kill()
                    process.communicate()
            if server.process is None:
                server.start()
        assert outputs[0] == outputs[1]
        assert outputs[0][2] == 0, outputs
        return sink.spans()


def test_the_server_dies_in_the_middle_of_a_command():
    with Redis() as server:
        def kill(_):
            wait_until(lambda: blocked(server), what="BLPOP")
            server.kill()

        spans = interrupted(server, [app("redis_script"), f"connect|127.0.0.1|{server.port}", "command|BLPOP nothing 0",
                                     "command|GET k"], NEW, kill)
        check(spans, NEW, Tcp(server.port), one("BLPOP nothing ?", error=CLOSED), one("GET k", error=CLOSED))


def test_the_server_dies_in_the_middle_of_a_pipeline():
    with Redis() as server:
        def kill(_):
            wait_until(lambda: blocked_with_more(server), what="BLPOP, and GET behind it")
            server.kill()

        spans = interrupted(server, [app("redis_script"), f"connect|127.0.0.1|{server.port}", "append|GET a",
                                     "append|BLPOP nothing 0", "get", "append|GET b", "get", "get"], {}, kill)
        check(spans, {}, Tcp(server.port), pipeline("GET a", "BLPOP nothing ?", error=CLOSED), one("GET b", error=CLOSED))


@pytest.mark.parametrize("then", ["reconnect", "command", "reply", "free"])
@pytest.mark.parametrize("how", ["jump", "cancel"])
def test_a_command_that_is_left_in_the_middle(redis, how, then):
    """No span, no crash: its arguments are gone. Its reply may still come, to whoever asks next."""
    def leave(process):
        redis.reset()
        wait_until(lambda: blocked(redis), what="BLPOP")
        process.send_signal(signal.SIGUSR1)
        assert os.read(process.stdout.fileno(), 5) == b"left\n"
        if then in ("command", "reply"):
            redis.cli("RPUSH", "nothing", "x")

    spans = interrupted(redis, [app("redis_jump"), redis.port, how, then], NEW, leave)
    check(spans, NEW, Tcp(redis.port), *([one("SET key ?")] if then in ("reconnect", "command") else []))


def test_the_launcher_is_not_needed(client):
    with OtlpSink() as sink:
        result = instrumented([app("redis_script"), client.open, "command|GET k"], sink)
        assert result.returncode == 0
        assert [span.name for span in sink.exactly(1)] == ["GET"]
