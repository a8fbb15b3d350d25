"""RESP3: replies that answer nothing (pushed messages, attributes) may come before any answer, and are no part of it. hiredis
knows them since 1.0, attributes since 1.3; an older one takes them for an error."""

from redis_servers import HIREDIS, DebugRedis, Scripted
from test_hiredis import MODES, WRONGTYPE, Client, one, pipeline, pytest
from test_hiredis_async import Client as AsyncClient

WRONG = ("WRONGTYPE", WRONGTYPE)
HELLO = ("REDIS_ERR_PROTOCOL", 'Protocol error, got "%" as reply type byte')
ATTRIBUTE = ("REDIS_ERR_PROTOCOL", 'Protocol error, got "|" as reply type byte')
TRACKING = ["brief|HELLO 3", "command|CLIENT TRACKING ON"]


@pytest.fixture(scope="module")
def debug_redis():
    with DebugRedis() as server:
        yield server


@pytest.fixture
def client(debug_redis):
    return Client(debug_redis)


@pytest.fixture
def events(debug_redis):
    return AsyncClient(debug_redis)


def tracking():
    return [one("HELLO ?"), one("CLIENT TRACKING ?")]


if HIREDIS < (1, 0):

    @pytest.mark.parametrize("mode", MODES)
    def test_a_library_that_does_not_know_it(client, events, mode):
        client.expect([client.open, "brief|HELLO 3", "command|GET k"], one("HELLO ?", error=HELLO), one("GET k", error=HELLO),
                      mode=mode)
        events.expect([events.open, "brief|HELLO 3", "command|GET k", "loop"], one("HELLO ?", error=HELLO),
                      one("GET k", error=HELLO), mode=mode)

else:

    @pytest.mark.parametrize("callback", [[], ["push|1"]], ids=["none", "callback"])
    @pytest.mark.parametrize("mode", MODES)
    def test_pushed_messages(client, callback, mode):
        """An invalidation between a command and its answer, and one in the middle of a pipeline."""
        port = client.server.port
        client.expect(
            [client.open, *callback, *TRACKING, "command|GET k", f"other|{port}|SET k 1", "command|PING",
             "command|GET k", f"other|{port}|SET k 2", "append|PING", "append|GET k", "append|LPUSH k x", "get", "get", "get"],
            *tracking(), one("GET k"), one("SET k ?"), one("PING"), one("GET k"), one("SET k ?"),
            pipeline("PING", "GET k", "LPUSH k ?", reply=WRONG), mode=mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_pushed_messages_that_the_program_reads_itself(client, mode):
        """Without a function for them, hiredis hands them out as if they were the answer, which comes later."""
        port = client.server.port
        result = client.expect(
            [client.open, "push|0", *TRACKING, "command|GET key:%s|1", f"other|{port}|SET key:1 1", "command|ECHO secret", "get",
             "command|GET key:%s|1", f"other|{port}|SET key:1 1", "command|LPUSH key:%s %s|1|secret", "command|GET j", "get",
             "command|GET key:%s|1", f"other|{port}|SET key:1 1", "append|PING", "append|LPUSH key:1 x", "get", "get", "get"],
            *tracking(), one("GET key:1"), one("SET key:1 ?"), one("ECHO ?"), one("GET key:1"), one("SET key:1 ?"),
            one("LPUSH key:1 ?", reply=WRONG), one("GET j"), one("GET key:1"), one("SET key:1 ?"),
            pipeline("PING", "LPUSH key:1 ?", reply=WRONG), mode=mode)
        assert b"invalidate" in result.stdout and "secret" not in repr(result.spans)

    @pytest.mark.parametrize("mode", MODES[:2])
    def test_subscriptions_that_the_program_reads_itself(client, mode):
        """The confirmation answers, a message does not."""
        port = client.server.port
        client.expect(
            [client.open, "push|0", "brief|HELLO 3", "command|SUBSCRIBE a", f"other|{port}|PUBLISH a x", "get",
             f"other|{port}|PUBLISH a x", "command|PING", "get", "command|UNSUBSCRIBE a", "command|PING"],
            one("HELLO ?"), one("SUBSCRIBE a"), one("PUBLISH a ?"), one("PUBLISH a ?"), one("PING"), one("UNSUBSCRIBE a"),
            one("PING"), mode=mode)

    @pytest.mark.parametrize("mode", MODES[:2])
    def test_a_message_by_hand(mode):
        with Scripted(b">2\r\n$10\r\ninvalidate\r\n*0\r\n+PONG\r\n", b"") as server:
            Client(server).expect([f"connect|127.0.0.1|{server.port}", "append|PING", "write", "fill", "read", "read"],
                                  one("PING"), mode=mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_a_message_and_its_answer(client, mode):
        client.expect([client.open, "brief|HELLO 3", "command|DEBUG PROTOCOL push", "command|PING"],
                      one("HELLO ?"), one("DEBUG PROTOCOL ?"), one("PING"), mode=mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_attributes(client, mode):
        """hiredis 1.3 hands them out before the answer, earlier ones give up."""
        calls = [client.open, "brief|HELLO 3", "command|DEBUG PROTOCOL attrib", "get", "command|PING"]
        if HIREDIS >= (1, 3):
            client.expect(calls, one("HELLO ?"), one("DEBUG PROTOCOL ?"), one("PING"), mode=mode)
        else:
            client.expect(calls, one("HELLO ?"), one("DEBUG PROTOCOL ?", error=ATTRIBUTE), one("PING", error=ATTRIBUTE), mode=mode)

    @pytest.mark.parametrize("callback", [[], ["push"]], ids=["none", "callback"])
    @pytest.mark.parametrize("mode", MODES)
    def test_pushed_messages_asynchronously(events, callback, mode):
        port = events.server.port
        events.expect(
            [events.open, *callback, *TRACKING, "command|GET k", "run", f"publish|{port}|a|x", f"other|{port}|SET k 1",
             "command|PING", "command|LPUSH k x", *(["calls|3"] if callback else ["run"]), "free"],
            *tracking(), one("GET k"), one("PUBLISH a ?"), one("SET k ?"), one("PING"), one("LPUSH k ?", reply=WRONG), mode=mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_asynchronous_subscriptions(events, mode):
        """Confirmed and told by pushed messages; other commands may be given meanwhile."""
        port = events.server.port
        events.expect(
            [events.open, "brief|HELLO 3", "run", "command|SUBSCRIBE a b", "calls|2", "command|PSUBSCRIBE p*", "calls|1",
             f"publish|{port}|a|secret", "calls|1", f"publish|{port}|pq|secret", "calls|1", "command|GET k", "calls|1",
             "command|LPUSH k x", "calls|1", "command|UNSUBSCRIBE a", "free"],
            one("HELLO ?"), one("SUBSCRIBE a b"), one("PSUBSCRIBE p*"), one("PUBLISH a ?"), one("PUBLISH pq ?"), one("GET k"),
            one("LPUSH k ?"), one("UNSUBSCRIBE a"), mode=mode)

    @pytest.mark.parametrize("mode", MODES[:2])
    def test_monitoring(events, mode):
        port = events.server.port
        events.expect(
            [events.open, "brief|HELLO 3", "run", "monitor|MONITOR", "calls|1", f"publish|{port}|a|x", "calls|1", "free"],
            one("HELLO ?"), one("MONITOR"), one("PUBLISH a ?"), mode=mode)
