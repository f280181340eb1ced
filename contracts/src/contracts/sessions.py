"""Facts about the life of conversations, published by the sessions service. The subject is the session's id."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.contract import Contract, Part, Timestamp
from contracts.operations import ErasureReceipt, ReplayReport


class SessionDeleted(Contract):
    """The user deleted the conversation; its memory goes too."""

    event_type: ClassVar[str] = "collections.sessions.session-deleted.v1"
    schema_version: ClassVar[str] = "1.0"


class Idle(Part):
    """There was no turn for too long."""

    kind: Literal["idle"]
    after_s: int = Field(description="Seconds without a turn that a conversation outlives.", ge=1)


class CrowdedOut(Part):
    """The user has too many conversations, and this one was the oldest."""

    kind: Literal["crowded-out"]
    allowed: int = Field(description="Conversations that a user may have.", ge=1)


class SessionExpired(Contract):
    """The conversation ended by itself: idle for too long, or the oldest of too many.

    Version 2 named the limit that applied, for users want to know why a conversation is gone; version 3 names it
    for each cause apart, in its own unit.
    """

    event_type: ClassVar[str] = "collections.sessions.session-expired.v3"
    schema_version: ClassVar[str] = "3.0"

    cause: Annotated[Idle | CrowdedOut, Field(discriminator="kind")]
    last_turn_at: Timestamp


class ReplayProgressed(ReplayReport):
    """The replay of sessions's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.sessions.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of sessions's events has ended."""

    event_type: ClassVar[str] = "collections.sessions.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class TenantErased(ErasureReceipt):
    """Sessions has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.sessions.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
