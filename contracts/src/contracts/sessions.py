"""Facts about the life of conversations, told by the sessions service. The subject is the session's id."""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.contract import Contract


class SessionDeleted(Contract):
    """The user deleted the conversation; its memory goes too."""

    event_type: ClassVar[str] = "collections.sessions.session-deleted.v1"
    schema_version: ClassVar[str] = "1.0"


class SessionExpired(Contract):
    """The conversation ended by itself: idle for too long, or the oldest of too many."""

    event_type: ClassVar[str] = "collections.sessions.session-expired.v1"
    schema_version: ClassVar[str] = "1.0"

    reason: Literal["idle", "limit"]
    last_activity: datetime
