"""A programmable HTTP/1.1 server that remembers every request with its headers.

Built-in paths:
    /                    200, "hello\\n"
    /status/N            that status, with the text of the path
    /redirect/N          302 to /redirect/N-1 … and at last to /
    /to?url=U            302 to U
    /bytes/N             N bytes
    /chunked             three chunks, no Content-Length
    /gzip                "hello\\n", Content-Encoding: gzip
    /slow/S              after S seconds
    /drip/N              N bytes, one write each, 5 ms apart
    /short               announces 100 bytes, sends 10 and closes
    /close               closes without an answer
    /echo                the request's body, its Content-Type
    /headers             the request's headers as JSON
server.on("/path", …) adds or replaces one.
"""

import gzip
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from . import certificates


@dataclass
class HttpRequest:
    method: str
    path: str  # with the query
    headers: list  # of (name, value) as sent, in order
    body: bytes
    peer: tuple
    version: str  # HTTP/1.1

    def header(self, name):
        """The one value of a header, None if it is absent. A header that stands twice is an error here."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times"
        return values[0] if values else None

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Route:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    delay: float = 0.0
    hold: threading.Event = None  # waited for before the answer
    handler: object = None  # called with the BaseHTTPRequestHandler and the HttpRequest; writes the answer itself


class Listener(ThreadingHTTPServer):
    """With a short backlog, each of many connections made at once waits a second for its next try."""

    request_queue_size = 256
    daemon_threads = True


class HttpServer:
    def __init__(self, tls=False, address="127.0.0.1"):
        self.tls = tls
        self.address = address
        self.port = 0
        self.requests = []
        self._routes = {}
        self._changed = threading.Condition()
        self._server = None
        self._thread = None

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    @property
    def ca(self):
        return certificates.authority()

    def on(self, path, status=200, body=b"", headers=None, **kw):
        """How `path` (without its query) is answered from now on."""
        self._routes[path] = Route(status, body.encode() if isinstance(body, str) else body, headers or {}, **kw)

    def wait(self, n, timeout=30):
        """All requests so far, as soon as there are at least n."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= n, timeout):
                raise AssertionError(f"{len(self.requests)} of {n} requests after {timeout} s: {self.requests}")
            return list(self.requests)

    def reset(self):
        with self._changed:
            self.requests.clear()
            self._routes.clear()

    def reset_requests(self):
        """Forgets the requests, not what was said with on()."""
        with self._changed:
            self.requests.clear()

    def __enter__(self):
        handler = type("Handler", (Handler,), {"owner": self})
        self._server = Listener((self.address, self.port), handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificates.server())
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # For the handler, on its threads.

    def take(self, request):
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            return self._routes.get(urlsplit(request.path).path)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Test/1"
    sys_version = ""
    disable_nagle_algorithm = True
    owner = None

    def date_time_string(self, timestamp=None):
        """One time for ever: what is answered to two runs of a program is the same."""
        return "Fri, 01 Jan 2027 00:00:00 GMT"

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass  # the client has gone

    def handle_any(self):
        if self.headers.get("Expect", "").lower() == "100-continue" and self.request_version == "HTTP/1.0":
            self.close_connection = True
        request = HttpRequest(self.command, self.path, self.headers.items(), self.read_body(), self.client_address,
                              self.request_version)
        route = self.owner.take(request)
        if route is None:
            self.built_in(request)
            return
        if route.hold:
            route.hold.wait()
        if route.delay:
            time.sleep(route.delay)  # the test wants an answer that takes so long
        if route.handler:
            route.handler(self, request)
        else:
            self.answer(route.status, route.body, route.headers)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status=200, body=b"", headers=None, length=None):
        self.send_response(status)
        headers = dict(headers or {})
        if status >= 200 and status not in (204, 304) and length is not False:
            headers.setdefault("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def built_in(self, request):
        parts = urlsplit(request.path)
        name, _, argument = parts.path.strip("/").partition("/")
        action = getattr(self, "path_" + name, None) if name else self.path_
        if action is None:
            self.answer(404, b"no such path\n")
        else:
            action(argument, request, parse_qs(parts.query))

    def path_(self, *_):
        self.answer(200, b"hello\n", {"Content-Type": "text/plain"})

    def path_status(self, argument, *_):
        self.answer(int(argument), f"status {argument}\n".encode())

    def path_redirect(self, argument, *_):
        left = int(argument) - 1
        self.answer(302, b"", {"Location": f"/redirect/{left}" if left > 0 else "/"})

    def path_to(self, _argument, _request, query):
        self.answer(302, b"", {"Location": query["url"][0]})

    def path_bytes(self, argument, *_):
        self.answer(200, b"x" * int(argument))

    def path_chunked(self, *_):
        self.answer(200, b"4\r\none \r\n4\r\ntwo \r\n6\r\nthree\n\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"},
                    length=False)

    def path_gzip(self, *_):
        self.answer(200, gzip.compress(b"hello\n", mtime=0), {"Content-Encoding": "gzip"})

    def path_slow(self, argument, *_):
        time.sleep(float(argument))
        self.answer(200, b"at last\n")

    def path_drip(self, argument, *_):
        self.answer(200, b"", length=int(argument))
        for _ in range(int(argument)):
            self.wfile.write(b"x")
            time.sleep(0.005)

    def path_short(self, *_):
        self.close_connection = True
        self.answer(200, b"only this ", length=100)

    def path_close(self, *_):
        self.close_connection = True

    def path_echo(self, _argument, request, _query):
        self.answer(200, request.body, {"Content-Type": request.header("Content-Type") or "application/octet-stream"})

    def path_headers(self, _argument, request, _query):
        self.answer(200, json.dumps(request.headers).encode(), {"Content-Type": "application/json"})

    def log_message(self, *_):
        pass
