"""Requests of every kind, through both of libcurl's interfaces: what changes a request, and what the span says of it."""

import socket

import pytest
from harness import (Dict, Ftp, Gopher, HttpServer, Nginx, Proxy, Socks, TcpServer, UnixRelay, app, bare, certificates,
                     free_port, instrumented, not_under, same_output)
from test_libcurl import (COULDNT_CONNECT, DUP, NEW, VERSION, Call, carried, failed, header_of, in_order, said_of, seen)

SETS = [(None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})]
ANY_AUTH, DIGEST, NEGOTIATE, NTLM = -17, 2, 4, 8
HTTP_1_0, HTTP_1_1, HTTP_2, HTTP_2_PRIOR_KNOWLEDGE = 1, 2, 3, 5
FAILED_TUNNEL = ("CURLE_RECV_ERROR", "Failure when receiving data from the peer")


@pytest.fixture(params=["easy", "multi"])
def kind(request):
    return request.param


def words(options):
    return [f"{name}={value}" for name, value in options.items()]


def once(kind, url, env=None, before=None, **options):
    """Bare and instrumented, with the same output; what the program printed, and its spans."""
    result = same_output([app("curl_kinds"), kind, url, *words(options)], env=env, before=before)
    assert result.returncode == 0
    return result.stdout, in_order(result.spans)


def expect(kind, url, *calls, before=None, **options):
    """In the old set, the new one and both. Output and spans of the last run."""
    for env, attributes in SETS:
        output, spans = once(kind, url, env, before, **options)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
        assert all(span.parent_span_id == "" for span in spans)
    return output, spans


def at(server, kind, path, method="GET", options=None, **details):
    """One transfer of a path of the server's; its span, and the requests."""
    call = Call(method, server.url + path, **details)
    _, (span,) = expect(kind, call.url, call, before=server.reset_requests, **(options or {}))
    assert {request.header("traceparent") for request in server.requests} == {header_of(span)}
    return span, list(server.requests)


# --- methods and bodies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options, method, sent, received", [
    ({"customrequest": "DELETE"}, "DELETE", None, 0),
    ({"customrequest": "PATCH", "postfields": "abc"}, "PATCH", 3, 3),
    ({"customrequest": "PROPFIND"}, "PROPFIND", None, 0),
    ({"customrequest": "OPTIONS", "nobody": 1}, "OPTIONS", None, 0),
    ({"nobody": 1}, "HEAD", None, 0),
    ({"upload": 1, "body": 100000}, "PUT", 100000, 100000),
    ({"upload": 1, "chunked": 100000}, "PUT", None, 100000),  # libcurl counts the framing too
    ({"upload": 1, "body": 5, "customrequest": "POST"}, "POST", 5, 5),
    ({"upload": 1, "body": 0}, "PUT", 0, 0),
    ({"post": 1, "body": 7, "header": "Content-Length: 7"}, "POST", None, 7),  # only the header says how many
    ({"post": 1, "chunked": 7, "header": "Transfer-Encoding: chunked"}, "POST", None, 7),
    ({"bytes": "a%00b%00c"}, "POST", 5, 5),
    ({"bytes": ""}, "POST", 0, 0),
    ({"curlu": "a=b"}, "GET", None, 0),
], ids=str)
def test_what_is_sent(http_server, kind, options, method, sent, received):
    path = "/echo"
    url = http_server.url + path
    call = Call(method, url + ("?a=b" if "curlu" in options else ""), sent=sent, received=received)
    output, (span,) = expect(kind, url, call, before=http_server.reset, **options)
    (request,) = http_server.requests
    assert (request.method, len(request.body)) == (method, received)
    assert request.header("traceparent") == header_of(span)


@pytest.mark.parametrize("form", ["mime", "form"])
def test_forms(http_server, kind, form):
    for env, attributes in SETS:
        _, spans = once(kind, http_server.url + "/bytes/3", env, http_server.reset, **{form: "value"})
        (request,) = http_server.requests
        assert b'name="field"\r\n\r\nvalue' in request.body and (b"a\0b" in request.body) == (form == "mime")
        call = Call("POST", http_server.url + "/bytes/3", sent=len(request.body), received=3)
        assert seen(spans) == [call.brief(attributes(call))]
        carried(spans, [request])


