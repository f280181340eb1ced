"""The service's own settings."""

from datetime import timedelta

from pydantic import Field

from chassis.config import Settings


class SessionsSettings(Settings):
    """`session_ttl_s` is how long a conversation lives without activity; beyond `sessions_per_user` the oldest ends."""

    table_sessions: str = ""
    session_ttl_s: int = Field(default=4 * 3600, ge=1)
    sessions_per_user: int = Field(default=100, ge=1)
    #: DynamoDB's own expiry of a turn. An end removes turns at once; this is for turns that no end ever reaches, and
    #: must outlast any conversation, whose turns are read as long as the last of them is fresh.
    turn_retention_s: int = Field(default=7 * 24 * 3600, ge=1)
    cleanup_seconds: float = Field(default=240, gt=0)

    @property
    def session_ttl(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.session_ttl_s)
