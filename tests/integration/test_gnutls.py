"""HTTP inside of TLS, by GnuTLS: the spans of plain sockets, with `https`, and every call returns what it does without us."""

import http.client
import ssl
import subprocess

import pytest
from test_tls import CLIENT, LONGER, NEW, OLD, SERVER, TlsPeer, whole

from harness import HttpServer, OtlpSink, app, bare, certificates, free_port, instrumented, same_output, start, wait_until
from harness.programs import instrumented_command, telemetry

OPT_IN = ["", "http", "http/dup"]
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def https_server():
    with HttpServer(tls=True) as server:
        yield server


# --- a client of our own ----------------------------------------------------------------------------------------------------

# {way: whether its descriptor is known}
CARRIED = {"": True, "int2": True, "ptr": True, "ptr2+nonblocking": True, "nonblocking+null": True, "functions": False,
           "vector+nonblocking": False}
WAYS = ["tls1.2", "send2", "range", "lines", "file", "cork", "cork+wait", "cork+nonblocking", "cork+all", "all", "packet", "seq", "rude"]
REQUESTS = ["/one?token=abc", "POST", "/echo", "some text", "/status/404"]


def client_span(server, opt_in, known, method="GET", path="/one", query="", status=200, size=3, sent=None, agent="a client"):
    url, attributes = f"{server.url}{path}{query}", {"user_agent.original": agent} if agent else {}
    if opt_in != "http":
        attributes |= {"http.method": method, "http.url": url, "http.status_code": status, "http.response_content_length": size}
        attributes |= {"http.request_content_length": sent} if sent is not None else {}
    if opt_in:
        attributes |= {"http.request.method": method, "url.full": url, "server.address": "127.0.0.1", "server.port": server.port,
                       "network.protocol.version": "1.1", "http.response.status_code": status}
        attributes |= {"network.peer.address": "127.0.0.1", "network.peer.port": server.port} if known else {}
        attributes |= {"error.type": str(status)} if status >= 400 else {}
    return (method, "CLIENT", ("ERROR" if status >= 400 else "UNSET", ""), CLIENT, NEW if opt_in else OLD, attributes)


def headers_are_those_of(requests, spans):
    assert [request.header("traceparent") for request in requests] == [f"00-{span.trace_id}-{span.span_id}-03" for span in spans]


@pytest.mark.parametrize("way, opt_in", [*((way, opt_in) for way in CARRIED for opt_in in OPT_IN), *((way, "http/dup") for way in WAYS)])
def test_a_client(https_server, way, opt_in):
    def prepare():
        https_server.reset()
        https_server.on("/one", body="one")

    command = [app("gnutls_client"), https_server.port, certificates.authority(), way, *REQUESTS]
    result = same_output(command, env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}, before=prepare)
    assert result.returncode == 0 and b"one" in result.stdout
    spans, known = sorted(result.spans, key=lambda span: span.start), CARRIED.get(way, True)
    assert [whole(span) for span in spans] == [
        client_span(https_server, opt_in, known, query="?token=REDACTED"),
        client_span(https_server, opt_in, known, "POST", "/echo", size=9, sent=9),
        client_span(https_server, opt_in, known, path="/status/404", status=404, size=11)]
    assert [span.parent_span_id for span in spans] == ["", "", ""]
    if way == "range":  # how long its records are is the program's to say
        assert [request.header("traceparent") for request in https_server.requests[:1]] == [None]
    else:
        headers_are_those_of(https_server.requests, spans)
    assert https_server.requests[1].body == b"some text"


@pytest.mark.parametrize("opt_in", ["", "http"])
@pytest.mark.parametrize("way", ["", "functions"])
@pytest.mark.parametrize("answer, error, status", [
    ([("\r\n\r\n", "")], "connection_closed", 0),
    ([("\r\n\r\n", ...)], "connection_closed", 0),
    ([("\r\n\r\n", None)], "ECONNRESET", 0),
    ([("\r\n\r\n", LONGER), ("", "")], "connection_closed", 200),
    ([("\r\n\r\n", LONGER), ("", ...)], "connection_closed", 200),
], ids=["closed", "cut", "reset", "closed within", "cut within"])
def test_ends_before_the_end(answer, error, status, way, opt_in):
    said = []
    for run in bare, instrumented:
        with TlsPeer(*answer) as server, OtlpSink() as sink:
            server.url = f"https://127.0.0.1:{server.port}"
            command = [app("gnutls_client"), server.port, certificates.authority(), way + "+rude", "/one"]
            env = {"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}
            result = bare(command) if run is bare else instrumented(command, sink, env=env)
            server.thread.join(30)
            said.append((result.returncode, result.stdout, result.stderr))
            spans = sink.spans()
    assert said[0] == said[1] and said[0][0] == 0
    (span,) = spans
    expected = client_span(server, opt_in, not way, status=status)[-1]
    for name in ("http.response_content_length", *(() if status else ("http.status_code", "http.response.status_code", "network.protocol.version"))):
        expected.pop(name, None)
    expected |= {"error.type": error} if opt_in else {}
    assert whole(span) == ("GET", "CLIENT", ("ERROR", ""), CLIENT, NEW if opt_in else OLD, expected)


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "gnutls"}, {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_client"},
                                 {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "*"}])
