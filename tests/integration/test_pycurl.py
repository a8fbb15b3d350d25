"""python3-pycurl: an extension module that is opened with RTLD_LOCAL, so its libcurl (GnuTLS) is outside the global scope."""

from harness import same_output
from test_libcurl import DUP, NEW, Call, in_order, seen
from test_libcurl_multi import carried_by_path

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
