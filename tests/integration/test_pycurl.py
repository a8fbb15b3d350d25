"""python3-pycurl: an extension module that is opened with RTLD_LOCAL, so its libcurl (GnuTLS) is outside the global scope."""

from harness import free_port, same_output
from test_libcurl import COULDNT_CONNECT, DUP, NEW, Call, failed, header_of, in_order, said_of, seen
from test_libcurl_multi import abandoned, carried_by_path

PROGRAM = """
import io, sys, pycurl

def easy(url):
    handle = pycurl.Curl()
    handle.body = io.BytesIO()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.WRITEDATA, handle.body)
    handle.setopt(pycurl.HTTPHEADER, ["X-One: 1"])
    handle.setopt(pycurl.USERAGENT, "py/1")
    return handle

base = sys.argv[1]
one = easy(base + "/bytes/3")
one.perform()
print(one.body.getvalue(), one.getinfo(pycurl.RESPONSE_CODE))
one.close()

handles = [easy(f"{base}/bytes/{size}") for size in range(5, 25)]
multi = pycurl.CurlMulti()
for handle in handles:
    multi.add_handle(handle)
running = 1
while running:
    _, running = multi.perform()
    _, good, bad = multi.info_read()
    for handle in good:
        multi.remove_handle(handle)
    assert not bad
    multi.select(1.0)
for handle in handles:
    print(handle.getinfo(pycurl.RESPONSE_CODE), handle.body.getvalue())
    handle.close()
multi.close()
"""


def test_one_and_many(http_server):
    calls = [Call("GET", f"{http_server.url}/bytes/{size}", received=size, agent="py/1") for size in (3, *range(5, 25))]
    for env, attributes in ((None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})):
        result = same_output(["/usr/bin/python3", "-c", PROGRAM, http_server.url], env=env, before=http_server.reset)
        assert result.returncode == 0 and result.stdout.startswith(b"b'xxx' 200\n")
        spans = in_order(result.spans)
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
    carried_by_path(spans, http_server.requests)
    assert {request.header("X-One") for request in http_server.requests} == {"1"} and len(http_server.requests) == 21


MORE = """
import io, select, sys, pycurl

base, nowhere = sys.argv[1:]

def easy(path, **options):
    handle = pycurl.Curl()
    handle.body = io.BytesIO()
    handle.setopt(pycurl.URL, base + path)
    handle.setopt(pycurl.WRITEDATA, handle.body)
    handle.setopt(pycurl.USERAGENT, "py/2")
    for name, value in options.items():
        handle.setopt(getattr(pycurl, name), value)
    return handle

def perform(handle):
    try:
        handle.perform()
        print(handle.getinfo(pycurl.RESPONSE_CODE), handle.body.getvalue())
    except pycurl.error as error:
        print("error", error.args[0])

perform(easy("/echo", POSTFIELDS="a=1&b=2"))
perform(easy("/echo", UPLOAD=1, READDATA=io.BytesIO(b"ten bytes!"), INFILESIZE=10))
perform(easy("/bytes/3", NOBODY=1))
perform(easy("/bytes/3", CUSTOMREQUEST="DELETE"))
perform(easy("/redirect/2", FOLLOWLOCATION=1))
perform(easy("/status/404", FAILONERROR=1))
perform(easy("", URL=nowhere))

names = []
perform(easy("/bytes/3", HEADERFUNCTION=lambda line: names.append(line.partition(b":")[0])))
print(b"Content-Length" in names)

again = easy("/bytes/3", USERAGENT="before/1")
perform(again)
again.reset()
again.setopt(pycurl.URL, base + "/bytes/5")
again.setopt(pycurl.USERAGENT, "after/1")
again.setopt(pycurl.WRITEDATA, again.body)
perform(again)
copy = again.duphandle()
copy.body = io.BytesIO()
copy.setopt(pycurl.WRITEDATA, copy.body)
perform(copy)

# A callback that fails: no part of the answer is taken.
def refuse(data):
    return 0
perform(easy("/bytes/3", WRITEFUNCTION=refuse))

# Driven by sockets, as an event loop does it; one of two is taken out while it runs.
poller, timer = select.poll(), [None]
def on_socket(event, socket, multi, data):
    if event == pycurl.POLL_REMOVE:
        poller.unregister(socket)
    else:
        poller.register(socket, {pycurl.POLL_IN: select.POLLIN, pycurl.POLL_OUT: select.POLLOUT}.get(event, 5))
multi = pycurl.CurlMulti()
multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
multi.setopt(pycurl.M_TIMERFUNCTION, lambda after: timer.__setitem__(0, after))
slow, fast = easy("/slow/5"), easy("/bytes/7")
multi.add_handle(slow)
multi.add_handle(fast)
told = []
while not told:
    ready = poller.poll(10 if timer[0] is None or timer[0] < 0 else min(timer[0], 10))
    for socket, what in ready:
        multi.socket_action(socket, pycurl.CSELECT_IN if what & select.POLLIN else pycurl.CSELECT_OUT)
    if not ready:
        multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
    told = multi.info_read()[1]
print(told == [fast], fast.body.getvalue())
multi.remove_handle(fast)
multi.remove_handle(slow)
multi.close()
"""


def test_whatever_a_python_program_asks_for(http_server):
    url, nowhere = http_server.url, f"http://127.0.0.1:{free_port()}/x"
    calls = [Call("POST", url + "/echo", sent=7, received=7), Call("PUT", url + "/echo", sent=10, received=10),
             Call("HEAD", url + "/bytes/3", received=0), Call("DELETE", url + "/bytes/3", received=3),
             Call("GET", url + "/redirect/2", received=6, resend=2), Call("GET", url + "/status/404", status=404, received=0),
             failed("GET", nowhere, "CURLE_COULDNT_CONNECT", said_of(COULDNT_CONNECT)),
             Call("GET", url + "/bytes/3", received=3), Call("GET", url + "/bytes/3", received=3, agent="before/1"),
             *[Call("GET", url + "/bytes/5", received=5, agent="after/1")] * 2,
             Call("GET", url + "/bytes/3", received=3, error="CURLE_WRITE_ERROR", message=said_of(23)),
             abandoned(url + "/slow/5", peer="127.0.0.1"), Call("GET", url + "/bytes/7", received=7)]
    for call in calls:
        call.agent = call.agent or "py/2"
    for env, attributes in ((None, Call.old), (NEW, Call.new), (DUP, lambda call: {**call.old(), **call.new()})):
        result = same_output(["/usr/bin/python3", "-c", MORE, url, nowhere], env=env, before=http_server.reset,
                             flags=["--process_span", "true"])
        assert result.returncode == 0, result.stderr
        process, *spans = in_order(result.spans)
        assert (process.name[:7], process.kind, process.parent_span_id) == ("python3", "INTERNAL", "")
        assert seen(spans) == [call.brief(attributes(call)) for call in calls]
        assert {(span.trace_id, span.parent_span_id) for span in spans} == {(process.trace_id, process.span_id)}
        sent = [request.header("traceparent") for request in http_server.requests]
        assert set(sent) == {header_of(span) for span, call in zip(spans, calls) if call.url != nowhere}