def test_what_is_switched_off_makes_no_span(https_server, env):
    command = [app("gnutls_client"), https_server.port, certificates.authority(), "cork", "/", "POST", "/echo", "text"]
    result = same_output(command, env=env, before=https_server.reset)
    assert result.spans == [] and [request.header("traceparent") for request in https_server.requests] == [None, None]


@pytest.mark.parametrize("env", [{"OTEL_NATIVE_INJECT_SOCKETS": "false"}, {"OTEL_PROPAGATORS": "none"},
                                 {"OTEL_NATIVE_PROPAGATE_HOSTS": "other.test"}])
def test_headers_that_are_not_wanted_are_not_added(https_server, env):
    command = [app("gnutls_client"), https_server.port, certificates.authority(), "", "/"]
    result = same_output(command, env=env, before=https_server.reset)
    assert len(result.spans) == 1 and https_server.requests[0].header("traceparent") is None


# --- a server of our own ----------------------------------------------------------------------------------------------------

def server_span(port, peer, opt_in, known, path, size):
    host, attributes = f"127.0.0.1:{port}", {}
    if opt_in != "http":
        attributes |= {"http.method": "GET", "http.scheme": "https", "http.host": host, "net.host.name": host, "http.target": path,
                       "http.url": f"https://{host}{path}", "http.flavor": "1.1", "http.status_code": 200,
                       "http.response_content_length": size}
        attributes |= {"net.host.port": port, "net.peer.ip": "127.0.0.1", "net.peer.port": peer} if known else {}
    if opt_in:
        attributes |= {"http.request.method": "GET", "url.path": path, "url.scheme": "https", "server.address": "127.0.0.1",
                       "server.port": port, "network.protocol.version": "1.1", "http.response.status_code": 200}
        attributes |= {"client.address": "127.0.0.1", "client.port": peer, "network.peer.address": "127.0.0.1",
                       "network.peer.port": peer} if known else {}
    return (f"GET {path.replace('/100000', '/{id}')}", "SERVER", ("UNSET", ""), SERVER, NEW if opt_in else OLD, attributes)


PATHS = ["/one", "/bytes/100000", "/two"]


def ask(port, paths):
    """Over one connection, each request with a caller of its own; its own port."""
    context = ssl.create_default_context(cafile=certificates.authority())
    client = http.client.HTTPSConnection("127.0.0.1", port, timeout=60, context=context)
    for number, path in enumerate(paths):
        client.putrequest("GET", path, skip_accept_encoding=True)
        client.putheader("traceparent", f"00-{TRACE}-{CALLER[:-1]}{number}-01")
        client.endheaders()
        answer = client.getresponse()
        assert (answer.status, len(answer.read())) == (200, 100000 if "bytes" in path else len(path))
    own = client.sock.getsockname()[1]
    client.close()
    return own


def serve(way, connections, sink=None, **env):
    """What the server prints but for its port, that, and those of its clients."""
    certificate, key = certificates.server()
    command = [app("gnutls_server"), certificate, key, way, connections]
    command, env = (instrumented_command(command), telemetry(sink, env)) if sink else (command, None)
    process = start(command, env=env)
    try:
        port = int(process.stdout.readline())
        peers = [ask(port, PATHS) for _ in range(connections)]
        printed, errors = process.communicate(timeout=60)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    assert (process.returncode, errors) == (0, b"")
    return printed, port, peers


@pytest.mark.parametrize("way, opt_in", [*((way, opt_in) for way in CARRIED for opt_in in OPT_IN),
                                         *((way, "http/dup") for way in ("cork", "cork+nonblocking", "file", "packet", "seq", "rude", "tls1.2"))])
