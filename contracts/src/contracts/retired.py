"""Majors that are no longer published, kept for ever: stores, archives and dead-letter queues hold such events.

Nothing imports these to write one. A document is validated under the contract it was written under before the
upcasters see it, so that they may rely on its shape.
"""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from contracts.contract import Contract, Timestamp


class SessionExpiredV1(Contract):
    """The conversation ended by itself: idle for too long, or the oldest of too many."""

    model_config = ConfigDict(title="SessionExpired")
    event_type: ClassVar[str] = "collections.sessions.session-expired.v1"
    schema_version: ClassVar[str] = "1.0"

    reason: Literal["idle", "limit"]
    last_activity: Timestamp


class SessionExpiredV2(Contract):
    """The conversation ended by itself: idle for too long, or the oldest of too many."""

    model_config = ConfigDict(title="SessionExpired")
    event_type: ClassVar[str] = "collections.sessions.session-expired.v2"
    schema_version: ClassVar[str] = "2.0"

    reason: Literal["idle", "crowded-out"]
    limit: int = Field(description="Seconds without a turn, or number of conversations: as the reason says.", ge=1)
    last_turn_at: Timestamp


CONTRACTS: tuple[type[Contract], ...] = (SessionExpiredV1, SessionExpiredV2)
