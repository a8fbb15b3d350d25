"""The board in Flask under the Python agent and under ours: each difference between their spans has a reason (interop/python-reference)."""

import sys
from types import SimpleNamespace

import pytest

from harness import SOURCE, not_under

sys.path.insert(1, str(SOURCE / "tests" / "interop" / "python-reference"))

import document  # noqa: E402  (needs the path above)
import reference  # noqa: E402
import rules  # noqa: E402
import side_by_side  # noqa: E402
from boards import Ask  # noqa: E402


@pytest.mark.parametrize("which", rules.SETS)
@not_under("undefined address", "what spans say does not depend on the build")
def test_each_difference_has_a_reason(mariadb, redis, http_server, which):
    try:
        reference.install()
    except reference.Absent as why:
        pytest.skip(str(why))
    result = side_by_side.compared(which, SimpleNamespace(mariadb=mariadb, redis=redis, api=http_server))
    assert rules.unexplained(which, result) == [] and rules.unused(which, result) == []
    assert document.written(which) == document.brief(which, result), "make update-interop writes it anew"


def test_the_documentation_names_the_versions():
    assert f"({reference.CONTRIB}, with the SDK {reference.SDK})" in document.DOCUMENT.read_text(encoding="utf-8")


def span(system, **fields):
    return side_by_side.Seen(system, {"kind": "CLIENT", "parent": "the request's", "name": "SELECT", "status": "UNSET", "description": None, **fields})


def differences(ours, theirs):
    """What is said of one request's spans, in the old set."""
    return rules.unexplained("old", [(Ask("GET", "/", 200), [side_by_side.rows(*pair) for pair in side_by_side.pairs(ours, theirs)])])


@pytest.mark.parametrize("fields", [
    {"kind": "INTERNAL"}, {"parent": "none"}, {"name": "SELECT users"}, {"status": "ERROR"}, {"description": "an error"}, {"db.name": "shop"},
    {"db.user": None}, {"db.statement": "SELECT 1"}, {"db.statement": None}, {"net.peer.port": "3306"},
])
def test_what_is_different_without_a_reason_is_found(fields):
    theirs = {"db.user": "app", "db.statement": "SELECT %s", "net.peer.port": 3306}
    ours = {**theirs, "db.statement": "SELECT ?", "db.operation": "SELECT"}
    assert differences([span("mysql", **ours)], [span("mysql", **theirs)]) == []
    assert len(differences([span("mysql", **{**ours, **fields})], [span("mysql", **theirs)])) == 1


def test_a_span_that_only_one_of_them_has_is_found():
    one, other = span("mysql"), span("redis", name="GET")
    assert differences([one, other], [one, other]) == []
    assert len(differences([one, other], [one])) == len(differences([one], [one, other])) == len(differences([other], [one, other])) == 1
    assert len(differences([one, one], [one])) == len(differences([one], [one, one])) == 1


def test_a_rule_that_explains_nothing_is_found():
    assert len(rules.unused("old", [])) > 10
