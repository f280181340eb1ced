"""Opaque cursors: where a page of the list of conversations ended, for the tenant it was made for."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.errors import MalformedCursorError
from contracts import is_storable

MAX_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last conversation of a page, by what the list is sorted by."""

    last_activity: datetime
    session_id: str

    def encode(self, tenant_id: str) -> str:
        """URL-safe text."""
        moment = self.last_activity.astimezone(UTC).isoformat()
        place = json.dumps([_mark(tenant_id), moment, self.session_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, tenant_id: str) -> "Cursor":
        """The inverse of `encode`.

        Raises:
            MalformedCursorError: the text was not created by it, or for another tenant.
        """
        if len(text) > MAX_CHARACTERS:
            raise MalformedCursorError("the cursor is too long")
        try:
            padded = text + "=" * (-len(text) % 4)
            _, moment, session_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            cursor = cls(datetime.fromisoformat(moment), session_id)
            is_ours = (
                cursor.last_activity.tzinfo is not None and is_storable(session_id) and cursor.encode(tenant_id) == text
            )
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedCursorError("the cursor does not come from an earlier answer") from error
        if not is_ours:
            raise MalformedCursorError("the cursor does not come from an earlier answer")
        return cursor


def _mark(tenant_id: str) -> str:
    return hashlib.sha256(tenant_id.encode()).hexdigest()[:16]
