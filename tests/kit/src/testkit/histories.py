"""Golden histories: for every version of an event that was ever published the stream in which it was recorded first.

A history is recorded once and never changed, so it stays as old as its version. Beside its events is what each service
made of them: a digest of the rows that their fold leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from contracts import REGISTRY, Contract, Event
from contracts.schemas import history
from testkit.contract_tests.examples import published_version_cases
from testkit.convergence import FLOWS, documents, published_versions
from testkit.refolding import Rows
from workspace import REPOSITORY

FOLDER = REPOSITORY / "tests/convergence/histories"
_SCHEMAS = REPOSITORY / "contracts/schemas"
_TENANT = "6f1c2a52-3f0e-4a6b-9a45-0d7f6a3f1b11"
_SUBJECT = "0c5a8e8e-4a0e-8a4e-9c1b-2f6f6a0d9c01"


@dataclass(frozen=True)
class History:
    """The wire documents of a stream, and by service the digest of the rows that they leave."""

    event_type: str
    version: str
    documents: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.event_type} {self.version}"

    @property
    def path(self) -> Path:
        """Its file."""
        return FOLDER / f"{self.event_type}-{self.version}.json"

    def events(self) -> list[Event[Contract]]:
        """The events as today's code reads them."""
        return [REGISTRY.read(document) for document in self.documents]

    def save(self) -> None:
        """Write the file: an event a line."""
        lines = ",\n".join(f"    {json.dumps(document, ensure_ascii=False)}" for document in self.documents)
        rows = json.dumps(self.rows, indent=4, sort_keys=True).replace("\n}", "\n  }")
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(f'{{\n  "events": [\n{lines}\n  ],\n  "rows": {rows}\n}}\n', encoding="utf-8")


def published() -> Iterator[tuple[str, str]]:
    """(event type, version) of everything that was ever published."""
    for folder in sorted(_SCHEMAS.iterdir()):
        if folder.is_dir():
            for version in history(_SCHEMAS, folder.name):
                yield folder.name, version.version


def recorded(event_type: str, version: str) -> History | None:
    """The history of that version; None where there is none."""
    empty = History(event_type, version)
    if not empty.path.exists():
        return None
    written = json.loads(empty.path.read_text(encoding="utf-8"))
    return History(event_type, version, written["events"], written["rows"])


def record(event_type: str, version: str) -> History:
    """A new history: the first flow with such an event, or the event alone where no flow has one."""
    fact = event_type.removeprefix("collections.").rpartition(".v")[0]
    for flow in FLOWS:
        if (fact, version) in published_versions(flow):
            made = documents(flow, tenant=_TENANT, subject=_SUBJECT, versions={fact: version})
            return History(event_type, version, made)
    [case] = [
        case
        for case in published_version_cases(REPOSITORY / "contracts", event_type)
        if case.published.version == version
    ]
    return History(event_type, version, [document for _, document in sorted(case.documents().items())][:1])


def digest(rows: Rows) -> str:
    """Stands for the rows; tables without any do not count."""
    kept = {table: found for table, found in rows.items() if found}
    return sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
