"""For the exporter's tests: the driver around libotel-exporter.so, servers that misbehave, certificates for clients."""

import re
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass

from harness import BUILD, OUT, SOURCE, run, start
from harness import certificates, sanitizers
from harness.paths import locked

LIBRARY = BUILD / ".libs" / "libotel-exporter.so"
KEYS = [f"benchmark.key.{letter * 6}" for letter in "abcdefghij"]


def driver():
    """tests/integration/exporter_driver.c, compiled."""
    source = SOURCE / "tests" / "integration" / "exporter_driver.c"
    archive = BUILD / ".libs" / "libagent.a"
    target = OUT / "exporter_driver"
    with locked("exporter_driver"):
        inputs = [source, archive, *(SOURCE / "agent").glob("*.h"), SOURCE / "agent" / "config.def"]
        if not target.exists() or any(path.stat().st_mtime > target.stat().st_mtime for path in inputs):
            subprocess.run(["cc", "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", f"-I{SOURCE}",
                            *sanitizers.FLAGS, source, archive, "-o", target], check=True)
    return target


@dataclass
class Batch:
    delivered: int
    rejected: int
    failed: int
    ms: int

    @property
    def counts(self):
        return self.delivered, self.rejected, self.failed


@dataclass
class Outcome:
    batches: list
    log: list  # lines on stderr


def settings(endpoint, protocol="http", **more):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
           "OTEL_EXPORTER_OTLP_PROTOCOL": {"http": "http/protobuf", "grpc": "grpc"}[protocol]}
    return {**env, **{f"OTEL_{name.upper()}": value for name, value in more.items()}}


def parse(stdout, stderr):
    batches = [Batch(*map(int, found)) for found in
               re.findall(r"delivered=(\d+) rejected=(\d+) failed=(\d+) ms=(\d+)", stdout.decode())]
    return Outcome(batches, stderr.decode().splitlines())


def drive(env, *commands, extra_env=None):
    result = run([driver(), LIBRARY, *commands], env={**env, **(extra_env or {})})
    assert result.returncode == 0, (result.returncode, result.stdout, result.stderr)
    return parse(result.stdout, result.stderr)


class Driving:
    """The driver while it runs: `wait()` for it to reach a `line` command, `go()` on."""

    def __init__(self, env, *commands):
        self.process = start([driver(), LIBRARY, *commands], env=env, stdin=subprocess.PIPE)
        self.seen = b""

    def wait(self):
        while (line := self.process.stdout.readline()) != b"ready\n":
            assert line, self.process.stderr.read()
            self.seen += line

    def go(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def finish(self):
        stdout, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, (stdout, stderr)
        return parse(self.seen + stdout, stderr)


class BadServer:
    """Accepts connections and does with each what `behave(connection, number)` says, on a thread of its own."""

    def __init__(self, behave, family=socket.AF_INET, wrap=None):
        self.connections = 0
        self._behave = behave
        self._wrap = wrap
        self._open = []
        self._socket = socket.socket(family)
        self._socket.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        self._socket.listen(16)
        self.port = self._socket.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in [self._socket, *self._open]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection, number):
        try:
            if self._wrap:
                connection = self._wrap(connection)
                self._open.append(connection)
            self._behave(connection, number)
        except OSError:
            pass


def read_request(connection):
    """One whole HTTP/1.1 request; None: the client has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: *(\d+)", head, re.IGNORECASE).group(1))
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return None
        body += part
    return head, body


def http2_frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def http2_calls(connection):
    """Speaks as much HTTP/2 as a unary gRPC call needs; yields the stream of each call that has been received whole."""
    data, settings_kind, ack, end_stream = 0, 4, 1, 1
    source = connection.makefile("rb")
    source.read(24)  # the preface
    connection.sendall(http2_frame(settings_kind, 0, 0))
    while head := source.read(9):
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        source.read(int.from_bytes(head[:3], "big"))
        if kind == settings_kind and not flags & ack:
            connection.sendall(http2_frame(settings_kind, ack, 0))
        if kind == data and flags & end_stream:
            yield stream


def grpc_ok(stream):
    """An empty message and grpc-status 0, headers as literals."""
    def literal(name, value):
        return bytes([0, len(name)]) + name + bytes([len(value)]) + value

    return (http2_frame(1, 4, stream, b"\x88" + literal(b"content-type", b"application/grpc"))
            + http2_frame(0, 0, stream, b"\0" * 5) + http2_frame(1, 5, stream, literal(b"grpc-status", b"0")))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def client_certificate():
    """(certificate, key) of a client, signed by the tests' authority."""
    certificates.authority()
    folder = OUT / "tls"
    with locked("tls-client"):
        if not (folder / "client.pem").exists():
            def openssl(*arguments):
                subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=client",
                    "-keyout", "client.key", "-out", "client.csr")
            openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "77",
                    "-days", "3650", "-out", "client.new")
            (folder / "client.new").rename(folder / "client.pem")
    return folder / "client.pem", folder / "client.key"


def mutual_tls():
    """Wraps a server's connection: the client must show a certificate of our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server())
    context.load_verify_locations(certificates.authority())
    context.verify_mode = ssl.CERT_REQUIRED
    return lambda connection: context.wrap_socket(connection, server_side=True)
