"""How deep a hook goes on the program's stack: gcc's own figures, added up along the calls it can make in our code."""

import re
import subprocess
from functools import lru_cache

import pytest
from objects import BUILD, SOURCE, files

# What is done once, or at the end, or on threads of our own: documented to take more (agent/agent.h).
COLD = {
    "oi_life_start", "oi_life_leave", "oi_life_before_exec", "oi_life_before_confinement", "oi_life_became_child",
    "oi_worker_need", "oi_worker_start", "oi_log", "oi_log_always", "oi_library_provider_slow", "work", "keep",
}
LIMIT = 2048


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """{function: (own bytes, callees)}; static functions as file:name."""
    folder = tmp_path_factory.mktemp("stack")
    headers = subprocess.run(["pkg-config", "--cflags", "hiredis", "libmariadb", "libcurl"], capture_output=True, text=True,
                             check=True).stdout.split()
    nodes, edges = {}, {}
    for path in [*files("agent", ".c"), *files("hooks", ".c")]:
        name = path.relative_to(SOURCE).as_posix().replace("/", "-")
        subprocess.run(["gcc", "-std=gnu11", "-O2", "-fPIC", "-fvisibility=hidden", "-fcallgraph-info=su", f"-I{SOURCE}",
                        f"-I{BUILD}", "-D_GNU_SOURCE", '-DOI_VERSION="0"', *headers, "-c", path, "-o", f"{name}.o"], cwd=folder,
                       check=True, capture_output=True)
        text = (folder / f"{name}.ci").read_text(encoding="utf-8")
        for title, label in re.findall(r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
            used = re.search(r"\\n(\d+) bytes \(([\w,]+)\)", label)
            if used:
                nodes[title] = (int(used[1]), used[2])
        for source, target in re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
            edges.setdefault(source, set()).add(target)
    assert nodes
    return nodes, edges


def short(title):
    return title.rsplit(":", 1)[-1].split(".")[0]


def chains(nodes, edges):
    """Deepest chain below each function, calls into libc and through pointers not counted."""
    @lru_cache(maxsize=None)
    def deepest(title, above=frozenset()):
        if title not in nodes or short(title) in COLD or title in above:
            return (0, ())
        below = max((deepest(callee, above | {title}) for callee in edges.get(title, ())), default=(0, ()))
        return (nodes[title][0] + below[0], (f"{short(title)} {nodes[title][0]}", *below[1]))
    return deepest


def hooks():
    for path in files("hooks", ".c"):
        yield from re.findall(r"^OI_HOOK\([^,]*, *(\w+),", path.read_text(encoding="utf-8"), re.M)
    for path in files("hooks", ".S"):
        yield from re.findall(r"^\s+(?:call|bl|JUMP|GO_ON) (oi_\w+)$", path.read_text(encoding="utf-8"), re.M)


def test_no_function_of_a_hot_path_has_a_large_or_unbounded_frame(graph):
    nodes, _ = graph
    large = {title: used for title, (used, _) in nodes.items() if used > LIMIT and title.split(":")[0] not in COLD}
    hot = {title for title in large if title.startswith("hooks") or short(title).startswith(("oi_record", "oi_span", "oi_context"))}
    assert hot == set(), large
    dynamic = {title for title, (_, kind) in nodes.items() if kind == "dynamic"}
    assert {short(title) for title in dynamic} <= {"execl", "execlp", "execle"}


def test_a_hook_and_all_it_calls_in_our_code_stay_within_the_limit(graph):
    nodes, edges = graph
    deepest = chains(nodes, edges)
    deep = {name: deepest(name) for name in hooks()}
    assert len(deep) > 0 and all(used > 0 for used, _ in deep.values())
    over = {name: found for name, found in deep.items() if found[0] > LIMIT}
    assert over == {}, "\n".join(f"{used} bytes: {' > '.join(path)}" for used, path in over.values())
