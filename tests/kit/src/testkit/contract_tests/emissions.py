"""A pytest plugin: what the services emit in their own tests is checked against the contracts.

Every event that is appended to an event store while tests run is recorded. At the end of the session

- each must satisfy the closed schema of its contract's version, in whichever test;
- an event from a service's own tests (`services/<service>/tests`) must be of a type which its manifest publishes;
- each type that a manifest publishes must have been emitted in that service's own tests. This is required of a service
  only when all of its tests ran; for the others the summary lists what was not checked.
- each status that the OpenAPI document declares for a route of a service must have been answered, in whichever test,
  when all of the service's tests ran and those of `answers.COMMON`.

A violation fails the session, with the reason in a section of the summary. Parallel workers (pytest-xdist) record, and
the process that began the run checks what all of them recorded.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts import Contract, Event
from manifests import ManifestsInvalidError, load_manifests
from testkit import documented
from testkit.contract_tests.answers import COMMON, Answered, declared, unanswered

_TITLE = "events against their contracts"


@dataclass
class Coverage:
    """The tests of one service in this run."""

    files: set[Path] = field(default_factory=set)
    selected: int = 0
    deselected: int = 0
    narrowed: bool = False
    ran: int = 0


@dataclass(frozen=True)
class Findings:
    """The result of the check: `faults` fail the session, `unchecked` lists what a partial run left open."""

    captured: Counter[str]
    distinct: int
    faults: tuple[str, ...]
    unchecked: tuple[str, ...]


class Emissions:
    """Records events, once each, with the test that first emitted them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.tests: dict[str, Coverage] = defaultdict(Coverage)
        self.captured: Counter[str] = Counter()
        self.answered: set[Answered] = set()
        self.common_ran = False
        self.current: pytest.Item | None = None

    def owner(self, path: Path) -> str | None:
        """The service whose own test a file is; None for other files."""
        parts = path.relative_to(self._root).parts if path.is_relative_to(self._root) else ()
        if len(parts) < 4 or parts[0] != "services" or parts[2] != "tests":
            return None
        return parts[1] if (self._root / "services" / parts[1] / "service.yaml").exists() else None

    def keep(self, documents: Iterable[dict[str, Any]]) -> None:
        """Record what was just appended."""
        item = self.current
        owner = self.owner(item.path) if item else None
        for document in documents:
            self.captured[owner or "others"] += 1
            shape = json.dumps([document["dataschema"], document["data"]], sort_keys=True)
            self._kept.setdefault((owner or "", shape), (item.nodeid if item else "outside of any test", document))

    def to_wire(self) -> dict[str, Any]:
        """What a parallel worker recorded, in types that travel between processes."""
        return {
            "kept": [[*key, nodeid, json.dumps(document)] for key, (nodeid, document) in self._kept.items()],
            "captured": dict(self.captured),
            "answered": sorted(map(list, self.answered)),
            "common_ran": self.common_ran,
            "tests": {
                owner: {**vars(tests), "files": sorted(map(str, tests.files))} for owner, tests in self.tests.items()
            },
        }

    def add(self, recorded: dict[str, Any]) -> None:
        """Add what a parallel worker recorded. All workers collect the same tests, and each runs some of them."""
        for owner, shape, nodeid, document in recorded["kept"]:
            self._kept.setdefault((owner, shape), (nodeid, json.loads(document)))
        self.captured.update(recorded["captured"])
        self.answered |= set(map(tuple, recorded["answered"]))
        self.common_ran |= recorded["common_ran"]
        for owner, fields in recorded["tests"].items():
            before = self.tests[owner].ran
            self.tests[owner] = Coverage(**{**fields, "files": set(map(Path, fields["files"]))})
            self.tests[owner].ran += before

    def check(self) -> Findings:
        """Check all recorded events against the contracts and the manifests."""
        faults = list(self._schema_faults())
        unchecked: list[str] = []
        try:
            services = load_manifests(self._root).services
        except ManifestsInvalidError as error:
            faults.append(f"the manifests cannot be read: {error}")
            services = {}
        absent = [name for name, service in services.items() if service.publishes and not self.tests[name].files]
        if absent:
            unchecked.append(f"{', '.join(absent)}: none of their tests were selected")
        emitted: dict[str, set[str]] = defaultdict(set)
        for (owner, _), (nodeid, document) in self._kept.items():
            if owner in services and document["source"] == f"collections.{owner}":
                if document["type"] not in services[owner].publishes:
                    faults.append(f"{owner} emits {document['type']}, which its manifest does not publish ({nodeid})")
                emitted[owner].add(document["type"])
        for name, service in services.items():
            if not service.publishes or name in absent:
                continue
            missing = sorted(set(service.publishes) - emitted[name])
            if missing and (gap := self._gap(name)):
                unchecked.append(f"{name}: {gap}; not seen: {', '.join(missing)}")
            else:
                faults += [f"{name} publishes {event}, and none of its own tests emits it" for event in missing]
        for name, answers in declared(self._root).items():
            if not self.tests[name].files or not (unseen := unanswered(answers, self.answered)):
                continue
            if gap := self._gap(name) or ("" if self.common_ran else f"{COMMON} was left out"):
                unchecked.append(f"{name}: {gap}; {len(unseen)} declared answers not seen")
            else:
                faults += [f"{name} declares {answer}, and no test gets it" for answer in unseen]
        return Findings(self.captured, len(self._kept), tuple(dict.fromkeys(faults)), tuple(unchecked))

    def _schema_faults(self) -> Iterable[str]:
        validators: dict[tuple[str, str], Draft202012Validator] = {}
        for nodeid, document in self._kept.values():
            key = document["type"], document["dataschema"].rpartition(":")[2]
            if key not in validators:
                file = self._root / "contracts" / "schemas" / key[0] / f"{key[1]}.producer.json"
                if not file.exists():
                    yield f"{key[0]} {key[1]} was emitted, and {file.relative_to(self._root)} does not exist ({nodeid})"
                    continue
                validators[key] = Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))
            for fault in validators[key].iter_errors(document["data"]):
                # The value stays out: it may be personal, and this ends in a public log.
                yield f"{key[0]} {key[1]} breaks {fault.validator!r} at {fault.json_path} ({nodeid})"

    def _gap(self, service: str) -> str:
        """Why this run cannot show what the service never emits; empty when all of its tests ran."""
        tests = self.tests[service]
        on_disk = set((self._root / "services" / service / "tests").rglob("test_*.py"))
        if absent := on_disk - tests.files:
            return f"{len(absent)} of {len(on_disk)} test files were left out"
        if tests.narrowed or tests.deselected:
            return "only some of its tests were selected"
        if tests.ran < tests.selected:
            return f"the run ended after {tests.ran} of {tests.selected} tests"
        return ""


