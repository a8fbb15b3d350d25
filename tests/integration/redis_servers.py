"""Redis servers for special purposes, and one that only says what a test tells it to say."""

import os
import re
import socket
import threading
from pathlib import Path

from harness import Redis, free_port, wait_until


def library_version():
    """(major, minor) of the hiredis that the programs are compiled with."""
    header = Path(os.environ.get("OI_HIREDIS", "/usr")) / "include" / "hiredis" / "hiredis.h"
    numbers = dict(re.findall(r"^#define HIREDIS_(MAJOR|MINOR) (\d+)", header.read_text(encoding="utf-8"), re.MULTILINE))
    return int(numbers["MAJOR"]), int(numbers["MINOR"])


HIREDIS = library_version()


class DebugRedis(Redis):
    """Understands DEBUG: `DEBUG PROTOCOL push` and `attrib` show RESP3's replies that answer nothing."""

    def command(self):
        return [*super().command(), "--enable-debug-command", "yes"]


class ClusterNode(Redis):
    """One node of a cluster."""

    bus = 0

    def prepare(self):
        self.bus = self.bus or free_port()

    def command(self):
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-port", str(self.bus)]

    @property
    def id(self):
        return self.cli("CLUSTER", "MYID").strip()


class Cluster:
    """Two nodes, each with half of the slots. `first` is being asked to give the slot of the key `moved` to `second`."""

    def __enter__(self):
        self.first, self.second = ClusterNode(), ClusterNode()
        self.first.__enter__()
        try:
            self.second.__enter__()
            self.join()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.second.close()
        self.first.close()

    def join(self):
        self.first.cli("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        self.second.cli("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        self.first.cli("CLUSTER", "MEET", "127.0.0.1", self.second.port, self.second.bus)
        for node in (self.first, self.second):
            wait_until(lambda node=node: "cluster_state:ok" in node.cli("CLUSTER", "INFO"), 60, "the cluster")
        slot = self.slot("moved")
        assert slot < 8192
        self.second.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", self.first.id)
        self.first.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", self.second.id)

    def slot(self, key):
        return int(self.first.cli("CLUSTER", "KEYSLOT", key))


class Scripted:
    """Answers the n-th piece of bytes a connection sends with the n-th of `answers`, and closes after the last one."""

    def __init__(self, *answers):
        self.answers = answers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()

    def reset(self):
        """Nothing is kept."""

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                for answer in self.answers:
                    if not connection.recv(65536):
                        break
                    connection.sendall(answer)
