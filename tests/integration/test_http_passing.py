"""nginx as a proxy: whose request it is that it sends on, with many in flight."""

import http.client
import threading

import pytest

from harness import HttpServer, OtlpSink, free_port, serving, start
from harness.programs import instrumented_command, telemetry
from harness.web_servers import nginx

KEPT = 'proxy_http_version 1.1; proxy_set_header Connection "";'


def proxy_to(port, folder, sink, keep):
    """nginx in front of a port, and where it listens."""
    folder.chmod(0o755)
    front = free_port()
    command = nginx(folder, f"""
        upstream u {{ server 127.0.0.1:{port}; {"keepalive 64;" if keep else ""} }}
        server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://u; {KEPT if keep else ""} }} }}""", workers=1)
    return front, serving(command, front, sink)


def ask(port, requests):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for path, headers in requests:
        client.request("GET", path, headers=headers)
        client.getresponse().read()


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("in_flight, each", [(1, 20), (8, 8), (64, 4)])
def test_every_request_is_sent_on_under_its_own(tmp_path, keep, carried, in_flight, each):
    with OtlpSink() as sink, HttpServer() as server:
        port, proxy = proxy_to(server.port, tmp_path, sink, keep)
        with proxy:
            conversations = [[(f"/slow/0.01?tag={i}-{k}",
                               {"traceparent": f"00-{i + 1:032x}-{i * 1000 + k + 1:016x}-01"} if carried else {})
                              for k in range(each)] for i in range(in_flight)]
            threads = [threading.Thread(target=ask, args=(port, conversation)) for conversation in conversations]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            spans = sink.exactly(2 * in_flight * each)
        served = {span.attributes["http.target"]: span for span in spans if span.kind == "SERVER"}
        sent = {"/slow" + span.attributes["http.url"].partition("/slow")[2]: span for span in spans if span.kind == "CLIENT"}
        assert len(served) == len(sent) == in_flight * each
        assert [tag for tag, span in sent.items() if span.parent_span_id != served[tag].span_id] == []
        got = {request.path: request.header("traceparent") for request in server.requests}
        assert got == {tag: f"00-{span.trace_id}-{span.span_id}-0{1 if carried else 3}" for tag, span in sent.items()}
        if carried:
            assert {path: (span.trace_id, span.parent_span_id) for path, span in served.items()} == {
                path: tuple(headers["traceparent"].split("-")[1:3]) for conversation in conversations for path, headers in conversation}


FLASK = """
import subprocess
from flask import Flask
app = Flask(__name__)

@app.route("/work")
def work():
    return subprocess.run(["/usr/bin/curl", "-s", "http://127.0.0.1:" + open("port").read() + "/end"], capture_output=True).stdout
"""


def test_a_chain_is_one_trace(tmp_path):
    """curl, nginx, gunicorn with Flask, a libcurl program and a last server."""
    with OtlpSink() as sink, HttpServer() as last:
        (tmp_path / "chain.py").write_text(FLASK)
        (tmp_path / "port").write_text(str(last.port))
        last.on("/end", body="the end\n")
        middle = free_port()
        port, proxy = proxy_to(middle, tmp_path, sink, True)
        with serving(["/usr/bin/python3", "/usr/bin/gunicorn", "-w", "1", "-b", f"127.0.0.1:{middle}", "chain:app"], middle, sink,
                     cwd=tmp_path), proxy:
            process = start(instrumented_command(["/usr/bin/curl", "-s", f"http://127.0.0.1:{port}/work"]), env=telemetry(sink, {}))
            assert process.communicate()[0] == b"the end\n"
            spans = sink.exactly(5)
        chain = {span.parent_span_id: span for span in spans}
        order, parent = [], ""
        while parent in chain:
            order.append(chain[parent])
            parent = order[-1].span_id
        assert [(span.kind, span.scope_name.rpartition(".")[2]) for span in order] == [
            ("CLIENT", "libcurl"), ("SERVER", "http_server"), ("CLIENT", "http_client"), ("SERVER", "http_server"), ("CLIENT", "libcurl")]
        assert len({span.trace_id for span in spans}) == 1
        assert last.requests[0].header("traceparent").split("-")[2] == order[-1].span_id
