"""What a program writes arrives, byte for byte, and our headers with it: whatever the kernel takes of each call."""

import random
import re
import socket
import threading
from contextlib import contextmanager

import pytest

from harness import OtlpSink, app, bare, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-03\r\n(?=\r?\n)")
WAYS = ["write", "writev", "send", "sendmsg", "mixed", "mixed+nonblocking", "mixed+sendfile", "mixed+sendfile+nonblocking",
        "mixed+dup", "mixed+threads", "mixed+fork", "mixed+processes", "mixed+signals+restart", "mixed+signals", "mixed+timeout"]


class Recorder:
    """Takes what comes over a unix socket, in bites."""

    def __init__(self, path, bite):
        self.path, self.bite, self.got = str(path), bite, b""

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.record, daemon=True)
        self.thread.start()
        return self

    def record(self):
        connection, _ = self.listener.accept()
        dice, pieces = random.Random(1), []
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        while more := connection.recv(dice.randint(1, self.bite)):
            pieces.append(more)
        self.got = b"".join(pieces)

    def __exit__(self, *_):
        self.listener.close()

    def all(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        return self.got


class TcpRecorder(Recorder):
    def __init__(self, bite):
        super().__init__("", bite)

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.path = str(self.listener.getsockname()[1])
        self.thread = threading.Thread(target=self.record, daemon=True)
        self.thread.start()
        return self


@contextmanager
def written(folder, way, seed, size, narrow, sink, tcp=False, **settings):
    env = dict(settings)
    with TcpRecorder(3000) if tcp else Recorder(folder / "socket", 3000) as recorder:
        if narrow:
            env |= {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": str(narrow), "OI_NARROW_PORT": recorder.path}
        command = [app("http_writes"), recorder.path, way, seed, size, folder / "sent"]
        result = instrumented(command, sink, env=env) if sink else bare(command, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        yield [int(word) for word in result.stdout.split()], recorder.all(), (folder / "sent").read_bytes()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size, narrow, tcp", [(1, 0, False), (9, 4, False), (300, 40, False), (3000, 0, False), (3000, 0, True), (3000, 200, False),
                                               (3000, 200, True), (40000, 70, False), (40000, 70, True), (200000, 0, False)])
def test_all_that_was_taken_arrives(tmp_path, way, size, narrow, tcp):
    with OtlpSink() as sink, written(tmp_path, way, len(way) + size, size, narrow, sink, tcp) as (counts, got, sent):
        requests, own, least, most = counts
        spans = sink.spans()
        forks = "fork" in way or "processes" in way
        assert len(spans) == requests or forks
        assert OURS.sub(b"", got) == sent
        ids = [found.decode() for found in OURS.findall(got)]
        # Who else writes on the connection cannot be told on a unix socket; on TCP it can.
        assert len(ids) <= most and (least <= len(ids) or forks and (0 < len(ids) and not tcp or "processes" in way))
        assert set(ids) <= {span.span_id for span in spans} or forks
        assert got.count(b"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") == own


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_what_a_fork_finds_half_sent_is_sent_once(tmp_path, seed, tcp):
    """The fork comes where bytes up to our headers were taken, and with them, mostly, some of these."""
    with OtlpSink() as sink, written(tmp_path, "mixed+processes", seed, 90, 4, sink, tcp) as (_, got, sent):
        assert OURS.sub(b"", got) == sent


@pytest.mark.parametrize("settings", [{"OTEL_PROPAGATORS": "none"}, {"OTEL_NATIVE_INJECT_SOCKETS": "false"},
                                      {"OTEL_NATIVE_PROPAGATE_HOSTS": "elsewhere"},
                                      {"OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "http_client"}])
def test_nothing_is_added_where_nothing_may_be(tmp_path, settings):
    with OtlpSink() as sink, written(tmp_path, "mixed", 3, 3000, 0, sink, **settings) as (_, got, sent):
        assert got == sent


@pytest.mark.parametrize("seed", range(6))
def test_headers_of_every_format(tmp_path, seed):
    settings = {"OTEL_PROPAGATORS": "tracecontext,baggage,b3,b3multi,jaeger,xray"}
    names = [b"traceparent", b"b3", b"X-B3-TraceId", b"X-B3-SpanId", b"X-B3-Sampled", b"uber-trace-id", b"X-Amzn-Trace-Id"]
    block = re.compile(b"".join(name + rb": [^\r\n]+\r\n" for name in names) + rb"(?=\r?\n)")
    with OtlpSink() as sink, written(tmp_path, "mixed+nonblocking", seed, 5000, 150, sink, **settings) as (counts, got, sent):
        assert block.sub(b"", got) == sent
        assert 0 < counts[2] <= len(block.findall(got)) <= counts[3]


# A client of the socket argv[1] (a path, or a port), which does what argv[2] says; it prints what calls return.
SCRIPT = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
if sys.argv[1].isdigit():
    peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
else:
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(sys.argv[1])
def call(name, *arguments):
    ctypes.set_errno(0)
    print(name, getattr(libc, name)(peer.fileno(), *arguments), ctypes.get_errno(), flush=True)
SYS_WRITE = 64 if os.uname().machine == "aarch64" else 1
def at(address): return ctypes.c_void_p(address)
def array(*pieces):
    flat = [number for piece in pieces for number in piece]
    return (ctypes.c_size_t * len(flat))(*flat)
def message(address, count): return (ctypes.c_size_t * 7)(0, 0, address, count, 0, 0, 0)
libc.mmap.restype = ctypes.c_size_t
def pages(count, mapped):
    start = libc.mmap(None, ctypes.c_size_t(count * 4096), 3, 0x22, -1, ctypes.c_long(0))
    libc.mprotect(at(start + mapped * 4096), ctypes.c_size_t((count - mapped) * 4096), 0)
    return start, start + mapped * 4096
def put(text, end):
    ctypes.memmove(end - len(text), text, len(text))
    return end - len(text)
exec(sys.argv[2])
"""
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def run_bare_and_instrumented(folder, script, tcp=False):
    """What arrived of each run; what is printed is the same."""
    arrived, printed = [], []
    for run in bare, instrumented:
        recorder = TcpRecorder(3000) if tcp else Recorder(folder / f"socket.{run.__name__}", 3000)
        with OtlpSink() as sink, recorder:
            command = ["/usr/bin/python3", "-c", SCRIPT, recorder.path, script]
            result = bare(command) if run is bare else instrumented(command, sink)
            assert (result.returncode, result.stderr) == (0, b""), result
            arrived.append(recorder.all())
            printed.append(result.stdout)
    assert printed[0] == printed[1] and printed[0]
    return arrived


@pytest.mark.parametrize("tcp", [False, True])
def test_addresses_that_none_can_read(tmp_path, tcp):
    """A call fails as it does without us, whatever part of what it is given cannot be read; the next one is made as ever."""
    script = f"""
get = {GET!r}
start, edge = pages(3, 1)
closed = edge + 100
for address in 1, 4096, -1, -4096, closed, edge:
    call("write", at(address), 10)
    call("send", at(address), 10, 0x4000)
    call("writev", at(address), 1)
    call("writev", at(address), 3)
    call("sendmsg", at(address), 0x4000)
    call("sendmsg", message(address & (1 << 64) - 1, 1), 0x4000)
    call("writev", array((address & (1 << 64) - 1, 10)), 1)
for text in get, get[:10], get[:-1], get[:-2], b"POST / HTTP/1.1\\r\\nContent-Length: 100\\r\\n\\r\\n" + b"b" * 50:
    begin = put(text, edge)
    call("write", at(begin), len(text) + 1)
    call("send", at(begin), len(text) + 100, 0x4000)
    call("writev", array((begin, len(text) + 50)), 1)
    call("sendmsg", message(ctypes.addressof(array((begin, len(text) + 50))), 1), 0x4000)
    call("writev", array((begin, len(text)), (closed, 10)), 2)
    call("writev", array((begin, len(text)), (0, 10)), 2)
    call("writev", array(*[(begin + i, 1) for i in range(len(text))], (closed, 1)), len(text) + 1)
    call("write", at(begin), -1)
call("writev", array((8, 10), (0, 0)), 2)
first = put(bytes(array((put(get, start + 2000), len(get)))), edge)
call("writev", at(first), 2)
call("sendmsg", message(first, 2), 0x4000)
call("sendmsg", message(first, 1 << 40), 0x4000)
call("writev", at(first), -1)
half = put(bytes(40), edge)
call("sendmsg", at(half), 0x4000)
two = get + get
begin = put(two, edge)
call("write", at(begin), len(two) + 1)
many = array(*[(begin + i, 1) for i in range(len(two))], *[(begin, 0)] * 970)
call("writev", many, 1025)
call("sendmsg", message(ctypes.addressof(many), 1025), 0x4000)
call("writev", many, 1024)
call("write", at(begin), len(get))
"""
    plain, ours = run_bare_and_instrumented(tmp_path, script, tcp)
    assert plain == GET * 3 and OURS.sub(b"", ours) == plain and len(OURS.findall(ours)) == 3


@pytest.mark.parametrize("how", ["interrupted", "restarted", "timeout", "nonblocking"])
@pytest.mark.parametrize("end", ["\\r\\n", "Y: y\\r\\n\\r\\n"], ids=["first", "behind"])
def test_a_call_that_waits_ends_as_it_would(tmp_path, how, end):
    """The kernel has no room left where our headers are the first bytes of a call, or stand behind bytes of the program's."""
    script = f"""
import hashlib, signal, struct, threading, time
how = {how!r}
listener = socket.socket(socket.AF_UNIX)
listener.bind("")
listener.listen()
peer = socket.socket(socket.AF_UNIX)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
peer.connect(listener.getsockname())
other, got = listener.accept()[0], b""
peer.send(b"GET / HTTP/1.1\\r\\n")
try:
    while True: assert peer.send(b"X:\\r\\n", socket.MSG_DONTWAIT) == 4
except BlockingIOError: pass
if how == "timeout": peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 400000))
if how == "nonblocking": peer.setblocking(False)
if how in ("interrupted", "restarted"):
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.siginterrupt(signal.SIGALRM, how == "interrupted")
    signal.setitimer(signal.ITIMER_REAL, 0.2)
end = b"{end}"
def read_all(after):
    global got
    time.sleep(after)
    while more := other.recv(65536): got += more
reader = threading.Thread(target=read_all, args=(0.6 if how == "restarted" else 0,))
if how == "restarted": reader.start()
begin = time.monotonic()
call("send", end, len(end), 0x4000)
print(time.monotonic() - begin < 5)
if how != "restarted":
    reader.start()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bytes(16))
    peer.settimeout(20)
    peer.sendall(end)
peer.close()
reader.join()
lines = got.split(b"\\r\\n")
ours = [line for line in lines if line.startswith(b"traceparent: ")]
print([line for line in lines if line not in ours])
sys.stderr.write(str(len(ours)))
"""
    printed = []
    for run in bare, instrumented:
        with OtlpSink() as sink, Recorder(tmp_path / f"socket.{run.__name__}", 3000) as recorder:
            command = ["/usr/bin/python3", "-c", SCRIPT, recorder.path, script]
            result = bare(command) if run is bare else instrumented(command, sink)
            assert (result.returncode, result.stderr) == (0, b"1" if run is instrumented else b"0"), result
            printed.append(result.stdout)
    assert printed[0] == printed[1] and b"True" in printed[0]


def test_a_body_is_left_alone_where_a_child_has_ended_the_headers(tmp_path):
    script = """
peer.sendall(b"POST / HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: 12\\r\\n")
if os.fork() == 0:
    peer.sendall(b"\\r\\n")
    os._exit(0)
print(os.wait()[1])
peer.sendall(b"a: b\\r\\n\\r\\nbody")
peer.sendall(b"GET / HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
"""
    plain, ours = run_bare_and_instrumented(tmp_path, script)
    assert plain == ours == b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\na: b\r\n\r\nbody" + GET


# Ways in which a program may write to a socket out of our sight.
UNSEEN = {"syscall": "libc.syscall(SYS_WRITE, peer.fileno(), text, len(text))",
          "child": "pid = os.fork() or (libc.syscall(SYS_WRITE, peer.fileno(), text, len(text)), os._exit(0)); os.waitpid(pid, 0)"}


@pytest.mark.parametrize("how", UNSEEN)
def test_nothing_is_added_where_bytes_were_written_out_of_sight(tmp_path, how):
    """On TCP the kernel's count says so."""
    script = f"""
def unseen(text): {UNSEEN[how]}
peer.sendall({GET!r})
unseen(b"POST / HTTP/1.1\\r\\nHost: h\\r\\nContent-Length: 27\\r\\n\\r\\n")
peer.sendall({GET!r})
print("sent")
"""
    plain, ours = run_bare_and_instrumented(tmp_path, script, tcp=True)
    assert plain == GET + b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\n" + GET
    assert OURS.sub(b"", ours) == plain and len(OURS.findall(ours)) == 1 and ours.endswith(plain[len(GET):])


@pytest.mark.parametrize("before", range(6))
def test_what_is_left_of_ours_is_given_up_where_bytes_went_out_of_sight(tmp_path, before):
    """Its place is not where the next bytes stand."""
    script = f"""
pair = socket.socketpair()
for i in range({before}): pair[0].send(b"x")  # how much is taken of the next one
text = {GET!r}
done = 0
while done < len(text) - 2: done += peer.send(text[done:])
libc.syscall(SYS_WRITE, peer.fileno(), text[done:], len(text) - done)
peer.sendall(text)
"""
    with OtlpSink() as sink, TcpRecorder(3000) as recorder:
        env = {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": "9", "OI_NARROW_PORT": recorder.path}
        result = instrumented(["/usr/bin/python3", "-c", SCRIPT, recorder.path, script], sink, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        assert re.fullmatch(re.escape(GET[:-2]) + rb"[-a-z0-9: ]{0,70}\r\n(\r\n)?" + re.escape(GET), recorder.all())


def run_narrow(script, recorder, **settings):
    with OtlpSink() as sink, recorder:
        env = {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": "9", "OI_NARROW_PORT": recorder.path} | settings
        result = instrumented(["/usr/bin/python3", "-c", SCRIPT, recorder.path, script], sink, env=env)
        assert (result.returncode, result.stderr) == (0, b""), result
        return result.stdout, recorder.all()


CUT = f"""
text = {GET!r}
def send_up_to_the_empty_line():
    done = 0
    while done < len(text) - 2: done += peer.send(text[done:])
    return done
"""


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize("before", range(6))
def test_what_one_process_has_left_since_a_fork_is_sent_by_the_other(tmp_path, before, tcp):
    """A request that began after the fork: the process that writes its end is not the one that wrote our headers' beginning."""
    script = CUT + f"""
pair = socket.socketpair()
peer.sendall(text)
for i in range({before}): pair[0].send(b"x")  # how much is taken of the next one
ready, tell = os.pipe()
child = os.fork()
if child == 0:
    done = os.read(ready, 1)[0]
    peer.sendall(text[done:] + text)
    os._exit(0)
os.write(tell, bytes([send_up_to_the_empty_line()]))
print(os.waitpid(child, 0)[1])
"""
    printed, arrived = run_narrow(script, TcpRecorder(3000) if tcp else Recorder(tmp_path / "socket", 3000))
    ids = OURS.findall(arrived)
    assert printed == b"0\n" and OURS.sub(b"", arrived) == GET * 3
    assert len(ids) == len(set(ids)) and (len(ids) == 2 or not tcp) and arrived.find(ids[1]) < arrived.rfind(b"GET")


@pytest.mark.parametrize("tcp", [False, True])
def test_what_is_left_goes_from_process_to_process(tmp_path, tcp):
    """Each of them sends a part of our headers, and is told that the socket is full."""
    script = CUT + """
peer.setblocking(False)
def send(part):
    try: return peer.send(part)
    except BlockingIOError: return 0
done = 0
while done < len(text) - 2: done += send(text[done:])
turns = [os.pipe() for i in range(4)]
def take_turns(mine, other):
    while (done := os.read(turns[mine][0], 1)[0]) < len(text):
        os.write(turns[other][1], bytes([done + send(text[done:])]))
    os.write(turns[other][1], bytes([done]))
os.write(turns[0][1], bytes([done]))
for i in 0, 1, 2:
    if os.fork() == 0:
        take_turns(i, i + 1)
        os._exit(0)
take_turns(3, 0)
for i in 0, 1, 2: print(os.wait()[1])
"""
    printed, arrived = run_narrow(script, TcpRecorder(3000) if tcp else Recorder(tmp_path / "socket", 3000), OI_NARROW="2")
    assert printed == b"0\n0\n0\n" and OURS.sub(b"", arrived) == GET and len(OURS.findall(arrived)) == 1


@pytest.mark.parametrize("before", range(6))
def test_what_is_confirmed_while_the_kernel_is_asked_is_not_missed(before):
    """The peer confirms some bytes between any two questions of ours: their number is what it was."""
    script = CUT + f"""
pair = socket.socketpair()
for i in range({before}): pair[0].send(b"x")
for i in range(5): peer.sendall(text[send_up_to_the_empty_line():])
"""
    _, arrived = run_narrow(script, TcpRecorder(3000), OI_NARROW_CONFIRMS="10")
    assert OURS.sub(b"", arrived) == GET * 5 and len(OURS.findall(arrived)) == 5
