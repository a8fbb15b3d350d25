"""Clients that speak Redis's protocol themselves: redis-py, redis-cli (which carries its library inside), phpredis, ioredis.

Their spans are compared with those of hiredis's hooks for the same commands, and with what each test says."""

import shutil
import subprocess

import pytest
from redis_wire import QUEUE, SCOPE, check, seen, wire
from test_hiredis import DUP, MODES, NEW, WRONGTYPE, Tcp, Unix
from test_http_client import PYTHON

from harness import OtlpSink, Redis, app, not_under, same_output, wait_until
from harness.paths import OUT
from harness.programs import instrumented_command, start, telemetry

# Runs what is said after the server's port and socket: `r` is a client.
PY = """
import redis, sys
port, path = int(sys.argv[1]), sys.argv[2]
r = redis.Redis(port=port)
def go(*words):
    try: print(r.execute_command(*words))
    except redis.RedisError as error: print(error)
exec(sys.argv[3])
"""
PHP = "$r = new Redis(); $r->connect('127.0.0.1', (int)$argv[1]);"


def ran(cmd, server, **more):
    result = same_output(cmd, before=server.reset, **more)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result


def python(server, script, env=None):
    return ran([PYTHON, "-c", PY, server.port, server.socket, script], server, env=env)


def cli(server, *lines, options=(), env=None):
    return ran(["redis-cli", "-p", server.port, *options], server, env=env, input="".join(line + "\n" for line in lines).encode())


def php(server, script, env=None):
    return ran(["php", "-r", PHP + script, server.port, server.socket], server, env=env)


# --- the same as from the library -----------------------------------------------------------------------------------------

COMMANDS = [
    "SET user:1:name Ann", "GET user:1:name", "get session:3f2a9bdc4e5f60718293a4b5c6d7e8f9", "HSET h field secret other secret",
    "MSET a 1 b 2 c 3", "MGET a b c missing", "LPUSH a 1", "INCR user:1:name", "SET a", "NONSENSE user secret", "EVAL return(1) 1 k v",
    "XADD stream 1-1 field value", "XREAD COUNT 1 STREAMS stream 0", "ZADD z 1 one 2 two", "ZUNIONSTORE to 2 z other", "EXISTS a b",
    "CONFIG SET requirepassword hunter2", "AUTH hunter2", "SELECT 3", "GET a", "SELECT 99", "MULTI", "INCR n", "SELECT 4", "LPUSH n 1",
    "EXEC", "GET n", "MULTI", "DISCARD", "WATCH n", "UNWATCH", "OBJECT ENCODING n", "EXPIRE n 100", "DEL n a", "SORT list BY w",
    "RESET", "DBSIZE", "GET " + "k" * 300, "MGET " + " ".join(f"key:{i}" for i in range(15)), "FLUSHALL", "ECHO hunter2",
]


