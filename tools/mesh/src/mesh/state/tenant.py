"""A tenant as each service knew it at a moment: how many rows of which table, and the items with their status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from contracts.contract import fact_of
from mesh.audit.asking import Services, batched
from mesh.audit.model import Scope
from mesh.audit.read_models import BATCH, Facts
from mesh.environments import Environment
from mesh.trace.errors import NothingRecordedError

#: The service whose table has the status of each item, and that table.
_ITEMS: Final = ("ingest", "items")


class TenantPast(BaseModel):
    """`tables` counts rows by `service.table`. `items` is a page, by id; `next` is its last where there are more."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    at: str
    environment: str
    events: int
    tables: Mapping[str, int]
    items: tuple[Mapping[str, Any], ...]
    next: str | None


def fold(
    environment: Environment, tenant: str, at: datetime, facts: Mapping[str, Facts], *, limit: int, after: str = ""
) -> TenantPast:
    """Fold what was recorded about a tenant (an id or its hash) until then, and list so many items behind `after`.

    Raises NothingRecordedError, ServiceOutdatedError.
    """
    services, scope = Services(environment), Scope(at, tenant=tenant)
    subjects = sorted(
        {event.of for owner in services.owners for page in services.recorded(owner, scope) for event in page}
    )
    counts: Counter[str] = Counter()
    items: list[dict[str, Any]] = []
    events = 0
    for batch in batched(subjects, BATCH):
        documents = services.history(batch, at)
        events += len(documents)
        for service in services.names:
            mine = facts[service].consumed | facts[service].own
            concerning = [each for each in documents if fact_of(each["type"]) in mine]
            answer = services.ask(service, {"count": concerning, "rows": _ITEMS[1]}, "tables")
            counts.update({f"{service}.{table}": rows for table, rows in answer["tables"].items()})
            if service == _ITEMS[0] and len(items) <= limit:
                items += [item for item in map(_item, answer["rows"]) if item["id"] > after]
    if not events:
        raise NothingRecordedError(f"nothing is recorded about {tenant} in {environment.environment} until {at}")
    return TenantPast(
        tenant=subjects[0][0],
        at=at.isoformat(),
        environment=environment.environment,
        events=events,
        tables=dict(sorted(counts.items())),
        items=tuple(items[:limit]),
        next=items[limit - 1]["id"] if len(items) > limit else None,
    )


def lines(past: TenantPast) -> Iterator[str]:
    """As text: the tables with their rows, then the items with their status."""
    yield f"tenant {past.tenant} in {past.environment} at {past.at}, after {past.events} events"
    yield ""
    for table, rows in past.tables.items():
        yield f"{rows:>8}  {table}"
    yield ""
    for item in past.items:
        yield f"{item['id']}  {item['status']:<12}  {item['created_at'] or ''}".rstrip()
    if past.next:
        yield f"more: --after {past.next}"


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "status", "created_at")}
