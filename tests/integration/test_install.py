"""make install: DESTDIR, a tree that is moved afterwards, make uninstall."""

import shutil

import pytest

from harness import BUILD, OtlpSink, run
from harness.paths import locked


def make(*arguments):
    with locked("make"):
        made = run(["make", "-s", "--no-print-directory", *arguments], cwd=BUILD, timeout=300)
    assert made.returncode == 0, made.stdout.decode() + made.stderr.decode()


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of what `make install DESTDIR=… prefix=/opt/oi` leaves, in a place it was not made for."""
    stage = tmp_path_factory.mktemp("stage")
    make("install", f"DESTDIR={stage}", "prefix=/opt/oi")
    everything = files(stage)
    moved = tmp_path_factory.mktemp("moved") / "some where"
    shutil.copytree(stage / "opt" / "oi", moved, symlinks=True)
    make("uninstall", f"DESTDIR={stage}", "prefix=/opt/oi")
    assert files(stage) == []
    assert not (stage / "opt" / "oi" / "lib" / "otel-instrument").exists()
    assert all(name.startswith("opt/oi/") for name in everything)
    return moved


def test_installs_the_command_and_both_objects(installed):
    assert [name for name in files(installed) if name.startswith(("bin/", "lib"))] == [
        "bin/otel-instrument", "lib/otel-instrument/libotel-exporter.so", "lib/otel-instrument/libotel-instrument.so"]


def test_moved_tree_works_through_the_command(installed, http_server):
    with OtlpSink() as sink:
        result = run([installed / "bin" / "otel-instrument", "curl", "-s", http_server.url],
                     env={"OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint})
        assert (result.stdout, result.stderr, result.returncode) == (b"hello\n", b"", 0)
        assert sink.exactly(1)[0].name == "GET"


def test_moved_tree_works_by_environment_alone(installed, http_server, tmp_path):
    plain = tmp_path / "oi"  # LD_PRELOAD cannot name a path with a space
    plain.symlink_to(installed)
    with OtlpSink() as sink:
        result = run(["curl", "-s", http_server.url], env={
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "LD_PRELOAD": plain / "lib" / "otel-instrument" / "libotel-instrument.so"})
        assert (result.stdout, result.stderr, result.returncode) == (b"hello\n", b"", 0)
        assert sink.exactly(1)[0].name == "GET"
