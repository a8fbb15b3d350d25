"""A hiredis whose name is not one of those we know may have another layout: it is left alone. Here it is the installed one,
under another name."""

import re
import subprocess

import pytest
from test_hiredis import DUP, Tcp, check, one

from harness import app, same_output

SONAME = re.compile(rb"libhiredis\.so\.[\d.]*\d(?=\0)")


def library_of(program):
    """Name and path of the hiredis that it is linked with."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return SONAME.search(program.read_bytes())[0], re.search(r"libhiredis\S+ => (\S+)", told)[1]


def renamed(name, last, folder):
    """The program and its library in `folder`, where the library's name ends with `last`."""
    program = app(name)
    old, library = library_of(program)
    new = old[:-1] + (last or old[-1:])
    for path, copy in ((program, folder / name), (library, folder / new.decode())):
        with open(path, "rb") as file:
            content = file.read()
        assert content.count(old + b"\0") == 1
        copy.write_bytes(content.replace(old + b"\0", new + b"\0"))
        copy.chmod(0o755)
    return folder / name


@pytest.mark.parametrize("last, traced", [(None, True), (b"9", False)], ids=["known", "unknown"])
@pytest.mark.parametrize("name, run", [("redis_script", []), ("redis_async", ["run"])])
def test_a_name_says_how_a_library_is_laid_out(name, run, last, traced, redis, tmp_path):
    program = renamed(name, last, tmp_path)
    calls = [f"connect|127.0.0.1|{redis.port}", "command|SET k x", *run, "command|LPUSH k x", *run]
    result = same_output([program, *calls], env={**DUP, "LD_LIBRARY_PATH": tmp_path}, before=redis.reset)
    assert result.returncode == 0 and result.stderr == b"" and b"WRONGTYPE" in result.stdout
    wrong = ("WRONGTYPE", "Operation against a key holding the wrong kind of value")
    check(result.spans, DUP, Tcp(redis.port), *([one("SET k ?"), one("LPUSH k ?", reply=wrong)] if traced else []))
