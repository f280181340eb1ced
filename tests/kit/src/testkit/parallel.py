"""How tests are shared out to parallel workers (pytest-xdist), and which of them a run leaves out.

A worker gets a whole file at a time, so that a file's fixtures are made once. Tests over one costly or singular thing,
in whichever file, stay with one worker, and the longest of these go first: a long one that comes last is waited for.

A run leaves to the scheduled one, which has the option `--scheduled`: tests with the mark `scheduled`, and of a test
with the mark `sampled(n)` all but n cases. Which cases these are depends on their names alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer  # type: ignore[import-untyped]
    from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]

#: Fixture -> what its tests share, the longest first.
_SHARED: Final = {
    "mesh": "mesh",  # a whole mesh takes all of the machine's memory that it should
    "runner": "terraform",
    "terraform_program": "state",  # the bucket of Terraform's state has the same name for every project of an account
    "place": "contracts",
    "world": "provisioning",
    "real_models": "models",  # they are loaded for seconds, and large
}
#: Fixtures that end in a run of Terraform or of a checker of its code.
_TERRAFORM: Final = frozenset({"terraform", "terraform_program", "runner"})
_LEFT_OUT: Final = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--scheduled`."""
    parser.addoption("--scheduled", action="store_true", help="whole corpora and long tests, too")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Mark what uses Terraform, group what shares something, and leave out what is scheduled; after all is shuffled and
    selected, put the long groups first."""
    place = {name: number for number, name in enumerate(_SHARED.values())}
    last = len(place)
    group: dict[pytest.Item, int] = {}
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if _TERRAFORM.intersection(fixtures):
            item.add_marker("terraform")
        shared = next((name for fixture, name in _SHARED.items() if fixture in fixtures), None)
        if shared is not None:
            item.add_marker(pytest.mark.xdist_group(shared))
            group[item] = place[shared]
    if not config.getoption("scheduled"):
        kept = _pushed(items)
        config.stash[_LEFT_OUT] = len(items) - len(kept)
        # Not reported as deselected: that would make every run a partial one.
        items[:] = kept
    result = yield
    items.sort(key=lambda item: group.get(item, last))
    return result


def _pushed(items: list[pytest.Item]) -> list[pytest.Item]:
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    kept = []
    for item in items:
        if item.get_closest_marker("scheduled"):
            continue
        if item.get_closest_marker("sampled"):
            cases[item.nodeid.partition("[")[0]].append(item)
        else:
            kept.append(item)
    for found in cases.values():
        mark = found[0].get_closest_marker("sampled")
        assert mark is not None
        kept += sorted(found, key=lambda item: sha256(item.nodeid.encode()).digest())[: mark.args[0]]
    return kept


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadGroupScheduling:
    """By group, and where a test has none, by file; in the order of the longest groups, then of the shuffled files."""
    from xdist.scheduler import LoadGroupScheduling

    class ByGroupOrFile(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            group: str = super()._split_scope(nodeid)
            return group.partition("::")[0] if group == nodeid else group

    config.option.loadscopereorder = False
    return ByGroupOrFile(config, log)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out."""
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.line(f"{left_out} tests are left to the scheduled run (--scheduled)")
