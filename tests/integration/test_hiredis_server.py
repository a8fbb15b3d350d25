"""What servers say besides a plain answer, each way a program may ask: transactions, scripts and functions, a cluster."""

import hashlib

from redis_servers import Cluster
from test_hiredis import ANY, MODES, WRONGTYPE, Client, Tcp, one, pipeline, pytest
from test_hiredis_async import Client as AsyncClient

WRONG = ("WRONGTYPE", WRONGTYPE)
ABORTED = ("EXECABORT", "Transaction discarded because of previous errors.")
SCRIPT = "return redis.call('GET', KEYS[1])"
DIGEST = hashlib.sha1(SCRIPT.encode()).hexdigest()
ABSENT = hashlib.sha1(b"nobody loaded this").hexdigest()
NO_SCRIPT = ("NOSCRIPT", "No matching script. Please use EVAL.")
LIBRARY = "#!lua name=shop\nredis.register_function('charge', function(keys, args) return redis.call('INCR', keys[1]) end)"


@pytest.fixture
def client(redis):
    return Client(redis)


@pytest.fixture
def events(redis):
    return AsyncClient(redis)


# --- transactions -------------------------------------------------------------------------------------------------------------


def watched(port):
    """Something else is written to the key meanwhile, by a connection of the program's own."""
    return [f"connect|127.0.0.1|{port}", "command|WATCH k", "command|MULTI", "command|SET k 1", f"other|{port}|SET k 2",
            "command|EXEC", "command|GET k"]


