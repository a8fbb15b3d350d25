"""Every function of hiredis that is hooked: a span when it succeeds and one when it fails, in the old and the new attribute
set. What a function does beyond that is in test_hiredis.py, test_hiredis_async.py and their neighbours."""

import re

from redis_servers import Scripted
from test_hiredis import (ANY, CLOSED, MODES, REFUSED, WRONGTYPE, Client, Expected, Nowhere, Tcp, Unix, one, pipeline, pytest)
from test_hiredis_async import FREED
from test_hiredis_async import Client as AsyncClient

from harness import free_port, not_under, paths

CONNECTS = {"OTEL_NATIVE_CONNECT_SPANS": "true"}
MISSING = "/nonexistent/redis.sock"
NO_FILE = ("ENOENT", "No such file or directory")
NO_ADDRESS = ("REDIS_ERR_OTHER", "Can't bind socket: Cannot assign requested address")
NO_MEMORY = ("REDIS_ERR_OOM", "Out of memory")
NOT_PROTOCOL = ("REDIS_ERR_PROTOCOL", 'Protocol error, got "?" as reply type byte')
WRONG = ("WRONGTYPE", WRONGTYPE)
ELSEWHERE = "203.0.113.1"  # no address of this machine's


@pytest.fixture(scope="module")
def refused():
    return free_port()


@pytest.fixture
def places(redis, refused):
    """What `{}` in a row stands for."""
    return {"port": redis.port, "path": redis.socket, "refused": refused}


def connect(error=None, **more):
    return Expected(name="connect", db=None, error=error, **more)


def where(row, places):
    """The place that a row names: `tcp`, `unix`, `missing`, `refused`, `fd`."""
    return {"tcp": Tcp(places["port"]), "unix": Unix(places["path"]), "missing": Unix(MISSING),
            "refused": Tcp(places["refused"]), "fd": Nowhere()}[row]


def filled(calls, places):
    return [call.format(**places) for call in calls]


# --- connecting: the function's call, where to, and the error. A success is followed by a PING ------------------------------

BLOCKING = [
    ("redisConnect", "connect|127.0.0.1|{port}", "tcp"),
    ("redisConnectWithTimeout", "connect_timeout|127.0.0.1|{port}|5000", "tcp"),
    ("redisConnectUnix", "unix|{path}", "unix"),
    ("redisConnectUnixWithTimeout", "unix_timeout|{path}|5000", "unix"),
    ("redisConnectWithOptions", "options|127.0.0.1|{port}", "tcp"),
    ("redisConnectWithOptions-unix", "options|unix|{path}", "unix"),
]
NONBLOCKING = [
    ("redisConnectNonBlock", "nonblock|127.0.0.1|{port}", "tcp"),
    ("redisConnectBindNonBlock", "bind_nonblock|127.0.0.1|{port}|127.0.0.1", "tcp"),
    ("redisConnectBindNonBlockWithReuse", "bind_reuse_nonblock|127.0.0.1|{port}|127.0.0.1", "tcp"),
    ("redisConnectUnixNonBlock", "unix_nonblock|{path}", "unix"),
]
FAILING = [
    ("redisConnect", "connect|127.0.0.1|{refused}", "refused", REFUSED),
    ("redisConnectWithTimeout", "connect_timeout|127.0.0.1|{refused}|5000", "refused", REFUSED),
    ("redisConnectUnix", f"unix|{MISSING}", "missing", NO_FILE),
    ("redisConnectUnixWithTimeout", f"unix_timeout|{MISSING}|5000", "missing", NO_FILE),
    ("redisConnectUnixNonBlock", f"unix_nonblock|{MISSING}", "missing", NO_FILE),
    ("redisConnectWithOptions", "options|127.0.0.1|{refused}", "refused", REFUSED),
    ("redisConnectWithOptions-unix", f"options|unix|{MISSING}", "missing", NO_FILE),
    ("redisConnectNonBlock", "nonblock|127.0.0.1|-1", "nowhere", ("REDIS_ERR_OTHER", ANY)),
    ("redisConnectBindNonBlock", f"bind_nonblock|127.0.0.1|{{port}}|{ELSEWHERE}", "tcp", NO_ADDRESS),
    ("redisConnectBindNonBlockWithReuse", f"bind_reuse_nonblock|127.0.0.1|{{port}}|{ELSEWHERE}", "tcp", NO_ADDRESS),
]
ASYNC = [
    ("redisAsyncConnect", "connect|127.0.0.1|{port}", "tcp"),
    ("redisAsyncConnectBind", "bind|127.0.0.1|{port}|127.0.0.1", "tcp"),
    ("redisAsyncConnectBindWithReuse", "bind_reuse|127.0.0.1|{port}|127.0.0.1", "tcp"),
    ("redisAsyncConnectUnix", "unix|{path}", "unix"),
    ("redisAsyncConnectWithOptions", "options|127.0.0.1|{port}", "tcp"),
    ("redisAsyncConnectWithOptions-unix", "options|unix|{path}", "unix"),
]
ASYNC_FAILING = [
    ("redisAsyncConnect", "connect|127.0.0.1|{refused}", "refused", REFUSED),
    ("redisAsyncConnectBind", f"bind|127.0.0.1|{{port}}|{ELSEWHERE}", "tcp", NO_ADDRESS),
    ("redisAsyncConnectBind-late", "bind|127.0.0.1|{refused}|127.0.0.1", "refused", REFUSED),
    ("redisAsyncConnectBindWithReuse", f"bind_reuse|127.0.0.1|{{port}}|{ELSEWHERE}", "tcp", NO_ADDRESS),
    ("redisAsyncConnectBindWithReuse-late", "bind_reuse|127.0.0.1|{refused}|127.0.0.1", "refused", REFUSED),
    ("redisAsyncConnectUnix", f"unix|{MISSING}", "missing", NO_FILE),
    ("redisAsyncConnectWithOptions", "options|127.0.0.1|{refused}", "refused", REFUSED),
    ("redisAsyncConnectWithOptions-unix", f"options|unix|{MISSING}", "missing", NO_FILE),
]


