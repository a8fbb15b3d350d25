"""The functions a program gives to libcurl, in a multi handle: each is called as often, with the same arguments and the same value
as without us. (In which context, test_served_loop.py shows, and tests/unit/test_libcurl_callbacks.c and test_libcurl_context.c.)"""

from harness import HttpServer, app, same_output
from test_libcurl import Call, in_order, seen

BIG = 200_000


def run(server, mode, path, *arguments):
    server.reset()
    result = same_output([app("curl_callbacks"), mode, server.url.replace("127.0.0.1", "localhost") + path, *arguments],
                         before=server.reset)
    lines = result.stdout.decode(errors="replace").splitlines()
    assert result.returncode == 0 and not [line for line in lines if "called with" in line]
    return in_order(result.spans), dict(line.rsplit(": ", 1) for line in lines if ": " in line), lines


def expect(server, mode, path, *calls):
    spans, told, lines = run(server, mode, path)
    assert seen(spans) == [call.brief(call.old()) for call in calls]
    return told, lines


def url_of(server, path):
    return server.url.replace("127.0.0.1", "localhost") + path


def get(server, path, received):
    return Call("GET", url_of(server, path), received=received)


def redirecting(server, path="/again"):
    """A 307 to /echo, which makes libcurl send the body again."""
    reset = server.reset

    def again():
        reset()
        server.on(path, status=307, headers={"Location": "/echo"})

    return again


KINDS = ["read", "seek", "write", "header", "xferinfo", "debug", "sockopt", "opensocket", "closesocket", "ssl_ctx",
         "resolver_start", "trailer", "prereq"]


def test_every_one():
    with HttpServer(tls=True, address="localhost") as server:
        spans, told, _ = run(server, "every", "/echo", server.ca)
    call = Call("POST", url_of(server, "/echo"), received=5000)
    assert seen(spans) == [call.brief(call.old())]
    assert {name: told[name][0] for name in KINDS} == {**dict.fromkeys(KINDS, "1"), "seek": "0"}
    assert (told["read"], told["write"], told["prereq"]) == ("1 5000", "1 5000", "1 1")


def test_a_body_that_is_sent_again(http_server, monkeypatch):
    monkeypatch.setattr(http_server, "reset", redirecting(http_server))
    told, _ = expect(http_server, "every", "/again", Call("POST", url_of(http_server, "/again"), received=5000, resend=1))
    assert (told["read"], told["write"], told["seek"], told["prereq"]) == ("1 5000", "1 5000", "1 0", "1 2")


def test_the_older_ones(http_server, monkeypatch):
    monkeypatch.setattr(http_server, "reset", redirecting(http_server))
    told, _ = expect(http_server, "older", "/again", Call("POST", url_of(http_server, "/again"), received=5000, resend=1))
    assert told["progress"][0] == told["ioctl"][0] == "1" and told["write"] == "1 5000"


def test_set_while_the_transfer_runs(http_server):
    told, _ = expect(http_server, "late", "/drip/200", get(http_server, "/drip/200", 200))
    assert told["header"][0] == told["other write"][0] == "1"
    assert told["sum"] == "200"


def test_set_by_one_another(http_server):
    """The second transfer is the easy interface's."""
    path = f"/bytes/{BIG}"
    told, _ = expect(http_server, "swapped", path, *[get(http_server, path, BIG)] * 2)
    assert told["alone"] == "0" and told["other write"][0] == "1" and told["sum"] == str(2 * BIG)


def test_set_back_by_itself(http_server):
    path = f"/bytes/{BIG}"
    told, _ = expect(http_server, "unset", path, *[get(http_server, path, BIG)] * 2)
    assert told["write"][0] == "1" and told["sum"] == str(2 * BIG)


def test_what_libcurl_does_by_itself(http_server):
    told, lines = expect(http_server, "defaults", "/bytes/7", *[get(http_server, "/bytes/7", 7)] * 4)
    assert told["in the file"] == "7" and sum(line.count("xxxxxxx") for line in lines) == 3
    assert lines.count("HTTP/1.1 200 OK") == 1


def test_copies_have_the_programs_own(http_server):
    told, _ = expect(http_server, "copied", "/bytes/7", *[get(http_server, "/bytes/7", 7)] * 3)
    assert (told["copy"], told["write"]) == ("0", "1 21")


def test_from_one_interface_to_the_other_and_back(http_server):
    told, lines = expect(http_server, "reused", "/bytes/7", *[get(http_server, "/bytes/7", 7)] * 4)
    assert told["write"] == "1 21" and sum(line.count("xxxxxxx") for line in lines) == 1


def test_a_handle_freed_while_it_runs(http_server):
    """Its connection is closed later, by a function that is the connection's."""
    spans, told, _ = run(http_server, "cleaned", "/drip/1000")
    assert [(span.status, span.attributes["http.url"]) for span in spans] == [
        (("ERROR", "Removed before it was done"), url_of(http_server, "/drip/1000"))]
    assert told["xferinfo"][0] == told["closesocket"][0] == "1"


def test_a_multi_handle_that_takes_what_the_server_pushes(http_server):
    told, _ = expect(http_server, "pushing", "/bytes/7", *[get(http_server, "/bytes/7", 7)] * 2)
    assert told["write"] == "1 14"


def test_an_old_form_with_values_of_its_own(http_server):
    spans, told, lines = run(http_server, "old_form", "/echo")
    (request,) = http_server.requests
    call = Call("POST", url_of(http_server, "/echo"), sent=len(request.body), received=len(request.body))
    assert seen(spans) == [call.brief(call.old())] and b"u" * 5000 in request.body
    assert lines[1:3] == ["read: 0 0", "read: 1 5000"]


def test_exceptions(http_server):
    """The transfer that was left is still in its multi handle when the program ends."""
    result = same_output([app("curl_throw"), http_server.url + "/bytes/3", "multi"], before=http_server.reset)
    assert result.stdout == b"destroyed\ncaught not this\ncode 0\ndestroyed\nxxx"
    call = Call("GET", http_server.url + "/bytes/3", received=3)
    assert seen(result.spans) == [call.brief(call.old())] * 2
    assert [request.header("X-One") for request in http_server.requests] == ["1", "1"]


def test_longjmp(http_server):
    told, lines = expect(http_server, "jumped", "/bytes/7", *[get(http_server, "/bytes/7", 7)] * 2)
    assert "jumped" in lines and told["write"] == "1 14"
