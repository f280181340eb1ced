"""Rebuilds: how far each is, and which documents it has dealt with."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chassis.database import Connection
from embedding.repository.documents import Document

RebuildStatus = Literal["running", "finished", "failed"]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A rebuild and how far it is."""

    rebuild_id: str
    model: str
    status: RebuildStatus
    total: int
    done: int
    failed: int
    created_at: datetime
    finished_at: datetime | None


_COLUMNS = "rebuild_id, model, status, total, done, failed, created_at, finished_at"


def add(connection: Connection, tenant_id: str, rebuild_id: str, model: str, total: int, created_at: datetime) -> None:
    """Begin a rebuild; one that exists stays as it is."""
    connection.execute(
        """
        INSERT INTO rebuilds (rebuild_id, tenant_id, model, total, created_at) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (rebuild_id, tenant_id, model, total, created_at),
    )


def find(connection: Connection, tenant_id: str, rebuild_id: str) -> Rebuild | None:
    """A rebuild by its id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM rebuilds WHERE tenant_id = %s AND rebuild_id = %s",  # noqa: S608 # a constant
        (tenant_id, rebuild_id),
    ).fetchone()
    return Rebuild(**row) if row else None


def latest(connection: Connection, tenant_id: str) -> Rebuild | None:
    """The tenant's newest rebuild."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM rebuilds WHERE tenant_id = %s ORDER BY created_at DESC LIMIT 1",  # noqa: S608
        (tenant_id,),
    ).fetchone()
    return Rebuild(**row) if row else None


def running(connection: Connection, tenant_id: str, model: str) -> Rebuild | None:
    """The tenant's rebuild with that model that is under way and alive."""
    row = connection.execute(
        f"""
        SELECT {_COLUMNS} FROM rebuilds
        WHERE tenant_id = %s AND model = %s AND status = 'running' AND touched_at > now() - interval '1 hour'
        ORDER BY created_at DESC LIMIT 1
        """,  # noqa: S608 # a constant
        (tenant_id, model),
    ).fetchone()
    return Rebuild(**row) if row else None


def is_superseded(connection: Connection, tenant_id: str, rebuild_id: str) -> bool:
    """Whether the tenant has asked for another rebuild since.

    Only the newest goes on: two with different models would take the documents from each other for ever.
    """
    row = connection.execute(
        """
        SELECT 1 FROM rebuilds AS this JOIN rebuilds AS other USING (tenant_id)
        WHERE tenant_id = %s AND this.rebuild_id = %s
          AND (other.created_at, other.rebuild_id) > (this.created_at, this.rebuild_id)
        LIMIT 1
        """,
        (tenant_id, rebuild_id),
    ).fetchone()
    return row is not None


def next_documents(connection: Connection, tenant_id: str, rebuild_id: str, limit: int) -> list[Document]:
    """Documents that the rebuild has not dealt with."""
    rows = connection.execute(
        """
        SELECT tenant_id, item_id, analysis_id, version, text, read FROM documents AS d
        WHERE tenant_id = %s AND NOT EXISTS (
            SELECT FROM rebuild_claims AS c
            WHERE c.tenant_id = d.tenant_id AND c.item_id = d.item_id AND c.rebuild_id = %s
              AND c.text_sha256 = d.text_sha256
        )
        ORDER BY item_id LIMIT %s
        """,
        (tenant_id, rebuild_id, limit),
    )
    return [Document(**row) for row in rows]


def claim(connection: Connection, document: Document, rebuild_id: str, *, failed: bool) -> bool:
    """Note that the rebuild deals with the document, in the transaction that does.

    False when it was dealt with before, or is not the item's newest any more. A claim holds for one text; the newest
    rebuild takes it over.
    """
    row = connection.execute(
        """
        INSERT INTO rebuild_claims AS c (tenant_id, item_id, rebuild_id, text_sha256)
        SELECT tenant_id, item_id, %s, text_sha256 FROM documents
        WHERE tenant_id = %s AND item_id = %s AND text_sha256 = %s AND analysis_id = %s
        ON CONFLICT (tenant_id, item_id) DO UPDATE
        SET rebuild_id = EXCLUDED.rebuild_id, text_sha256 = EXCLUDED.text_sha256
        WHERE (c.rebuild_id, c.text_sha256) IS DISTINCT FROM (EXCLUDED.rebuild_id, EXCLUDED.text_sha256)
        RETURNING item_id
        """,
        (rebuild_id, document.tenant_id, document.item_id, document.sha256, document.analysis_id),
    ).fetchone()
    if row is None:
        return False
    connection.execute(
        """
        UPDATE rebuilds SET done = done + %s, failed = failed + %s, touched_at = now()
        WHERE tenant_id = %s AND rebuild_id = %s
        """,
        (0 if failed else 1, 1 if failed else 0, document.tenant_id, rebuild_id),
    )
    return True


def release(connection: Connection, tenant_id: str, item_id: str, *, keep_sha256: str | None = None) -> None:
    """Delete the item's claim, unless it is for the text of that hash."""
    connection.execute(
        "DELETE FROM rebuild_claims WHERE tenant_id = %s AND item_id = %s AND text_sha256 IS DISTINCT FROM %s",
        (tenant_id, item_id, keep_sha256),
    )


def end(connection: Connection, tenant_id: str, rebuild_id: str, status: RebuildStatus) -> None:
    """Close a rebuild that is running."""
    connection.execute(
        """
        UPDATE rebuilds SET status = %s, finished_at = now()
        WHERE tenant_id = %s AND rebuild_id = %s AND status = 'running'
        """,
        (status, tenant_id, rebuild_id),
    )
