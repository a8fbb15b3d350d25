#!/usr/bin/python3
"""Records what clients and a real Redis say to each other: `record.py [client…]` writes NAME.json here, a list of ["client" or
"server", bytes as Latin-1] in the order in which they passed.

Every client tells the same story: a key, a pipeline with an error in it, a transaction, an unknown command, database 2. What a
server tells of itself when it is asked for that (COMMAND DOCS: 200 KiB, INFO) is not kept: an empty reply of its kind stands there."""

import json
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent)]

from harness import Redis  # noqa: E402  (needs the path above)
from harness.paths import OUT  # noqa: E402

STORY_PY = """
import redis, sys
r = redis.Redis(port=int(sys.argv[1]), db=2, client_name="story")
r.set("user:1", "Ann"); r.get("user:1")
pipe = r.pipeline(transaction=False)
pipe.set("a", 1); pipe.incrby("a", 2); pipe.lpush("a", 3); pipe.execute(raise_on_error=False)
pipe = r.pipeline(); pipe.set("t", 1); pipe.get("t"); pipe.execute()
try: r.execute_command("NONSENSE", "secret")
except redis.RedisError: pass
"""
STORY_PHP = """
$r = new Redis(); $r->connect("127.0.0.1", (int)$argv[1]); $r->select(2);
$r->set("user:1", "Ann"); $r->get("user:1");
$p = $r->multi(Redis::PIPELINE); $p->set("a", 1); $p->incrby("a", 2); $p->lpush("a", 3); $p->exec();
$m = $r->multi(); $m->set("t", 1); $m->get("t"); $m->exec();
$r->rawCommand("NONSENSE", "secret"); $r->close();
"""
STORY_JS = """
const Redis = require(process.argv[1]);
(async () => {
  const r = new Redis(+process.argv[2], "127.0.0.1", {db: 2, connectionName: "story"});
  await r.set("user:1", "Ann"); await r.get("user:1");
  await r.pipeline().set("a", 1).incrby("a", 2).lpush("a", 3).exec();
  await r.multi().set("t", 1).get("t").exec();
  try { await r.call("NONSENSE", "secret"); } catch (e) { }
  r.disconnect();
})();
"""
STORY_CLI = b"SET user:1 Ann\nGET user:1\nSET a 1\nINCRBY a 2\nLPUSH a 3\nMULTI\nSET t 1\nGET t\nEXEC\nNONSENSE secret\n"


def cli(*options):
    return lambda port: subprocess.run(["redis-cli", "-p", str(port), "-n", "2", *options], input=STORY_CLI, check=True,
                                       capture_output=True)


def run(*command):
    return lambda port: subprocess.run([*map(str, command), str(port)], check=True, capture_output=True)


CLIENTS = {
    "redis-py": run("/usr/bin/python3", "-c", STORY_PY),
    "redis-cli": cli(),
    "redis-cli-resp3": cli("-3"),
    "phpredis": run("php", "-r", STORY_PHP),
    "ioredis": run(shutil.which("node") or "node", "-e", STORY_JS, "--", OUT / "npm" / "node_modules" / "ioredis"),
}


def record(name, server):
    """The conversation of the one connection that the client opens to a relay in front of the server."""
    said, order = [], threading.Lock()

    def pass_on(who, source, target):
        while data := source.recv(65536):
            with order:
                said.append([who, data.decode("latin-1")])
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def relay():
        client, _ = listener.accept()
        with client, socket.create_connection(("127.0.0.1", server.port)) as upstream:
            back = threading.Thread(target=pass_on, args=("server", upstream, client))
            back.start()
            pass_on("client", client, upstream)
            back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=relay)
        thread.start()
        CLIENTS[name](listener.getsockname()[1])
        thread.join()
    return said


def kept(said):
    """What passed in pieces as one, and no long replies: those of this story are only about the server."""
    whole = []
    for who, text in said:
        if whole and whole[-1][0] == who:
            whole[-1][1] += text
        else:
            whole.append([who, text])
    empty = {"*": "*0\r\n", "%": "%0\r\n", "$": "$0\r\n\r\n", "=": "=4\r\ntxt:\r\n"}
    return [[who, empty[text[0]] if len(text) > 2000 else text] for who, text in whole]


def main():
    with Redis() as server:
        for name in sys.argv[1:] or CLIENTS:
            server.reset()
            said = record(name, server)
            (HERE / f"{name}.json").write_text(json.dumps(kept(said), indent=0) + "\n", encoding="ascii")
            print(name, len(said))


if __name__ == "__main__":
    main()
