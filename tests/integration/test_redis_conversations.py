"""What clients and a real Redis once said to each other, said again: recorded by conversations/record.py, played by a program that
writes and reads it in other pieces. The spans are those of the story that every client told."""

import json
from pathlib import Path

import pytest
from redis_wire import check, wire
from test_hiredis import NEW, WRONGTYPE, Tcp
from test_http_client import PYTHON, Peer

from harness import OtlpSink, instrumented

FOLDER = Path(__file__).parent / "conversations"
CLIENTS = sorted(path.stem for path in FOLDER.glob("*.json"))

# As recorded; a byte at a time; all commands before the first reply is read.
PLAYER = """
import json, socket, sys
said = [(who, text.encode("latin-1")) for who, text in json.load(open(sys.argv[2]))]
how = sys.argv[3]
if how == "together": said.sort(key=lambda piece: piece[0])
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
size = 1 if how == "bytes" else 1 << 20
if how == "together":
    s.sendall(b"".join(text for who, text in said if who == "client"))
for who, text in said:
    if who == "client" and how != "together":
        for i in range(0, len(text), size): s.sendall(text[i:i + size])
    while who == "server" and text:
        got = s.recv(min(size, len(text)))
        assert text.startswith(got) and got
        text = text[len(got):]
s.close()
"""


class Server(Peer):
    """The server's side."""

    def __init__(self, name, how):
        super().__init__()
        self.said = [(who, text.encode("latin-1")) for who, text in json.loads((FOLDER / f"{name}.json").read_text("ascii"))]
        if how == "together":
            self.said.sort(key=lambda piece: piece[0])

    def serve(self):
        connection, _ = self.listener.accept()
        connection.settimeout(30)
        with connection:
            for who, text in self.said:
                if who == "server":
                    connection.sendall(text)
                while who == "client" and text:
                    got = connection.recv(len(text))
                    assert got and text.startswith(got)
                    text = text[len(got):]
            connection.recv(1)

    def __exit__(self, *_):
        self.thread.join(30)
        super().__exit__()


def story(name, how):
    """The spans: `pipelined` are the three that every client sends as one, but for redis-cli, which knows no pipelines."""
    pipelined = 3 if how != "together" and not name.startswith("redis-cli") else None
    transaction = 4 if how != "together" and name in ("redis-py", "ioredis") else None
    spans = [wire("SET user:1 ?"), wire("GET user:1"), wire("SET a ?", together=pipelined),
             wire("INCRBY a ?", together=pipelined), wire("LPUSH a ?", together=pipelined, reply=("WRONGTYPE", WRONGTYPE)),
             wire("MULTI", together=transaction), wire("SET t ?", together=transaction), wire("GET t", together=transaction),
             wire("EXEC", together=transaction),
             wire("NONSENSE ?", reply=("ERR", "unknown command 'NONSENSE', with args beginning with: ?"))]
    if name == "ioredis":
        spans.insert(0, wire("info"))
        for span in spans[:-1]:
            old, new, arguments, word = span.commands[0]
            span.commands = ((old.replace(word, word.lower()), new.replace(word, word.lower()), arguments, word.lower()),)
    for span in spans:
        span.db = 2
    return spans


@pytest.mark.parametrize("how", ["as it was", "bytes", "together"])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_recorded_conversation(name, how):
    with OtlpSink() as sink, Server(name, how) as server:
        result = instrumented([PYTHON, "-c", PLAYER, server.port, FOLDER / f"{name}.json", how], sink, env=NEW)
        assert (result.returncode, result.stderr) == (0, b""), result
        spans = sink.spans()
    expected = story(name, how)
    if how == "together":
        counts = {span.attributes.pop("db.redis.pipeline_length") for span in spans}
        assert len(counts) == 1 and counts.pop() >= len(expected)
    check(spans, Tcp(server.port), *expected, mode=NEW)


def test_there_are_all_of_them():
    assert CLIENTS == ["ioredis", "phpredis", "redis-cli", "redis-cli-resp3", "redis-py"]
