"""A dead letter as operators see it: why it is there and which event it holds, never what the event says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from chassis.observability import hash_tenant
from chassis.queue import DeadLetter, PoisonError, decode

#: The reason of letters that SQS moved by itself, because the function ended without an answer each time.
MOVED: Final = "moved-by-sqs"
_LONGEST = 200


class Letter(BaseModel):
    """A dead letter without its body. `tenant` is the hash that logs show; times are ISO 8601.

    `today` is what would become of it in a redrive, as far as that can be told beforehand: `readable`, or why the code
    of this checkout cannot read it either; empty for a message of AWS, which is no event of ours.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    queue: str
    reason: str
    detail: str
    rule: str
    path: str
    violations: int
    receives: int
    sent_at: str
    bytes: int
    type: str
    event_id: str
    subject: str
    tenant: str
    time: str
    correlation_id: str
    causation_id: str
    replay_id: str
    today: str

    @classmethod
    def read(cls, message: Mapping[str, Any], queue: str, max_receives: int) -> Letter:
        """The letter that `ReceiveMessage` returned, of a queue whose messages SQS moves after so many receives."""
        letter = DeadLetter.read(message)
        body = message["Body"]
        event = _event(body)
        reason, detail, receives = _why(message, letter, max_receives)
        sent_ms = int(message.get("Attributes", {}).get("SentTimestamp", 0))
        return cls(
            id=message["MessageId"],
            queue=queue,
            reason=reason,
            detail=detail,
            rule=letter.rule,
            path=letter.path,
            violations=letter.violations,
            receives=receives,
            sent_at=datetime.fromtimestamp(sent_ms / 1000, UTC).isoformat(timespec="seconds"),
            bytes=len(body.encode()),
            type=event.get("type", ""),
            event_id=event.get("id", ""),
            subject=event.get("subject", ""),
            tenant=hash_tenant(event["tenantid"]) if event.get("tenantid") else "",
            time=event.get("time", ""),
            correlation_id=event.get("correlationid", ""),
            causation_id=event.get("causationid", ""),
            replay_id=event.get("replayid", ""),
            today="" if event.get("from", "").startswith("aws.") else _today(body),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is not given is not asked for.

    `tenant` is the tenant's id or the hash of it that logs show; `type` may lack the prefix `collections.`.
    """

    ids: frozenset[str] = frozenset()
    reason: str | None = None
    type: str | None = None
    tenant: str | None = None

    def __contains__(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        return (
            (not self.ids or letter.id in self.ids)
            and self.reason in {None, letter.reason}
            and self.type in {None, letter.type, letter.type.removeprefix("collections.")}
            and (self.tenant is None or letter.tenant in {self.tenant, hash_tenant(self.tenant)})
        )


def _why(message: Mapping[str, Any], letter: DeadLetter, max_receives: int) -> tuple[str, str, int]:
    """Reason, detail and receives: as the consumer wrote them, or what EventBridge or SQS is known to do."""
    if letter.reason:
        return letter.reason, letter.detail, letter.receives
    attributes = message.get("MessageAttributes", {})
    if "ERROR_CODE" in attributes:  # EventBridge could not put it into the consumer's queue
        code, told = (str(attributes.get(name, {}).get("StringValue", "")) for name in ("ERROR_CODE", "ERROR_MESSAGE"))
        return f"undelivered:{code}", told, 0
    return MOVED, f"moved by SQS after {max_receives} receives: no function call ended with an answer", max_receives


def _event(body: str) -> dict[str, str]:
    """The texts of the envelope's attributes, as far as there are any: most letters are here because of a fault."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(envelope, dict):
        return {}
    detail = envelope.get("detail")
    known = detail if isinstance(detail, dict) else {}
    # A message of S3 is no event of ours: its type is that of the envelope.
    found = {"type": envelope.get("detail-type"), **{name: known[name] for name in known if name != "data"}}
    found["from"] = envelope.get("source")
    return {name: value[:_LONGEST] for name, value in found.items() if isinstance(value, str)}


def _today(body: str) -> str:
    try:
        decode(body)
    except PoisonError as poison:
        return f"{poison.code}: {poison.detail}"[:_LONGEST]
    return "readable"