def rows(table):
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call, place", rows(BLOCKING))
def test_connecting(redis, places, call, place, mode):
    Client(redis).expect(filled([call, "command|PING"], places), connect(), one("PING"), mode=mode, where=where(place, places),
                         env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call, place", rows(NONBLOCKING))
def test_connecting_without_waiting(redis, places, call, place, mode):
    """Whether it succeeds is not known, so it makes no span; the first command is one."""
    Client(redis).expect(filled([call, "command|PING", "exchange"], places), one("PING"), mode=mode, where=where(place, places),
                         env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call, place, error", rows(FAILING))
def test_failing_to_connect(redis, places, call, place, error, mode):
    here = Tcp(-1) if place == "nowhere" else where(place, places)
    if place == "nowhere":
        here.old = lambda db: {"db.system": "redis", "net.peer.name": "127.0.0.1", "net.transport": "ip_tcp",
                               "db.connection_string": "redis://127.0.0.1"}
        here.new = lambda db: {"db.system.name": "redis", "server.address": "127.0.0.1", "network.transport": "tcp",
                               "network.peer.address": "127.0.0.1"}
    Client(redis).expect(filled([call], places), connect(error), mode=mode, where=here)


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_descriptor(redis, places, mode):
    """hiredis connects nothing then."""
    Client(redis).expect(filled(["fd|127.0.0.1|{port}", "command|PING"], places), one("PING"), mode=mode, where=Nowhere(),
                         env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
def test_reconnecting(redis, places, mode):
    Client(redis).expect(filled(["connect|127.0.0.1|{port}", "reconnect", "command|PING"], places), connect(), connect(),
                         one("PING"), mode=mode, env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
def test_failing_to_reconnect(redis, places, mode):
    Client(redis).expect(filled(["connect|127.0.0.1|{refused}", "reconnect"], places), connect(REFUSED), connect(REFUSED),
                         mode=mode, where=where("refused", places))


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call, place", rows(ASYNC))
def test_connecting_asynchronously(redis, places, call, place, mode):
    AsyncClient(redis).expect(filled([call, "command|PING", "run", "free"], places), connect(), one("PING"), mode=mode,
                              where=where(place, places), env=CONNECTS)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call, place, error", rows(ASYNC_FAILING))
def test_failing_to_connect_asynchronously(redis, places, call, place, error, mode):
    AsyncClient(redis).expect(filled([call, "loop"], places), connect(error), mode=mode, where=where(place, places), env=CONNECTS)


# --- commands ---------------------------------------------------------------------------------------------------------------

COMMANDS = [
    ("redisCommand", ["command|{} k x"]),
    ("redisvCommand", ["list|{} %s %s|k|x"]),
    ("redisCommandArgv", ["argv|{}|k|x"]),
    ("redisAppendCommand-redisGetReply", ["append|{} %s %s|k|x", "get"]),
    ("redisvAppendCommand", ["append_list|{} %s %s|k|x", "get"]),
    ("redisAppendCommandArgv", ["append_argv|{}|k|x", "get"]),
    ("redisAppendFormattedCommand-redisFormatCommand", ["format|{} %s %s|k|x", "get"]),
    ("redisAppendFormattedCommand-redisFormatCommandArgv", ["format_argv|{}|k|x", "get"]),
    ("redisAppendFormattedCommand-redisFormatSdsCommandArgv", ["format_sds|{}|k|x", "get"]),
    ("redisBufferWrite", ["append|{} k x", "write", "get"]),
    ("redisBufferRead-redisGetReplyFromReader", ["append|{} k x", "write", "fill", "read"]),
]


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("calls", rows(COMMANDS))
def test_a_command(redis, places, calls, mode):
    """Carried out, then refused: k holds a string by then."""
    twice = [call.replace("{}", name) for name in ("SET", "LPUSH") for call in calls]
    Client(redis).expect(filled(["connect|127.0.0.1|{port}"], places) + twice, one("SET k ?"), one("LPUSH k ?", reply=WRONG),
                         mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("calls", rows(COMMANDS))
def test_a_command_whose_connection_ends(calls, mode):
    with Scripted(b"") as server:
        Client(server).expect([f"connect|127.0.0.1|{server.port}"] + [call.replace("{}", "SET") for call in calls],
                              one("SET k ?", error=CLOSED), mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("calls", rows(COMMANDS))
def test_a_command_whose_reply_is_none(calls, mode):
    with Scripted(b"?what\r\n", b"") as server:
        Client(server).expect([f"connect|127.0.0.1|{server.port}"] + [call.replace("{}", "SET") for call in calls],
                              one("SET k ?", error=NOT_PROTOCOL), mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
def test_writing_and_reading_by_hand(redis, places, mode):
    """Each of them meets the end of the connection."""
    Client(redis).expect(filled(["nonblock|127.0.0.1|{refused}", "append|GET a", "write"], places), one("GET a", error=REFUSED),
                         mode=mode, where=where("refused", places))
    with Scripted(b"") as server:
        Client(server).expect([f"connect|127.0.0.1|{server.port}", "append|GET a", "write", "fill"], one("GET a", error=CLOSED),
                              mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("how", ["free", "free_keep_fd"])
def test_freeing_in_the_middle_of_a_pipeline(redis, places, how, mode):
    Client(redis).expect(filled(["connect|127.0.0.1|{port}", "append|GET a", "append|GET b", "get", how], places),
                         pipeline("GET a", "GET b"), mode=mode)
    Client(redis).expect(filled(["connect|127.0.0.1|{port}", "command|SET k x", "append|LPUSH k x", "append|GET b", "get", how], places),
                         one("SET k ?"), pipeline("LPUSH k ?", "GET b", reply=WRONG), mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("what", ["free", "get"])
def test_a_child_does_not_report_what_its_parent_sent(redis, places, what, mode):
    """Not when it frees its copy of the context, and not when it reads the rest of the replies there."""
    Client(redis).expect(filled(["connect|127.0.0.1|{port}", "append|GET a", "append|GET b", "append|GET c", "get", f"fork|{what}", "get",
                                 "get"], places), pipeline("GET a", "GET b", "GET c"), mode=mode)


@not_under("address", "its runtime says so when it gets no memory")
@pytest.mark.parametrize("mode", MODES)
def test_no_memory(redis, places, mode):
    Client(redis).expect(filled(["connect|127.0.0.1|{port}", "no_memory|connect|127.0.0.1|{port}", "no_memory|fd",
                                 "no_memory|command|GET a", "connect|127.0.0.1|{port}", "no_memory|append|GET b"], places),
                         connect(NO_MEMORY, where=Tcp(redis.port, address=None)), connect(NO_MEMORY, where=Nothing()),
                         one("GET a", error=NO_MEMORY), one("GET b", error=NO_MEMORY), mode=mode)


class Nothing(Nowhere):
    """A descriptor of which there is not even a context."""

    def old(self, db):
        return {"db.system": "redis"}

    def new(self, db):
        return {"db.system.name": "redis"}


ASYNC_COMMANDS = [
    ("redisAsyncCommand", "command|{} %s %s|k|x"),
    ("redisvAsyncCommand", "list|{} %s %s|k|x"),
    ("redisAsyncCommandArgv", "argv|{}|k|x"),
    ("redisAsyncFormattedCommand", "format|{} %s %s|k|x"),
]


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call", rows(ASYNC_COMMANDS))
def test_an_asynchronous_command(redis, places, call, mode):
    """Carried out, refused, given up, and after that not even accepted."""
    set_, push = (call.replace("{}", name) for name in ("SET", "LPUSH"))
    AsyncClient(redis).expect(
        [f"connect|127.0.0.1|{redis.port}", set_, "run", push, "run", set_, "free"],
        one("SET k ?"), one("LPUSH k ?", reply=WRONG), one("SET k ?", error=FREED), mode=mode)
    AsyncClient(redis).expect(
        [f"connect|127.0.0.1|{redis.port}", "command|GET a", "disconnect", set_, "run"],
        one("GET a"), one("SET k ?", error=("_OTHER", "")), mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize("call", rows(ASYNC_COMMANDS))
def test_an_asynchronous_command_whose_connection_ends(call, mode):
    for answer, error in ((b"", CLOSED), (b"?what\r\n", NOT_PROTOCOL)):
        with Scripted(answer) as server:
            AsyncClient(server).expect([f"connect|127.0.0.1|{server.port}", call.replace("{}", "SET"), "loop"],
                                       one("SET k ?", error=error), mode=mode)


# --- the table is whole -----------------------------------------------------------------------------------------------------

# Those that stand in no row: where each succeeds and fails.
OF_THEIR_OWN = {
    "redisConnectFd": (test_a_descriptor, test_no_memory),
    "redisReconnect": (test_reconnecting, test_failing_to_reconnect),
    "redisFree": (test_freeing_in_the_middle_of_a_pipeline,) * 2,
    "redisFreeKeepFd": (test_freeing_in_the_middle_of_a_pipeline,) * 2,
    "redisAsyncHandleRead": (test_an_asynchronous_command, test_an_asynchronous_command_whose_connection_ends),
    "redisAsyncHandleWrite": (test_connecting_asynchronously, test_failing_to_connect_asynchronously),
}


def named(*tables):
    return {name for table in tables for row in table for name in re.findall(r"redis\w+", row[0])}


def test_every_function_is_in_the_table():
    text = "".join(path.read_text(encoding="utf-8") for path in sorted((paths.SOURCE / "hooks").glob("hiredis*.c")))
    hooked = set(re.findall(r"^OI_HOOK\([^,]*, *(\w+),", text, re.MULTILINE))
    well = named(BLOCKING, NONBLOCKING, ASYNC, COMMANDS, ASYNC_COMMANDS)
    badly = named(FAILING, ASYNC_FAILING, COMMANDS, ASYNC_COMMANDS)
    hooked.remove("redisAsyncHandleTimeout")  # hiredis 0.14 has none: test_hiredis_events.py
    assert not (well | badly) & OF_THEIR_OWN.keys()
    of_libraries = {name for name in well | badly if name.startswith("redisFormat")}
    assert (well | OF_THEIR_OWN.keys()) - of_libraries == hooked
    assert (badly | OF_THEIR_OWN.keys()) - of_libraries == hooked
