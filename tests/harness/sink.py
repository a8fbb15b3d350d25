"""An OTLP receiver over HTTP/protobuf or gRPC that keeps and decodes what it is sent.

Whatever it has answered is in `spans()`: a program that has flushed and ended leaves nothing on the way.
"""

import gzip
import ssl
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import certificates, otlp

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@dataclass
class Answer:
    """How one request is answered; queue them in `sink.answers`, a request takes the first.

    HTTP: `status` a number. gRPC: `status` a name of grpc.StatusCode ("UNAVAILABLE"), headers are the trailers.
    `keep`: whether the spans of this request count. `hold`: an Event to wait for before answering; `delay` seconds.
    `close`: the connection is dropped instead (HTTP only).
    """

    status: object = None
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    message: str = ""
    keep: bool = None
    delay: float = 0.0
    hold: threading.Event = None
    close: bool = False

    def kept(self):
        return self.keep if self.keep is not None else self.status in (None, 200, "OK") and not self.close


@dataclass
class Request:
    path: str
    headers: dict  # names in lower case
    size: int  # bytes of the body as sent
    body: bytes  # decompressed
    spans: list
    time: float  # monotonic, when it had arrived
    peer: tuple = None  # address and port of the connection
    method: str = "POST"

    @property
    def content_encoding(self):
        return self.headers.get("content-encoding", "")


class OtlpSink:
    """A receiver on a free port of 127.0.0.1 for the time of the `with` block."""

    def __init__(self, protocol="http", tls=False, port=0):
        assert protocol in ("http", "grpc")
        self.protocol = protocol
        self.tls = tls
        self.port = port
        self.answers = deque()
        self.requests = []
        self._spans = []
        self._problems = []
        self._changed = threading.Condition()
        self._server = None

    @property
    def endpoint(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def ca(self):
        """PEM file that a client of a sink with `tls` must trust."""
        return certificates.authority()

    def __enter__(self):
        otlp.trace_service()
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind is None and self._problems:
            raise AssertionError(f"the sink was sent what it cannot read: {self._problems}")

    def start(self):
        """Again after stop(): on the same port, everything received so far is kept."""
        self._server = (GrpcServer if self.protocol == "grpc" else HttpServer)(self)
        self.port = self._server.port

    def stop(self):
        """Closes the port and every connection."""
        if self._server:
            self._server.stop()
            self._server = None

    def spans(self):
        with self._changed:
            return list(self._spans)

    def wait(self, n, timeout=90):
        """All spans so far, as soon as there are at least n."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._spans) >= n, timeout):
                raise AssertionError(f"{len(self._spans)} of {n} spans after {timeout} s:\n{otlp.outline(self._spans)}")
            return list(self._spans)

    def wait_requests(self, n, timeout=90):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.requests) >= n, timeout):
                raise AssertionError(f"{len(self.requests)} of {n} requests after {timeout} s")
            return list(self.requests)

    def exactly(self, n, timeout=90):
        """The n spans of a program that has ended, in order of their start; fails if there are more."""
        spans = self.wait(n, timeout)
        assert len(spans) == n, f"{len(spans)} spans instead of {n}:\n{otlp.outline(spans)}"
        return sorted(spans, key=lambda span: (span.start, span.end))

    def clear(self):
        with self._changed:
            self._spans.clear()
            self.requests.clear()

    # For the servers below, on their threads.

    def problem(self, text):
        with self._changed:
            self._problems.append(text)
            self._changed.notify_all()

    def take(self, request):
        """Remembers a request; returns the answer to give."""
        with self._changed:
            answer = self.answers.popleft() if self.answers else Answer()
            self.requests.append(request)
            if answer.kept():
                self._spans.extend(request.spans)
            self._changed.notify_all()
        if answer.hold:
            answer.hold.wait()
        if answer.delay:
            time.sleep(answer.delay)
        return answer


class Listener(ThreadingHTTPServer):
    """Many processes may come at once: with a short backlog, a connection waits a second for its next try."""

    request_queue_size = 256


class HttpServer:
    def __init__(self, sink):
        handler = type("Handler", (HttpHandler,), {"sink": sink, "connections": set()})
        self._handler = handler
        self._server = Listener(("127.0.0.1", sink.port), handler)
        self._server.daemon_threads = True
        if sink.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificates.server())
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._handler.connections):
            connection.close_now()
        self._thread.join()


class HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    sink = None
    connections = None

    def setup(self):
        super().setup()
        self.connections.add(self)

    def finish(self):
        self.connections.discard(self)
        try:
            super().finish()
        except OSError:
            pass

    def close_now(self):
        try:
            self.connection.shutdown(2)
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # the client has gone: not the sink's matter

    def do_POST(self):
        raw = self.read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = gzip.decompress(raw) if headers.get("content-encoding") == "gzip" else raw
            if headers.get("content-type") != "application/x-protobuf":
                raise ValueError(f"content-type {headers.get('content-type')}")
            spans = otlp.decode(body)
        except Exception as error:  # reported when the test leaves the block
            self.sink.problem(f"{self.path}: {error!r}")
            self.reply(Answer(status=400))
            return
        self.reply(self.sink.take(Request(
            self.path, headers, len(raw), body, spans, time.monotonic(), self.client_address, self.command)))

    do_PUT = do_POST

    def read_body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def reply(self, answer):
        if answer.close:
            self.close_connection = True
            self.close_now()
            return
        self.send_response(answer.status or 200)
        headers = {"Content-Type": "application/x-protobuf", "Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_):
        pass


class GrpcServer:
    """Debian's python3-grpcio with bytes as messages: no generated service is needed."""

    def __init__(self, sink):
        import grpc

        self._grpc = grpc
        self._sink = sink
        handler = grpc.unary_unary_rpc_method_handler(self.export)
        service, method = EXPORT.strip("/").split("/")
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {method: handler}),))
        address = f"127.0.0.1:{sink.port}"
        if sink.tls:
            certificate, key = (path.read_bytes() for path in certificates.server())
            self.port = self._server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
        else:
            self.port = self._server.add_insecure_port(address)
        assert self.port, f"cannot listen on {address}"
        self._server.start()

    def stop(self):
        self._server.stop(grace=None).wait()

    def export(self, body, context):
        headers = {key: value for key, value in context.invocation_metadata()}
        try:
            spans = otlp.decode(body)
        except Exception as error:  # reported when the test leaves the block
            self._sink.problem(repr(error))
            context.abort(self._grpc.StatusCode.INVALID_ARGUMENT, "cannot be decoded")
        request = Request(EXPORT, headers, len(body), body, spans, time.monotonic(), (context.peer(),))
        answer = self._sink.take(request)
        context.set_trailing_metadata(tuple(answer.headers.items()))
        if answer.status not in (None, "OK"):
            context.abort(self._grpc.StatusCode[answer.status], answer.message)
        return answer.body