def test_a_body_that_waits_for_100_continue(http_server, kind):
    _, (request,) = at(http_server, kind, "/echo", "PUT", {"upload": 1, "body": 2000, "header": "Expect: 100-continue"},
                       sent=2000, received=2000)
    assert request.header("Expect") == "100-continue"


class Unexpecting(TcpServer):
    """Does not do what `Expect` asks for."""

    def serve(self, reader, connection):
        while reader.readline():
            headers = dict(line.decode().lower().split(": ", 1) for line in iter(lambda: reader.readline().rstrip(), b""))
            self.requests.append(headers)
            if "expect" in headers:
                connection.sendall(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
            else:
                reader.read(int(headers["content-length"]))
                connection.sendall(b"HTTP/1.1 200 Yes\r\nContent-Length: 2\r\n\r\nok")


def test_a_request_that_is_sent_again_without_expect(kind):
    with Unexpecting() as server:
        call = Call("PUT", f"http://127.0.0.1:{server.port}/", received=2, resend=1)
        _, (span,) = expect(kind, call.url, call, before=server.reset, upload=1, body=2_000_000,
                            expect_100_timeout_ms=20000)
        assert [request["traceparent"] for request in server.requests] == [header_of(span)] * 2


def test_compressed_answers_have_the_size_they_were_sent_with(http_server, kind):
    output, (span,) = once(kind, http_server.url + "/gzip", DUP, accept_encoding="gzip")
    size = span.attributes["http.response_content_length"]
    assert output.startswith(b"hello\n") and size > 6
    call = Call("GET", http_server.url + "/gzip", received=size)
    assert seen([span]) == [call.brief({**call.old(), **call.new()})]


# --- redirects ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status, options, methods", [
    (303, {"postfields": "abc"}, ["POST", "GET"]),
    (302, {"postfields": "abc"}, ["POST", "GET"]),
    (302, {"postfields": "abc", "postredir": 7}, ["POST", "POST"]),
    (307, {"postfields": "abc"}, ["POST", "POST"]),
    (308, {"postfields": "abc"}, ["POST", "POST"]),
    (303, {"upload": 1, "body": 10}, ["PUT", "GET"]),
    (301, {"nobody": 1}, ["HEAD", "HEAD"]),
])
def test_a_redirect_may_change_the_method(http_server, kind, status, options, methods):
    """The span has the first one; of the body's size nothing can be said."""
    http_server.on("/from", status, b"", {"Location": "/bytes/3"})
    received = 0 if methods[1] == "HEAD" else 3
    _, requests = at(http_server, kind, "/from", methods[0], {**options, "follow": 1}, received=received, resend=1)
    assert [request.method for request in requests] == methods


def test_a_redirect_to_another_host(http_server, kind):
    """First URL, last peer."""
    with HttpServer() as other:
        http_server.on("/from", 302, b"", {"Location": other.url + "/status/404"})
        call = Call("GET", http_server.url + "/from", status=404, received=11, resend=1)
        for env, attributes in SETS:
            _, spans = once(kind, call.url, env, lambda: (http_server.reset_requests(), other.reset()), follow=1)
            expected = attributes(call)
            if "network.peer.port" in expected:
                expected["network.peer.port"] = other.port
            assert seen(spans) == [call.brief(expected)]
            carried(spans * 2, http_server.requests + other.requests)


def test_a_redirect_to_nobody(http_server, kind):
    """The status is that of the redirect, the peer the last one there was."""
    http_server.on("/from", 302, b"", {"Location": f"http://127.0.0.1:{free_port()}/"})
    call = Call("GET", http_server.url + "/from", status=302, received=0, resend=1, error="CURLE_COULDNT_CONNECT",
                message=said_of(COULDNT_CONNECT))
    for env, attributes in SETS:
        _, spans = once(kind, call.url, env, follow=1)
        assert seen(spans) == [call.brief(attributes(call))]


