"""hooks/stubs.S on the other processor: it must at least assemble there, and lay its entries out as C counts them."""

import re
import subprocess

import pytest
from objects import SOURCE, tool


@pytest.fixture(scope="module")
def arm64(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm64")
    subprocess.run(["gcc", "-E", "-undef", "-D__aarch64__", f"-I{SOURCE}", "-x", "assembler-with-cpp",
                    SOURCE / "hooks" / "stubs.S", "-o", folder / "stubs.s"], check=True)
    subprocess.run(["aarch64-linux-gnu-as", "--fatal-warnings", folder / "stubs.s", "-o", folder / "stubs.o"], check=True)
    return folder / "stubs.o"


def constants():
    text = (SOURCE / "hooks" / "dynamic_entries.h").read_text(encoding="utf-8")
    return {name: int(value) for name, value in re.findall(r"#define (OI_\w+) (\d+)", text)}


def test_every_stub_is_there(arm64):
    text = (SOURCE / "hooks" / "stubs.S").read_text(encoding="utf-8")
    stubs = set(re.findall(r"^OI_STUB\((\w+)\):", text, re.M))
    defined = {line.split()[2] for line in tool("aarch64-linux-gnu-nm", arm64).splitlines() if " T " in line}
    assert stubs and defined == stubs | {"oi_entry_code"}


def test_each_entry_begins_where_c_counts_it(arm64):
    """Each is the instruction that a branch may lead to, its number, and a jump."""
    count, size = constants()["OI_ENTRIES"], 1 << constants()["OI_ENTRY_CODE_LOG2"]
    listing = tool("aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", arm64)
    at = int(re.search(r"^([0-9a-f]+) <oi_entry_code>:", listing, re.M)[1], 16)
    code = {int(address, 16): text for address, text in re.findall(r"^\s*([0-9a-f]+):\t(.*?)\s*(?://.*)?$", listing, re.M)}
    for number in range(1, count + 1):
        entry = at + (number - 1) * size
        assert code[entry] == "bti\tc" and re.fullmatch(rf"mov\tw16, #0x{number:x}", code[entry + 4])
        assert code[entry + 8].startswith("b\t")
