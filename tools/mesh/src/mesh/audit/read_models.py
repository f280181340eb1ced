"""Read models against the log: each service compares its live rows with a fold of what all services recorded."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts import ReplayKind
from contracts.contract import fact_of
from contracts.ingest import ItemDeleted
from manifests import Manifests
from mesh.audit.asking import Services, at_once, batched
from mesh.audit.model import Difference, Kind, Replay, Subject

#: Subjects whose events are folded in one call: some seconds, of the 25 that a transaction may take.
BATCH: Final = 250
#: Tenants in one call: of some hundred thousand postings each it takes a second.
TENANTS: Final = 10
_KINDS: Final = {"missing": Kind.ROW_MISSING, "extra": Kind.ROW_EXTRA, "stale": Kind.ROW_STALE}


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts that a service may fold, of whatever major: those it consumes, and its own, which no replay brings it."""

    consumed: frozenset[str]
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What came of a batch: the documents of its subjects, the differences, and tables that cannot be compared."""

    documents: list[dict[str, Any]]
    differences: list[Difference]
    not_compared: frozenset[str]


def facts_of(manifests: Manifests) -> dict[str, Facts]:
    """The facts of each service."""
    found: dict[str, Facts] = {}
    for name, service in manifests.services.items():
        consumed = frozenset(fact_of(item.event) for item in service.consumes if item.event)
        found[name] = Facts(consumed, frozenset(map(fact_of, service.publishes)) - consumed)
    return found


def compare(
    services: Services,
    subjects: Sequence[Subject],
    facts: Mapping[str, Facts],
    *,
    until: datetime,
    done: Callable[[int], None],
) -> Iterator[Compared]:
    """Compare batch by batch; `done` is told how many subjects each had. Raises like `Services.ask`."""

    def one(batch: Sequence[Subject]) -> Compared:
        compared = _batch(services, batch, facts, until)
        done(len(batch))
        return compared

    return at_once(one, batched(subjects, BATCH))


def _batch(services: Services, batch: Sequence[Subject], facts: Mapping[str, Facts], until: datetime) -> Compared:
    documents = services.history(batch, until)
    told: dict[Subject, set[str]] = defaultdict(set)
    for document in documents:
        told[document["tenantid"], document["subject"]].add(fact_of(document["type"]))
    differences: list[Difference] = []
    not_compared: set[str] = set()
    for service in services.names:
        mine = facts[service].consumed | facts[service].own
        concerning = [each for each in documents if fact_of(each["type"]) in mine]
        answer = services.ask(service, {"compare": batch, "documents": concerning}, "differences")
        for each in answer["differences"]:
            differences.append(_difference(service, each, told[each["tenant"], each["subject"]], facts[service]))
        differences += _unreadable(service, answer["refused"])
        not_compared |= {f"{service}.{table}" for table in answer["not_compared"]}
    return Compared(documents, differences, frozenset(not_compared))


def _difference(service: str, found: Mapping[str, Any], told: Collection[str], facts: Facts) -> Difference:
    """A difference of a service; `told` are the facts that are recorded of the subject."""
    key = json.dumps(found["key"]) if found["key"] else ""
    columns = f"differs in {', '.join(found['columns'])}" if found["columns"] else ""
    kind = _KINDS[found["kind"]]
    replay: Replay | None = Replay(consumer=service, kind=ReplayKind.REBUILD)
    advice = ""
    if not facts.consumed.intersection(told) or (kind is Kind.ROW_EXTRA and ItemDeleted.fact() not in told):
        replay, advice = None, "no replay can repair it"
    elif facts.own.intersection(told):
        advice = f"unless the row follows from an event of {service}'s own, which no replay brings it"
    return Difference(
        kind=kind,
        where=f"{service}.{found['table']}",
        tenant=found["tenant"],
        subject=found["subject"],
        what=" ".join(filter(None, (key, columns))),
        replay=replay,
        advice=advice,
    )


def derived(services: Services, tenants: Collection[str], *, done: Callable[[int], None]) -> Iterator[list[Difference]]:
    """In what tables without rows by subject differ from those that they follow from. Raises like `Services.ask`."""

    def one(asked: tuple[str, Sequence[str]]) -> list[Difference]:
        service, batch = asked
        answer = services.ask(service, {"derived": list(batch)}, "differences")
        done(len(batch))
        return [
            Difference(
                kind=_KINDS[each["kind"]],
                where=f"{service}.{each['table']}",
                tenant=each["tenant"],
                subject=each["subject"],
                what=f"differs in {', '.join(each['columns'])}" if each["columns"] else "",
                advice=f"mesh rebuild {service}, of that tenant or whole",
            )
            for each in answer["differences"]
        ]

    batches = [(service, batch) for service in services.names for batch in batched(sorted(tenants), TENANTS)]
    return at_once(one, batches)


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