def test_more_redirects_than_allowed(http_server, kind):
    at(http_server, kind, "/redirect/9", options={"follow": 1, "maxredirs": 2}, status=302, received=0, resend=2,
       error="CURLE_TOO_MANY_REDIRECTS", message="Number of redirects hit maximum amount")


def test_a_redirect_that_is_not_followed_is_an_answer(http_server, kind):
    at(http_server, kind, "/redirect/9", status=302, received=0)


def test_a_redirect_to_ftp_has_no_http_status(http_server, kind):
    """FTP's 226 is no status of HTTP's."""
    with Ftp({"name": b"content\n"}) as ftp:
        http_server.on("/from", 302, b"", {"Location": f"ftp://127.0.0.1:{ftp.port}/name"})
        call = Call("GET", http_server.url + "/from", status=None, resend=1)
        for env, attributes in SETS:
            output, spans = once(kind, call.url, env, follow=1)
            expected = attributes(call)
            if "network.peer.port" in expected:
                expected["network.peer.port"] = ftp.port
            assert output.startswith(b"content\n") and b"status 226" in output
            assert seen(spans) == [call.brief(expected)]


# --- authentication -------------------------------------------------------------------------------------------------------


def guard(server, path, challenge, scheme):
    """Lets in who comes with credentials of this scheme."""
    def answer(handler, request):
        if (request.header("Authorization") or "").startswith(scheme):
            handler.answer(200, b"in\n")
        else:
            handler.answer(401, b"no\n", {"WWW-Authenticate": challenge})
    server.on(path, handler=answer)


@pytest.mark.parametrize("options, resend", [
    ({}, 0), ({"httpauth": ANY_AUTH}, 1),
], ids=str)
def test_basic_authentication(http_server, kind, options, resend):
    """Told at once, or when the server has asked for it."""
    guard(http_server, "/", 'Basic realm="r"', "Basic")
    _, requests = at(http_server, kind, "/", options={"userpwd": "u:p", **options}, received=3, resend=resend)
    assert len(requests) == 1 + resend


@pytest.mark.parametrize("options, method, bodies", [
    ({"httpauth": ANY_AUTH}, "GET", [0, 0]),
    ({"httpauth": DIGEST}, "GET", [0, 0]),
    ({"httpauth": DIGEST, "postfields": "abc"}, "POST", [0, 3]),
    ({"httpauth": ANY_AUTH, "upload": 1, "body": 10}, "PUT", [10, 10]),
], ids=str)
def test_digest_authentication(http_server, kind, options, method, bodies):
    """The request is sent twice; how much of its body in the first one is libcurl's matter."""
    guard(http_server, "/", 'Digest realm="r", nonce="abc", qop="auth"', "Digest")
    _, requests = at(http_server, kind, "/", method, {"userpwd": "u:p", **options}, received=3, resend=1)
    assert [len(request.body) for request in requests][1] == bodies[1] and len(requests) == 2


def test_authentication_that_fails(http_server, kind):
    http_server.on("/", 401, b"no\n", {"WWW-Authenticate": 'Digest realm="r", nonce="abc", qop="auth"'})
    at(http_server, kind, "/", options={"userpwd": "u:p", "httpauth": DIGEST}, status=401, received=3, resend=1)


def test_ntlm_that_is_refused(http_server, kind):
    """A challenge, an answer to it, and a plain no."""
    def answer(handler, request):
        sent = request.header("Authorization") or ""
        first = sent.startswith("NTLM TlRMTVNTUAAB")  # message of type 1
        handler.answer(401, b"no\n", {"WWW-Authenticate":
                       "NTLM TlRMTVNTUAACAAAAAAAAADgAAAACAgIAASNFZ4mrze8AAAAAAAAAAAAAAAAAAAAA" if first else "NTLM"})
    http_server.on("/", handler=answer)
    at(http_server, kind, "/", options={"userpwd": "u:p", "httpauth": NTLM}, status=401, received=3, resend=1)


def test_negotiate_without_a_ticket(http_server, kind):
    http_server.on("/", 401, b"no\n", {"WWW-Authenticate": "Negotiate"})
    at(http_server, kind, "/", options={"userpwd": ":", "httpauth": NEGOTIATE}, status=401, received=3)