class EmissionsPlugin:
    """Feeds `Emissions` from pytest's hooks and makes its verdict the session's."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._emissions = Emissions(config.rootpath)
        self._findings: Findings | None = None
        self._patch = pytest.MonkeyPatch()

    @property
    def _is_ours(self) -> bool:
        return (self._config.rootpath / "services" / "platform.yaml").exists()

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        for item in items:
            if self._is_ours and (owner := self._emissions.owner(item.path)):
                self._emissions.tests[owner].deselected += 1

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not self._is_ours:
            return
        for item in session.items:
            self._emissions.common_ran |= item.path == self._config.rootpath / COMMON
            if owner := self._emissions.owner(item.path):
                self._emissions.tests[owner].files.add(item.path)
                self._emissions.tests[owner].selected += 1
        for argument in self._config.args:
            path, _, inside = argument.partition("::")
            owner = self._emissions.owner((self._config.invocation_params.dir / path).resolve())
            if inside and owner:
                self._emissions.tests[owner].narrowed = True
        # A run that has nothing to do with services need not wait for the import.
        if self._emissions.tests or "chassis.store" in sys.modules:
            self._listen()

    def _listen(self) -> None:
        from chassis import store
        from chassis.database import Connection

        append = store.append

        def recording(
            connection: Connection, events: Sequence[Event[Contract]], *, expected_version: int | None = None
        ) -> list[tuple[int, Event[Contract]]]:
            appended = append(connection, events, expected_version=expected_version)
            self._emissions.keep(event.to_wire() for _, event in appended)
            return appended

        self._patch.setattr(store, "append", recording)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._emissions.current = item
        try:
            return (yield)
        finally:
            self._emissions.current = None
            if self._is_ours and (owner := self._emissions.owner(item.path)):
                self._emissions.tests[owner].ran += 1

    @pytest.hookimpl(optionalhook=True)  # of pytest-xdist
    def pytest_testnodedown(self, node: Any) -> None:  # xdist is untyped
        """A worker has ended; one that crashed brings nothing, and the tests that it did not run are missed."""
        if recorded := getattr(node, "workeroutput", {}).get(_TITLE):
            self._emissions.add(recorded)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._patch.undo()
        self._emissions.answered |= documented.seen
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[_TITLE] = self._emissions.to_wire()
            return
        nothing = not self._emissions.tests and not self._emissions.captured
        if nothing or self._config.option.collectonly:
            return
        self._findings = self._emissions.check()
        if self._findings.faults and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        found = self._findings
        if found is None:
            return
        terminalreporter.section(_TITLE, red=bool(found.faults))
        for fault in found.faults:
            terminalreporter.line(f"FAILED {fault}", red=True)
        for line in found.unchecked:
            terminalreporter.line(f"NOT CHECKED {line}", yellow=True)
        counts = ", ".join(f"{name} {count}" for name, count in sorted(found.captured.items())) or "none"
        verdict = f"{len(found.faults)} faults" if found.faults else "no faults"
        terminalreporter.line(f"{found.distinct} different events ({counts}): {verdict}", bold=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin."""
    config.pluginmanager.register(EmissionsPlugin(config), "collections-emissions")
