"""Any calls on sockets return what they do without us, and what arrives is what was sent, but for our headers."""

import os
import re
import tempfile
from pathlib import Path

import pytest

from harness import OtlpSink, app, bare, instrumented

OURS = re.compile(rb"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-03\r\n(?=\r?\n)")
FORWARDED = re.compile(rb"(Traceparent: 00-0af7651916cd43dd8448eb211c80319c-)[0-9a-f]{16}-0[0-9a-f]")  # whose ids may be ours
FIRST = int(os.environ.get("OI_TRANSPARENCY_FIRST", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("OI_TRANSPARENCY_SEEDS", "4")))
STEPS = int(os.environ.get("OI_TRANSPARENCY_STEPS", "800"))


def arrived(folder):
    """{connection: (what was taken of it, what came of it)}"""
    return {int(path.suffix[1:]): (path.read_bytes(), path.with_name("got" + path.suffix).read_bytes())
            for path in Path(folder).glob("sent.*")}


def added(folder):
    """How many headers of ours there were, in which everything else is as it was sent."""
    count = 0
    for number, (sent, got) in arrived(folder).items():
        assert FORWARDED.sub(rb"\1", OURS.sub(b"", got)) == FORWARDED.sub(rb"\1", sent), number
        count += len(OURS.findall(got))
    return count


def run(way, seed, sink=None, **env):
    """What was printed, and how many headers there were."""
    with tempfile.TemporaryDirectory() as folder:
        command = [app("any_calls"), folder, seed, STEPS, way]
        result = instrumented(command, sink, env=env) if sink else bare(command)
        assert (result.returncode, result.stderr) == (0, b""), result
        return result.stdout.splitlines(), added(folder)


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_every_call_returns_what_it_does_without_us(way):
    """Also one that is given what is none, on a connection that several processes have, ended by one side, or both."""
    headers = 0
    with OtlpSink() as sink:
        for seed in SEEDS:
            expected, none = run(way, seed)
            printed, some = run(way, seed, sink)
            assert printed == expected and len(printed) > STEPS / 2 and none == 0, seed
            headers += some
    assert headers > 0


@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_what_is_taken_of_any_call_arrives(way):
    """The kernel takes a part of each, and of our headers."""
    headers = 0
    with OtlpSink() as sink:
        for seed in SEEDS:
            narrow = {"LD_PRELOAD": str(app("narrow")), "OI_NARROW": str(100 + seed * 37 % 2000), "OI_NARROW_PORT": "any"}
            headers += run(way + "+sound", seed, sink, **narrow)[1]
    assert headers > 0