# --- versions of HTTP -----------------------------------------------------------------------------------------------------


def test_http_1_0(http_server, kind):
    def answer(handler, _):
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nten")
    http_server.on("/", handler=answer)
    _, (request,) = at(http_server, kind, "/", options={"http_version": HTTP_1_0}, received=3, version="1.0")
    assert request.version == "HTTP/1.0"


def test_http_0_9(http_server, kind):
    """No status, no version: nothing is made up."""
    def answer(handler, _):
        handler.close_connection = True
        handler.wfile.write(b"nine")
    http_server.on("/", handler=answer)
    call = Call("GET", http_server.url + "/", status=None)
    expect(kind, call.url, call, http09_allowed=1)
    call = failed("GET", http_server.url + "/", "CURLE_UNSUPPORTED_PROTOCOL", "Unsupported protocol", peer="127.0.0.1")
    expect(kind, call.url, call)


def test_a_connection_is_used_again(http_server, kind):
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    _, spans = expect(kind, call.url, *[call] * 5, before=http_server.reset, times=5)
    carried(spans, http_server.requests)
    assert len({request.peer for request in http_server.requests}) == 1


def http_2_server():
    """nginx, over TLS and without; each answer names the protocol. /reset is a stream that is broken off."""
    certificate, key = certificates.server()
    tls, clear = free_port(), free_port()
    server = Nginx(f"""listen 127.0.0.1:{tls} ssl http2; listen 127.0.0.1:{clear} http2; ssl_certificate {certificate};
                       ssl_certificate_key {key}; location / {{ return 200 "$server_protocol\\n"; }}
                       location /reset {{ return 444; }}""")
    return server, f"https://localhost:{tls}", f"http://127.0.0.1:{clear}"


@pytest.mark.parametrize("over, options, shown", [
    ("tls", {}, "2"), ("tls", {"http_version": HTTP_1_1}, "1.1"), ("clear", {"http_version": HTTP_2_PRIOR_KNOWLEDGE}, "2"),
], ids=str)
def test_http_2(kind, over, options, shown):
    server, tls, clear = http_2_server()
    with server:
        url = (tls if over == "tls" else clear) + "/"
        call = Call("GET", url, received=9, version=shown)
        output, _ = expect(kind, url, call, cainfo=certificates.authority(), **options)
        assert output.startswith(f"HTTP/{shown}".encode())


def test_a_stream_that_is_reset(kind):
    server, _, clear = http_2_server()
    with server:
        call = failed("GET", clear + "/reset", "CURLE_HTTP2_STREAM", said_of(92), peer="127.0.0.1")
        expect(kind, call.url, call, http_version=HTTP_2_PRIOR_KNOWLEDGE)


def test_an_upgrade_to_http_2_that_the_server_does_not_know(http_server, kind):
    _, (request,) = at(http_server, kind, "/bytes/3", options={"http_version": HTTP_2}, received=3)
    assert request.header("Upgrade") == "h2c"


# --- proxies --------------------------------------------------------------------------------------------------------------


def through(kind, proxy, call, **options):
    """The peer is the proxy."""
    for env, attributes in SETS:
        _, spans = once(kind, call.url, env, proxy.reset, proxy=f"http://127.0.0.1:{proxy.port}", **options)
        expected = attributes(call)
        if "network.peer.port" in expected:
            expected["network.peer.port"] = proxy.port
        assert seen(spans) == [call.brief(expected)]
    (span,) = spans
    return span, [(line.split()[0], headers.get("traceparent")) for line, headers in proxy.requests]


def test_a_proxy(http_server, kind):
    with Proxy() as proxy:
        span, passed = through(kind, proxy, Call("GET", http_server.url + "/bytes/3", received=3))
        assert passed == [("GET", header_of(span))]
        assert http_server.requests[-1].header("traceparent") == header_of(span)


def test_a_tunnel(http_server, kind):
    """The proxy does not learn the context: it is for the server."""
    with Proxy() as proxy:
        span, passed = through(kind, proxy, Call("GET", http_server.url + "/bytes/3", received=3), httpproxytunnel=1)
        assert passed == [("CONNECT", None)]
        assert http_server.requests[-1].header("traceparent") == header_of(span)


