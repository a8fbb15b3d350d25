"""What happens in an event loop besides commands and replies: connections are made, end and are made again, functions throw,
time runs out, more is on its way than there is room for."""

import re
import socket

from redis_servers import HIREDIS, Scripted
from test_hiredis import CLOSED, MODES, NEW, REFUSED, Expected, Tcp, one, pytest, seen
from test_hiredis_async import FREED, Client

from harness import OtlpSink, app, free_port, instrumented, same_output

CONNECTS = {"OTEL_NATIVE_CONNECT_SPANS": "true"}
REFUSED_BY_HIREDIS = ("_OTHER", "")
TIMEOUT = ("REDIS_ERR_TIMEOUT", "Timeout")


@pytest.fixture
def client(redis):
    return Client(redis)


def connect(error=None, **more):
    return Expected(name="connect", db=None, error=error, **more)


# --- connecting ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [[], ["plain"]], ids=["functions", "none"])
@pytest.mark.parametrize("mode", MODES)
def test_a_connection_is_one_span(client, plain, mode):
    """However many events there are, and whether or not the program wants to be told."""
    client.expect([*plain, client.open, "command|GET a", "run", "command|GET b", "command|GET c", "run", "free"],
                  connect(), one("GET a"), one("GET b"), one("GET c"), mode=mode, env=CONNECTS)


def test_it_is_not_one_unless_asked_for(client):
    client.expect([client.open, "command|GET a", "run", "free"], one("GET a"))


def test_it_is_over_when_the_loop_says_so(client):
    """Not when the program's function has returned, which takes its time."""
    result = client.expect([f"tell|{client.server.port}", client.open, "command|GET a", "run", "free"],
                           connect(), one("GET a"), connect(), one("SET connected ?"), mode=NEW, env=CONNECTS)
    made, get, inner, told = sorted(result.spans, key=lambda span: span.start)
    # A span's end is its start and what a second clock has told since: next to each other's they may be exchanged.
    assert made.start < made.end < told.end and inner.end < told.end <= get.end


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_failure_is_over_when_the_loop_says_so(client, mode):
    refused = Tcp(free_port())
    result = client.expect([f"tell|{client.server.port}", f"connect|127.0.0.1|{refused.port}", "loop"],
                           connect(REFUSED, where=refused), connect(), one("SET connected ?"), mode=mode, env=CONNECTS)
    failed, inner, _ = sorted(result.spans, key=lambda span: span.start)
    assert failed.end <= inner.start


def test_its_parent_is_the_one_of_the_call(client):
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    result = same_output([app("redis_async"), client.open, "command|PING", "run", "free"],
                         env={**CONNECTS, "TRACEPARENT": f"00-{trace}-{parent}-01"}, before=client.server.reset)
    assert [(span.name, span.trace_id, span.parent_span_id) for span in sorted(result.spans, key=lambda span: span.start)] == [
        ("connect", trace, parent), ("PING", trace, parent)]


