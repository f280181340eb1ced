"""The table `item_history`: one row for every event about an item that this service has seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.database import Connection
from contracts import Contract, Event
from contracts.analysis import AnalysisFailed, ItemAnalyzed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from contracts.imaging import ImageProcessed, ImageRejected
from contracts.ingest import ItemUploaded, RetryRequested, UploadRejected

_OUTCOMES: Mapping[type[Contract], Callable[[Any], str]] = {
    ItemUploaded: lambda data: f"stored: {data.media_type}, {data.size} bytes",
    UploadRejected: lambda data: f"rejected: {data.reason.value}",
    ImageProcessed: lambda data: f"processed: {data.width} x {data.height} pixels",
    ImageRejected: lambda data: f"rejected: {data.reason.value}",
    ItemAnalyzed: lambda data: f"described: version {data.version} by {data.model}",
    AnalysisFailed: lambda data: f"failed: {data.reason.value} after {data.attempts} attempts",
    ItemEmbedded: lambda data: f"embedded: version {data.analysis_version} by {data.model}",
    EmbeddingFailed: lambda data: f"failed: {data.reason.value} after {data.attempts} attempts",
    RetryRequested: lambda data: f"to begin again: {data.step.value}",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in an item's history. The duration is counted from the event that caused it, in milliseconds; from the
    one before where the cause was not seen; the first has none."""

    event_id: str
    time: datetime
    type: str
    producer: str
    outcome: str
    duration_ms: int | None


def add(connection: Connection, event: Event[Contract]) -> None:
    """Add the event; an event seen before is there already."""
    connection.execute(
        """
        INSERT INTO item_history (tenant_id, item_id, event_id, type, "time", causation_id, outcome)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (
            event.tenant_id,
            event.subject,
            event.id,
            event.type,
            event.time,
            event.causation_id,
            _OUTCOMES[type(event.data)](event.data),
        ),
    )


def of_item(connection: Connection, tenant_id: str, item_id: str) -> list[Entry]:
    """The item's history, oldest first."""
    rows = connection.execute(
        """
        SELECT event_id, "time", type, causation_id, outcome FROM item_history
        WHERE tenant_id = %s AND item_id = %s ORDER BY "time", event_id
        """,
        (tenant_id, item_id),
    ).fetchall()
    times = {row["event_id"]: row["time"] for row in rows}
    entries: list[Entry] = []
    for position, row in enumerate(rows):
        before = rows[position - 1]["time"] if position else None
        since = times.get(row["causation_id"], before)
        entries.append(
            Entry(
                event_id=row["event_id"],
                time=row["time"],
                type=row["type"],
                producer=row["type"].split(".")[1],
                outcome=row["outcome"],
                duration_ms=None if since is None else max(round((row["time"] - since).total_seconds() * 1000), 0),
            )
        )
    return entries


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the history of an item."""
    connection.execute("DELETE FROM item_history WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
