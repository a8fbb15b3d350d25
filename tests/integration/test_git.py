"""git over HTTP: several programs, of which one drives libcurl's multi interface, are one trace."""

import os
import re
import shutil
import subprocess

import pytest
from harness import bare, same_output, tree
from test_libcurl import DUP, Call, header_of, seen

ENV = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "GIT_AUTHOR_NAME": "A",
       "GIT_AUTHOR_EMAIL": "a@b.invalid", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.invalid", **DUP}
CORE = bare(["git", "--exec-path"]).stdout.decode().strip()
AGENT = "git/" + bare(["git", "--version"]).stdout.decode().split()[2]


def git(*words, **kw):
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b.invalid", *words], check=True, capture_output=True,
                   env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}, **kw)


@pytest.fixture
def repository(tmp_path):
    """A bare repository of three commits, that can be cloned over either of git's protocols."""
    source = tmp_path / "source"
    git("init", "-q", source)
    for number in range(3):
        (source / "file").write_text(f"{number}\n" * 100, encoding="utf-8")
        git("add", "file", cwd=source)
        git("commit", "-q", "-m", f"commit {number}", cwd=source)
    git("clone", "-q", "--bare", source, tmp_path / "served.git")
    git("update-server-info", cwd=tmp_path / "served.git")
    return tmp_path / "served.git"


def serve_files(server, folder):
    """The old protocol: files, one request each."""
    for path in folder.rglob("*"):
        if path.is_file():
            server.on(f"/served.git/{path.relative_to(folder)}", body=path.read_bytes())


