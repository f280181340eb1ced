"""Opaque cursors: where a page of items ended, so that the next begins there whatever was added meanwhile."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.errors import MalformedCursorError
from contracts import is_storable

MAX_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last item of a page, by what items are sorted by."""

    created_at: datetime
    item_id: str

    def encode(self) -> str:
        """URL-safe text."""
        place = json.dumps([self.created_at.astimezone(UTC).isoformat(), self.item_id], separators=(",", ":"))
        return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """The inverse of `encode`.

        Raises:
            MalformedCursorError: the text was not created by it.
        """
        if len(text) > MAX_CHARACTERS:
            raise MalformedCursorError("the cursor is too long")
        try:
            padded = text + "=" * (-len(text) % 4)
            created_at, item_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            moment = datetime.fromisoformat(created_at)
        except (binascii.Error, ValueError, TypeError) as error:
            raise MalformedCursorError("the cursor does not come from an earlier answer") from error
        # Postgres takes neither a time without zone for one with, nor all text.
        if moment.tzinfo is None or not isinstance(item_id, str) or not is_storable(item_id):
            raise MalformedCursorError("the cursor does not come from an earlier answer")
        return cls(moment, item_id)
