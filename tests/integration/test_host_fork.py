"""Processes made in every way: each child's spans arrive once, under its own identity."""

import pytest
from harness import not_under
from host import SETTINGS, app, bare, both, expect, gets, instrumented, outcome, preloaded

CHILDREN = [f"child:{number}" for number in range(40)]


@pytest.mark.parametrize("how", [instrumented, preloaded])
@pytest.mark.parametrize("mode", ["many", "many-exit"])
def test_children_forked_while_the_worker_loads_the_exporter(mode, how, redis, sink):
    both([app("host_fork"), mode, redis.socket], sink, how=how)
    spans = sink.spans()
    expect(spans, *gets(redis, "parent:1", *CHILDREN))
    assert len({span.trace_id for span in spans}) == 41
    assert len({span.resource["process.pid"] for span in spans}) == 41


WITHOUT_EXPORTER = (b"otel-instrument: this process was forked past libc's fork, or while its parent opened the exporter: it cannot "
                    b"open it, and its spans are dropped\n")


@not_under("address", "its runtime does not start beside an auditor of the loader")
@pytest.mark.parametrize("work, keys, said", [
    ("1500", ["parent:1", "child:0"], b""),  # milliseconds of processor time: the fork waits for it
    ("wait", ["parent:1"], WITHOUT_EXPORTER),  # for something that comes behind the fork: the fork does not
])
def test_a_fork_while_the_exporter_takes_its_time_to_open(work, keys, said, redis, sink, tmp_path):
    command = [app("host_fork_slow"), "once", redis.socket]
    expected = bare(command)
    result = instrumented(command, sink, env={
        **SETTINGS, "OTEL_BSP_SCHEDULE_DELAY": "1", "FORK_AFTER": tmp_path / "begun", "FORK_THEN": tmp_path / "over",
        "LD_AUDIT": app("slow_open"), "SLOW_OBJECT": "libotel-exporter", "SLOW_FOLDER": tmp_path, "SLOW_WORK": work})
    assert outcome(result) == outcome(expected)
    assert result.stderr == said
    expect(sink.spans(), *gets(redis, *keys))


@not_under("address", "its allocator's locks are not released in a child: the program hangs bare too")
def test_children_forked_while_threads_make_spans(redis, sink):
    both([app("host_fork"), "threads", redis.socket], sink)
    spans = sink.spans()
    threads = [span for span in spans if span.attributes["db.query.text"] == "GET thread:1"]
    assert len({span.resource["process.pid"] for span in threads}) == 1
    expect(spans, *gets(redis, *["thread:1"] * 150, *CHILDREN))


@pytest.mark.parametrize("mode, keys, processes", [
    ("first", ["child:0"], 1),
    ("idle", ["parent:1"], 1),
    ("shared", ["parent:1", "child:0", "parent:2"], 2),
    ("nested", ["parent:1", "child:0", "grandchild:1"], 3),
    ("vfork", ["parent:1", "parent:2"], 1),
    ("spawn", ["parent:1", "parent:2"], 1),
    ("signal", ["parent:1"], 1),
])
def test_a_process_made(mode, keys, processes, redis, sink):
    both([app("host_fork"), mode, redis.socket], sink)
    spans = sink.spans()
    expect(spans, *gets(redis, *keys))
    assert len({span.resource["service.instance.id"] for span in spans}) == processes


def test_the_console_shows_a_child_under_its_parents_process_span(redis):
    """The child's spans have a parent that will never end there; they are not held back for it, and are whole."""
    result = instrumented([app("host_fork"), "shared", redis.socket],
                          env={**SETTINGS, "OTEL_NATIVE_PROCESS_SPAN": "true", "OTEL_TRACES_EXPORTER": "console"})
    lines = result.stderr.decode().splitlines()
    assert [line.split(", ")[2] for line in lines if "trace" in line] == ["1 span", "3 spans"], lines
    assert len({line.split()[2] for line in lines if "trace" in line}) == 1
    assert "GET child:0" in lines[1] and "GET parent:1" in lines[4] and "GET parent:2" in lines[5]
    assert len(lines) == 6 and "(" not in result.stderr.decode()


def test_a_child_under_its_parents_process_span_has_a_remote_parent(redis, sink):
    both([app("host_fork"), "shared", redis.socket], sink, env={**SETTINGS, "OTEL_NATIVE_PROCESS_SPAN": "true"})
    remote = {span.attributes.get("db.query.text", span.name): bool(span.flags & 0x200) for span in sink.exactly(4)}
    assert remote == {"host_fork": False, "GET parent:1": False, "GET child:0": True, "GET parent:2": False}


def test_a_daemon_delivers_after_its_parent_is_gone(redis, sink):
    both([app("host_fork"), "daemon", redis.socket], sink)
    keys = ["before:1", "daemon:1"]
    expect(sink.exactly(2), *gets(redis, *keys))


def test_children_made_past_libc_are_noticed(redis, sink):
    """A raw clone has no fork handler: such a child may lose its span and says so, never sends its parent's or shares its identity."""
    command = [app("host_fork"), "raw", redis.socket]
    expected, result = bare(command), instrumented(command, sink, env=SETTINGS)
    spans = sink.spans()
    assert outcome(result) == outcome(expected)
    assert result.stderr == WITHOUT_EXPORTER * (3 - len(spans))
    assert [span.attributes["db.query.text"] for span in spans].count("GET parent:1") == 1
    assert len({span.span_id for span in spans}) == len(spans)
    assert len({span.resource["service.instance.id"] for span in spans}) == len(spans)