def test_a_server(way, opt_in):
    connections = 2
    plain, _, _ = serve(way, connections)
    with OtlpSink() as sink:
        printed, port, peers = serve(way, connections, sink, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
        spans = sorted(sink.spans(), key=lambda span: span.start)
    assert printed == plain
    sizes = [4, 100000, 4]
    assert [whole(span) for span in spans] == [server_span(port, peer, opt_in, CARRIED.get(way, True), path, size)
                                               for peer in peers for path, size in zip(PATHS, sizes, strict=True)]
    assert [(span.trace_id, span.parent_span_id) for span in spans] == [(TRACE, f"{CALLER[:-1]}{n}") for _ in peers for n in range(3)]


# --- programs nobody here wrote ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("opt_in", OPT_IN)
@pytest.mark.parametrize("path, status, size", [("/one", 200, 3), ("/chunked", 200, 14), ("/status/404", 404, 11), ("/bytes/300000", 200, 300000)])
def test_wget(https_server, path, status, size, opt_in):
    def prepare():
        https_server.reset()
        https_server.on("/one", body="one")

    command = ["/usr/bin/wget", "-qO-", f"--ca-certificate={certificates.authority()}", https_server.url + path]
    result = same_output(command, env={"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in}, before=prepare)
    (span,), (request,) = result.spans, https_server.requests
    agent = request.header("User-Agent")
    assert agent.startswith("Wget/") and result.returncode == (8 if status == 404 else 0)
    assert whole(span) == client_span(https_server, opt_in, True, path=path, status=status, size=size, agent=agent)
    headers_are_those_of([request], [span])


def test_gnutls_cli(https_server):
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{https_server.port}\r\nConnection: close\r\n\r\n".encode()
    command = ["/usr/bin/gnutls-cli", "--logfile=/dev/null", f"--x509cafile={certificates.authority()}", f"--port={https_server.port}",
               "127.0.0.1"]
    https_server.reset()
    with OtlpSink() as sink:
        process = start(instrumented_command(command), env=telemetry(sink, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http/dup"}),
                        stdin=subprocess.PIPE)
        try:
            process.stdin.write(request)
            process.stdin.flush()
            (asked,) = https_server.wait(1)
            output, _ = process.communicate(timeout=60)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        assert b"hello\n" in output
        (span,) = sink.spans()
    assert whole(span) == client_span(https_server, "http/dup", True, path="/", size=6, agent=None)
    headers_are_those_of([asked], [span])


@pytest.mark.parametrize("opt_in", ["", "http"])
def test_gnutls_serv(opt_in):
    certificate, key = certificates.server()
    port = free_port()
    command = ["/usr/bin/gnutls-serv", "--http", f"--port={port}", f"--x509certfile={certificate}", f"--x509keyfile={key}", "--quiet",
               "--disable-client-cert"]
    context = ssl.create_default_context(cafile=certificates.authority())

    def answered():
        client = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
        try:
            client.request("GET", "/", headers={"traceparent": f"00-{TRACE}-{CALLER}-01", "Accept-Encoding": "identity"})
        except ConnectionRefusedError:
            return None
        return client.sock.getsockname()[1], len(client.getresponse().read())

    with OtlpSink() as sink:
        env = {"OTEL_SEMCONV_STABILITY_OPT_IN": opt_in, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        process = start(instrumented_command(command), env=telemetry(sink, env))
        try:
            peer, size = wait_until(answered)
            (span,) = sink.exactly(1)
        finally:
            process.kill()
            process.communicate()
    assert size > 0 and (span.trace_id, span.parent_span_id) == (TRACE, CALLER)
    expected = server_span(port, peer, opt_in, True, "/", size)
    for name in ("http.response_content_length", "http.response.body.size"):
        assert span.attributes.pop(name, None) == expected[-1].pop(name, None)
    assert whole(span) == expected


# --- whose a session is -----------------------------------------------------------------------------------------------------

def test_libcurl_keeps_what_is_libcurls(https_server):
    result = same_output([app("curl_gnutls"), "certificate", https_server.url + "/", certificates.authority()], before=https_server.reset)
    (request,) = https_server.requests
    assert [span.scope_name for span in result.spans] == ["otel-instrument.libcurl"]
    assert request.all("traceparent") == [f"00-{result.spans[0].trace_id}-{result.spans[0].span_id}-03"]
