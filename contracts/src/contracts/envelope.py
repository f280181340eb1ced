"""The envelope: CloudEvents 1.0 in structured JSON, with our extension attributes.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from contracts.contract import Contract
from contracts.errors import InvalidEventError, Violation

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
}


@dataclass(frozen=True, slots=True)
class Event(Generic[T_co]):
    """A fact under its contract.

    `sequence` is the version of the stream it belongs to (1, 2, …); 0 means not recorded yet. `replay_for` names the
    one consumer that a republished event is meant for.
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

    @property
    def type(self) -> str:
        """The event type, `collections.<service>.<fact>.v<major>`."""
        return self.data.event_type

    @property
    def source(self) -> str:
        """The producer, `collections.<service>`."""
        return self.data.source()

    def to_wire(self) -> dict[str, Any]:
        """The structured JSON document as a dictionary, checked by the CloudEvents SDK and the contract.

        Raises:
            InvalidEventError: a value was smuggled past the contract's validation.
        """
        data = self.data.model_dump(mode="json", exclude_none=True)
        validate(type(self.data), data)
        attributes: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": self.time,
            "datacontenttype": "application/json",
            "dataschema": self.data.dataschema(),
        }
        for attribute, field in EXTENSIONS.items():
            value = getattr(self, field)
            if value is not None:
                # The documented `sequence` extension is a string.
                attributes[attribute] = str(value)
        cloud_event = read_cloudevent(attributes, data)
        return {**cloud_event.get_attributes(), "time": format_time(self.time), "data": data}


def new_event(
    data: T,
    *,
    subject: str,
    tenant_id: str,
    cause: "Event[Contract] | None" = None,
    correlation_id: str | None = None,
    traceparent: str | None = None,
    time: datetime | None = None,
    event_id: str | None = None,
) -> Event[T]:
    """A new fact. With a `cause` it continues that event's correlation and trace, and, if the cause was replayed for a
    consumer, it is still an ordinary event: what a replay leads to is news to everyone."""
    return Event(
        id=event_id or str(uuid.uuid4()),
        subject=subject,
        time=time or datetime.now(UTC),
        tenant_id=tenant_id,
        correlation_id=correlation_id or (cause.correlation_id if cause else str(uuid.uuid4())),
        causation_id=cause.id if cause else None,
        traceparent=traceparent or (cause.traceparent if cause else None),
        data=data,
    )


def replayed(event: Event[T], *, replay_id: str, replay_for: str) -> Event[T]:
    """The same fact addressed once more to one consumer."""
    return replace(event, replay_id=replay_id, replay_for=replay_for)


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


def validate(contract: type[T], data: object) -> T:
    """Read a payload under its contract.

    Raises:
        InvalidEventError: the payload does not satisfy it.
    """
    try:
        return contract.model_validate(data)
    except ValidationError as error:
        violations = tuple(
            Violation(
                rule=fault["type"],
                path="/data" + "".join(f"/{step}" for step in fault["loc"]),
                message=fault["msg"],
            )
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise InvalidEventError(contract.event_type, violations) from error