def without_scope(spans):
    return [(name, kind, status, schema, parent, attributes) for name, kind, status, _, schema, parent, attributes in seen(spans)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("place", ["tcp", "unix"])
def test_the_same_spans_as_from_the_library(redis, place, mode):
    opened = f"connect|127.0.0.1|{redis.port}" if place == "tcp" else f"unix|{redis.socket}"
    library = same_output([app("redis_script"), opened, *("|".join(["argv", *text.split()]) for text in COMMANDS)], env=mode,
                          before=redis.reset).spans
    assert {span.scope_name for span in library} == {"otel-instrument.hiredis"} and len(library) == len(COMMANDS)
    options = ["-s", redis.socket] if place == "unix" else []
    by_hand = cli(redis, *COMMANDS, options=options, env=mode).spans
    another = "" if place == "tcp" else "r = redis.Redis(unix_socket_path=path); "
    by_python = python(redis, another + "r.response_callbacks.clear(); " + f"[go(*text.split()) for text in {COMMANDS!r}]", env=mode).spans
    for spans in (by_hand, by_python):
        assert {span.scope_name for span in spans} == {SCOPE}
        for got, wanted in zip(without_scope(spans), without_scope(library), strict=True):
            assert got == wanted


def test_what_hiredis_sends_is_told_once(redis):
    """Its connections are its hooks' to tell, also while others in the process are told from the wire."""
    script = f"""
import subprocess; go('GET', 'k')
print(subprocess.run([{str(app("redis_script"))!r}, 'connect|127.0.0.1|' + str(port), 'command|GET k', 'append|GET k', 'append|GET k', 'get', 'get'],
                     capture_output=True).returncode); go('GET', 'k')"""
    spans = python(redis, script).spans
    assert sorted(span.scope_name for span in spans) == ["otel-instrument.hiredis"] * 2 + [SCOPE] * 2


# --- redis-py -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_redis_py(redis, mode):
    spans = python(redis, """
r = redis.Redis(port=port, db=2, health_check_interval=1)
r.set("user:1", "Ann"); print(r.get("user:1"))
pipe = r.pipeline(); pipe.set("a", 1).incrby("a", 2); print(pipe.execute())
pipe = r.pipeline(transaction=False); pipe.get("a").hset("h", "field", "value").lrange("l", 0, -1); print(pipe.execute())
print(r.blpop("empty", 0.01), r.ping())
unix = redis.Redis(unix_socket_path=path); unix.mset({"a": 1, "b": 2}); r.close(); unix.close()
""", env=mode).spans
    where = Tcp(redis.port)
    check(spans, where, wire("SET user:1 ?", db=2), wire("GET user:1", db=2), wire("MULTI", db=2, together=4),
          wire("SET a ?", db=2, together=4), wire("INCRBY a ?", db=2, together=4), wire("EXEC", db=2, together=4),
          wire("GET a", db=2, together=3), wire("HSET h field ?", db=2, together=3), wire("LRANGE l ? ?", db=2, together=3),
          wire("MSET a ? b ?", where=Unix(redis.socket)), mode=mode)


def test_a_long_pipeline_of_redis_py(redis):
    """It goes out in pieces of six kilobytes."""
    spans = python(redis, """
pipe = r.pipeline(transaction=False)
for i in range(3000): pipe.lpop("counter")
print(pipe.execute())""", env=QUEUE).spans
    assert len(spans) == 3000
    expected = seen(spans)[0]
    assert expected[6]["db.redis.pipeline_length"] == 3000 and [span for span in seen(spans) if span != expected] == []


def test_a_pipeline_larger_than_what_is_kept(redis):
    """Of those beyond, nothing is told; what comes behind them is right again."""
    spans = python(redis, """
pipe = r.pipeline(transaction=False)
for i in range(20000): pipe.lpop("counter")
print(len(pipe.execute()))
for i in range(3): r.get("behind")""", env=QUEUE).spans
    names = [span.name for span in sorted(spans, key=lambda span: span.start)]
    assert names == ["LPOP"] * 12288 + ["GET"] * 3
    assert {span.status for span in spans} == {("UNSET", "")}


def test_subscribers_of_redis_py(redis):
    spans = python(redis, """
feed = r.pubsub(); feed.subscribe("one", "two"); feed.psubscribe("p*")
print([feed.get_message(timeout=20) for _ in range(3)])
for i in range(5): r.publish("one", "secret")
print([feed.get_message(timeout=20) for _ in range(5)])
feed.unsubscribe(); print([feed.get_message(timeout=20) for _ in range(2)])
with r.monitor() as monitor:
    r.get("watched"); print(monitor.next_command()["command"])
""", env=NEW).spans
    check(spans, Tcp(redis.port), wire("SUBSCRIBE one two", together=2), wire("PSUBSCRIBE p*", together=2), *[wire("PUBLISH one ?")] * 5, wire("UNSUBSCRIBE"),
          wire("MONITOR"), wire("GET watched"), mode=NEW)


def test_secrets_of_redis_py():
    with Redis(password="hunter2") as server:
        spans = python(server, """
good = redis.Redis(port=port, password="hunter2", db=1); good.get("k")
good.config_set("requirepass", "hunter2"); good.acl_setuser("joe", passwords=["+hunter2"])
try: redis.Redis(port=port, password="hunter3").get("k")
except redis.RedisError as error: print(error)
go("GET", "k")""", env=NEW).spans
        check(spans, Tcp(server.port), wire("GET k", db=1), wire("CONFIG SET ? ?", db=1),
              wire("ACL SETUSER" + " ?" * (spans[2].attributes["db.redis.args_length"] - 2), db=1),
              wire("AUTH ?", reply=("WRONGPASS", "invalid username-password pair or user is disabled.")),
              wire("GET k", reply=("NOAUTH", "Authentication required.")), mode=NEW)
        assert "hunter" not in repr(spans)


def test_a_server_that_dies():
    with Redis() as server, OtlpSink() as sink:
        program = [PYTHON, "-c", PY, server.port, server.socket, """
go("SET", "k", "v"); print("ready", flush=True); sys.stdin.readline()
try: r.execute_command("BLPOP", "nothing", 0)
except redis.RedisError as error: print(type(error).__name__)"""]
        process = start(instrumented_command(program), env=telemetry(sink, NEW), stdin=subprocess.PIPE)
        while process.stdout.readline() != b"ready\n":
            pass
        process.stdin.write(b"\n")
        process.stdin.flush()
        wait_until(lambda: "blocked_clients:1" in server.cli("INFO", "clients"), what="the program waiting")
        server.kill()
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (0, b"") and b"ConnectionError" in output
        spans = sorted(sink.spans(), key=lambda span: span.start)
        assert [(span.name, span.attributes.get("error.type")) for span in spans] == [
            ("SET", None), ("BLPOP", spans[1].attributes["error.type"])]
        assert spans[1].attributes["error.type"] in ("connection_closed", "ECONNRESET")


SERVICE = """
import http.server, redis, sys
pool = redis.Redis(port=int(sys.argv[1]))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        with pool.pipeline(transaction=False) as pipe: values = pipe.incr("hits").get("k").execute()
        body = str(pool.get("name")).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


def asked_thrice(redis, service, count, then=()):
    """The spans of a service that is asked three times; then a command is given to its server."""
    redis.reset()
    with OtlpSink() as sink:
        server = start(instrumented_command([PYTHON, "-c", service, redis.port]), env=telemetry(sink, {"OTEL_BSP_SCHEDULE_DELAY": "100"}))
        try:
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
            for _ in range(3):
                subprocess.run(["curl", "-sf", url], check=True, capture_output=True)
            if then:
                redis.cli(*then)
            return sink.wait(count)
        finally:
            server.kill()
            server.wait()


def test_the_parent_is_the_request_that_is_served(redis):
    assert shape(asked_thrice(redis, SERVICE, 12)) == [("SERVER", ["GET", "GET", "INCRBY"])] * 3


def shape(spans):
    roots = [span for span in spans if not span.parent_span_id]
    return [(root.kind, sorted(span.name for span in spans if span.parent_span_id == root.span_id)) for root in roots]


# One thread for everything: a request asks Redis, and with what it is told asks again. What is published is asked for by nobody.
LOOP = """
import select, socket, sys
def command(*words):
    return b"".join([b"*%d\\r\\n" % len(words), *(b"$%d\\r\\n%s\\r\\n" % (len(word), word) for word in words)])
def redis():
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.setblocking(False)
    loop.register(s, select.EPOLLIN)
    return s
loop = select.epoll()
listener = socket.create_server(("127.0.0.1", 0))
loop.register(listener, select.EPOLLIN)
server, feed = redis(), redis()
feed.send(command(b"SUBSCRIBE", b"news"))
print(listener.getsockname()[1], flush=True)
while True:
    for fd, _ in loop.poll():
        if fd == listener.fileno():
            client, _ = listener.accept()
            loop.register(client, select.EPOLLIN)
        elif fd == feed.fileno():
            if b"message" in feed.recv(4096):
                step = server.send(command(b"INCR", b"news"))
        elif fd == server.fileno():
            server.recv(4096)
            if step == "asked":
                server.send(command(b"STRLEN", b"key"))
                step = "told"
            elif step == "told":
                client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        elif client.recv(4096):
            server.send(command(b"GET", b"key"))
            step = "asked"
        else:
            loop.unregister(client)
            client.close()
"""


def test_a_loop_that_goes_on_with_a_reply_is_in_the_request_that_asked(redis):
    spans = asked_thrice(redis, LOOP, 11, then=("PUBLISH", "news", "x"))
    assert sorted(shape(spans)) == [("CLIENT", [])] * 2 + [("SERVER", ["GET", "STRLEN"])] * 3
    assert {span.name for span in spans if span.kind == "CLIENT" and not span.parent_span_id} == {"SUBSCRIBE", "INCR"}


# --- redis-cli ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("protocol", [(), ("-3",)], ids=["RESP2", "RESP3"])
def test_redis_cli(redis, protocol, mode):
    lines = ["SET k v", "LPUSH k v", "HSET h a 1 b 2", "HGETALL h", "SMEMBERS none", "GET k"]
    spans = cli(redis, *lines, options=["-n", "5", *protocol], env=mode).spans
    check(spans, Tcp(redis.port), wire("SET k ?", db=5), wire("LPUSH k ?", db=5, reply=("WRONGTYPE", WRONGTYPE)),
          wire("HSET h a ? b ?", db=5), wire("HGETALL h", db=5), wire("SMEMBERS none", db=5), wire("GET k", db=5), mode=mode)


def test_redis_cli_loads_a_file(redis):
    """--pipe: what it is given goes out as it is, and replies are read meanwhile."""
    lines = b"".join(b"*3\r\n$3\r\nSET\r\n$5\r\n%05d\r\n$1\r\nv\r\n" % i for i in range(2000))
    result = ran(["redis-cli", "-p", redis.port, "--pipe"], redis, env=QUEUE, input=lines)
    assert b"replies: 2000" in result.stdout
    names = [span.name for span in result.spans]
    assert names.count("SET") == 2000 and len(names) <= 2001


def test_redis_cli_monitors(redis):
    with OtlpSink() as sink:
        process = start(instrumented_command(["redis-cli", "-p", redis.port, "MONITOR"]), env=telemetry(sink, {"OTEL_BSP_SCHEDULE_DELAY": "100"}))
        try:
            assert process.stdout.readline() == b"OK\n"
            for _ in range(3):
                redis.cli("GET", "watched")
                while b'"watched"' not in process.stdout.readline():
                    pass
            sink.wait(1)
        finally:
            process.kill()
            process.wait()
        check(sink.spans(), Tcp(redis.port), wire("MONITOR"))


# --- phpredis -------------------------------------------------------------------------------------------------------------


PHP_OPENS = not_under("address", "its runtime ends a program that opens something with RTLD_DEEPBIND, as PHP opens opcache")


@PHP_OPENS
@pytest.mark.parametrize("mode", MODES)
def test_phpredis(redis, mode):
    spans = php(redis, """
$r->select(4); $r->set("user:1", "Ann"); echo $r->get("user:1");
$p = $r->multi(Redis::PIPELINE); $p->set("p", 1); $p->incr("p"); $p->exec();
$m = $r->multi(); $m->set("t", 1); $m->lpush("t", 1); echo json_encode($m->exec());
$r->ping(); echo json_encode($r->blpop("empty", 1)); $r->close();
$u = new Redis(); $u->connect($argv[2]); $u->hset("h", "field", "value"); $u->close();""", env=mode).spans
    check(spans, Tcp(redis.port), wire("SET user:1 ?", db=4), wire("GET user:1", db=4), wire("SET p ?", db=4, together=2),
          wire("INCR p", db=4, together=2), wire("MULTI", db=4), wire("SET t ?", db=4), wire("LPUSH t ?", db=4),
          wire("EXEC", db=4, reply=("WRONGTYPE", WRONGTYPE)), wire("HSET h field ?", where=Unix(redis.socket)), mode=mode)


# --- ten thousand, each ---------------------------------------------------------------------------------------------------

TEN_THOUSAND = {
    "redis-py": lambda server: python(server, "for i in range(10000): r.lpop('counter')\nprint(r.ping())", env=QUEUE),
    "redis-py pipeline": lambda server: python(
        server, "p = r.pipeline(transaction=False)\nfor i in range(10000): p.lpop('counter')\nprint(len(p.execute()))", env=QUEUE),
    "redis-cli": lambda server: cli(server, *["LPOP counter"] * 10000, env=QUEUE),
    "phpredis": lambda server: php(server, "for ($i = 0; $i < 10000; $i++) $r->lpop('counter');", env=QUEUE),
}


@pytest.mark.parametrize("client", [pytest.param(name, marks=PHP_OPENS) if name == "phpredis" else name for name in TEN_THOUSAND])
def test_ten_thousand_commands_are_ten_thousand_spans(redis, client):
    spans = TEN_THOUSAND[client](redis).spans
    assert len(spans) == len({span.span_id for span in spans}) == 10000
    assert {(span.name, span.status, span.attributes["db.statement"]) for span in spans} == {("LPOP", ("UNSET", ""), "LPOP ?")}


def test_threads_share_nothing_but_the_server(redis):
    spans = python(redis, """
import threading
def work():
    for i in range(500): r.lpop("counter")
threads = [threading.Thread(target=work) for _ in range(6)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]; print(r.get("counter"))""", env=QUEUE).spans
    assert sorted(span.name for span in spans) == ["GET"] + ["LPOP"] * 3000


# --- ioredis --------------------------------------------------------------------------------------------------------------

NODE = """
const Redis = require(process.argv[1]);
(async () => {
  const r = new Redis(+process.argv[2], "127.0.0.1", {db: 3, connectionName: "app"});
  await r.set("user:1", "Ann");
  console.log(await r.get("user:1"));
  await r.pipeline().set("p", 1).incr("p").lpush("p", 1).exec();
  try { await r.lpush("user:1", 1); } catch (e) { console.log(e.message); }
  for (let i = 0; i < 1000; i++) await r.incr("n");
  r.disconnect();
})();
"""


def ioredis():
    """Where npm installs it; there is no package of it in Debian 12."""
    folder = OUT / "npm"
    module = folder / "node_modules" / "ioredis"
    npm = shutil.which("npm")
    if not module.exists():
        if not npm:
            pytest.skip("npm is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        made = subprocess.run([npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "ioredis"], capture_output=True, text=True,
                              check=False, timeout=120)
        if made.returncode != 0:
            pytest.skip("npm cannot reach its registry")
    return module


def test_ioredis(redis):
    module = ioredis()
    spans = ran(["node", "-e", NODE, "--", module, redis.port], redis, env={**DUP, **QUEUE}).spans
    spans = [span for span in spans if span.name != "info"]
    check(spans, Tcp(redis.port), wire("set user:1 ?", db=3), wire("get user:1", db=3), wire("set p ?", db=3, together=3),
          wire("incr p", db=3, together=3), wire("lpush p ?", db=3, together=3, reply=("WRONGTYPE", WRONGTYPE)),
          wire("lpush user:1 ?", db=3, reply=("WRONGTYPE", WRONGTYPE)), *[wire("incr n", db=3)] * 1000, mode=DUP)
