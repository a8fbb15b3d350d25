"""hiredis's asynchronous interface under the agent, on libevent: a real server, a C client that makes one call of the
library an argument, whole spans. Every program runs bare and instrumented; its output must be the same."""

import pytest
from test_hiredis import (CLOSED, DUP, MODES, NEW, REFUSED, WRONGTYPE, Expected, Tcp, Unix, blocked, check, interrupted, one,
                          seen)

from harness import OtlpSink, Redis, app, free_port, instrumented, same_output, wait_until

FREED = ("_OTHER", "Connection closed before the reply")
REFUSED_BY_US = ("_OTHER", "")


class Client:
    def __init__(self, server):
        self.server = server
        self.where = Tcp(server.port)
        self.open = f"connect|127.0.0.1|{server.port}"

    def expect(self, calls, *expected, mode=None, where=None, env=None):
        mode = mode or {}
        result = same_output([app("redis_async"), *calls], env={**mode, **(env or {})}, before=self.server.reset)
        assert result.returncode == 0, result
        check(result.spans, mode, where or self.where, *expected)
        return result


@pytest.fixture
def client(redis):
    return Client(redis)


# --- commands and their replies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_commands_in_every_form(client, mode):
    client.expect(
        [client.open, "command|SET user:%s:name %s|1|Ann", "run", "list|GET user:%s:name|1", "run",
         "argv|SET|bin\\0ary|\\r\\n\\0", "run", "bytes|*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n", "run", "quiet|INCR n",
         "command|LPUSH user:1:name x", "run", "free"],
        one("SET user:1:name ?"),
        one("GET user:1:name"),
        one("SET ? ?"),
        one("GET k"),
        one("INCR n"),
        one("LPUSH user:1:name ?", reply=("WRONGTYPE", WRONGTYPE)),
        mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_connections(client, mode):
    port, path = client.server.port, client.server.socket
    calls = []
    for opening in (f"connect|localhost|{port}", f"bind|127.0.0.1|{port}|127.0.0.1", f"bind_reuse|127.0.0.1|{port}|127.0.0.1",
                    f"unix|{path}", f"options|127.0.0.1|{port}", f"options|unix|{path}"):
        calls += [opening, "command|PING", "run", "disconnect"]
    client.expect(
        calls, one("PING", where=Tcp(port, "localhost", None)), one("PING"), one("PING"), one("PING", where=Unix(path)),
        one("PING"), one("PING", where=Unix(path)), mode=mode)


def test_each_command_ends_with_its_own_reply(client):
    """Three on their way together, a fourth is given inside of the third one's function: it starts when that has ended."""
    result = client.expect(
        [client.open, "command|SET k v", "command|GET k", "then|PING|*2\\r\\n$3\\r\\nDEL\\r\\n$1\\r\\nk\\r\\n", "run", "free"],
        one("SET k ?"), one("GET k"), one("PING"), one("DEL k"), mode=NEW)
    first, second, third, fourth = sorted(result.spans, key=lambda span: span.start)
    assert third.start <= first.end <= second.end <= third.end <= fourth.start


def test_the_parent_is_the_one_of_the_call(client):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    result = same_output([app("redis_async"), client.open, "then|PING|*1\\r\\n$4\\r\\nPING\\r\\n", "run", "free"],
                         env={"TRACEPARENT": f"00-{trace}-{parent}-01"}, before=client.server.reset)
    assert [(span.trace_id, span.parent_span_id) for span in result.spans] == [(trace, parent)] * 2


def test_the_selected_database_is_followed(client):
    client.expect(
        [client.open, "command|SELECT 3", "command|GET k", "command|SELECT 99999", "command|GET k", "command|MULTI",
         "command|SELECT 5", "command|EXEC", "command|GET k", "run", "free"],
        one("SELECT ?"), one("GET k", db=3), one("SELECT ?", db=3, reply=("ERR", "DB index is out of range")), one("GET k", db=3),
        one("MULTI", db=3), one("SELECT ?", db=3), one("EXEC", db=3), one("GET k", db=5), mode=DUP)


def test_thousands_on_two_connections(client):
    result = same_output([app("redis_async"), client.open, "many|1000", "on|1", client.open, "many|1000", "run", "sum", "many|10",
                          "run", "sum", "on|0", "free", "on|1", "free"], before=client.server.reset)
    assert len(result.spans) == 2010
    assert [span for span in seen(result.spans) if span != one("INCR ?").span("", client.where)] == []
    assert len({span.span_id for span in result.spans}) == 2010


def test_more_on_their_way_than_there_is_room_for(client):
    """Those have no span. When replies have come there is room again."""
    result = same_output([app("redis_async"), client.open, "many|5000", "run", "sum", "command|PING", "run", "free"],
                         env={"OTEL_BSP_MAX_QUEUE_SIZE": "20000"}, before=client.server.reset)
    assert [span.name for span in result.spans].count("INCR") == 2048
    assert [span.name for span in result.spans].count("PING") == 1


def test_disabled(client):
    result = same_output([app("redis_async"), client.open, "command|GET k", "run", "free"],
                         env={"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "hiredis"}, before=client.server.reset)
    assert result.spans == []


def test_not_sampled(client):
    result = same_output([app("redis_async"), client.open, "command|GET k", "run", "command|GET k", "free"],
                         env={"OTEL_TRACES_SAMPLER": "always_off"}, before=client.server.reset)
    assert result.spans == []


# --- failures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_failed_connects(client, mode):
    """At once, or in the loop: with a command waiting, and without. What errno is by then is the program's."""
    port = free_port()
    client.expect(
        ["unix|/nonexistent/redis.sock", "on|1", f"connect|127.0.0.1|{port}", "loop",
         "on|2", f"connect|127.0.0.1|{port}", "command|GET k", "quiet|INCR n", "loop"],
        Expected(name="connect", db=None, error=("ENOENT", "No such file or directory"), where=Unix("/nonexistent/redis.sock")),
        Expected(name="connect", db=None, error=REFUSED, where=Tcp(port)),
        Expected(name="connect", db=None, error=REFUSED, where=Tcp(port)),
        one("GET k", error=REFUSED, where=Tcp(port)),
        one("INCR n", error=REFUSED, where=Tcp(port)),
        mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_freed_with_commands_on_their_way(client, mode):
    client.expect(
        [client.open, "command|GET k", "run", "command|GET a", "quiet|GET b", "free"],
        one("GET k"), one("GET a", error=FREED), one("GET b", error=FREED), mode=mode)


def test_freed_inside_a_function(client):
    client.expect(
        [client.open, "then_free|GET a", "command|BLPOP nothing 0", "loop"],
        one("GET a"), one("BLPOP nothing ?", error=FREED), mode=NEW)


def test_disconnected_with_commands_on_their_way(client):
    """Their replies are waited for, and further commands refused."""
    client.expect(
        [client.open, "command|GET a", "quiet|GET b", "disconnect", "command|GET c", "loop"],
        one("GET a"), one("GET b"), one("GET c", error=REFUSED_BY_US), mode=NEW)


def test_an_invalid_format(client):
    client.expect([client.open, "command|GET %z", "command|GET k", "run", "free"],
                  one("GET", error=REFUSED_BY_US), one("GET k"), mode=NEW)


def test_the_server_dies():
    with Redis() as server:
        def kill(_):
            wait_until(lambda: blocked(server), what="BLPOP")
            server.kill()

        spans = interrupted(server, [app("redis_async"), f"connect|127.0.0.1|{server.port}", "command|BLPOP nothing 0",
                                     "command|GET k", "loop"], NEW, kill)
        check(spans, NEW, Tcp(server.port), one("BLPOP nothing ?", error=CLOSED), one("GET k", error=CLOSED))


def test_a_function_that_is_left_by_longjmp(client):
    """Neither hiredis nor libevent gets over it. Another connection does, and the library keeps its word there."""
    client.expect(
        [client.open, "then_jump|GET a", "run", "on|1", client.open, "command|GET b",
         "then|PING|*2\\r\\n$3\\r\\nDEL\\r\\n$1\\r\\nk\\r\\n", "calls|3", "free"],
        one("GET a"), one("GET b"), one("PING"), one("DEL k"), mode=NEW)


def test_a_child_does_not_report_what_its_parent_waits_for(client):
    result = same_output([app("redis_async"), client.open, "command|PING", "run", "command|BLPOP nothing 0", "fork", "free"],
                         env=NEW, before=client.server.reset)
    check(result.spans, NEW, client.where, one("PING"), one("BLPOP nothing ?", error=FREED))


# --- one command, many calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_subscriptions(client, mode):
    port = client.server.port
    client.expect(
        [client.open, "command|SUBSCRIBE a b", "calls|2", "command|PSUBSCRIBE p*", "calls|1", f"publish|{port}|a|secret",
         "calls|1", f"publish|{port}|pq|secret", "calls|1", "command|SUBSCRIBE c", "calls|1", "command|UNSUBSCRIBE a", "calls|1",
         "free"],
        one("SUBSCRIBE a b"), one("PSUBSCRIBE p*"), one("PUBLISH a ?"), one("PUBLISH pq ?"), one("SUBSCRIBE c"),
        one("UNSUBSCRIBE a"), mode=mode)


def test_a_subscription_that_is_never_confirmed(client):
    client.expect([client.open, "command|SUBSCRIBE a b", "free"], one("SUBSCRIBE a b", error=FREED), mode=NEW)


def test_a_thousand_subscriptions(client):
    """As many as the program makes: those with the same function and value share what we remember."""
    calls = [client.open]
    for i in range(1000):
        calls += [f"command|SUBSCRIBE c{i}", "calls|1", f"command|UNSUBSCRIBE c{i}", "calls|1"]
    result = client.expect([*calls, "command|GET k", "run", "free"],
                           *[one(f"{name} c{i}") for i in range(1000) for name in ("SUBSCRIBE", "UNSUBSCRIBE")], one("GET k"), mode=NEW,
                           env={"OTEL_BSP_MAX_QUEUE_SIZE": "20000"})
    assert len(result.spans) == 2001


def test_what_a_connection_keeps_goes_with_it(client):
    """More than there is room for, one connection after the other."""
    result = same_output([app("redis_async"), f"subscribe_and_free|{client.server.port}|300"],
                         env={"OTEL_BSP_MAX_QUEUE_SIZE": "20000"}, before=client.server.reset)
    assert len(result.spans) == 3000
    expected = one("SUBSCRIBE ?", error=FREED).span("", client.where)
    assert [span for span in seen(result.spans) if span != expected] == []


def test_an_unsubscribe_that_is_refused(client):
    client.expect([client.open, "command|UNSUBSCRIBE a", "command|PING", "run", "free"],
                  one("UNSUBSCRIBE a", error=REFUSED_BY_US), one("PING"), mode=NEW)


@pytest.mark.parametrize("mode", MODES)
def test_monitor(client, mode):
    port = client.server.port
    client.expect(
        [client.open, "monitor|MONITOR", "calls|1", f"publish|{port}|a|x", "calls|1", f"publish|{port}|a|x", "calls|1", "free"],
        one("MONITOR"), one("PUBLISH a ?"), one("PUBLISH a ?"), mode=mode)


def test_monitor_inside_of_a_function(client):
    """hiredis then calls the functions of both for what is monitored: as they were given, whatever else there is since."""
    port = client.server.port
    client.expect(
        ["on|1", client.open, "command|PING", "run", "on|0", client.open, "command|PING", "run", "then_monitor|GET k", "calls|2",
         "on|1", "command|BLPOP nothing 0", "calls|1", f"publish|{port}|a|x", "calls|1", f"publish|{port}|a|x", "calls|1",
         "free", "on|0", "free"],
        one("PING"), one("PING"), one("GET k"), one("MONITOR"), one("BLPOP nothing ?", error=FREED), one("PUBLISH a ?"),
        one("PUBLISH a ?"), mode=NEW)


def test_the_launcher_is_not_needed(client):
    with OtlpSink() as sink:
        result = instrumented([app("redis_async"), client.open, "command|GET k", "run", "free"], sink)
        assert result.returncode == 0
        assert [span.name for span in sink.exactly(1)] == ["GET"]