@pytest.mark.parametrize("mode", MODES[:2])
def test_given_up_before_it_was_made(client, mode):
    """Nobody knows what would have become of it."""
    client.expect([client.open, "free", client.open, "command|GET a", "free"], one("GET a", error=FREED), mode=mode, env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_child_does_not_report_what_its_parent_began(client, mode):
    client.expect([client.open, "fork|1", "command|GET a", "run", "free"], connect(), one("GET a"), mode=mode, env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
def test_several_at_once(client, mode):
    refused = Tcp(free_port())
    calls = []
    for i, port in enumerate((client.server.port, refused.port, client.server.port)):
        calls += [f"on|{i}", f"connect|127.0.0.1|{port}", f"quiet|GET {'abc'[i]}"]
    calls += ["on|0", "command|GET d", "calls|1", "on|2", "command|GET e", "calls|1", "free", "on|0", "free"]
    client.expect(calls,
                  connect(), one("GET a"), connect(REFUSED, where=refused), one("GET b", error=REFUSED, where=refused), connect(),
                  one("GET c"), one("GET d"), one("GET e"), mode=mode, env=CONNECTS)


# --- ending -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES[:2])
def test_disconnected_inside_a_function(client, mode):
    """What was given before is answered, what is given after is not taken."""
    client.expect([client.open, "then_disconnect|GET a", "command|GET b", "quiet|GET c", "loop"],
                  one("GET a"), one("GET b"), one("GET c"), one("PING", error=REFUSED_BY_HIREDIS), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_connected_again_when_the_program_ends_it(client, mode):
    client.expect([f"again|{client.server.port}", client.open, "command|GET a", "run", "disconnect", "calls|1", "free"],
                  connect(), one("GET a"), connect(), one("PING"), mode=mode, env=CONNECTS)


@pytest.mark.parametrize("mode", MODES)
def test_connected_again_when_the_server_ends_it(client, mode):
    with Scripted(b"") as ending:
        where = Tcp(ending.port)
        client.expect([f"again|{client.server.port}", f"connect|127.0.0.1|{ending.port}", "command|GET a", "calls|2", "free"],
                      connect(where=where), one("GET a", error=CLOSED, where=where), connect(), one("PING"), mode=mode,
                      env=CONNECTS)


def test_functions_that_throw(redis):
    """A C++ program gets over it, with another connection."""
    result = same_output([app("redis_throw"), redis.port, "20"], env=NEW, before=redis.reset)
    assert result.returncode == 0 and result.stdout.count(b"caught number") == 20
    where = Tcp(redis.port)
    assert seen(result.spans) == [span.span("database", where) for span in (one("PING ?"), one("ECHO ?"))] * 20


# --- time and room --------------------------------------------------------------------------------------------------------------


def test_the_count_of_what_has_no_room(client):
    """Two thousand and forty-eight at a time; each of the others is counted."""
    settings = {"OTEL_BSP_MAX_QUEUE_SIZE": "20000", "OTEL_NATIVE_SUMMARY": "true"}
    for given, again in ((2048, 0), (2049, 7), (5000, 3000)):
        with OtlpSink() as sink:
            result = instrumented([app("redis_async"), client.open, f"many|{given}", "run", "sum", f"many|{again}", "run", "free"],
                                  sink, env=settings)
            assert result.returncode == 0, result
            made, delivered, full, memory = map(int, re.search(
                rb"spans made (\d+), delivered (\d+), dropped: queue full (\d+), no memory (\d+), ", result.stderr).groups())
            room = min(given, 2048) + min(again, 2048)
            assert (made, delivered, full, memory) == (given + again, room, 0, given + again - room)
            assert [span.name for span in sink.spans()] == ["INCR"] * room


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_subscription_to_a_shard(client, mode):
    """hiredis takes it for a command like any other, whose answer is its first confirmation."""
    client.expect([client.open, "command|SSUBSCRIBE a", "run", "free"], one("SSUBSCRIBE a"), mode=mode)


if HIREDIS >= (1, 0):

    @pytest.mark.parametrize("mode", MODES)
    def test_an_answer_that_takes_too_long(client, mode):
        client.expect([client.open, "command|GET a", "run", "timeout|50", "command|BLPOP nothing 0", "quiet|GET b", "loop"],
                      one("GET a"), one("BLPOP nothing ?", error=TIMEOUT), one("GET b", error=TIMEOUT), mode=mode)

    @pytest.mark.parametrize("mode", MODES)
    def test_a_connection_that_takes_too_long(client, mode):
        """A listener whose queue is full does not answer."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
            port = listener.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for one_more in waiting:
                one_more.setblocking(False)
                one_more.connect_ex(("127.0.0.1", port))
            where = Tcp(port)
            client.expect([f"connect_timeout|127.0.0.1|{port}|100", "command|GET a", "loop"],
                          connect(TIMEOUT), one("GET a", error=TIMEOUT), mode=mode, where=where, env=CONNECTS)
            for one_more in waiting:
                one_more.close()
