"""An item as each service knew it at a moment: its events up to then, folded by the services' own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chassis.observability import hash_tenant
from mesh.environments import Environment
from mesh.trace.asking import Inspectors
from mesh.trace.errors import NothingRecordedError, SeveralTenantsError

_SHOWN = 160


class Past(BaseModel):
    """The rows of each service's tables, without what is personal; `events` are those that made them."""

    model_config = ConfigDict(frozen=True)

    item: str
    at: str
    environment: str
    events: tuple[str, ...]
    services: Mapping[str, Mapping[str, list[dict[str, Any]]]]


def fold(environment: Environment, item: str, at: datetime, *, tenant: str | None = None) -> Past:
    """Fold what was recorded until then. Raises NothingRecordedError, SeveralTenantsError, ServiceOutdatedError."""
    inspectors = Inspectors(environment)
    answers = inspectors.ask({"history": item, "until": at.isoformat()}, "history")
    documents = [document for answer in answers.values() for document in answer["history"]]
    if tenant is not None:
        documents = [each for each in documents if each["tenantid"] in {tenant, hash_tenant(tenant)}]
    if not documents:
        raise NothingRecordedError(f"nothing is recorded about {item} in {environment.environment} until {at}")
    if len(tenants := sorted({each["tenantid"] for each in documents})) > 1:
        raise SeveralTenantsError(f"several tenants have {item}: choose one by --tenant ({', '.join(tenants)})")
    documents.sort(key=lambda each: (each["time"], each["id"]))
    folded = inspectors.ask({"fold": documents}, "tables")
    return Past(
        item=item,
        at=at.isoformat(),
        environment=environment.environment,
        events=tuple(each["type"] for each in documents),
        services={service: answer["tables"] for service, answer in folded.items() if answer["tables"]},
    )


def lines(past: Past) -> Iterator[str]:
    """As text: a heading for each table, then its rows."""
    yield f"{past.item} in {past.environment} at {past.at}, after {len(past.events)} events"
    for service, tables in past.services.items():
        for table, rows in tables.items():
            yield f"\n{service}.{table}"
            for row in rows:
                yield "  " + "  ".join(f"{name}={_short(value)}" for name, value in row.items() if value is not None)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
