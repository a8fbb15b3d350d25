"""hooks/*.S on the other processor: they must at least assemble there, and lay their entries out as C counts them."""

import re
import subprocess

import pytest
from objects import SOURCE, tool


# What a file lays out, if anything: the name, the constants that say how many there are and how large one is, the first number and its register.
ENTRIES = {
    "stubs.S": ("oi_entry_code", "dynamic_entries.h", "OI_ENTRIES", "OI_ENTRY_CODE_LOG2", 1, "w16"),
    "libmicrohttpd_stubs.S": None,
}


@pytest.fixture(scope="module", params=ENTRIES)
def arm64(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm64")
    source = SOURCE / "hooks" / request.param
    subprocess.run(["gcc", "-E", "-undef", "-D__aarch64__", f"-I{SOURCE}", "-x", "assembler-with-cpp", source,
                    "-o", folder / "stubs.s"], check=True)
    subprocess.run(["aarch64-linux-gnu-as", "--fatal-warnings", folder / "stubs.s", "-o", folder / "stubs.o"], check=True)
    return source, folder / "stubs.o"


def test_each_file_is_looked_at():
    assert {path.name for path in (SOURCE / "hooks").glob("*.S")} == set(ENTRIES)


def test_every_stub_is_there(arm64):
    source, assembled = arm64
    stubs = set(re.findall(r"^OI_STUB\((\w+)\):", source.read_text(encoding="utf-8"), re.M))
    defined = {line.split()[2] for line in tool("aarch64-linux-gnu-nm", assembled).splitlines() if " T " in line}
    assert stubs and defined == stubs | set((ENTRIES[source.name] or ())[:1])


def test_each_entry_begins_where_c_counts_it(arm64):
    """Each is the instruction that a branch may lead to, its number, and a jump."""
    source, assembled = arm64
    if not ENTRIES[source.name]:
        return
    symbol, header, count, size, first, register = ENTRIES[source.name]
    text = (SOURCE / "hooks" / header).read_text(encoding="utf-8")
    constants = {name: int(value) for name, value in re.findall(r"#define (OI_\w+) (\d+)", text)}
    listing = tool("aarch64-linux-gnu-objdump", "-d", "--no-show-raw-insn", assembled)
    at = int(re.search(rf"^([0-9a-f]+) <{symbol}>:", listing, re.M)[1], 16)
    code = {int(address, 16): text for address, text in re.findall(r"^\s*([0-9a-f]+):\t(.*?)\s*(?://.*)?$", listing, re.M)}
    for number in range(constants[count]):
        entry = at + (number << constants[size])
        assert code[entry] == "bti\tc" and re.fullmatch(rf"mov\t{register}, #0x{number + first:x}", code[entry + 4])
        assert code[entry + 8].startswith("b\t")