def test_a_tunnel_to_a_server_with_tls(kind):
    with Proxy() as proxy, HttpServer(tls=True) as server:
        span, passed = through(kind, proxy, Call("GET", server.url + "/bytes/3", received=3), cainfo=server.ca)
        assert passed == [("CONNECT", None)]
        assert server.requests[-1].header("traceparent") == header_of(span)


def test_a_proxy_asks_who_is_there(http_server, kind):
    url = http_server.url + "/bytes/3"
    with Proxy(user="u:p") as proxy:
        through(kind, proxy, Call("GET", url, status=407, received=4))
        _, passed = through(kind, proxy, Call("GET", url, received=3), proxyuserpwd="u:p")
        assert len(passed) == 1
        _, passed = through(kind, proxy, Call("GET", url, received=3, resend=1), proxyuserpwd="u:p", proxyauth=ANY_AUTH)
        assert len(passed) == 2
        through(kind, proxy, Call("GET", url, received=3), proxyuserpwd="u:p", httpproxytunnel=1, proxyauth=ANY_AUTH)


@pytest.mark.parametrize("proxy", [Proxy(user="u:p"), Proxy(refuse=502)], ids=["407", "502"])
def test_a_tunnel_that_is_refused(http_server, kind, proxy):
    """The status is the proxy's, not the server's: the span has none."""
    with proxy:
        through(kind, proxy, failed("GET", http_server.url + "/", *FAILED_TUNNEL, peer="127.0.0.1"), httpproxytunnel=1)


def test_a_proxy_that_cannot_reach_the_server(http_server, kind):
    with Proxy(refuse=502) as proxy:
        through(kind, proxy, Call("GET", http_server.url + "/", status=502, received=3))


