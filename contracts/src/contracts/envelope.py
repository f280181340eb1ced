"""The envelope: CloudEvents 1.0 in structured JSON, with our extension attributes.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from cloudevents.core.v1.event import CloudEvent
from pydantic_core import from_json

from contracts.contract import Contract, read_timestamp
from contracts.errors import InvalidEventError, Violation
from contracts.text import TEXT_RULE, is_storable, storable
from contracts.validation import written

T = TypeVar("T", bound=Contract)
T_co = TypeVar("T_co", bound=Contract, covariant=True)

#: Extension attribute of the wire -> field of `Event`. CloudEvents allows lower-case letters and digits only.
EXTENSIONS: Mapping[str, str] = {
    "tenantid": "tenant_id",
    "correlationid": "correlation_id",
    "causationid": "causation_id",
    "sequence": "sequence",
    "traceparent": "traceparent",
    "replayid": "replay_id",
    "replayfor": "replay_for",
    "replaykind": "replay_kind",
    "replaybudget": "replay_budget",
    "replayforce": "replay_force",
    "replaymodel": "replay_model",
    "replayprompt": "replay_prompt",
    "replaymode": "replay_mode",
    "replayrun": "replay_run",
    "replayversion": "replay_version",
}

_REQUIRED = ("id", "type", "source", "subject", "time", "tenantid", "correlationid", "dataschema")
# No stream is that long; Python refuses to read numbers of thousands of digits.
_SEQUENCE = re.compile("[0-9]{1,18}")
#: US dollars, to the millionth.
_MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_TEXTS = frozenset({"id", "type", "source", "subject", "time", *EXTENSIONS})


class ReplayKind(StrEnum):
    """What a replay requests of its consumer."""

    REBUILD = "rebuild"
    """Fold the event into the projections again: no provider is called, nothing is emitted."""
    REPROCESS = "reprocess"
    """Run the reactions as well, on purpose: providers may be paid, new events are emitted."""


class ReprocessMode(StrEnum):
    """What becomes of a reprocessing's results; without one they are new versions, and live."""

    CANDIDATES = "candidates"
    """They are kept beside the live versions, to be compared with them."""
    ROLLBACK = "rollback"
    """Nothing is made: what was current before is so again."""


# Tuples, not sets: what is looked up comes from the wire, and may have no hash.
_REPLAY_KINDS = (None, *ReplayKind)
_REPLAY_MODES = (None, *ReprocessMode)


@dataclass(frozen=True, slots=True)
class Event(Generic[T_co]):
    """A fact under its contract.

    `sequence` is the version of the stream it belongs to (1, 2, …); 0 means not recorded yet. `replay_for` names the
    one consumer that a republished event is meant for, `replay_kind` what it is to do (a rebuild when absent).
    `replay_budget` is what the whole replay may pay providers, in US dollars; what is sent again on request has
    none. `replay_force`, `replay_model`, `replay_prompt`, `replay_mode`, `replay_run` and `replay_version` say how to
    reprocess; see `ReplayRequested`.
    """

    id: str
    subject: str
    time: datetime
    tenant_id: str
    correlation_id: str
    data: T_co
    causation_id: str | None = None
    sequence: int = 0
    traceparent: str | None = None
    replay_id: str | None = None
    replay_for: str | None = None
    replay_kind: ReplayKind | None = None
    replay_budget: str | None = None
    replay_force: str | None = None
    replay_model: str | None = None
    replay_prompt: str | None = None
    replay_mode: ReprocessMode | None = None
    replay_run: str | None = None
    replay_version: str | None = None
    # What was checked and written once: attributes, and the payload as JSON.
    _written: tuple[dict[str, Any], bytes] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def type(self) -> str:
        """The event type, `collections.<service>.<fact>.v<major>`."""
        return self.data.event_type

    @property
    def source(self) -> str:
        """The producer, `collections.<service>`."""
        return self.data.source()

    @property
    def wants_reactions(self) -> bool:
        """Whether consumers react: to a live event always, to a replayed one only where it orders reprocessing.

        What somebody requested once is not requested again by that.
        """
        if self.replay_id is None:
            return True
        return self.replay_kind is ReplayKind.REPROCESS and not self.data.fact().endswith("-requested")

    @property
    def budget_usd(self) -> Decimal | None:
        """What the replay may pay providers, in US dollars; None for an event that no order limits."""
        return None if self.replay_budget is None else Decimal(self.replay_budget)

    @property
    def run_id(self) -> str | None:
        """The run that what follows from a replayed event belongs to: the one that was named, or the replay itself."""
        return self.replay_run or self.replay_id

    @property
    def is_forced(self) -> bool:
        """Whether results that are there already are made again."""
        return self.replay_force == "true"

    def to_wire(self) -> dict[str, Any]:
        """The structured JSON document as a dictionary, checked by the CloudEvents SDK and the closed contract.

        Raises:
            InvalidEventError: a value bypassed the contract's validation, or the envelope is incomplete.
        """
        written = self._written
        if written is None:
            written = self._write()
            object.__setattr__(self, "_written", written)
        attributes, text = written
        return {**attributes, "data": from_json(text)}

    def _write(self) -> tuple[dict[str, Any], bytes]:
        text = written(self.data)
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": format_time(self.time),
            "datacontenttype": "application/json",
            "dataschema": self.data.dataschema(),
        }
        for attribute, name in EXTENSIONS.items():
            value = getattr(self, name)
            if value is not None:
                # The documented `sequence` extension is a string.
                attributes[attribute] = str(value)
        data: dict[str, Any] = from_json(text)
        problems = envelope_problems(attributes, data)
        if problems:
            raise InvalidEventError(self.type, tuple(problems))
        read_cloudevent({**attributes, "time": self.time}, data)
        return attributes, text


