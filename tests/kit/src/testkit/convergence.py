"""What may happen to an item or a conversation, as streams of events, and the tables that a service makes of them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from chassis import store
from chassis.audit.comparing import compare
from chassis.audit.masks import masked
from chassis.observability import hash_tenant
from chassis.service import Service
from contracts import REGISTRY, Contract, Event
from contracts.envelope import format_time
from testkit.contract_tests.delivery import with_fresh_ids
from testkit.contract_tests.examples import PublishedVersionCase, published_version_cases
from testkit.refolding import Rows, rows_of, take_items
from workspace import REPOSITORY

_UPLOADED, _PROCESSED = "ingest.item-uploaded", "imaging.image-processed"
_ANALYZED, _EMBEDDED = "analysis.item-analyzed", "embedding.item-embedded"
_DELETED, _TURN = "ingest.item-deleted", "chat.turn-completed"

#: Facts by the name of what they tell, at most six: as many have 720 orders.
FLOWS: Mapping[str, tuple[str, ...]] = {
    "described": (_UPLOADED, _PROCESSED, _ANALYZED, _EMBEDDED),
    "described twice": (_UPLOADED, _PROCESSED, _ANALYZED, _EMBEDDED, _ANALYZED, _EMBEDDED),
    "described by request": (_UPLOADED, _PROCESSED, "analysis.analysis-requested", _ANALYZED, _EMBEDDED),
    "rejected": (_UPLOADED, "imaging.image-rejected", _DELETED),
    "never uploaded": ("ingest.upload-rejected", _DELETED),
    "failed first": (
        _UPLOADED,
        _PROCESSED,
        "analysis.analysis-failed",
        _ANALYZED,
        "embedding.embedding-failed",
        _EMBEDDED,
    ),
    "processed twice": (_UPLOADED, _PROCESSED, _ANALYZED, _PROCESSED, _ANALYZED, _EMBEDDED),
    "described beside": (_PROCESSED, _ANALYZED, "analysis.candidate-analyzed", _DELETED),
    "deleted": (_UPLOADED, _PROCESSED, _ANALYZED, _EMBEDDED, _DELETED),
    "deleted meanwhile": (_UPLOADED, _PROCESSED, _DELETED, _ANALYZED, _EMBEDDED),
    "a conversation that is deleted": (_TURN, _TURN, "sessions.session-deleted", _TURN),
    "a conversation that expires": (_TURN, _TURN, "sessions.session-expired", _TURN, "sessions.session-expired"),
}
_BEGIN = datetime(2026, 11, 1, 12, tzinfo=UTC)


def stream(flow: str, *, tenant: str, subject: str, versions: Mapping[str, str] | None = None) -> list[Event[Contract]]:
    """The `documents` of a flow as today's code reads them."""
    return [REGISTRY.read(document) for document in documents(flow, tenant=tenant, subject=subject, versions=versions)]


def shuffled(service: Service[Any], chance: random.Random, name: str) -> list[Event[Contract]]:
    """Streams of two tenants, one of each flow about `name`-0, `name`-1, …, as far as the service folds them."""
    happened = [
        event
        for number, flow in enumerate(FLOWS)
        for event in stream(flow, tenant=f"tenant-{number % 2}", subject=f"{name}-{number}")
        if type(event.data) in service.projections.contracts
    ]
    chance.shuffle(happened)
    return happened


def is_own(service: Service[Any], event: Event[Contract]) -> bool:
    """Whether the service publishes the event."""
    return event.source == f"collections.{service.settings.service}"


def apply(service: Service[Any], events: Iterable[Event[Contract]]) -> None:
    """Record the service's own events, and apply the others as its consumer would: each delivery once."""
    for event in events:
        if is_own(service, event):
            with service.work.on(event.tenant_id, event.subject) as work:
                version = store.stream_version(work.connection, event.tenant_id, event.subject)
                work.record(event, expected_version=version)
        elif (event.id, event.replay_id or "") not in service.work.applied([event]):
            with service.work.applying(event) as work:
                work.fold(event)


def documents(
    flow: str, *, tenant: str, subject: str, versions: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Wire documents of the flow's events about one subject, a minute apart.

    `versions` names the published version of a fact (`1.0`) where it is not the newest.
    """
    count: Counter[str] = Counter()
    made = []
    for step, fact in enumerate(FLOWS[flow]):
        count[fact] += 1
        case = _published(fact, (versions or {}).get(fact))
        document = with_fresh_ids(_example(case), "test", tenant=tenant, subject=subject)
        number, time = count[fact], format_time(_BEGIN + step * timedelta(minutes=1))
        own = {"version": number, "analysis_version": number, "turn": number, "analysis_id": f"{subject}-{number}"}
        document["data"] |= {name: value for name, value in own.items() if name in document["data"]}
        document |= {"time": time, "sequence": str(number)}
        made.append(document)
    return made


def published_versions(flow: str) -> Iterator[tuple[str, str]]:
    """(fact, version) of everything that was ever published of the flow's facts."""
    for fact in dict.fromkeys(FLOWS[flow]):
        for case in _cases(fact):
            yield fact, case.published.version


def _published(fact: str, version: str | None) -> PublishedVersionCase:
    return next(case for case in reversed(_cases(fact)) if version in (None, case.published.version))


def _example(case: PublishedVersionCase) -> dict[str, Any]:
    return next(document for _, document in sorted(case.documents().items()) if "replayid" not in document)


@cache
def _cases(fact: str) -> list[PublishedVersionCase]:
    cases: list[PublishedVersionCase] = []
    major = 1
    while found := published_version_cases(REPOSITORY / "contracts", f"collections.{fact}.v{major}"):
        cases += found
        major += 1
    return cases


class Folding:
    """Folds streams into a service's empty tables, and leaves them empty."""

    def __init__(self, service: Service[Any], dynamodb: Sequence[str] = ()) -> None:
        """`dynamodb` names the service's tables there, in which a fold takes twenty times as long."""
        self._service = service
        self.dynamodb = dynamodb

    @property
    def service(self) -> str:
        """The service's name."""
        return str(self._service.settings.service)

    def consumed(self, events: Iterable[Event[Contract]]) -> list[Event[Contract]]:
        """Those of which the service makes something."""
        return [event for event in events if type(event.data) in self._service.projections.contracts]

    def fold(self, events: Sequence[Event[Contract]]) -> Rows:
        """The rows that these events leave, in the order given."""
        with self._service.database.transaction() as connection:
            for event in events:
                self._service.projections.fold(connection, event)
            rows = rows_of(self._service, connection)
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
        return rows | take_items(self._service, self.dynamodb)

    def audited(self, folded: Sequence[Event[Contract]], *, recorded: Sequence[Event[Contract]]) -> dict[str, Any]:
        """What an audit answers where the tables are made of some events, and the logs have others, or the same."""
        documents = [masked(event.to_wire(), event.tenant_id) for event in recorded]
        subjects = sorted({(hash_tenant(event.tenant_id), event.subject) for event in (*folded, *recorded)})
        schema = self._service.settings.database_schema
        with self._service.database.transaction() as connection:
            for event in folded:
                self._service.projections.fold(connection, event)
            answer = compare(
                connection,
                schema,
                self._service.database_projections,
                subjects,
                documents,
                items=self._service.items,
            )
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
        return answer