def serve_backend(server, folder):
    """The protocol of today, by git's own CGI program."""
    def answer(handler, request):
        path, _, query = request.path.partition("?")
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder.parent), "GIT_HTTP_EXPORT_ALL": "1",
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                       "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": request.method,
                       "CONTENT_TYPE": request.header("Content-Type") or "", "CONTENT_LENGTH": str(len(request.body)),
                       "HTTP_CONTENT_ENCODING": request.header("Content-Encoding") or "",
                       "GIT_PROTOCOL": request.header("Git-Protocol") or ""}
        done = subprocess.run(["git", "http-backend"], input=request.body, capture_output=True, env=environment, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        request.answered = len(body)
        handler.answer(int(headers.pop("Status", "200").split()[0]), body, headers)

    for path in ("info/refs", "git-upload-pack", "git-receive-pack"):
        server.on(f"/served.git/{path}", handler=answer)


def process(program, *children, code=0, folder=CORE):
    attributes = {"process.executable.name": program, "process.executable.path": f"{folder}/{program}", "process.exit.code": code}
    status = ("ERROR", "") if code else ("UNSET", "")
    return [(program, "INTERNAL", status, attributes), *children]


def shown(span):
    attributes = {key: value for key, value in span.attributes.items() if key not in ("process.pid", "error.type")
                  or span.kind == "CLIENT"}
    return span.name, span.kind, span.status, attributes


def request(server, method, path, **details):
    call = Call(method, server.url + path, agent=AGENT, **details)
    name, kind, status, _, attributes = call.brief({**call.old(), **call.new()})
    return [(name, kind, status, attributes)]


def as_received(server):
    """The CLIENT spans that the server's requests stand for."""
    return [request(server, one.method, one.path, sent=len(one.body) if one.method == "POST" else None, received=one.answered)
            for one in server.requests]


def carried(server, result):
    assert [one.header("traceparent") for one in server.requests] == [
        header_of(span) for span in sorted(result.spans, key=lambda span: span.start) if span.kind == "CLIENT"]


def run(server, command, before, code=0):
    result = same_output(command, env=ENV, flags=["--process_span", "true"], before=before)
    assert result.returncode == code, result.stderr
    carried(server, result)
    return without_workers(tree(result.spans, shown))


def without_workers(node):
    """git runs itself to pack and check objects, in every version differently; these ask nobody."""
    children = [without_workers(child) for child in node[1:]]
    return [node[0], *(child for child in children if child[0][1] == "CLIENT" or len(child) > 1)]


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


@pytest.mark.parametrize("serve", [serve_files, serve_backend])
def test_every_request_of_a_clone_is_a_span(http_server, repository, tmp_path, serve):
    target = tmp_path / "clone"
    env = {"HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}

    def before():
        shutil.rmtree(target, ignore_errors=True)
        http_server.reset()
        serve(http_server, repository)

    result = same_output(["git", "clone", http_server.url + "/served.git", target], env=env, before=before)
    assert result.returncode == 0 and (target / "file").read_text(encoding="utf-8") == "2\n" * 100
    requests = {request.header("traceparent"): request for request in http_server.requests}
    assert len(requests) == len(http_server.requests) == len(result.spans) >= 3
    for span in result.spans:
        request = requests[header_of(span)]
        sent = len(request.body) if request.method == "POST" else None
        status = 200 if hasattr(request, "answered") or request_path_exists(repository, request) else 404
        call = Call(request.method, http_server.url + request.path, status=status, sent=sent,
                    received=span.attributes["http.response_content_length"], agent=request.header("User-Agent"))
        assert re.fullmatch(r"git/[\d.]+.*", call.agent)
        assert seen([span]) == [call.brief(call.old())]


def request_path_exists(repository, request):
    return (repository.parent / request.path.partition("?")[0].lstrip("/")).is_file()


def test_clone(http_server, repository, target):
    def before():
        shutil.rmtree(target, ignore_errors=True)
        http_server.reset()
        serve_backend(http_server, repository)

    found = run(http_server, ["git", "clone", "-q", http_server.url + "/served.git", target], before)
    assert (target / "file").read_text(encoding="utf-8") == "2\n" * 100
    assert [one.method for one in http_server.requests] == ["GET", "POST", "POST"]
    assert found == process("git", process("git", process("git-remote-http", *as_received(http_server))), folder="/usr/bin")


def test_clone_of_what_is_not_there(http_server, target):
    """A directory, which is asked for twice."""
    path = "/none.git/info/refs?service=git-upload-pack"
    found = run(http_server, ["git", "clone", "-q", http_server.url + "/none.git", target], http_server.reset, code=128)
    refused = request(http_server, "GET", path, status=404, received=len("no such path\n"))
    assert found == process("git", process("git", process("git-remote-http", refused, code=128), code=128), code=128,
                            folder="/usr/bin")


def test_fetch_of_nothing_new(http_server, repository, target):
    git("clone", "-q", repository, target)
    git("remote", "set-url", "origin", http_server.url + "/served.git", cwd=target)

    def before():
        http_server.reset()
        serve_files(http_server, repository)

    found = run(http_server, ["git", "-C", target, "fetch", "-q"], before)
    size = (repository / "info" / "refs").stat().st_size
    assert found == process("git", process("git", process(
        "git-remote-http", request(http_server, "GET", "/served.git/info/refs?service=git-upload-pack", received=size),
        request(http_server, "GET", "/served.git/HEAD", received=(repository / "HEAD").stat().st_size))), folder="/usr/bin")


def test_push(http_server, repository, target):
    subprocess.run(["git", "config", "http.receivepack", "true"], cwd=repository, check=True)
    git("clone", "-q", repository, target)
    git("remote", "set-url", "origin", http_server.url + "/served.git", cwd=target)
    git("commit", "-q", "--allow-empty", "-m", "one more", cwd=target)
    head = subprocess.run(["git", "rev-parse", "HEAD~"], cwd=target, capture_output=True, text=True, check=True).stdout.strip()
    branch = subprocess.run(["git", "branch", "--show-current"], cwd=target, capture_output=True, text=True,
                            check=True).stdout.strip()

    def before():
        subprocess.run(["git", "update-ref", f"refs/heads/{branch}", head], cwd=repository, check=True)
        http_server.reset()
        serve_backend(http_server, repository)

    found = run(http_server, ["git", "-C", target, "push", "-q", "origin", branch], before)
    assert [one.method for one in http_server.requests][-1] == "POST"
    assert found == process("git", process("git", process("git-remote-http", *as_received(http_server))), folder="/usr/bin")
