"""Answers `mesh audit` and `mesh state`, which invoke a service's relay, or its maintenance.

Who may invoke the function may ask; nobody needs a password of the database for it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chassis.audit import comparing, derived, folds, log
from chassis.service import Service
from chassis.store import Checkpoint

__all__ = ["answer"]


def answer(service: Service[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one of these requests; a subject is a pair, the tenant's hash and the id of the item or conversation.

    `{"recorded": [transaction, position]}`: a page of the service's own events behind that place, without reports on
    replays, see `log.recorded`; with `tenant` (the id or its hash) or `subjects` (ids) only theirs, with `since`
    only what was recorded then or later. `next` is the place to go on from, null at the end.
    `{"applied": {source: [event id, …]}}`: of which of these the inbox has no delivery (`missing`), and which have
    come by replays alone (`replayed`: id -> replays).
    `{"history": [subject, …], "until": time}`: masked documents of the service's own events about them up to then;
    `rest` are the subjects for which there was no room.
    `{"subjects": [table, tenant, id] | null, "tenant": …}`: a page of what its tables have rows of, and `next`.
    `{"compare": [subject, …], "documents": […]}`: in what its tables differ from these events, folded.
    `{"derived": [tenant, …]}`: in what tables without rows by subject differ from those that they follow from.
    `{"count": documents, "rows": table}`: the number of rows of each table after these events alone (`tables`), and
    the rows of that one (`rows`).

    Raises:
        ValueError: the request is none of these.
        TransientError: the database does not answer.
    """
    schema = service.settings.database_schema
    with service.database.transaction() as connection:
        match request:
            case {"recorded": [int(transaction), int(position)]}:
                return log.recorded(connection, Checkpoint(transaction, position), log.Filter.of(request))
            case {"applied": dict(keys)}:
                return log.not_applied(connection, keys)
            case {"history": [*subjects], "until": str(until)}:
                deletions = [contract.fact() for contract in service.projections.deletions]
                moment = datetime.fromisoformat(until)
                return log.history(connection, _pairs(subjects), moment, deletions=deletions)
            case {"subjects": ([str(), str(), str()] | None) as after}:
                return folds.subjects(connection, schema, after, tenant=request.get("tenant"))
            case {"compare": [*subjects], "documents": [*documents]}:
                found = comparing.compare(
                    connection, schema, service.database_projections, _pairs(subjects), documents, items=service.items
                )
                left = [table for table in found["not_compared"] if table not in service.derived_tables]
                return {**found, "not_compared": left}
            case {"derived": [*tenants]}:
                return derived.derived(service, connection, [str(tenant) for tenant in tenants])
            case {"count": [*documents]}:
                rows = request.get("rows")
                return folds.count(connection, schema, service.database_projections, documents, rows=rows)
    raise ValueError(f"not a request that is answered: {sorted(request)}")


def _pairs(subjects: list[Any]) -> list[tuple[str, str]]:
    return [(str(tenant), str(subject)) for tenant, subject in subjects]
