"""How tests are shared out to parallel workers (pytest-xdist), and which of them a run leaves out.

A worker gets a whole file at a time, so that a file's fixtures are made once. Folders whose tests share something
costly or singular stay with one worker, and the longest of these go first: a long one that comes last is waited for.

A run leaves to the scheduled one, which has the option `--scheduled`: tests with the mark `scheduled`, and of a test
with the mark `sampled(n)` all but n cases, whose names decide which. A test with the fixture `whole` decides itself.
"""

from __future__ import annotations

import gc
import os
from collections import defaultdict
from collections.abc import Generator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer  # type: ignore[import-untyped]
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

#: Folders whose tests stay together, the longest first.
_TOGETHER: Final = (
    "tests/e2e",  # one mesh
    "tests/crashes",  # one file, which takes long
    "tests/infrastructure",  # one copy of the configuration, and plans of it
    "localstack/localmesh/tests/provision",  # one provisioned workspace
    "tools/mesh/tests/infra",  # the bucket of Terraform's state has one name for all projects of an account
    "localstack/providers/tests",  # the models, which are large and take seconds to load
    "tests/contracts",  # all services on one deployment
)
#: Fixtures that end in a run of Terraform or of a checker of its code.
_TERRAFORM: Final = frozenset({"terraform", "terraform_program", "runner", "linted"})
_LEFT_OUT: Final = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--scheduled`."""
    parser.addoption("--scheduled", action="store_true", help="whole corpora and long tests, too")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Mark what uses Terraform, and leave out what is scheduled; after all is shuffled and selected, put what stays
    together first."""
    for item in items:
        if _TERRAFORM.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("terraform")
    if not config.getoption("scheduled"):
        kept = _pushed(items)
        config.stash[_LEFT_OUT] = len(items) - len(kept)
        # Not reported as deselected: that would make every run a partial one.
        items[:] = kept
    result = yield
    items.sort(key=lambda item: _scope(item.nodeid)[0])
    return result


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded meanwhile stays: garbage collections then, and those of all tests after, would look at millions of
    objects in vain."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def _scope(nodeid: str) -> tuple[int, str]:
    """The folder or the file whose tests stay together, after its place in the order."""
    path = nodeid.partition("::")[0]
    folders = ((place, folder) for place, folder in enumerate(_TOGETHER) if path.startswith(f"{folder}/"))
    return next(folders, (len(_TOGETHER), path))


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


@pytest.fixture(scope="session")
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether this is the scheduled run; a test over a corpus in a loop takes a part of it otherwise."""
    return bool(pytestconfig.getoption("scheduled"))


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One worker more than there are cores, unless the marks leave the end-to-end tests out.

    The worker that has those waits for the mesh most of the time, and its core would, too.
    """
    if "not e2e" in config.option.markexpr:
        return None
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Scope by scope, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolderOrFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid)[1]

        def _reschedule(self, node: Any) -> None:
            """Two things that xdist does not think of in a worker that takes the place of a crashed one.

            It can run nothing before it has collected; and it runs a test when it knows the next one, or that there is
            none: with a single one it would wait for ever.
            """
            if node not in self.registered_collections:
                return
            super()._reschedule(node)
            while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
                super()._reschedule(node)

        def remove_node(self, node: Any) -> str | None:
            """As xdist does it, apart from the test that crashed: handed out again, it would crash the next worker."""
            workload = self.assigned_work.pop(node)
            pending = [(unit, test) for unit in workload.values() for test, done in unit.items() if not done]
            if not pending:
                return None
            [(unit, crashed), *_] = pending
            unit[crashed] = True
            self.workqueue.update({scope: unit for scope, unit in workload.items() if not all(unit.values())})
            for other in self.assigned_work:
                self._reschedule(other)
            return str(crashed)

    config.option.loadscopereorder = False
    return ByFolderOrFile(config, log)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was left out."""
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.line(f"{left_out} tests are left to the scheduled run (--scheduled)")
