"""The table of docs/context.md: what the tests of this folder measure, server by server.

    make update-parenting

measures and writes it anew. A row that is promised stands there with its exact figures; of one that is not, what there is at least: such
figures differ from run to run. Every run of the tests measures again, and fails where it finds less than stands there.
"""

import importlib
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2])]

from harness import OUT, SOURCE  # noqa: E402  (needs the path above)

DOCUMENT = SOURCE / "docs" / "context.md"
KEPT = OUT / "parenting"
BEGIN, END = "<!-- begin parents -->", "<!-- end parents -->"
HEAD = ["| server | asks | in flight | children | right | wrong | none |", "|---|---|--:|--:|--:|--:|--:|"]


def declared():
    """All servers, in the order of the table."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_parenting_*.py"))
    return [server for name in modules for server in importlib.import_module(name).SERVERS]


def kept(server, in_flight):
    name = "".join(letter if letter.isalnum() else "-" for letter in server.name)
    return KEPT / f"{name}-{in_flight}.json"


def keep(row):
    path = kept(row.server, row.in_flight)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"children": row.children, "right": row.right, "wrong": row.wrong, "none": row.none}))


def line(server, in_flight, row):
    least = server.least(in_flight)
    right, none = ("100 %", "0") if row["right"] == row["children"] and least == 100 else (
        f"at least {least} %" if least else "not promised", "the others")
    first = server.name if in_flight == 1 else ""
    calls = ", ".join(server.calls) if in_flight == 1 else ""
    return f"| {first} | {calls} | {in_flight} | {row['children']} | {right} | {row['wrong']} | {none} |"


def promised(server, in_flight, requests):
    """The row as it has to be."""
    children = requests * len(server.calls)
    return {"children": children, "right": children if server.least(in_flight) == 100 else 0, "wrong": 0}


def written():
    text = DOCUMENT.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN):text.index(END)].strip().splitlines()


def write(lines):
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + "\n".join(HEAD + lines) + "\n" + END + rest.split(END)[1], encoding="utf-8")


def main():
    from measure import REQUESTS

    rows = [(server, in_flight, json.loads(kept(server, in_flight).read_text())) for server in declared() for in_flight in REQUESTS]
    write([line(*row) for row in rows])


if __name__ == "__main__":
    main()
