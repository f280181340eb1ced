"""Opaque cursors: where a page of results ended, for the tenant and the query that it was made for."""

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.errors import MalformedCursorError
from contracts import is_storable
from retrieval import After, Hit, Order

MAX_CHARACTERS = 65_536
MAX_RANKED = 1_000
"""Results of one query, by relevance: their last page ends there."""
_MAX_BYTES = 100_000
_MOST_SHOWN = 2**31
_FOREIGN = "the cursor does not come from an earlier answer to this query"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: of ranked results by all that were shown, in the order of time by the last of them.

    An item is shown once and none that stays is passed over, whatever is added or deleted between two pages: what was
    shown may be ranked otherwise meanwhile, because each item changes how much a word weighs.
    """

    shown: int = 0
    """Results on the pages before."""
    seen: tuple[str, ...] = ()
    after: After | None = None
    began: datetime | None = None
    """When the first page was asked for, in the order of time."""

    def next(self, page: Sequence[Hit], order: Order, began: datetime) -> "Cursor | None":
        """Where the page after this one begins; None where there is none, though more may match. `began` is when the
        first page was asked for."""
        shown = self.shown + len(page)
        if order is not Order.RELEVANCE:
            return Cursor(shown, after=page[-1].place(order), began=began)
        if shown >= MAX_RANKED:
            return None
        return Cursor(shown, (*self.seen, *(hit.item_id for hit in page)))

    def encode(self, tenant_id: str, query: object) -> str:
        """URL-safe text. `query` is all that decides what is found and in which order, as JSON."""
        packed = zlib.compress(self._place(tenant_id, query).encode())
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, tenant_id: str, query: object) -> "Cursor":
        """The inverse of `encode`.

        Raises:
            MalformedCursorError: the text was not created by it, or for another tenant or query.
        """
        try:
            place = _unpacked(text)
            _, shown, seen, after, began = json.loads(place)
            last = After(_time(after[0]), after[1]) if after else None
            cursor = cls(shown, tuple(seen), last, _time(began))
            is_ours = cursor._place(tenant_id, query) == place and cursor._is_sound()
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError, zlib.error) as error:
            raise MalformedCursorError(_FOREIGN) from error
        if not is_ours:
            raise MalformedCursorError(_FOREIGN)
        return cursor

    def _place(self, tenant_id: str, query: object) -> str:
        after = [_text(self.after.time), self.after.item_id] if self.after else None
        place = [_mark(tenant_id, query), self.shown, self.seen, after, _text(self.began)]
        return json.dumps(place, separators=(",", ":"))

    def _is_sound(self) -> bool:
        """Whether it is what a page leaves: anyone can compute the mark of their own query."""
        items = (*self.seen, *([self.after.item_id] if self.after else []))
        if type(self.shown) is not int or self.shown > _MOST_SHOWN:
            return False
        of_page = self.shown > 0 if self.after else self.shown == len(self.seen) > 0
        return of_page and all(isinstance(item, str) and is_storable(item) for item in items)


def _unpacked(text: str) -> str:
    if len(text) > MAX_CHARACTERS:
        raise ValueError("too long")
    packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    unpacking = zlib.decompressobj()
    place = unpacking.decompress(packed, _MAX_BYTES)
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("cut off, or too long")
    return place.decode()


def _mark(tenant_id: str, query: object) -> str:
    return hashlib.sha256(json.dumps([tenant_id, query], sort_keys=True, default=str).encode()).hexdigest()[:16]


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
