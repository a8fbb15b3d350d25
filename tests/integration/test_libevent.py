"""Programs that say to libevent what is to be called, with many requests under way: what such a function asks for belongs to the
request that it has read itself, and to no other. What nothing tells of has no parent. And libevent must not notice."""

import socket
from contextlib import ExitStack

import pytest

from harness import app, same_output, start, trees
from harness.programs import instrumented_command, telemetry

HELD, TAGS = ["held0", "held1"], ["taga", "tagb", "tagc", "tagd"]
CORE = "-levent_core"


def send(port, path):
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(f"GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return client


class Program:
    """Its threads, each of which has all requests under way at once: two that it does nothing for, and then those with a tag."""

    def __init__(self, command, env=None, threads=1, quiet=False):
        self.process = start(command, env=env)
        try:
            self.ports = [int(self.process.stdout.readline()) for _ in range(threads)]
            with ExitStack() as clients:
                for number, port in enumerate(self.ports):
                    self.ask(clients, port, number, quiet)
                ends = [clients.enter_context(self.end(clients, port, quiet)) for port in self.ports]
                for end in ends:
                    assert end.makefile("rb").readline() == b"HTTP/1.1 200 OK\r\n"
                assert self.process.wait(60) == 0 and self.process.stdout.read() == self.process.stderr.read() == b""
        finally:
            self.process.kill()
            self.process.communicate()

    @staticmethod
    def end(clients, port, quiet):
        if quiet:
            clients.enter_context(send(port, "unread"))
        return send(port, "end")

    def ask(self, clients, port, number, quiet):
        for tag in HELD + TAGS:
            if quiet and tag in TAGS:
                clients.enter_context(send(port, f"quiet-{tag}of{number}"))
            clients.enter_context(send(port, f"{tag}of{number}"))
            assert self.process.stdout.readline().decode() == f"{tag}of{number}\n"


def told(span):
    attributes = span.attributes
    return span.kind, attributes.get("url.path") or attributes["db.query.text"]


def tree_of(tag, children):
    return [("SERVER", f"/{tag}"), *([("CLIENT", f"GET {child}")] for child in children)]


def check(sink, redis, words, right=(), none=(), program=None, threads=1, quiet=False):
    """`right`, `none`: what is asked for each request, behind the tag, with its parent and without one."""
    command = [*(program or [app("libevent_turns", CORE)]), *words[:2], redis.port, *words[2:]]
    Program(command, threads=threads, quiet=quiet)
    Program(instrumented_command(command), telemetry(sink, {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"}), threads, quiet)
    expected = [tree_of("end", [])] * threads
    for number in range(threads):
        for tag in [f"{tag}of{number}" for tag in TAGS]:
            expected += [tree_of(tag, [tag + more for more in right])] + [[("CLIENT", f"GET {tag}{more}")] for more in none]
            expected += [tree_of(f"quiet-{tag}", [])] if quiet else []
        expected += [tree_of(f"{tag}of{number}", []) for tag in HELD]
    count = sum(len(tree) for tree in expected)
    assert sorted(trees(sink.exactly(count), told)) == sorted(expected)


@pytest.mark.parametrize("way", ["new", "assign", "set", "once", "base-once", "edge", "buffer"])
def test_what_a_function_reads_on_its_descriptor_is_what_it_works_for(way, redis, sink):
    check(sink, redis, [way, "ask"], right=[""])


@pytest.mark.parametrize("work", ["timer", "active", "signal"])
def test_what_is_called_for_something_else_has_no_parent(work, redis, sink):
    check(sink, redis, ["new", work], none=[""])


def test_what_a_bufferevent_puts_off_has_no_parent(redis, sink):
    check(sink, redis, ["deferred", "ask"], none=[""])


def test_an_event_may_be_freed_in_its_function(redis, sink):
    check(sink, redis, ["new", "free"], right=[""])


def test_an_event_may_be_assigned_anew_in_its_function(redis, sink):
    check(sink, redis, ["assign", "again"], right=[""])


def test_who_has_read_from_another_connection_may_work_for_either(redis, sink):
    check(sink, redis, ["new", "other"], none=[""], quiet=True)


def test_a_loop_within_a_function_does_what_others_have_asked_for(redis, sink):
    check(sink, redis, ["new", "nested"], right=[""], none=["-inner", "-after"])


def test_who_waits_for_requests_again_is_done_with_the_one_it_had(redis, sink):
    check(sink, redis, ["new", "poll"], none=[""])


def test_a_child_that_is_forked_begins_with_none(redis, sink):
    check(sink, redis, ["new", "fork"], none=[""])


def test_each_thread_has_its_own_base(redis, sink):
    check(sink, redis, ["new", "ask", 4], right=[""], threads=4)


def test_a_module_brings_libevent_with_it(redis, sink):
    module = app("libevent_turns", "-shared", "-fPIC", CORE)
    check(sink, redis, ["new", "ask"], right=[""], program=[app("libevent_loader"), module])


def test_libevent_within_the_program_is_out_of_sight(redis, sink):
    check(sink, redis, ["new", "ask"], none=[""], program=[app("libevent_turns", "-l:libevent_core.a")])


def test_what_the_program_has_given_is_what_it_gets_back(sink):
    """Also more functions than we have any for; by name, and from dlsym."""
    for program in [[app("libevent_functions", "-levent")], [app("libevent_functions", "-DLOADED", "-ldl")]]:
        result = same_output(program, sink)
        assert result.returncode == 0 and result.stdout.decode().splitlines()[-1] == "all its own"


def test_a_library_that_has_such_names_is_left_alone(sink):
    for flags in [], ["-levent_core"]:
        program = app("libevent_fake_user", "-Wl,--no-as-needed", str(app("libevent_fake")), *flags)
        result = same_output([program], sink)
        assert result.returncode == 0 and result.stdout.splitlines()[-1] == b"once"


def test_without_libevent_there_is_none(sink):
    result = same_output([app("libevent_functions", "-DNONE", "-ldl")], sink)
    assert result.stdout == b"no event_new\n"


def test_it_can_be_switched_off(redis, sink):
    command = [app("libevent_turns", CORE), "new", "ask", redis.port]
    off = {"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database", "OTEL_NATIVE_DISABLED_INSTRUMENTATIONS": "libevent"}
    Program(instrumented_command(command), telemetry(sink, off))
    roots = [[("CLIENT", f"GET {tag}of0")] for tag in TAGS]
    served = [tree_of(f"{tag}of0", []) for tag in HELD + TAGS]
    assert sorted(trees(sink.exactly(11), told)) == sorted([*roots, *served, tree_of("end", [])])
