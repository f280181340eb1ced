"""The table `items`: the state of every item, with what lists are filtered and sorted by beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from unicodedata import normalize

from psycopg.types.json import Jsonb

from chassis.database import Connection
from ingest.cursors import Cursor
from ingest.item_state import ItemState
from ingest.item_status import Status, status_of

#: Reads see only items whose upload is known. An older living item with the same bytes is the one this duplicates.
_SELECT = """
    SELECT id, created_at, state, (
        SELECT older.id FROM items AS older
        WHERE older.tenant_id = items.tenant_id AND older.sha256 = items.sha256
          AND (older.created_at, older.id) < (items.created_at, items.id)
        ORDER BY older.created_at, older.id LIMIT 1
    ) AS duplicate_of
    FROM items WHERE tenant_id = %(tenant_id)s AND created_at IS NOT NULL
"""
_COUNT = "SELECT count(*) AS total FROM items WHERE tenant_id = %(tenant_id)s AND created_at IS NOT NULL"
_FILTERS = """
    AND (%(category)s::text IS NULL OR lower(category) = lower(%(category)s::text))
    AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s::text[]))
    AND (%(pattern)s::text IS NULL OR searchable_text ILIKE %(pattern)s::text ESCAPE '\\')
"""
_AFTER = " AND (created_at, id) < (%(after_time)s, %(after_id)s)"
_PAGE = " ORDER BY created_at DESC, id DESC LIMIT %(limit)s OFFSET %(offset)s"


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row as readers get it."""

    id: str
    created_at: datetime
    state: ItemState
    duplicate_of: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which items of the tenant; nothing given filters nothing. `text` is in a name, headline or summary."""

    category: str | None = None
    statuses: tuple[Status, ...] = ()
    text: str | None = None


def state_of(connection: Connection, tenant_id: str, item_id: str) -> ItemState:
    """What is known of the item, even before its upload is; the caller holds its lock."""
    row = connection.execute(
        "SELECT state FROM items WHERE tenant_id = %s AND id = %s", (tenant_id, item_id)
    ).fetchone()
    return ItemState.model_validate(row["state"]) if row else ItemState()


def find(connection: Connection, tenant_id: str, item_id: str) -> StoredItem | None:
    """The tenant's item; None where there is none or it is another tenant's."""
    row = connection.execute(f"{_SELECT} AND id = %(id)s", {"tenant_id": tenant_id, "id": item_id}).fetchone()
    return None if row is None else _stored(row)


def find_by_filename(connection: Connection, tenant_id: str, filename: str) -> StoredItem | None:
    """The tenant's item whose original is stored under that name."""
    row = connection.execute(
        f"{_SELECT} AND filename = %(filename)s ORDER BY created_at LIMIT 1",
        {"tenant_id": tenant_id, "filename": filename},
    ).fetchone()
    return None if row is None else _stored(row)


def page(
    connection: Connection,
    tenant_id: str,
    filters: Filters,
    *,
    limit: int,
    offset: int = 0,
    after: Cursor | None = None,
) -> tuple[list[StoredItem], int]:
    """A page of the tenant's items, newest first, and how many there are on all pages."""
    parameters: dict[str, Any] = {
        "tenant_id": tenant_id,
        "category": filters.category,
        "statuses": [status.value for status in filters.statuses] or None,
        "pattern": None if filters.text is None else _contains(filters.text),
        "limit": limit,
        "offset": offset,
        "after_time": after.created_at if after else None,
        "after_id": after.item_id if after else None,
    }
    beyond = _AFTER if after else ""
    rows = connection.execute(f"{_SELECT}{_FILTERS}{beyond}{_PAGE}", parameters).fetchall()
    count = connection.execute(f"{_COUNT}{_FILTERS}", parameters).fetchone()
    return [_stored(row) for row in rows], int(count["total"]) if count else 0


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the row of an item."""
    connection.execute("DELETE FROM items WHERE tenant_id = %s AND id = %s", (tenant_id, item_id))


def save(connection: Connection, tenant_id: str, item_id: str, state: ItemState) -> None:
    """Store what is known of the item; saving it twice changes nothing."""
    original, refusal = state.original, state.refusal
    begun = original or refusal
    description = state.analysis.description if state.analysis else None
    texts = [begun.original_filename if begun else ""]
    if description:
        texts += [description.headline, description.summary]
    status, _ = status_of(state)
    connection.execute(
        """
        INSERT INTO items (tenant_id, id, created_at, filename, sha256, category, status, searchable_text, state)
        VALUES (%(tenant_id)s, %(id)s, %(created_at)s, %(filename)s, %(sha256)s, %(category)s, %(status)s,
                %(searchable_text)s, %(state)s)
        ON CONFLICT (tenant_id, id) DO UPDATE
        SET created_at = excluded.created_at, filename = excluded.filename, sha256 = excluded.sha256,
            category = excluded.category, status = excluded.status, searchable_text = excluded.searchable_text,
            state = excluded.state
        """,
        {
            "tenant_id": tenant_id,
            "id": item_id,
            "created_at": begun.time if begun else None,
            "filename": original.filename if original else None,
            "sha256": original.sha256 if original else None,
            "category": normalize("NFC", description.category) if description else None,
            "status": status.value,
            "searchable_text": normalize("NFC", "\n".join(texts)),
            "state": Jsonb(state.model_dump(mode="json", exclude_none=True)),
        },
    )


def _stored(row: Mapping[str, Any]) -> StoredItem:
    return StoredItem(row["id"], row["created_at"], ItemState.model_validate(row["state"]), row["duplicate_of"])


def _contains(text: str) -> str:
    """A LIKE pattern for texts that contain this one, character for character."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
