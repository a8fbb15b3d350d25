"""hooks/README.md names every public function of the libraries we hook, as their installed headers declare them: a function
that a new version brings is either hooked or decided about.

The first column of a library's table has the names, as a shell would write them: `*` for any text, `{a,b}` for either.
A row whose second column begins with `not hooked` or `called, not hooked` is about such functions, all others are hooked.
"""

import fnmatch
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from objects import LIBRARY, SOURCE, exported, files

# Section of the README, package, headers, and what the names of public functions begin with.
LIBRARIES = {
    "libcurl": ("libcurl", ["curl/curl.h", "curl/header.h", "curl/mprintf.h", "curl/options.h", "curl/websockets.h"], ("curl_",)),
    "libmariadb": ("libmariadb", ["mysql.h", "errmsg.h", "mariadb_rpl.h", "mariadb_dyncol.h"], ("mysql_", "mariadb_")),
    "hiredis": ("hiredis", ["hiredis/hiredis.h", "hiredis/async.h", "hiredis/read.h", "hiredis/sds.h", "hiredis/alloc.h",
                            "hiredis/hiredis_ssl.h"], ("redis", "hiredis", "freeReplyObject", "sds", "hi_")),
    "openssl": ("openssl", ["openssl/ssl.h"], ("SSL_",)),
    "gnutls": ("gnutls", ["gnutls/gnutls.h"], ("gnutls_",)),
    "libmicrohttpd": ("libmicrohttpd", ["microhttpd.h"], ("MHD_",)),
}


def braces(pattern):
    """`a{b,c}d` as `abd` and `acd`."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if not found:
        return [pattern]
    return [one for choice in found[1].split(",")
            for one in braces(pattern[:found.start()] + choice + pattern[found.end():])]


def rows_of(text):
    rows = []
    for line in text.splitlines():
        cells = line.strip("| ").split(" | ", 1)
        if line.startswith("| `") and len(cells) == 2:
            names = [name for pattern in re.findall(r"`([^`]+)`", cells[0]) for name in braces(pattern)]
            rows.append((names, not cells[1].startswith(("not hooked", "called, not hooked"))))
    assert rows
    return rows


def readme():
    return (SOURCE / "hooks" / "README.md").read_text(encoding="utf-8")


def table(library):
    """[(names, whether they are hooked)] of the section's table."""
    return rows_of(next(part for part in re.split(r"^## ", readme(), flags=re.M) if f"`{library}*.c`" in part.partition("\n")[0]))


def hooked(library):
    return {name for path in [*files("hooks", ".c"), *files("hooks", ".S")] if path.name.startswith(library)
            for name in re.findall(r"^OI_(?:HOOK\([^,]*, *|STUB\()(\w+)[,)]", path.read_text(encoding="utf-8"), re.M)}


def declared(library):
    """Functions that the installed headers declare; a header that this version does not have yet is left out."""
    package, headers, beginnings = LIBRARIES[library]
    flags = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True, check=True).stdout.split()
    includes = "".join(f"#if __has_include(<{header}>)\n#include <{header}>\n#endif\n" for header in headers)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "all.c"
        source.write_text(f"#include <stdio.h>\n#include <time.h>\n#include <sys/time.h>\n{includes}", encoding="utf-8")
        text = subprocess.run(["gcc", "-E", "-P", "-DCURL_DISABLE_TYPECHECK", "-DCURL_DISABLE_DEPRECATION", *flags, source],
                              capture_output=True, text=True, check=True).stdout
    text = re.sub(r"\{[^{}]*\}", ";", re.sub(r"\{[^{}]*\}", ";", text))  # bodies of inline functions and structures
    statements = [one.strip() for one in text.split(";")]
    named = re.compile(rf"\b((?:{'|'.join(beginnings)})\w*)\s*\(")
    return {found[1] for one in statements if not one.startswith("typedef") and (found := named.search(one))}


def undecided(names, rows):
    patterns = [pattern for some, _ in rows for pattern in some]
    return sorted(name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_public_function_is_hooked_or_decided_about(library):
    names = declared(library)
    assert len(names) > 60
    assert undecided(names, table(library)) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_table_says_what_the_code_does(library):
    """Hooked functions stand in rows of hooked ones, by their whole names, and nothing else does."""
    rows, code = table(library), hooked(library)
    told = {name for names, is_hooked in rows if is_hooked for name in names}
    assert told == code
    left_alone = [pattern for names, is_hooked in rows if not is_hooked for pattern in names]
    assert [name for name in sorted(code) if any(fnmatch.fnmatchcase(name, pattern) for pattern in left_alone)] == []


def test_what_is_exported_is_told():
    """Every function we put in another's place, libc's too, stands in a row of hooked ones by its whole name."""
    told = {name for names, is_hooked in rows_of(readme()) if is_hooked for name in names}
    assert exported(LIBRARY) - told == set()


def test_every_library_has_a_table():
    makefile = (SOURCE / "Makefile.am").read_text(encoding="utf-8")
    assert set(re.search(r"^HOOK_MODULES = (.*)$", makefile, re.M)[1].split()) == set(LIBRARIES)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_hooked_function_is_called_by_a_test(library):
    text = "\n".join(path.read_text(encoding="utf-8") for folder in ("apps", "integration")
                     for path in (SOURCE / "tests" / folder).iterdir() if path.suffix in (".c", ".cc", ".h", ".py"))
    for adapter in set(re.findall(r"<(hiredis/adapters/[\w.]+)>", text)):  # they call what an event loop calls
        text += Path("/usr/include", adapter).read_text(encoding="utf-8")
    known = sorted(hooked(library) & declared(library))  # others are of newer versions than the installed one
    assert [name for name in known if not re.search(rf"\b{name}\b", text)] == []


def test_a_function_of_a_new_version_would_be_noticed():
    assert undecided({"curl_easy_perform", "curl_multi_brand_new"}, table("libcurl")) == ["curl_multi_brand_new"]
