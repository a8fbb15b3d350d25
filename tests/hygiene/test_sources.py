"""Rules that the sources keep: who includes whom, where the environment is read, what must not stand in a file."""

import re

from objects import SOURCE, files, includes, tracked, without_comments

LIBRARIES = re.compile(r"^(curl/|hiredis|mysql|mariadb|protobuf-c/|zlib\.h|openssl/|gnutls/|libunwind|elfutils/|libelf|dwarf)")
PURE = ["text", "utf8", "propagation", "sampler", "redact", "sql", "url", "http_excluded", "http_forwarded", "http_name", "http_route"]


def test_the_agent_knows_no_library_and_nobody_above_it():
    for path in files("agent", ".c", ".h", ".def"):
        quoted, angled = includes(path)
        assert [name for name in quoted if not name.startswith("agent/")] == [], path
        assert [name for name in angled if LIBRARIES.match(name)] == [], path


def test_hooks_stand_on_the_agent_alone():
    for path in files("hooks"):
        quoted, _ = includes(path)
        assert [name for name in quoted if not name.startswith(("agent/", "hooks/"))] == [], path


def test_the_exporter_stands_on_its_seam():
    for path in files("exporter"):
        quoted, angled = includes(path)
        known = ("agent/", "exporter/", "opentelemetry/")
        assert [name for name in quoted if not name.startswith(known)] == [], path
        assert [name for name in angled if LIBRARIES.match(name) and not name.startswith(("curl/", "dwarf", "elfutils/", "protobuf-c/", "zlib"))] == [], path


def test_the_launcher_takes_the_settings_table_and_nothing_of_the_agents_life():
    for path in files("launcher"):
        quoted, angled = includes(path)
        assert [name for name in quoted if not name.startswith(("agent/config", "agent/text", "agent/log.h", "launcher/"))] == [], path
        assert [name for name in angled if LIBRARIES.match(name)] == [], path


def test_text_is_analysed_by_pure_functions():
    """No system call, no allocation, no clock: they run in signal handlers and on hostile input."""
    impure = re.compile(r"\b(malloc|calloc|realloc|free|mmap|syscall|open|read|write|getenv|time|clock_gettime|printf|pthread_\w+)\s*\(")
    seen = 0
    for path in files("agent", ".c", ".h"):
        if any(path.stem == name or path.stem.startswith(name + "_") for name in PURE):
            found = impure.findall(without_comments(path))
            assert found == [], f"{path}: {found}"
            seen += 1
    for path in files("hooks/wire"):
        assert impure.findall(without_comments(path)) == [], path
        assert [name for name in includes(path)[0] if not name.startswith("hooks/wire/")] == [], path
    assert seen >= len(PURE)


def test_the_environment_is_read_in_one_place():
    """Settings are rows of agent/config.def; beside them, only the carrier of the context and the search path."""
    others = {"TRACEPARENT", "TRACESTATE", "BAGGAGE", "PATH"}
    for path in [*files("agent"), *files("hooks"), *files("exporter")]:
        text = without_comments(path)
        named = set(re.findall(r'\bgetenv\(\s*"(\w+)"', text))
        assert named <= others, f"{path} reads {named - others}"
        assert len(re.findall(r"\bgetenv\(", text)) == len(re.findall(r'\bgetenv\(\s*"', text)), f"{path}: getenv of a computed name"


def rows():
    """[(field, environment name, effect)] of the table."""
    text = without_comments(SOURCE / "agent" / "config.def")
    found = re.findall(r'OI_SETTING\(\s*(\w+),\s*\w+,\s*"(\w+)",\s*(?:"\w+"|NULL),\s*(?:"(?:[^"\\]|\\.)*"\s*)+,\s*'
                       r'(?:"(?:[^"\\]|\\.)*"\s*)+,\s*\w+,\s*(\w+)', text)
    assert len(found) == text.count("OI_SETTING("), "a row this test cannot read"
    return found


def test_each_setting_is_one_row_and_its_name_stands_nowhere_else():
    """But in messages of the exporter, which say where a bad value came from."""
    names = [name for _, name, _ in rows()]
    assert len(set(names)) == len(names)
    quoted = {f'"{name}"': name for name in names}
    for path in [*files("agent", ".c", ".h"), *files("hooks"), *files("launcher")]:
        text = without_comments(path)
        twice = [name for literal, name in quoted.items() if literal in text]
        assert twice == [], f"{path} names settings of the table itself: {twice}"


def test_each_setting_that_claims_an_effect_is_used():
    """By the code, or as another setting's default."""
    table = (SOURCE / "agent" / "config.def").read_text(encoding="utf-8")
    code = "\n".join(without_comments(path) for folder in ("agent", "hooks", "exporter", "launcher")
                     for path in files(folder, ".c", ".h"))
    unused = [name for field, name, effect in rows()
              if effect == "OI_NOW" and not re.search(rf"\b{field}\b", code) and f'"={name}"' not in table]
    assert unused == []


def test_no_cleanup_attribute_in_hooks():
    """A call that is left by longjmp or cancellation would run it on a stack that is gone, or not at all."""
    for path in files("hooks"):
        assert not re.search(r"\bcleanup\b|\b__cleanup__\b", without_comments(path)), path


def test_one_constructor():
    found = [path for folder in ("agent", "hooks", "exporter") for path in files(folder)
             if re.search(r"__attribute__\s*\(\(\s*(?:__)?(?:con|de)structor", without_comments(path))]
    assert [path.relative_to(SOURCE).as_posix() for path in found] == ["hooks/modules.c"]


def test_the_export_map_is_anonymous():
    makefile = (SOURCE / "Makefile.am").read_text(encoding="utf-8")
    assert "echo '{ global:'" in makefile
    text = (SOURCE / "exporter" / "exports.map").read_text(encoding="utf-8")
    assert re.sub(r"/\*.*?\*/", "", text, flags=re.S).lstrip().startswith("{")


def test_thread_local_data_stands_in_one_structure():
    found = [path.relative_to(SOURCE).as_posix() for folder in ("agent", "hooks", "exporter") for path in files(folder)
             if re.search(r"\b(__thread|_Thread_local|thread_local)\b", without_comments(path))]
    assert set(found) <= {"agent/thread.h", "agent/id.c"}


def test_no_machines_paths_and_no_marks_of_unfinished_work():
    mine = "tests/hygiene/"
    paths = re.compile(r"(?<![\w./])/(?:work|root|home)/\w|/tmp/[a-z]+-?\w*/")
    marks = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
    for path, text in tracked():
        name = path.relative_to(SOURCE).as_posix()
        if name.startswith(mine):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            assert not paths.search(line), f"{name}:{number}: {line}"
            assert not marks.search(line), f"{name}:{number}: {line}"


def test_text_files_end_with_one_newline_and_have_no_trailing_space():
    for path, text in tracked():
        name = path.relative_to(SOURCE).as_posix()
        assert text == "" or (text.endswith("\n") and not text.endswith("\n\n")), name
        if not name.endswith(".md"):
            wrong = [number for number, line in enumerate(text.splitlines(), 1) if line != line.rstrip()]
            assert wrong == [], f"{name}: lines {wrong}"
