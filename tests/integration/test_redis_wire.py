"""Redis spoken over plain sockets: a CLIENT span for each command, whatever program writes it.

A peer that says what a test tells it answers a program that writes what the test tells it; the programs people use are in
test_redis_programs.py."""

import pytest
from redis_wire import CLOSED, OK, SETUP, bulk, check, command, commands, exchange, talk, wire
from test_hiredis import DUP, MODES, NEW, WRONGTYPE

from harness import free_port

GET = commands("GET k")
BIG = "v" * 1000000


@pytest.mark.parametrize("mode", MODES)
def test_commands_in_each_attribute_set(mode):
    asked = [commands("SET user:1 Ann"), commands("GET user:1"), commands("HSET h field secret"), command("SET", "bin\0ary", "\r\n\0"),
             commands("lrange list 0 -1"), commands("PING")]
    where, spans = talk(*exchange(*zip(asked, [OK, bulk("Ann"), ":1\r\n", OK, "*0\r\n", "+PONG\r\n"], strict=True)), env=mode)
    check(spans, where, wire("SET user:1 ?"), wire("GET user:1"), wire("HSET h field ?"), wire("SET ? ?"), wire("lrange list ? ?"),
          mode=mode)


ERRORS = ["ERR", "WRONGTYPE", "NOAUTH", "WRONGPASS", "NOPERM", "OOM", "LOADING", "BUSY", "NOSCRIPT", "READONLY", "MASTERDOWN",
          "MISCONF", "EXECABORT", "NOREPLICAS", "BUSYKEY", "BUSYGROUP", "NOGROUP", "UNBLOCKED", "UNKILLABLE", "NOTBUSY", "INPROG",
          "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT", "CLUSTERDOWN", "NOPROTO", "DENIED", "NOGOODSLAVE", "NOMASTERLINK", "STALE"]


@pytest.mark.parametrize("mode", MODES)
def test_every_error_has_its_code_and_words(mode):
    where, spans = talk(*exchange(*((GET, f"-{code} said for a test\r\n") for code in ERRORS)), env=mode)
    check(spans, where, *(wire("GET k", reply=(code, "said for a test")) for code in ERRORS), mode=mode)


def test_errors_without_a_code_long_ones_and_such_with_values():
    long = "x" * 300
    where, spans = talk(*exchange(
        (GET, "-something went wrong\r\n"), (GET, "!21\r\nSYNTAX invalid syntax\r\n"), (GET, f"-ERR {long}\r\n"),
        (GET, "-ERR unknown command 'FOO', with args beginning with: 'hunter2' \r\n"), (GET, "-\r\n"), (GET, bulk("v"))), env=NEW)
    check(spans, where, wire("GET k", reply=("ERR", "something went wrong")), wire("GET k", reply=("SYNTAX", "invalid syntax")),
          wire("GET k", reply=("ERR", "x" * 200)),
          wire("GET k", reply=("ERR", "unknown command 'FOO', with args beginning with: ?")), wire("GET k", reply=("ERR", "")),
          wire("GET k"), mode=NEW)


def test_whatever_a_reply_is_it_ends_one_command():
    replies = ["+OK\r\n", ":1\r\n", "$-1\r\n", "$0\r\n\r\n", "*-1\r\n", "*0\r\n", "*2\r\n*1\r\n-ERR no error\r\n$3\r\na\r\n\r\n", "_\r\n",
               "#t\r\n", ",3.14\r\n", "(349289032840923850\r\n", "=5\r\ntxt:x\r\n", "%1\r\n+a\r\n*1\r\n:1\r\n", "~2\r\n:1\r\n:2\r\n",
               "|1\r\n+ttl\r\n:3600\r\n+after\r\n", "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", ">2\r\n+invalidate\r\n*0\r\n+OK\r\n",
               "*2\r\n-ERR this is data\r\n:1\r\n"]
    where, spans = talk(*exchange(*((GET, reply) for reply in replies)))
    check(spans, where, *[wire("GET k")] * len(replies))