def test_a_proxy_that_is_not_there(http_server, kind):
    call = failed("GET", http_server.url + "/", "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT))
    expect(kind, call.url, call, proxy=f"http://127.0.0.1:{free_port()}")
    call = failed("GET", http_server.url + "/", "CURLE_COULDNT_RESOLVE_PROXY", said_of(5))
    expect(kind, call.url, call, proxy="http://proxy.invalid:1")


def test_socks(http_server, kind):
    def by_socks(socks, call):
        for env, attributes in SETS:
            _, spans = once(kind, call.url, env, proxy=f"socks5h://127.0.0.1:{socks.port}")
            expected = attributes(call)
            if "network.peer.port" in expected:
                expected["network.peer.port"] = socks.port
            assert seen(spans) == [call.brief(expected)]
        return spans

    url = http_server.url + "/bytes/3"
    with Socks() as socks:
        spans = by_socks(socks, Call("GET", url, received=3))
        assert http_server.requests[-1].header("traceparent") == header_of(spans[0])
    with Socks(refuse=5) as socks:
        by_socks(socks, failed("GET", url, "CURLE_PROXY", said_of(97), peer="127.0.0.1"))


# --- where it goes --------------------------------------------------------------------------------------------------------


def test_a_name_of_the_programs_own(http_server, kind):
    """CURLOPT_RESOLVE."""
    port = http_server.port
    call = Call("GET", f"http://name.invalid:{port}/bytes/3", received=3)
    expect(kind, call.url, call, resolve=f"name.invalid:{port}:127.0.0.1")


def test_a_unix_socket(http_server, kind, tmp_path):
    """The peer is its path, and has no port; a path that libcurl has cut is not told."""
    call = Call("GET", "http://name.invalid/bytes/3", received=3)
    for name, shown in (("/tmp/oi-%d" % free_port(), True), (str(tmp_path / ("l" * 50))[:100], False)):
        with UnixRelay(name, http_server.port):
            for env, attributes in SETS:
                _, spans = once(kind, call.url, env, http_server.reset, unix_socket_path=name)
                expected = attributes(call)
                if expected.pop("network.peer.port", None):
                    expected.update({"network.peer.address": name})
                    if not shown:
                        del expected["network.peer.address"]
                assert seen(spans) == [call.brief(expected)]
                carried(spans, http_server.requests)


def test_an_abstract_unix_socket(http_server, kind):
    name = f"oi-{free_port()}"
    with UnixRelay("\0" + name, http_server.port):
        call = Call("GET", "http://name.invalid/bytes/3", received=3, peer=None)
        expect(kind, call.url, call, abstract_unix_socket=name)


def test_a_unix_socket_that_is_not_there(kind, tmp_path):
    call = failed("GET", "http://name.invalid/", "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT))
    expect(kind, call.url, call, unix_socket_path=tmp_path / "none")


def test_an_alternative_service(kind, tmp_path):
    """The URL is the one asked for; the peer, who answered."""
    certificate, key = certificates.server()
    here, there = free_port(), free_port()
    cache = tmp_path / "altsvc"
    with Nginx(f"""listen 127.0.0.1:{there} ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key};
                   location / {{ return 200 'hello\\n'; }}"""):
        for env, attributes in SETS:
            cache.write_text(f'h2 localhost {here} h2 localhost {there} "20991231 00:00:00" 0 0\n', encoding="utf-8")
            call = Call("GET", f"https://localhost:{here}/", received=6, version="2")
            _, spans = once(kind, call.url, env, altsvc=cache, altsvc_ctrl=16, cainfo=certificates.authority())
            expected = attributes(call)
            if "network.peer.port" in expected:
                expected.update({"network.peer.port": there, "network.peer.address": "127.0.0.1"})
            assert seen(spans) == [call.brief(expected)]


def test_strict_transport_security(kind, tmp_path):
    """The program asks for http, libcurl knows better: https is what was sent."""
    cache = tmp_path / "hsts"
    with HttpServer(tls=True) as server:
        asked = f"http://localhost:{server.port}/bytes/3"
        call = Call("GET", asked.replace("http", "https"), received=3)
        for env, attributes in SETS:
            cache.write_text('localhost "20991231 00:00:00"\n', encoding="utf-8")
            _, spans = once(kind, asked, env, hsts=cache, hsts_ctrl=1, cainfo=server.ca, times=2)
            assert seen(spans) == [call.brief(attributes(call))] * 2


# --- failures -------------------------------------------------------------------------------------------------------------


def test_timeouts(http_server, kind):
    call = failed("GET", http_server.url + "/slow/1", "CURLE_OPERATION_TIMEDOUT", said_of(28), peer="127.0.0.1")
    expect(kind, call.url, call, timeout_ms=200)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # fills the queue: who comes now gets no answer
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        call = failed("GET", f"http://127.0.0.1:{port}/", "CURLE_OPERATION_TIMEDOUT", said_of(28))
        expect(kind, call.url, call, connecttimeout_ms=200)
        for one in waiting:
            one.close()


def test_a_name_that_does_not_exist(kind):
    call = failed("GET", "http://name.invalid/", "CURLE_COULDNT_RESOLVE_HOST", said_of(6))
    expect(kind, call.url, call)


def test_tls_errors(http_server, kind):
    named = "127.0.0.1" if VERSION < (8, 0) else None  # whether libcurl names the peer of a handshake that failed
    with HttpServer(tls=True) as server:
        untrusted = failed("GET", server.url + "/", "CURLE_PEER_FAILED_VERIFICATION", said_of(60), peer=named)
        expect(kind, untrusted.url, untrusted)
        other = failed("GET", f"https://name.invalid:{server.port}/", "CURLE_PEER_FAILED_VERIFICATION", said_of(60), peer=named)
        expect(kind, other.url, other, cainfo=server.ca, resolve=f"name.invalid:{server.port}:127.0.0.1")
        missing = failed("GET", server.url + "/", "CURLE_SSL_CACERT_BADFILE", said_of(77), peer=named)
        expect(kind, missing.url, missing, cainfo="/nonexistent")
    plain = http_server.url.replace("http", "https") + "/"
    expect(kind, plain, failed("GET", plain, "CURLE_SSL_CONNECT_ERROR", said_of(35), peer=named))


# --- transfers that rest, and such as are none --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, how", [("easy", "inside"), ("multi", "inside"), ("multi", "outside")])
def test_a_transfer_that_is_paused(http_server, kind, how):
    output, _ = once(kind, http_server.url + "/drip/50", pause=how)
    assert output.startswith(b"x" * 50)
    at(http_server, kind, "/drip/50", options={"pause": how}, received=50)


def test_a_connection_without_a_request(http_server, kind):
    assert expect(kind, http_server.url + "/", connect_only=1)[1] == []


def test_other_protocols(kind, tmp_path):
    """No span, and nothing of ours on the wire."""
    def silent(url, begins, server=None, **options):
        output, spans = once(kind, url, DUP, header="X-One: 1", **options)
        assert spans == [] and output.startswith(begins)
        if server:
            half = len(server.requests) // 2
            assert half > 0 and server.requests[:half] == server.requests[half:]
            server.reset()

    file = tmp_path / "file"
    file.write_bytes(b"content\n")
    silent(f"file://{file}", b"content\n")
    silent("file:///nonexistent", b"\n37 ")
    with Ftp({"name": b"content\n"}) as ftp:
        silent(f"ftp://127.0.0.1:{ftp.port}/name", b"content\n", ftp)
        silent(f"ftp://127.0.0.1:{ftp.port}/", b"name\n", ftp)
        silent(f"ftp://127.0.0.1:{ftp.port}/none", b"\n78 status 550", ftp)
        silent(f"ftp://127.0.0.1:{ftp.port}/new", b"\n0 status 226", ftp, upload=1, body=10)
        assert ftp.files["new"] == b"u" * 10
    with Gopher() as gopher:
        silent(f"gopher://127.0.0.1:{gopher.port}/0/selector", b"hello\n", gopher)
    with Dict() as dictionary:
        silent(f"dict://127.0.0.1:{dictionary.port}/d:word", b"220 ready\r\n", dictionary)
    silent(f"ftp://127.0.0.1:{free_port()}/name", b"\n7 ")
    silent("telnet://name.invalid/", b"\n6 ")


def test_ftp_through_a_proxy_is_not_traced(kind):
    """It is HTTP on the wire; the program asks for FTP."""
    with Proxy(refuse=403) as proxy:
        _, spans = once(kind, "ftp://name.invalid/name", proxy=f"http://127.0.0.1:{proxy.port}")
        assert spans == []
        assert [headers.get("traceparent") for _, headers in proxy.requests] == [None, None]


def test_handles_that_share(http_server):
    """Cookies, names and TLS sessions among threads, connections between two handles; locked by the program's callbacks."""
    http_server.on("/", body="hello\n", headers={"Set-Cookie": "name=value"})
    call = Call("GET", http_server.url + "/", received=6)
    for env, attributes in SETS:
        result = same_output([app("curl_share"), call.url], env=env, before=http_server.reset_requests)
        assert result.stdout == b"failures: 0, locked: 1, wrong: 0\nconnections: 1 0, cookie: known\nfreed: 0\n"
        assert seen(result.spans) == [call.brief(attributes(call))] * 202
        sent = [request.header("traceparent") for request in http_server.requests]
        assert sorted(sent) == sorted(header_of(span) for span in result.spans) and len(set(sent)) == 202
        assert http_server.requests[-1].peer == http_server.requests[-2].peer


@not_under("address", "the exporter cannot be opened with RTLD_DEEPBIND there, and calls what stands for the library")
def test_a_copy_that_the_library_makes_has_the_programs_headers(sink):
    """As for what a server pushes: it is the program's later, and outlives the handle whose headers were lent."""
    program = app("curl_fake_user", "-Wl,--no-as-needed", str(app("curl_fake")))
    result = instrumented([program], sink)
    expected = b"sent: X-One: 1 X-Two: 2\npushed: X-One: 1 X-Two: 2\n0 77\n"
    assert (result.stdout, result.stderr, result.returncode) == (expected, b"sent: traceparent\n", 0)
    assert bare([program]).stdout == expected
    call = Call("GET", "http://name.invalid/", status=None)
    assert seen(sink.exactly(1)) == [call.brief(call.old())]
