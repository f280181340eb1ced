"""What can be set."""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from chassis.settings import Settings


class SessionsSettings(Settings):
    """The chassis' settings, and those of conversations."""

    service: str = "sessions"

    #: Name of the DynamoDB table.
    table_sessions: str = ""
    #: Seconds for which a conversation lives without activity.
    session_ttl_s: int = Field(default=4 * 3600, ge=1)
    #: Conversations that a user may have; beyond them the oldest ends.
    sessions_per_user: int = Field(default=100, ge=1)
    #: Seconds after which DynamoDB itself expires a turn. An end removes turns at once; this is for turns that no end
    #: ever reaches, and must outlast any conversation, whose turns are read as long as the last of them is fresh.
    turn_retention_s: int = Field(default=7 * 24 * 3600, ge=1)
    #: Seconds after which the hourly clean-up leaves the rest to the next one.
    cleanup_budget_s: float = Field(default=240, gt=0)

    #: Seconds to wait for a conversation that is not known yet: its first turn may be on its way.
    turn_wait_s: float = Field(default=5, ge=0)

    #: Seconds after which a turn is late; while turns are, an unknown conversation is no missing one.
    turn_late_s: float = Field(default=4, ge=0)

    def active_since(self) -> datetime:
        """A conversation whose last activity is not after this moment has expired."""
        return datetime.now(UTC) - timedelta(seconds=self.session_ttl_s)