@pytest.mark.parametrize("mode", MODES)
def test_a_transaction_that_was_overtaken(client, mode):
    """EXEC has nothing to say then, and that is no error."""
    client.expect(watched(client.server.port), one("WATCH k"), one("MULTI"), one("SET k ?"), one("SET k ?"), one("EXEC"),
                  one("GET k"), mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_transaction_that_was_overtaken_keeps_its_database(client, mode):
    calls = watched(client.server.port)
    calls[3:4] = ["command|SELECT 3", "command|SET k 1"]
    client.expect(calls, one("WATCH k"), one("MULTI"), one("SELECT ?"), one("SET k ?"), one("SET k ?"), one("EXEC"), one("GET k"),
                  mode=mode)


@pytest.mark.parametrize("mode", MODES[:2])
def test_a_transaction_in_a_pipeline(client, mode):
    """Refused, with an error inside, and overtaken."""
    port = client.server.port
    client.expect(
        [client.open, "append|MULTI", "append|NONSENSE", "append|EXEC", "get", "get", "get",
         "append|SET s x", "append|MULTI", "append|INCR n", "append|LPUSH s x", "append|EXEC", "get", "get", "get", "get", "get",
         "command|WATCH k", f"other|{port}|SET k 2", "append|MULTI", "append|INCR n", "append|EXEC", "get", "get", "get"],
        pipeline("MULTI", "NONSENSE", "EXEC", reply=("ERR", ANY)),
        pipeline("SET s ?", "MULTI", "INCR n", "LPUSH s ?", "EXEC", reply=WRONG),
        one("WATCH k"), one("SET k ?"), pipeline("MULTI", "INCR n", "EXEC"), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_asynchronous_transactions(events, mode):
    """With an error inside, refused, and overtaken (by the same connection: WATCH does not ask by whom)."""
    events.expect(
        [events.open, "command|SET s x", "command|MULTI", "command|INCR n", "command|LPUSH s x", "command|EXEC", "run",
         "command|MULTI", "command|NONSENSE", "command|EXEC", "run",
         "command|WATCH s", "command|SET s y", "command|MULTI", "command|INCR n", "command|EXEC", "run", "free"],
        one("SET s ?"), one("MULTI"), one("INCR n"), one("LPUSH s ?"), one("EXEC", reply=WRONG),
        one("MULTI"), one("NONSENSE", reply=("ERR", ANY)), one("EXEC", reply=ABORTED),
        one("WATCH s"), one("SET s ?"), one("MULTI"), one("INCR n"), one("EXEC"), mode=mode)


# --- subscriptions --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_subscription_to_several_channels(client, mode):
    """Each has a confirmation of its own. The first one is the answer, the others are none, to whatever is given meanwhile."""
    port = client.server.port
    client.expect(
        [client.open, "command|SUBSCRIBE a b c", "command|PING", "get", "get", f"other|{port}|PUBLISH a x", "get",
         "append|UNSUBSCRIBE a b", "append|PSUBSCRIBE p* q*", "append|GET k", *["get"] * 5,
         "command|UNSUBSCRIBE c", "command|PUNSUBSCRIBE p* q*", "get", "command|GET k"],
        one("SUBSCRIBE a b c"), one("PING"), one("PUBLISH a ?"),
        pipeline("UNSUBSCRIBE a b", "PSUBSCRIBE p* q*", "GET k", reply=("ERR", ANY)), one("UNSUBSCRIBE c"), one("PUNSUBSCRIBE p* q*"),
        one("GET k"), mode=mode)


# --- scripts and functions ------------------------------------------------------------------------------------------------------


def script(name, digest, **more):
    return one(f"{name} {digest} 1 k", procedure=digest, **more)


@pytest.mark.parametrize("mode", MODES)
def test_scripts(client, mode):
    client.expect(
        [client.open, f"command|EVALSHA {ABSENT} 1 k", f"command|SCRIPT LOAD %s|{SCRIPT}", f"command|EVALSHA {DIGEST} 1 k",
         f"argv|evalsha_ro|{DIGEST}|1|k", "command|LPUSH k x", f"command|EVALSHA {DIGEST} 1 k",
         f"append|EVALSHA {ABSENT} 1 k", f"append|EVALSHA {ABSENT} 1 k", "get", "get"],
        script("EVALSHA", ABSENT, reply=NO_SCRIPT), one("SCRIPT LOAD ?"), script("EVALSHA", DIGEST),
        script("evalsha_ro", DIGEST), one("LPUSH k ?"), script("EVALSHA", DIGEST, reply=("WRONGTYPE", ANY)),
        pipeline(f"EVALSHA {ABSENT} 1 k", f"EVALSHA {ABSENT} 1 k", reply=NO_SCRIPT), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_functions(client, mode):
    load = LIBRARY.replace("\n", "\\n")
    client.expect(
        [client.open, f"command|FUNCTION LOAD REPLACE %s|{load}", "command|FCALL charge 1 k", "command|FCALL absent 1 k",
         "command|FCALL_RO charge 1 k", "command|FUNCTION DELETE shop"],
        one("FUNCTION LOAD ? ?"), one("FCALL charge 1 k", procedure="charge"),
        one("FCALL absent 1 k", procedure="absent", reply=("ERR", "Function not found")),
        one("FCALL_RO charge 1 k", procedure="charge", reply=("ERR", ANY)), one("FUNCTION DELETE ?"), mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_asynchronous_scripts_and_functions(events, mode):
    load = LIBRARY.replace("\n", "\\n")
    events.expect(
        [events.open, f"command|EVALSHA {ABSENT} 1 k", f"command|SCRIPT LOAD %s|{SCRIPT}", f"command|EVALSHA {DIGEST} 1 k",
         f"command|FUNCTION LOAD REPLACE %s|{load}", "command|FCALL charge 1 k", "command|FCALL absent 1 k", "run", "free"],
        script("EVALSHA", ABSENT, reply=NO_SCRIPT), one("SCRIPT LOAD ?"), script("EVALSHA", DIGEST), one("FUNCTION LOAD ? ?"),
        one("FCALL charge 1 k", procedure="charge"),
        one("FCALL absent 1 k", procedure="absent", reply=("ERR", "Function not found")), mode=mode)


# --- a cluster ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    with Cluster() as made:
        yield made


def moved(cluster, key="foo"):
    return ("MOVED", f"{cluster.slot(key)} 127.0.0.1:{cluster.second.port}")


def asked(cluster):
    return ("ASK", f"{cluster.slot('moved')} 127.0.0.1:{cluster.second.port}")


@pytest.mark.parametrize("mode", MODES)
def test_a_cluster(cluster, mode):
    """Both are the answer to the command that was asked. Where the program then goes is a command of its own."""
    client = Client(cluster.first)
    client.expect(
        [client.open, "command|SET k v", "command|GET foo", "command|GET moved", "append|GET k", "append|GET moved",
         "append|GET foo", "get", "get", "get", f"connect|127.0.0.1|{cluster.second.port}", "command|GET foo", "command|ASKING",
         "command|GET moved", "command|MGET foo k"],
        one("SET k ?"), one("GET foo", reply=moved(cluster)), one("GET moved", reply=asked(cluster)),
        pipeline("GET k", "GET moved", "GET foo", reply=asked(cluster)),
        one("GET foo", where=Tcp(cluster.second.port)), one("ASKING", where=Tcp(cluster.second.port)),
        one("GET moved", where=Tcp(cluster.second.port)),
        one("MGET foo k", where=Tcp(cluster.second.port), reply=("CROSSSLOT", "Keys in request don't hash to the same slot")),
        mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_cluster_asynchronously(cluster, mode):
    events = AsyncClient(cluster.first)
    events.expect(
        [events.open, "command|SET k v", "command|GET foo", "command|GET moved", "run", "free"],
        one("SET k ?"), one("GET foo", reply=moved(cluster)), one("GET moved", reply=asked(cluster)), mode=mode)