def test_a_megabyte_each_way_in_any_pieces():
    pair = f"*2\r\n{bulk(BIG)}{bulk('x')}"
    script = (f"send('*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\nk\\r\\n$1000000\\r\\n' + 'v' * 1000000 + '\\r\\n'); recv(5); "
              f"send({GET!r}); recv({len(bulk(BIG))}); send({GET!r}); recv({len(pair)})")
    where, spans = talk([(command("SET", "k", BIG), OK), (GET, bulk(BIG)), (GET, pair)], script)
    check(spans, where, wire("SET k ?"), wire("GET k"), wire("GET k"))


def test_bytes_one_by_one():
    texts, replies = ["SET k v", "LPUSH k v", "GET k"], [OK, f"-WRONGTYPE {WRONGTYPE}\r\n", bulk("v")]
    steps = list(zip(map(commands, texts), replies, strict=True))
    script = "; ".join(f"[send(c) for c in {asked!r}]; [recv(1) for _ in range({len(reply)})]" for asked, reply in steps)
    where, spans = talk(steps, script, env=NEW)
    check(spans, where, wire("SET k ?"), wire("LPUSH k ?", reply=("WRONGTYPE", WRONGTYPE)), wire("GET k"), mode=NEW)


# --- together -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_pipeline_is_a_span_a_command(mode):
    three = commands("SET k 1", "LPUSH k 1", "GET k")
    where, spans = talk(*exchange((three, f"+OK\r\n-WRONGTYPE {WRONGTYPE}\r\n$1\r\n1\r\n"), (GET, bulk("1"))), env=mode)
    check(spans, where, wire("SET k ?", together=3), wire("LPUSH k ?", together=3, reply=("WRONGTYPE", WRONGTYPE)),
          wire("GET k", together=3), wire("GET k"), mode=mode)


def test_a_pipeline_in_several_writes_is_one_where_they_block():
    script = f"send({GET!r}); send({GET + GET!r}); [send(c) for c in {GET!r}]; recv(16)"
    where, spans = talk([(GET * 4, OK + "-ERR x\r\n+c\r\n")], script.replace("recv(16)", "recv(17)"))
    check(spans, where, wire("GET k", together=4), wire("GET k", together=4, reply=("ERR", "x")), wire("GET k", together=4),
          wire("GET k", together=4, error=("abandoned", "Connection closed before the reply")))


def test_how_many_are_together_is_not_guessed():
    """Without blocking, several tasks may share a connection: only what is in one write is known to be one pipeline."""
    script = (f"s.close(); s = socket.socket(); s.settimeout(20); s.connect(('127.0.0.1', int(sys.argv[1]))); send({GET!r}); send({GET!r}); "
              f"recv(10); send({GET + GET!r}); recv(10); send({GET + GET!r}); send({GET!r}); recv(15)")
    where, spans = talk([("", ""), (GET * 2, OK * 2), (GET * 2, OK * 2), (GET * 3, OK * 3)], script)
    check(spans, where, wire("GET k"), wire("GET k"), wire("GET k", together=2), wire("GET k", together=2),
          wire("GET k"), wire("GET k"), wire("GET k"))


def test_one_command_in_two_writes_is_no_pipeline():
    where, spans = talk([(GET, OK)], f"send({GET[:9]!r}); send({GET[9:]!r}); recv(5)")
    check(spans, where, wire("GET k"))


