"""Records what the clients of mysql_clients.py and a server say to each other, as tests/unit/mysql_recorded.txt, which the parser's
unit test replays. Done again by hand where a client is added or does something else:

    OI_BUILD=$PWD /usr/bin/python3 SOURCE/tests/integration/mysql_record.py [NAME…]

What the parser tells of each conversation is written beside it, and is to be read before it is believed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]

# pylint: disable=wrong-import-position
from harness import BUILD, SOURCE, MariaDB, TcpServer, bare
from mysql_clients import CLIENTS, shell

TARGET = SOURCE / "tests" / "unit" / "mysql_recorded.txt"


class Recorder(TcpServer):
    """In front of a server: what passes, packet by packet, in the order in which it does."""

    def __init__(self, port):
        super().__init__()
        self.behind, self.packets, self.rest = port, [], {">": b"", "<": b""}

    def note(self, side, data):
        data = self.rest[side] + data
        while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:3], "little"):
            length = 4 + int.from_bytes(data[:3], "little")
            self.packets.append((side, data[3], data[4:length]))
            data = data[length:]
        self.rest[side] = data

    def serve(self, reader, connection):
        import select
        import socket

        with socket.create_connection(("127.0.0.1", self.behind)) as server:
            while True:
                readable, _, _ = select.select([server, connection], [], [])
                for one in readable:
                    data = one.recv(65536)
                    if not data:
                        return
                    self.note(">" if one is server else "<", data)
                    (connection if one is server else server).sendall(data)


def item(data):
    """Bytes as tests/unit/mysql_text.h reads them."""
    words = []
    for text, other in re.findall(rb"([ !#-&(-:<-\[\]-~]{4,})|(.)", data, re.DOTALL):
        words.append(f"'{text.decode()}'" if text else other.hex())
    return " ".join(words)


def record(name, server):
    """The conversation of a client."""
    server.reset()
    with Recorder(server.port) as recorder, tempfile.TemporaryDirectory() as folder:
        if name == "mariadb":
            statements = "CREATE TABLE p (id INT); INSERT INTO p VALUES (1), (2); SELECT * FROM p;\nUSE mysql\nSELECT 1;"
            command, env = [*shell(server, "--host=127.0.0.1", f"--port={recorder.port}")], {}
            result = bare(command, input=statements.encode())
        else:
            command, env, _ = CLIENTS[name]
            env = {key: value() if callable(value) else value for key, value in env.items()}
            result = bare([*command(Path(folder)), "127.0.0.1", recorder.port, 0], env=env)
        assert result.returncode == 0, result.stderr
    return ";\n".join(f"{'<<' if side == '<' and number else side}{number}: {item(data)}" for side, number, data in recorder.packets)


def main(names):
    with MariaDB() as server:
        talks = {name: record(name, server) for name in names or [*CLIENTS, "mariadb"]}
    rows = []
    for name, talk in talks.items():
        told = subprocess.run([BUILD / "tests" / "unit" / "test_mysql", "--tell"], input=talk, capture_output=True, text=True, check=True)
        rows.append(f"{name}\n{talk}\n=\n{told.stdout}\n")
    TARGET.write_text("\n".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
