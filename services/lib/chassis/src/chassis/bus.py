"""EventBridge: puts wire documents on the bus in as few calls as the limits allow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import EventTooLargeError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from chassis.aws import Aws

__all__ = [
    "MAX_BYTES",
    "MAX_ENTRIES",
    "Bus",
    "check_size",
    "entry_size",
]

#: Limits of PutEvents: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024


def entry_size(document: Mapping[str, Any]) -> int:
    """Bytes that EventBridge counts for the document: source, detail type, detail and 14 for the time."""
    detail = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    return 14 + sum(len(text.encode()) for text in (document["source"], document["type"], detail))


def check_size(document: Mapping[str, Any]) -> None:
    """Refuse what the bus would refuse.

    Raises:
        EventTooLargeError: the entry exceeds 256 KiB.
    """
    size = entry_size(document)
    if size > MAX_BYTES:
        raise EventTooLargeError(f"{document['type']}: {size} bytes exceed {MAX_BYTES}")


class Bus:
    """One event bus."""

    def __init__(self, name: str, aws: "Aws") -> None:
        self._name = name
        self._aws = aws  # its client is made for the first event: many functions publish none

    def publish(self, documents: Sequence[Mapping[str, Any]]) -> list[bool]:
        """Put the documents on the bus; returns for each whether the bus accepted it.

        Raises:
            TransientError: a call failed as a whole; documents of earlier calls may be on the bus already.
        """
        accepted: list[bool] = []
        for entries in _batches([self._entry(document) for document in documents]):
            try:
                answer = self._aws.events.put_events(Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise TransientError(f"EventBridge: {error}") from error
            accepted += ["EventId" in result for result in answer["Entries"]]
        return accepted

    def _entry(self, document: Mapping[str, Any]) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._name,
            "Source": document["source"],
            "DetailType": document["type"],
            "Detail": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
        }


def _batches(entries: "Sequence[PutEventsRequestEntryTypeDef]") -> "Iterator[list[PutEventsRequestEntryTypeDef]]":
    batch: list[PutEventsRequestEntryTypeDef] = []
    size = 0
    for entry in entries:
        weight = 14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
        if batch and (len(batch) == MAX_ENTRIES or size + weight > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += weight
    if batch:
        yield batch