class Cause(Protocol):
    """What led to a fact: an event, or a caller's request."""

    @property
    def correlation_id(self) -> str:
        """By which everything that follows from it is found."""

    @property
    def traceparent(self) -> str | None:
        """Its W3C trace context."""


def new_event(
    data: T,
    *,
    subject: str,
    tenant_id: str,
    cause: Cause | None = None,
    correlation_id: str | None = None,
    traceparent: str | None = None,
    time: datetime | None = None,
    event_id: str | None = None,
) -> Event[T]:
    """A new fact. With a `cause` it continues the correlation and trace of that, and names it where it is an event.

    Of a cause that was replayed for a consumer it is still an ordinary event: what a replay leads to is new for every
    consumer. Characters that no store can hold are replaced by U+FFFD: files and models may contain them, and what a
    person typed was refused before.
    """
    return Event(
        id=event_id or str(uuid.uuid4()),
        subject=subject,
        time=time or datetime.now(UTC),
        tenant_id=tenant_id,
        correlation_id=correlation_id or (cause.correlation_id if cause else str(uuid.uuid4())),
        causation_id=cause.id if isinstance(cause, Event) else None,
        traceparent=traceparent or (cause.traceparent if cause else None),
        data=storable(data),
    )


def replayed(event: Event[T], *, replay_id: str, replay_for: str, kind: ReplayKind = ReplayKind.REBUILD) -> Event[T]:
    """The same fact addressed once more to one consumer."""
    return replace(event, replay_id=replay_id, replay_for=replay_for, replay_kind=kind)


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds.

    Raises:
        ValueError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError("event times carry a zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_cloudevent(attributes: Mapping[str, Any], data: Mapping[str, Any]) -> CloudEvent:
    """Check the envelope's attributes with the CloudEvents SDK.

    Raises:
        InvalidEventError: an attribute is missing or malformed.
    """
    from cloudevents.core.exceptions import CloudEventValidationError

    try:
        return CloudEvent(attributes=dict(attributes), data=dict(data))
    except CloudEventValidationError as error:
        violations = tuple(
            Violation(rule="cloudevents", path=f"/{name}", message=str(fault))
            for name, faults in error.errors.items()
            for fault in faults
        )
        raise InvalidEventError(str(attributes.get("type")), violations) from error


def envelope_problems(attributes: Mapping[str, Any], data: object) -> list[Violation]:
    """What our envelope requires beyond CloudEvents: the required extensions, a subject, a JSON object as data."""
    problems = [
        Violation("missing", f"/{name}", f"{name} is required") for name in _REQUIRED if not attributes.get(name)
    ]
    problems += [
        Violation("string", f"/{name}", f"{name} is text")
        for name, value in attributes.items()
        if name in _TEXTS and not isinstance(value, str)
    ]
    problems += [
        Violation(TEXT_RULE, f"/{name}", f"{name} has U+0000 or a lone surrogate")
        for name, value in attributes.items()
        if isinstance(value, str) and not is_storable(value)
    ]
    if not isinstance(data, Mapping):
        problems.append(Violation("object", "/data", "data is a JSON object"))
    if attributes.get("replaykind") not in _REPLAY_KINDS:
        problems.append(Violation("replaykind", "/replaykind", f"replaykind is one of: {', '.join(ReplayKind)}"))
    if not _MONEY.fullmatch(str(attributes.get("replaybudget", "0"))):
        problems.append(Violation("replaybudget", "/replaybudget", "replaybudget is an amount in USD: 12.5"))
    if attributes.get("replayforce") not in (None, "true", "false"):
        problems.append(Violation("replayforce", "/replayforce", "replayforce is true or false"))
    if attributes.get("replaymode") not in _REPLAY_MODES:
        problems.append(Violation("replaymode", "/replaymode", f"replaymode is one of: {', '.join(ReprocessMode)}"))
    if not problems and not _SEQUENCE.fullmatch(attributes.get("replayversion", "1")):
        problems.append(Violation("replayversion", "/replayversion", "replayversion is a whole number"))
    if not problems and not _SEQUENCE.fullmatch(attributes.get("sequence", "0")):
        problems.append(Violation("sequence", "/sequence", "sequence is a whole number"))
    if not problems:
        try:
            read_timestamp(attributes["time"])
        except ValueError:
            problems.append(Violation("time", "/time", "time is RFC 3339, with a zone"))
    return problems
