"""HTTP inside of TLS, by OpenSSL: the spans of plain sockets, with `https`, and what arrives is what was written and our headers."""

import re

import pytest

from harness import OtlpSink, app, bare, certificates, instrumented

OLD, NEW = "https://opentelemetry.io/schemas/1.11.0", "https://opentelemetry.io/schemas/1.21.0"
SERVER, CLIENT = "otel-instrument.http_server", "otel-instrument.http_client"
OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-03\r\n(?=\r\n)")
ON_SOCKETS = ["fd", "ex+rfd", "bio", "ex+bio0", "fd+referred", "bio+cleared"]
ON_MEMORY = ["memory", "ex+memory", "pair"]


def whole(span):
    return (span.name, span.kind, span.status, span.scope_name, span.schema_url, span.attributes)


def talk(tmp_path, way, sink=None, **env):
    """Standard output, and what the server has read."""
    certificate, key = certificates.server()
    command = [app("tls_talk"), certificate, key, tmp_path / "arrived", way]
    result = instrumented(command, sink, env=env) if sink else bare(command)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout, (tmp_path / "arrived").read_bytes()


def by_kind(spans):
    """[(client's, server's)] in the order of the requests."""
    sides = [sorted((span for span in spans if span.kind == kind), key=lambda span: span.start) for kind in ("CLIENT", "SERVER")]
    assert len(sides[0]) + len(sides[1]) == len(spans)
    return list(zip(*sides, strict=True))


REQUESTS = [  # method, path, query, host, its port, what else is said in each set
    ("GET", "/one", "token=REDACTED", "example.test:81", 81, {}, {"user_agent.original": "a test"}),
    ("POST", "/two", "", "example.test", None, {"http.request_content_length": 4}, {}),
]


def expected_client(request, opt_in, port):
    """`port` is the server's; None: the session works on memory, and its other end is not known."""
    method, path, query, host, said, sent, agent = request
    url, attributes = f"https://{host}{path}" + (f"?{query}" if query else ""), dict(agent)
    if opt_in != "http":
        attributes |= {"http.method": method, "http.url": url, "http.status_code": 200, "http.response_content_length": 6, **sent}
    if opt_in:
        attributes |= {"http.request.method": method, "url.full": url, "server.address": "example.test", "server.port": said or 443,
                       "network.protocol.version": "1.1", "http.response.status_code": 200}
        if port:
            attributes |= {"network.peer.address": "127.0.0.1", "network.peer.port": port}
    return (method, "CLIENT", ("UNSET", ""), CLIENT, NEW if opt_in else OLD, attributes)


def expected_server(request, opt_in, port, peer):
    method, path, query, host, said, sent, agent = request
    target, attributes = path + (f"?{query}" if query else ""), {}
    if opt_in != "http":
        attributes |= {"http.method": method, "http.scheme": "https", "http.host": host, "net.host.name": host, "http.target": target,
                       "http.url": f"https://{host}{target}", "http.flavor": "1.1", "http.response_content_length": 6,
                       "http.status_code": 200, **sent}
        attributes |= {"net.host.port": port, "net.peer.ip": "127.0.0.1", "net.peer.port": peer} if port else {}
        attributes |= {"http.user_agent": "a test"} if agent else {}
    if opt_in:
        attributes |= {"http.request.method": method, "url.path": path, "url.scheme": "https", "server.address": "example.test",
                       "network.protocol.version": "1.1", "http.response.status_code": 200, **agent}
        attributes |= {"url.query": query} if query else {}
        attributes |= {"server.port": said or port} if said or port else {}
        if port:
            attributes |= {"client.address": "127.0.0.1", "client.port": peer, "network.peer.address": "127.0.0.1",
                           "network.peer.port": peer}
    return (f"{method} {path}", "SERVER", ("UNSET", ""), SERVER, NEW if opt_in else OLD, attributes)


def ports(printed):
    """The server's and the client's; None where the session works on memory."""
    found = re.match(rb"ports (\d+) (\d+)\n", printed)
    return int(found[1]), int(found[2])


@pytest.mark.parametrize("opt_in", ["", "http", "http/dup"])
@pytest.mark.parametrize("way", ON_SOCKETS + ON_MEMORY)
def test_requests_of_both_sides_in_each_attribute_set(tmp_path, way, opt_in):
    plain_printed, plain = talk(tmp_path, way)
    with OtlpSink() as sink:
        printed, arrived = talk(tmp_path, way, sink, OTEL_SEMCONV_STABILITY_OPT_IN=opt_in)
        pairs = by_kind(sink.spans())
    assert printed.partition(b"\n")[2] == plain_printed.partition(b"\n")[2]
    assert OURS.sub(b"", arrived) == plain
    port, peer = ports(printed) if way in ON_SOCKETS else (None, None)
    assert [(whole(client), whole(server)) for client, server in pairs] == [
        (expected_client(request, opt_in, port), expected_server(request, opt_in, port, peer)) for request in REQUESTS]
    ids = [(trace.decode(), span.decode()) for trace, span in OURS.findall(arrived)]
    assert ids == [(client.trace_id, client.span_id) for client, _ in pairs]
    assert ids == [(server.trace_id, server.parent_span_id) for _, server in pairs]
    assert [client.parent_span_id for client, _ in pairs] == ["", ""]
