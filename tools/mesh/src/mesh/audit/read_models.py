"""Read models against the log: each service compares its live rows with a fold of what all services recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any, Final

from contracts import ReplayKind
from contracts.contract import fact_of
from manifests import Manifests
from mesh.audit.asking import Services, at_once
from mesh.audit.model import Difference, Kind, Replay, Subject

#: Subjects whose events are folded in one call: some seconds, of the 25 that a transaction may take.
BATCH: Final = 100
_KINDS: Final = {"missing": Kind.ROW_MISSING, "extra": Kind.ROW_EXTRA, "stale": Kind.ROW_STALE}


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a batch: the documents of its subjects, the differences, and tables that cannot be compared."""

    documents: list[dict[str, Any]]
    differences: list[Difference]
    not_compared: frozenset[str]


def facts_of(manifests: Manifests) -> dict[str, frozenset[str]]:
    """Service -> facts that it may fold: its own and those it consumes, of whatever major."""
    return {
        name: frozenset(
            fact_of(each) for each in (*service.publishes, *(item.event for item in service.consumes if item.event))
        )
        for name, service in manifests.services.items()
    }


def compare(
    services: Services,
    subjects: Sequence[Subject],
    facts: Mapping[str, Collection[str]],
    *,
    until: datetime,
    done: Callable[[int], None],
) -> Iterator[Compared]:
    """Compare batch by batch; `done` is told how many subjects each had. Raises like `Services.ask`."""

    def one(batch: Sequence[Subject]) -> Compared:
        compared = _batch(services, batch, facts, until)
        done(len(batch))
        return compared

    return at_once(one, batched(subjects, BATCH, strict=False))


def _batch(
    services: Services, batch: Sequence[Subject], facts: Mapping[str, Collection[str]], until: datetime
) -> Compared:
    documents = services.history(batch, until)
    differences: list[Difference] = []
    not_compared: set[str] = set()
    for service in services.names:
        concerning = [each for each in documents if fact_of(each["type"]) in facts.get(service, ())]
        answer = services.ask(service, {"compare": batch, "documents": concerning}, "differences")
        differences += [_difference(service, each) for each in answer["differences"]]
        differences += _unreadable(service, answer["refused"])
        not_compared |= {f"{service}.{table}" for table in answer["not_compared"]}
    return Compared(documents, differences, frozenset(not_compared))


def _difference(service: str, found: Mapping[str, Any]) -> Difference:
    key = json.dumps(found["key"]) if found["key"] else ""
    columns = f"{', '.join(found['columns'])} differ" if found["columns"] else ""
    return Difference(
        kind=_KINDS[found["kind"]],
        where=f"{service}.{found['table']}",
        tenant=found["tenant"],
        subject=found["subject"],
        what=" ".join(filter(None, (key, columns))),
        replay=Replay(consumer=service, kind=ReplayKind.REBUILD),
    )


def _unreadable(service: str, subjects: Iterable[Sequence[str]]) -> Iterator[Difference]:
    for tenant, subject in subjects:
        yield Difference(
            kind=Kind.UNREADABLE,
            where=service,
            tenant=tenant,
            subject=subject,
            what="an event cannot be read or folded by the code that is deployed",
            advice=f"mesh trace {subject} shows its events; deploy code that reads them",
        )
