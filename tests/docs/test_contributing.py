"""CONTRIBUTING.md's page "Adding …": the places that it names are there, and so are the tests that guard them."""

import re
from pathlib import Path

import pytest

from manifests import load_manifests
from workspace import REPOSITORY

_TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
_PAGE = _TEXT.partition("\n## Adding …\n")[2].partition("\n## ")[0]
_KINDS = ("An event", "A field", "A major of an event", "A route", "A filter", "A consumer", "A table")
_SERVICES = sorted(load_manifests(REPOSITORY).services)
#: A path of the repository, of a test perhaps with the name of one.
_NAMED = re.compile(r"`((?:[\w.<>-]+/)+[\w.<>-]*|README\.md)(?:::(\w+))?`")


def section(kind: str) -> str:
    return _PAGE.partition(f"\n### {kind}\n")[2].partition("\n### ")[0]


def rows(kind: str) -> list[list[str]]:
    """The cells of the section's table, without its head."""
    lines = [line for line in section(kind).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def is_there(path: str) -> bool:
    """Where it names a service, in every service or in one at least: not every service has every job."""
    if "<service>" not in path:
        return (REPOSITORY / path).exists()
    return any((REPOSITORY / path.replace("<service>", service)).exists() for service in _SERVICES)


def test_what_can_be_added() -> None:
    assert tuple(re.findall(r"^### (.+)$", _PAGE, re.M)) == (*_KINDS, "Anything else")


@pytest.mark.parametrize("kind", [*_KINDS, "Anything else"])
def test_the_paths_and_tests_that_are_named_exist(kind: str) -> None:
    named = _NAMED.findall(section(kind))
    assert named
    assert [path for path, _ in named if not is_there(path)] == []
    missing = [
        f"{path}::{test}"
        for path, test in named
        if test and f"\ndef {test}(" not in (REPOSITORY / path).read_text(encoding="utf-8")
    ]
    assert missing == []


@pytest.mark.parametrize("kind", _KINDS)
def test_each_place_has_a_test_that_guards_it(kind: str) -> None:
    found = rows(kind)
    assert found
    for place, _, guards in found:
        assert _NAMED.search(place), place
        tests = [Path(path) for path, _ in _NAMED.findall(guards)]
        assert tests, f"{place}: nothing guards it"
        assert all({"tests", "testkit"} & set(test.parts) for test in tests)
