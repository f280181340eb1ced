"""What operators ask a service about events: `mesh trace` and `mesh state` invoke its relay, or its maintenance.

Who may invoke the function may ask; nobody needs a password of the database for it. Answers have ids, types, times and
figures of events. Tenants appear as the hash that logs show, and of what an event says only what `FIGURES` names.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis import folding
from chassis.database import Connection
from chassis.observability import hash_tenant
from chassis.service import Service

__all__ = ["FIGURES", "MAX_EVENTS", "answer", "deliveries", "recorded", "unpublished"]

#: At most so many events in one answer: some 500 KB.
MAX_EVENTS = 1000
#: Fields of payloads that say how something was done, and nothing about the person.
FIGURES = (
    "provider", "model", "version", "analysis_version", "attempts", "reason",
    "input_tokens", "output_tokens", "tokens", "cost_usd",
)  # fmt: skip


def answer(service: Service[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one of these requests.

    `{"events": id}`: the service's own events about that subject, or with that correlation id, in their order.
    `{"deliveries": [[source, event id], …]}`: which of these events the service has applied and when, and which of them
    are its own and not on the bus yet.
    `{"history": id, "until": time}`: its own events about that subject up to then, see `chassis.folding`.
    `{"fold": [document, …]}`: the rows of its tables after these events alone.

    Raises:
        ValueError: the request is none of these.
        TransientError: the database does not answer.
    """
    with service.database.transaction() as connection:
        match request:
            case {"events": str(asked)}:
                return {"events": recorded(connection, asked)}
            case {"deliveries": [*keys]}:
                return {"applied": deliveries(connection, keys), "unpublished": unpublished(connection, keys)}
            case {"history": str(subject), "until": str(until)}:
                moment = datetime.fromisoformat(until)
                return {"history": folding.history(connection, subject, moment, limit=MAX_EVENTS)}
            case {"fold": [*documents]}:
                schema = service.settings.database_schema
                return {"tables": folding.fold(connection, schema, service.database_projections, documents)}
    raise ValueError(f"not a request that is answered: {sorted(request)}")


def recorded(connection: Connection, asked: str) -> list[dict[str, Any]]:
    """Events of that stream, and with that correlation id; of every tenant, because an operator knows the id alone."""
    rows = connection.execute(
        """
        SELECT event, recorded_at FROM events
        JOIN (
            SELECT position FROM events WHERE stream_id = %(asked)s
            UNION SELECT position FROM events WHERE event ->> 'correlationid' = %(asked)s
        ) AS found USING (position)
        ORDER BY position LIMIT %(limit)s
        """,
        {"asked": asked, "limit": MAX_EVENTS},
    )
    return [_described(row["event"]) | {"recorded_at": row["recorded_at"].isoformat()} for row in rows]


def deliveries(connection: Connection, keys: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """The deliveries of these events that the inbox holds, replays included."""
    rows = connection.execute(
        """
        SELECT event_id, replay_id, received_at
        FROM unnest(%s::text[], %s::text[]) AS asked (source, event_id) JOIN inbox USING (source, event_id)
        ORDER BY received_at
        """,
        ([source for source, _ in keys], [event_id for _, event_id in keys]),
    )
    return [dict(row) | {"received_at": row["received_at"].isoformat()} for row in rows]


def unpublished(connection: Connection, keys: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Those of these events that the outbox holds: attempts so far, why the latest failed, whether it is parked."""
    rows = connection.execute(
        """
        SELECT event_id, attempts, coalesce(reason, '') AS reason, parked_at IS NOT NULL AS is_parked
        FROM outbox JOIN events USING (position) WHERE event_id = ANY(%s) ORDER BY position
        """,
        ([event_id for _, event_id in keys],),
    )
    return [dict(row) for row in rows]


def _described(event: Mapping[str, Any]) -> dict[str, Any]:
    names = ("id", "type", "source", "subject", "time", "correlationid", "causationid")
    figures = {name: event["data"][name] for name in FIGURES if event["data"].get(name) is not None}
    return {name: event.get(name) for name in names} | {"tenant": hash_tenant(event["tenantid"]), "figures": figures}
