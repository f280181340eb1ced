"""Delivers a document to an entry point through its queue, and returns how that ended."""

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chassis.queue import EventConsumer
from testkit import dead_letters
from testkit import deliver as send


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the delivery ended: `reason` and `detail` are those of the dead letter, empty where there is none."""

    applied: bool
    reason: str = ""
    detail: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"dead-lettered, {self.reason}: {self.detail}"
        return "applied" if self.applied else "left the queue without being applied"


def with_fresh_ids(
    document: Mapping[str, Any], service: str, *, tenant: str | None = None, subject: str | None = None
) -> dict[str, Any]:
    """The document as a new event about an unknown tenant and subject, or the given ones.

    Tenant and subject are replaced wherever they occur (object keys hold both); a replayed one is addressed to the
    service, because no other would get it.
    """
    text = json.dumps(document)
    for known, fresh_id in ((document["tenantid"], tenant), (document["subject"], subject)):
        text = text.replace(str(known), fresh_id or str(uuid.uuid4()))
    fresh: dict[str, Any] = json.loads(text) | {"id": str(uuid.uuid4())}
    return fresh | ({"replayfor": service} if "replayfor" in document else {})


def object_keys(value: Any) -> Iterator[str]:  # any JSON value
    """Keys of objects in the images bucket that a payload names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "key" and isinstance(inner, str):
                yield inner
            else:
                yield from object_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from object_keys(inner)


def deliver(entry: EventConsumer, document: Mapping[str, Any]) -> Outcome:
    """Send the document through the entry point's queue, as EventBridge wraps it.

    One that stays in the queue is delivered once more as if for the last time, so that its dead letter has the reason.
    """
    settings = entry.service.settings
    body = json.dumps({"source": document["source"], "detail-type": document["type"], "detail": document})
    if send(entry, body):
        send(entry, body, receives=settings.max_receives)
    for letter in dead_letters(entry.service.aws.sqs, settings.dead_letter_queue_url):
        return Outcome(applied=False, reason=letter.reason, detail=letter.detail)
    return Outcome(applied=_is_in_the_inbox(entry, document))


def _is_in_the_inbox(entry: EventConsumer, document: Mapping[str, Any]) -> bool:
    connection = entry.service.database.connection()
    found = connection.execute(
        "SELECT 1 FROM inbox WHERE source = %s AND event_id = %s", (document["source"], document["id"])
    )
    return found.fetchone() is not None