# --- transactions, databases, secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_transactions(mode):
    queued = "+QUEUED\r\n"
    where, spans = talk(*exchange(
        (commands("MULTI"), OK), (commands("SET k 1"), queued), (commands("LPUSH k 1"), queued),
        (commands("EXEC"), f"*2\r\n+OK\r\n-WRONGTYPE {WRONGTYPE}\r\n"), (commands("MULTI"), OK), (commands("EXEC"), "*-1\r\n"),
        (commands("MULTI"), OK), (commands("SET"), "-ERR wrong number of arguments for 'set' command\r\n"),
        (commands("EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n"),
        (commands("MULTI"), OK), (commands("DISCARD"), OK)), env=mode)
    check(spans, where, wire("MULTI"), wire("SET k ?"), wire("LPUSH k ?"), wire("EXEC", reply=("WRONGTYPE", WRONGTYPE)), wire("MULTI"),
          wire("EXEC"), wire("MULTI"), wire("SET", reply=("ERR", "wrong number of arguments for 'set' command")),
          wire("EXEC", reply=("EXECABORT", "Transaction discarded because of previous errors.")), wire("MULTI"), wire("DISCARD"),
          mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_the_selected_database(mode):
    queued = "+QUEUED\r\n"
    where, spans = talk(*exchange(
        (GET, OK), (commands("SELECT 2"), OK), (GET, OK), (commands("select 99"), "-ERR DB index is out of range\r\n"), (GET, OK),
        (commands("MULTI"), OK), (commands("SELECT 5"), queued), (GET, queued), (commands("EXEC"), "*2\r\n+OK\r\n$-1\r\n"), (GET, OK),
        (commands("RESET"), "+RESET\r\n"), (GET, OK), (commands("SELECT 3", "GET k"), OK + OK)), env=mode)
    check(spans, where, wire("GET k"), wire("SELECT ?"), wire("GET k", db=2),
          wire("select ?", db=2, reply=("ERR", "DB index is out of range")), wire("GET k", db=2), wire("MULTI", db=2),
          wire("SELECT ?", db=2), wire("GET k", db=2), wire("EXEC", db=2), wire("GET k", db=5), wire("RESET", db=5), wire("GET k"),
          wire("SELECT ?", together=2), wire("GET k", db=3, together=2), mode=mode)


OPENING = [("HELLO 3 AUTH app hunter2", "%1\r\n+proto\r\n:3\r\n"), ("CLIENT SETINFO LIB-NAME x", "-ERR unknown subcommand\r\n"),
           ("AUTH hunter2", OK), ("COMMAND", "*0\r\n"), ("command docs", "%0\r\n"), ("CLIENT SETNAME x", OK), ("PING", "+PONG\r\n"), ("SELECT 4", OK)]


def test_what_sets_a_connection_up_makes_no_spans():
    steps = [(commands(text), reply) for text, reply in [*OPENING, ("GET k", OK), ("PING", "+PONG\r\n"), ("CLIENT ID", ":3\r\n"),
                                                         ("COMMAND DOCS", "*0\r\n"),
                                                         ("AUTH hunter2", OK), ("SELECT 1", OK)]]
    where, spans = talk(*exchange(*steps))
    check(spans, where, wire("GET k", db=4), wire("CLIENT ?", db=4), wire("COMMAND ?", db=4), wire("AUTH ?", db=4), wire("SELECT ?", db=4))
    assert "hunter2" not in repr(spans)


@pytest.mark.parametrize("mode", MODES)
def test_what_sets_a_connection_up_on_request(mode):
    where, spans = talk(*exchange(*((commands(text), reply) for text, reply in [*OPENING, ("GET k", OK)])), env={**mode, **SETUP})
    check(spans, where, wire("HELLO ? ? ? ?"), wire("CLIENT SETINFO ? ?", reply=("ERR", "unknown subcommand")), wire("AUTH ?"),
          wire("COMMAND"), wire("command docs"), wire("CLIENT SETNAME ?"), wire("PING"), wire("SELECT ?"), wire("GET k", db=4), mode=mode)
    assert "hunter2" not in repr(spans)


def test_a_set_up_that_fails_is_told():
    failed = [("HELLO 3", "-NOPROTO unsupported protocol version\r\n"), ("HELLO 3", "-ERR unknown command 'HELLO'\r\n"),
              ("HELLO 3 AUTH a hunter2", "-WRONGPASS invalid username-password pair\r\n"), ("AUTH hunter2", "-WRONGPASS invalid\r\n"),
              ("SELECT 77", "-ERR DB index is out of range\r\n"), ("PING", "-LOADING Redis is loading\r\n")]
    where, spans = talk(*exchange(*((commands(text), reply) for text, reply in failed)), env=NEW)
    check(spans, where, wire("HELLO ? ? ? ?", reply=("WRONGPASS", "invalid username-password pair")),
          wire("AUTH ?", reply=("WRONGPASS", "invalid")), wire("SELECT ?", reply=("ERR", "DB index is out of range")),
          wire("PING", reply=("LOADING", "Redis is loading")), mode=NEW)
    assert "hunter2" not in repr(spans)


# --- what waits -----------------------------------------------------------------------------------------------------------

POLLS = [("BLPOP q 1", "*-1\r\n"), ("BRPOP q 1", "_\r\n"), ("BRPOPLPUSH a b 1", "$-1\r\n"), ("BLMOVE a b LEFT LEFT 1", "$-1\r\n"),
         ("BLMPOP 1 1 q LEFT", "*-1\r\n"), ("BZPOPMIN z 1", "*-1\r\n"), ("BZPOPMAX z 1", "*-1\r\n"), ("BZMPOP 1 1 z MIN", "*-1\r\n"),
         ("XREAD BLOCK 5 STREAMS s $", "*-1\r\n"), ("XREADGROUP GROUP g c block 5 STREAMS s >", "*-1\r\n")]
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_polls_that_come_back_empty_make_no_spans():
    more = [("BLPOP q 1", "*2\r\n$1\r\nq\r\n$1\r\nv\r\n"), ("XREAD STREAMS s $", "*-1\r\n"), ("LPOP q", "$-1\r\n"),
            ("BLPOP q 1", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")]
    where, spans = talk(*exchange(*((commands(text), reply) for text, reply in POLLS + more)), env=NEW)
    check(spans, where, wire("BLPOP q ?"), wire("XREAD STREAMS s ?"), wire("LPOP q"),
          wire("BLPOP q ?", reply=("UNBLOCKED", "client unblocked via CLIENT UNBLOCK")), mode=NEW)


@pytest.mark.parametrize("env", [SETUP, {"TRACEPARENT": f"00-{TRACE}-{PARENT}-01"}], ids=["asked for", "with a parent"])
def test_empty_polls_where_somebody_waits_for_them(env):
    _, spans = talk(*exchange(*((commands(text), reply) for text, reply in POLLS)), env=env)
    spans.sort(key=lambda span: span.start)
    assert [span.name for span in spans] == [text.split()[0] for text, _ in POLLS]
    assert {span.parent_span_id for span in spans} == ({PARENT} if "TRACEPARENT" in env else {""})


def message(*words):
    return f"*{len(words)}\r\n" + "".join(word if word.startswith(":") else bulk(word) for word in words)


def test_published_messages_are_no_replies():
    """RESP2: a connection that has subscribed."""
    where, spans = talk(*exchange(
        (commands("SUBSCRIBE a b"), message("subscribe", "a", ":1\r\n") + message("subscribe", "b", ":2\r\n") + message("message", "a", "m")),
        (commands("PSUBSCRIBE p*"), message("message", "b", "m") + message("psubscribe", "p*", ":3\r\n") +
         message("pmessage", "p*", "p1", "m")),
        (commands("PING"), message("pong", "")),
        (commands("UNSUBSCRIBE"), message("unsubscribe", "a", ":2\r\n") + message("unsubscribe", "b", ":1\r\n")),
        (commands("PUNSUBSCRIBE p*"), message("punsubscribe", "p*", ":0\r\n")),
        (commands("LRANGE l 0 2"), message("message", "a", "m")), (GET, OK)), env=NEW)
    check(spans, where, wire("SUBSCRIBE a b"), wire("PSUBSCRIBE p*"), wire("UNSUBSCRIBE"), wire("PUNSUBSCRIBE p*"),
          wire("LRANGE l ? ?"), wire("GET k"), mode=NEW)


def test_pushed_messages_are_no_replies():
    """RESP3: at any place, also on a connection that does something else."""
    def push(*words):
        return ">" + message(*words)[1:]

    where, spans = talk(*exchange(
        (commands("SUBSCRIBE a b", "GET k"),
         push("subscribe", "a", ":1\r\n") + push("subscribe", "b", ":2\r\n") + push("message", "a", "m") + OK),
        (GET, push("message", "a", "m") + "|1\r\n+ttl\r\n:1\r\n" + bulk("v")), (commands("SUBSCRIBE c"), "-NOPERM no\r\n"),
        (commands("UNSUBSCRIBE a b"), push("unsubscribe", "a", ":1\r\n") + push("invalidate", "k") + push("unsubscribe", "b", ":0\r\n")),
        (GET, OK)), env=NEW)
    check(spans, where, wire("SUBSCRIBE a b", together=2), wire("GET k", together=2), wire("GET k"),
          wire("SUBSCRIBE c", reply=("NOPERM", "no")), wire("UNSUBSCRIBE a b"), wire("GET k"), mode=NEW)


def test_monitor_is_one_span():
    line = '+1339518083.107412 [0 127.0.0.1:60866] "keys" "*"\r\n'
    where, spans = talk(*exchange((commands("MONITOR"), OK + line + line), (commands("RESET"), line + "+RESET\r\n"), (GET, "+1\r\n")))
    check(spans, where, wire("MONITOR"), wire("RESET"), wire("GET k"))


# --- ends ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reply", ["", "$10\r\nabc", "*2\r\n+a\r\n", "+O", "-ER"])
def test_a_server_that_closes_in_the_middle(reply, mode):
    steps = [(GET, OK), (GET, reply), ("", "")] if reply else [(GET, OK), (GET, "")]
    where, spans = talk(steps, f"send({GET!r}); recv(5); send({GET!r}); all()", env=mode)
    check(spans, where, wire("GET k"), wire("GET k", error=CLOSED), mode=mode)


def test_a_pipeline_whose_end_is_missing():
    where, spans = talk([(GET * 3, OK), ("", "")], f"send({GET * 3!r}); all()", env=NEW)
    check(spans, where, wire("GET k", together=3), *[wire("GET k", together=3, error=CLOSED)] * 2, mode=NEW)


@pytest.mark.parametrize("mode", MODES)
def test_a_connection_that_is_reset(mode):
    where, spans = talk([(GET, None)], f"send({GET!r})\ntry: recv(5)\nexcept ConnectionError: pass", env=mode)
    check(spans, where, wire("GET k", error=("ECONNRESET", "Connection reset by peer")), mode=mode)


def test_a_program_that_goes_without_its_reply():
    left = ("abandoned", "Connection closed before the reply")
    script = f"send({GET!r}); close(); again(); send({commands('PING')!r}); close(); again(); send({commands('BLPOP q 0')!r}); close()"
    where, spans = talk([(GET, ""), (commands("PING"), ""), (commands("BLPOP q 0"), "")], script, env=NEW)
    check(spans, where, wire("GET k", error=left), mode=NEW)


@pytest.mark.parametrize("word", ["QUIT", "SHUTDOWN"])
def test_a_connection_may_end_with_what_asks_for_that(word):
    where, spans = talk([(commands(word), "")], f"send({commands(word)!r}); all()")
    check(spans, where, wire(word))


def test_a_refusal_before_the_command_was_there():
    half = commands("SET k v")[:-4]
    where, spans = talk([(half, "-ERR Protocol error: invalid bulk length\r\n"), ("", "")], f"send({half!r}); all()", env=NEW)
    check(spans, where, wire("SET k", reply=("ERR", "Protocol error: invalid bulk length")), mode=NEW)


# --- what is not Redis ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "hello\r\n", "$?\r\n"])
def test_what_does_not_answer_as_redis_makes_no_spans(reply):
    _, spans = talk([(GET, reply), (GET, OK)], f"send({GET!r}); recv({len(reply)}); send({GET!r}); recv(5)")
    assert spans == []


@pytest.mark.parametrize("text", ["PING\r\n", "*1\r\n+PING\r\n", "get k\r\n", "$4\r\nPING\r\n"])
def test_what_does_not_ask_as_redis_makes_no_spans(text):
    _, spans = talk([(text, "PONG\r\n")], f"send({text!r}); recv(6)")
    assert spans == []


def test_a_reply_to_nothing_is_the_end_of_it():
    where, spans = talk([(GET, OK + OK), (GET, OK)], f"send({GET!r}); recv(10); send({GET!r}); recv(5)")
    check(spans, where, wire("GET k"))


@pytest.mark.parametrize("words", ["CLIENT REPLY OFF", "CLIENT REPLY SKIP", "PSYNC ? -1", "SYNC"])
def test_what_ends_the_conversation_of_commands_and_replies(words):
    where, spans = talk([(GET, OK), (commands(words), OK), (GET, OK)],
                        f"send({GET!r}); recv(5); send({commands(words)!r}); recv(5); send({GET!r}); recv(5)")
    check(spans, where, wire("GET k"))


def test_replies_are_on_again():
    where, spans = talk(*exchange((GET, OK), (commands("CLIENT REPLY ON"), OK), (GET, OK)))
    check(spans, where, wire("GET k"), wire("CLIENT ? ?"), wire("GET k"))


def test_commands_that_somebody_types():
    typed = [("SET k 'a b'\r\n", OK), ("get k\n", bulk("a b")), ("\r\nLRANGE l 0 -1\r\n", "*0\r\n"), (GET, OK)]
    where, spans = talk(*exchange(*typed), env=NEW)
    check(spans, where, wire("SET k ?"), wire("get k"), wire("LRANGE l ? ?"), wire("GET k"), mode=NEW)


def test_a_typed_command_in_pieces_is_known_by_its_reply():
    where, spans = talk([("PING\r\n", "+PONG\r\n"), ("INCR n\r\n", ":1\r\n")],
                        "send('PI'); send('NG\\r\\n'); recv(7); send('INCR n\\r\\n'); recv(4)", env=SETUP)
    check(spans, where, wire("PING"), wire("INCR n"))


def test_disabled():
    _, spans = talk(*exchange((GET, OK)), env={"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "redis"})
    assert spans == []


@pytest.mark.parametrize("disabled", ["http_client", "http_server", "http_client,http_server", "mysql"])
def test_alone(disabled):
    where, spans = talk(*exchange((GET, OK)), env={"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": disabled})
    check(spans, where, wire("GET k"))


def test_a_port_is_no_proof():
    """HTTP where somebody else might expect Redis, and nobody at all."""
    request, answer = "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    _, (span,) = talk([("", "")] and [("Host: a", answer)], f"send({request!r}); recv({len(answer)})", env={"OTEL_PROPAGATORS": "none"})
    assert span.scope_name == "otel-instrument.http_client"
    refused = f"s = socket.socket(); print(s.connect_ex(('127.0.0.1', {free_port()})) != 0)"
    assert talk([], refused)[1] == []


def test_a_forked_child_does_not_tell_its_parents_commands_again():
    script = (f"import os; send({GET!r}); child = os.fork()\nif child == 0: os._exit(0)\n"
              f"os.waitpid(child, 0); recv(5); send({GET!r}); recv(5)")
    where, spans = talk([(GET, OK), (GET, OK)], script)
    check(spans, where, wire("GET k"), wire("GET k"))


def test_a_child_that_reads_what_its_parent_asked():
    script = (f"import os; send({GET!r}); child = os.fork()\nif child == 0: recv(5); send({GET!r}); recv(5); sys.exit(0)\n"
              f"os.waitpid(child, 0)")
    where, spans = talk([(GET, OK), (GET, OK)], script, env=DUP)
    names = [(span.name, span.status[0]) for span in spans]
    assert names == [("GET", "UNSET")] and spans[0].attributes["net.peer.port"] == where.port


def test_a_thread_that_reads_while_another_one_still_writes():
    """The first reply is there before the call that sent its command returns."""
    script = (f"import threading; reader = threading.Thread(target=lambda: (recv(8), recv(5))); send({GET!r}); recv(5); reader.start(); "
              f"send({GET!r} + '*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\nk\\r\\n$8000000\\r\\n' + 'v' * 8000000 + '\\r\\n'); reader.join()")
    where, spans = talk([(GET, OK), (GET, "-ERR x\r\n"), ("SET", OK)], script, env=NEW)
    spans.sort(key=lambda span: (span.start, span.end))
    assert [span.attributes.pop("db.redis.pipeline_length", 2) for span in spans[1:]] == [2, 2]
    check(spans, where, wire("GET k"), wire("GET k", reply=("ERR", "x")), wire("SET k ?"), mode=NEW)
