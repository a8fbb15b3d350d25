"""Reading built objects with binutils, and the sources with regular expressions."""

import re
import subprocess

from harness import BUILD, LAUNCHER, LIBRARY, SOURCE

EXPORTER = LIBRARY.with_name("libotel-exporter.so")


def tool(*words):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout


def exported(path):
    """Names the object offers to others."""
    return {line.split()[-1].split("@")[0] for line in tool("nm", "-D", "--defined-only", path).splitlines()}


def imported(path):
    """{name: version or ""} of what it takes from others."""
    names = {}
    for line in tool("nm", "-D", "--undefined-only", path).splitlines():
        name, _, version = line.split()[-1].partition("@")
        names[name] = version.lstrip("@")
    return names


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", path))


def files(folder, *suffixes):
    return sorted(path for path in (SOURCE / folder).rglob("*") if path.suffix in (suffixes or (".c", ".h")))


def includes(path):
    """(quoted, in angle brackets)"""
    text = path.read_text(encoding="utf-8")
    return re.findall(r'^\s*#\s*include\s*"(.*)"', text, re.M), re.findall(r"^\s*#\s*include\s*<(.*)>", text, re.M)


def without_comments(path):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(encoding="utf-8"), flags=re.S)


def tracked():
    """Every file of the repository that is text; without git (a release), every file of the tree."""
    asked = subprocess.run(["git", "-C", SOURCE, "-c", f"safe.directory={SOURCE}", "ls-files", "-z"], capture_output=True,
                           text=True, check=False)
    if asked.returncode == 0:
        paths = [SOURCE / name for name in asked.stdout.split("\0") if name]
    else:
        paths = [path for folder in ("agent", "hooks", "exporter", "launcher", "tests", "examples", "docs")
                 for path in (SOURCE / folder).rglob("*") if "__pycache__" not in path.parts]
    for path in paths:
        if path.is_file():
            data = path.read_bytes()
            if b"\0" not in data:
                yield path, data.decode("utf-8")


__all__ = ["BUILD", "EXPORTER", "LAUNCHER", "LIBRARY", "SOURCE", "exported", "files", "imported", "includes", "needed",
           "tool", "tracked", "without_comments"]
