"""A small package is mutated and tested as the real ones are."""

from pathlib import Path

import pytest

from mutation.configuration import Package, load
from mutation.project import Project

SOURCE = """\
from functools import cache


def _double(number):
    return number * 2


TABLE = {1: _double(1)}


def made():
    return 5 + 1


@cache
def memoized():
    return _inside()


def _inside():
    return 7


def unseen(number):
    return number > 3


def uncalled():
    return 1
"""
TESTS = """\
import pytest

from sample import TABLE, made, memoized, unseen


@pytest.fixture(scope="module")
def thing():
    return made()


def test_that_makes_the_thing(thing):
    assert thing


def test_of_the_thing(thing):
    assert thing == 6


def test_of_the_table():
    assert TABLE == {1: 2}


def test_that_remembers():
    assert memoized()


def test_of_what_is_remembered():
    assert memoized() == 7


def test_that_is_not_exact():
    assert unseen(9)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one member, `sample`."""
    (tmp_path / "sample/src/sample").mkdir(parents=True)
    (tmp_path / "sample/tests").mkdir()
    (tmp_path / "sample/src/sample/__init__.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "sample/tests/test_sample.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\nminversion = "9"\n', encoding="utf-8")
    return tmp_path


@pytest.mark.scheduled
def test_each_mutant_meets_the_tests_that_can_notice_it(repository: Path) -> None:
    project = Project(Package("sample", Path("sample/src")), load(), repository)
    mutants = [project.describe(name) for name in project.create(children=1)]
    assert all(mutant.path == "sample/src/sample/__init__.py" for mutant in mutants)
    lines = SOURCE.splitlines()
    assert all(mutant.before == lines[mutant.line - 1] for mutant in mutants)
    verdicts = project.run([mutant.name for mutant in mutants], children=1)
    assert {(mutant.after.strip(), verdicts[mutant.name]) for mutant in mutants} == {
        # Called while the module is imported: tested in a process that imports it changed.
        ("return number / 2", "killed"),
        ("return number * 3", "killed"),
        # Called for a fixture of the module: the second test that uses it notices.
        ("return 5 - 1", "killed"),
        ("return 6 + 1", "killed"),
        ("return 5 + 2", "killed"),
        # Called once, because its caller is memoized: the second test that calls it notices.
        ("return 8", "killed"),
        ("return number >= 3", "survived"),
        ("return number > 4", "survived"),
        ("return 2", "no tests"),
    }
