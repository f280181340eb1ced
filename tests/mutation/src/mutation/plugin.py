"""A pytest plugin for mutmut's runs: which tests can notice a mutant, and in which order they run.

mutmut notes, for each function, the tests during which it was called. What a fixture of a module or session calls
belongs to every test that uses it, not only to the first; what runs while modules are imported belongs to all tests.
What a memoized function calls would belong to the first test alone, so each test begins with empty memories.
"""

from __future__ import annotations

import functools
import json
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from mutmut.mutation.trampoline import get_mutant_under_test
from mutmut.state import state

#: Functions called while test modules were imported, written by the run that collects them (in pytest's root folder).
IMPORTED = "called-while-imported.json"

_imported: set[str] = set()
_by_fixture: defaultdict[Any, set[str]] = defaultdict(set)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first, because they are fast; then file by file, so that fixtures are made once."""
    items.sort(
        key=lambda item: (item.get_closest_marker("integration") is not None, str(item.path), item.location[1] or 0)
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    if get_mutant_under_test() == "stats":
        _imported.update(state()._stats)
        Path(session.config.rootpath, IMPORTED).write_text(json.dumps(sorted(_imported)), encoding="utf-8")


def pytest_runtest_setup(item: pytest.Item) -> None:
    mutated = str(item.config.rootpath / "src")
    for module in list(sys.modules.values()):
        if (getattr(module, "__file__", None) or "").startswith(mutated):
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
    called = state()._stats
    before = set(called)
    called.clear()
    try:
        return (yield)
    finally:
        _by_fixture[fixturedef] |= called
        called |= before


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    called = state()._stats
    called |= _imported
    request = getattr(item, "_request", None)
    for fixturedef in getattr(request, "_fixture_defs", {}).values():
        called |= _by_fixture[fixturedef]
