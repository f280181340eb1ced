"""EventBridge: puts wire documents on the bus in as few calls as the limits allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic_core import to_json

from chassis.errors import EventTooLargeError, TransientError

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

    from chassis.aws import Aws

__all__ = [
    "MAX_BYTES",
    "MAX_ENTRIES",
    "Bus",
    "Refusal",
    "Wire",
]

#: Limits of PutEvents: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
# What says that the entry itself is at fault: it would be refused for ever.
_FOR_GOOD = frozenset({"InvalidArgument", "MalformedDetail", "ValidationError", "ValidationException"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the bus did not take a document; `for_good` where another attempt would end alike."""

    reason: str
    for_good: bool

    @classmethod
    def of(cls, code: str, message: str) -> "Refusal":
        """That of an error code and message of EventBridge."""
        return cls(f"{code}: {message}"[:500], code in _FOR_GOOD)


@dataclass(frozen=True, slots=True)
class Wire:
    """An event as it goes over the wire: what rules see of it first, and the whole document as JSON."""

    source: str
    type: str
    detail: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Wire":
        """That of a wire document."""
        return cls(document["source"], document["type"], to_json(document).decode())

    @property
    def size(self) -> int:
        """Bytes that EventBridge counts for the entry: source, detail type, detail and 14 for the time."""
        return 14 + sum(len(text.encode()) for text in (self.source, self.type, self.detail))

    def check_size(self) -> None:
        """Refuse what the bus would refuse.

        Raises:
            EventTooLargeError: the entry exceeds 256 KiB.
        """
        if self.size > MAX_BYTES:
            raise EventTooLargeError(f"{self.type}: {self.size} bytes exceed {MAX_BYTES}")


class Bus:
    """One event bus."""

    def __init__(self, name: str, aws: "Aws") -> None:
        self._name = name
        self._aws = aws  # its client is made for the first event: many functions publish none

    def put(self, documents: Sequence[Mapping[str, Any]]) -> Iterator[Refusal | None]:
        """Put the documents on the bus; yields for each in turn why the bus refused it, None where it took it.

        Raises:
            TransientError: a call failed as a whole. What was yielded before stands; the next `MAX_ENTRIES` or fewer
                documents may be on the bus all the same.
        """
        yield from self.put_wires([Wire.of(document) for document in documents])

    def put_wires(self, wires: Sequence[Wire]) -> Iterator[Refusal | None]:
        """As `put`, of events that are JSON already."""
        for batch in _batches(wires):
            yield from self._call([self._entry(wire) for wire in batch])

    def _call(self, entries: "list[PutEventsRequestEntryTypeDef]") -> Iterator[Refusal | None]:
        try:
            answer = self._aws.events.put_events(Entries=entries)
        except ClientError as error:
            refusal = Refusal.of(error.response["Error"]["Code"], error.response["Error"].get("Message", ""))
            if not refusal.for_good:
                raise TransientError(f"EventBridge: {error}") from error
            if len(entries) == 1:
                yield refusal
                return
            for entry in entries:  # one of them is at fault, and must not take the others with it
                yield from self._call([entry])
        except BotoCoreError as error:
            raise TransientError(f"EventBridge: {error}") from error
        else:
            for result in answer["Entries"]:
                taken = "EventId" in result
                yield None if taken else Refusal.of(result.get("ErrorCode", ""), result.get("ErrorMessage", ""))

    def _entry(self, wire: Wire) -> "PutEventsRequestEntryTypeDef":
        return {"EventBusName": self._name, "Source": wire.source, "DetailType": wire.type, "Detail": wire.detail}


def _batches(wires: Sequence[Wire]) -> Iterator[list[Wire]]:
    batch: list[Wire] = []
    size = 0
    for wire in wires:
        if batch and (len(batch) == MAX_ENTRIES or size + wire.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(wire)
        size += wire.size
    if batch:
        yield batch
