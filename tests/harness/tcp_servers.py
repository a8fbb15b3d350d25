"""Small servers of our own, for what no Debian package serves simply: a proxy, and protocols that are not HTTP.

    Proxy()                      forwards http://, tunnels CONNECT; `requests` are first lines and headers
    Proxy(user="u:p")            asks for these credentials (Basic, 407)
    Proxy(refuse=502)            answers every request with that status
    Socks()                      SOCKS5, without credentials; Socks(refuse=5): every connection is refused
    Ftp({"name": b"content"})    read, list and store, passive only, no credentials
    Gopher(b"…"), Dict(b"…")     one answer for every question
    UnixRelay("/path", port)     a unix socket in front of a TCP port

Each is a context manager with `port`, and `requests`: what it was asked, in order.
"""

import base64
import select
import socket
import socketserver
import threading

__all__ = ["Dict", "Ftp", "Gopher", "Proxy", "Socks", "TcpServer", "UnixRelay"]


class TcpServer:
    """A thread for each connection, which `serve(reader, connection)` talks over."""

    listener = socketserver.ThreadingTCPServer
    address = ("127.0.0.1", 0)

    def __init__(self):
        self.requests = []
        self.port = 0
        self._server = None
        self._thread = None

    def __enter__(self):
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    owner.serve(self.rfile, self.connection)
                except OSError:
                    pass  # the client has gone

        class Listener(self.listener):
            daemon_threads = True
            request_queue_size = 128

        self._server = Listener(self.address, Handler)
        self.port = self._server.server_address[1] if isinstance(self.address, tuple) else None
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reset(self):
        self.requests.clear()

    def serve(self, reader, connection):
        raise NotImplementedError


def relay(one, other):
    """Until either side closes."""
    while True:
        for ready in select.select([one, other], [], [], 30)[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


class Proxy(TcpServer):
    def __init__(self, user=None, refuse=None):
        super().__init__()
        self.user = user
        self.refuse = refuse

    def serve(self, reader, connection):
        while line := reader.readline().decode().rstrip():
            headers = {}
            while header := reader.readline().decode().rstrip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            self.requests.append((line, headers))
            if self.refuse:
                connection.sendall(f"HTTP/1.1 {self.refuse} Refused\r\nContent-Length: 3\r\n\r\nno\n".encode())
                return
            if self.user and headers.get("proxy-authorization") != "Basic " + base64.b64encode(self.user.encode()).decode():
                connection.sendall(b'HTTP/1.1 407 Who is there\r\nProxy-Authenticate: Basic realm="proxy"\r\n'
                                   b"Content-Length: 4\r\n\r\nwho\n")
                continue
            method, target, _ = line.split()
            (self.tunnel if method == "CONNECT" else self.forward)(reader, connection, method, target, headers)
            return

    @staticmethod
    def tunnel(_reader, connection, _method, target, _headers):
        host, _, port = target.rpartition(":")
        try:
            upstream = socket.create_connection((host, int(port)))
        except OSError:
            connection.sendall(b"HTTP/1.1 502 Nobody there\r\nContent-Length: 0\r\n\r\n")
            return
        with upstream:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            relay(connection, upstream)

    @staticmethod
    def forward(reader, connection, method, target, headers):
        authority, _, path = target.removeprefix("http://").partition("/")
        host, _, port = authority.partition(":")
        with socket.create_connection((host, int(port or 80))) as upstream:
            kept = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if not name.startswith("proxy-"))
            upstream.sendall(f"{method} /{path} HTTP/1.1\r\n{kept}Connection: close\r\n\r\n".encode())
            upstream.sendall(reader.read(int(headers.get("content-length", 0))))
            while data := upstream.recv(65536):
                connection.sendall(data)


class Socks(TcpServer):
    def __init__(self, refuse=0):
        super().__init__()
        self.refuse = refuse

    def serve(self, reader, connection):
        _, methods = reader.read(2)
        reader.read(methods)
        connection.sendall(b"\x05\x00")
        _, _, _, kind = reader.read(4)
        host = socket.inet_ntoa(reader.read(4)) if kind == 1 else reader.read(reader.read(1)[0]).decode()
        port = int.from_bytes(reader.read(2), "big")
        self.requests.append((host, port))
        connection.sendall(bytes([5, self.refuse, 0, 1]) + bytes(6))
        if not self.refuse:
            with socket.create_connection((host, port)) as upstream:
                relay(connection, upstream)


class Ftp(TcpServer):
    def __init__(self, files=None):
        super().__init__()
        self.files = dict(files or {})

    def serve(self, reader, connection):
        listener = None

        def say(text):
            connection.sendall(text.encode() + b"\r\n")

        say("220 ready")
        while line := reader.readline().decode().rstrip():
            self.requests.append(line)
            command, _, argument = line.partition(" ")
            if command == "EPSV":
                listener = socket.create_server(("127.0.0.1", 0))
                say(f"229 entering (|||{listener.getsockname()[1]}|)")
            elif command in ("RETR", "STOR", "LIST", "NLST"):
                self.transfer(command, argument, listener, say)
            elif command == "SIZE":
                say(f"213 {len(self.files[argument])}" if argument in self.files else "550 no such file")
            else:
                say({"USER": "331 password", "PASS": "230 welcome", "PWD": '257 "/"', "TYPE": "200 as you like",
                     "QUIT": "221 bye"}.get(command, "500 what?"))
        if listener:
            listener.close()

    def transfer(self, command, name, listener, say):
        if command == "RETR" and name not in self.files:
            say("550 no such file")
            return
        say("150 here it comes")
        data, _ = listener.accept()
        with data:
            if command == "STOR":
                self.files[name] = b"".join(iter(lambda: data.recv(65536), b""))
            else:
                data.sendall(self.files.get(name) or "".join(f"{name}\r\n" for name in self.files).encode())
        say("226 done")


class Gopher(TcpServer):
    def __init__(self, answer=b"hello\n"):
        super().__init__()
        self.answer = answer

    def serve(self, reader, connection):
        self.requests.append(reader.readline().decode().rstrip())
        connection.sendall(self.answer)


class Dict(TcpServer):
    def __init__(self, answer=b"250 hello\r\n"):
        super().__init__()
        self.answer = answer

    def serve(self, reader, connection):
        connection.sendall(b"220 ready\r\n")
        while line := reader.readline().decode().rstrip():
            self.requests.append(line)
            if line == "QUIT":
                connection.sendall(self.answer + b"221 bye\r\n")
                return


class UnixRelay(TcpServer):
    """Passes what comes over a unix socket on to a port of 127.0.0.1; an `address` that begins with NUL is an abstract one."""

    listener = socketserver.ThreadingUnixStreamServer

    def __init__(self, address, target):
        super().__init__()
        self.address = address
        self.target = target

    def serve(self, reader, connection):
        with socket.create_connection(("127.0.0.1", self.target)) as upstream:
            relay(connection, upstream)
