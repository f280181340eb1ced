"""The SQL on documents and vectors. Every statement on a tenant's data filters by the tenant."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.database import Connection
from contracts import Event
from contracts.analysis import ItemAnalyzed
from embedding.embedder import Vector
from embedding.text import compose, digest


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one version of an item's description."""

    tenant_id: str
    item_id: str
    analysis_id: str
    version: int
    text: str

    @classmethod
    def of(cls, event: Event[ItemAnalyzed]) -> "Document":
        """As the event tells it."""
        data = event.data
        return cls(event.tenant_id, event.subject, data.analysis_id, data.version, compose(data.description))

    @property
    def sha256(self) -> str:
        """Hash of the text."""
        return digest(self.text)


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors compare within one model and number of dimensions."""

    model: str
    dimensions: int


def note_document(connection: Connection, document: Document, analyzed_at: datetime) -> bool:
    """Remember the document unless a newer version is known; whether it is now the item's current one.

    Versions order; between two analyses of one version the later wins, then the greater id: any order of arrival ends
    the same.
    """
    row = connection.execute(
        """
        INSERT INTO documents AS known (tenant_id, item_id, analysis_id, version, analyzed_at, text, text_sha256)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET
            rebuild_id = CASE WHEN known.text_sha256 = EXCLUDED.text_sha256 THEN known.rebuild_id END,
            embedded_version = CASE WHEN known.analysis_id = EXCLUDED.analysis_id THEN known.embedded_version END,
            failed_version = CASE WHEN known.analysis_id = EXCLUDED.analysis_id THEN known.failed_version END,
            analysis_id = EXCLUDED.analysis_id, version = EXCLUDED.version, analyzed_at = EXCLUDED.analyzed_at,
            text = EXCLUDED.text, text_sha256 = EXCLUDED.text_sha256
        WHERE (known.version, known.analyzed_at, known.analysis_id)
           <= (EXCLUDED.version, EXCLUDED.analyzed_at, EXCLUDED.analysis_id)
        RETURNING item_id
        """,
        (
            document.tenant_id,
            document.item_id,
            document.analysis_id,
            document.version,
            analyzed_at,
            document.text,
            document.sha256,
        ),
    ).fetchone()
    return row is not None


def is_current(connection: Connection, document: Document) -> bool:
    """Whether the document is (still) the item's newest."""
    row = connection.execute(
        "SELECT 1 FROM documents WHERE tenant_id = %s AND item_id = %s AND analysis_id = %s AND version = %s",
        (document.tenant_id, document.item_id, document.analysis_id, document.version),
    ).fetchone()
    return row is not None


def is_embedded(connection: Connection, document: Document) -> bool:
    """Whether the item has a vector of this version."""
    row = connection.execute(
        "SELECT 1 FROM documents WHERE tenant_id = %s AND item_id = %s AND embedded_version = %s",
        (document.tenant_id, document.item_id, document.version),
    ).fetchone()
    return row is not None


def known_vectors(
    connection: Connection, documents: Iterable[Document], space: Space, since: datetime | None = None
) -> Mapping[tuple[str, str], Vector]:
    """Vectors that the same tenants have of the same texts, by tenant and hash; with `since` only ones made later."""
    wanted = {(document.tenant_id, document.sha256) for document in documents}
    rows = connection.execute(
        """
        SELECT DISTINCT ON (tenant_id, text_sha256) tenant_id, text_sha256, vector
        FROM vectors JOIN unnest(%s::text[], %s::text[]) AS asked (tenant_id, text_sha256)
          USING (tenant_id, text_sha256)
        WHERE model = %s AND dimensions = %s AND created_at >= coalesce(%s, '-infinity'::timestamptz)
        """,
        ([tenant for tenant, _ in wanted], [text for _, text in wanted], space.model, space.dimensions, since),
    )
    return {(row["tenant_id"], row["text_sha256"]): Vector(_unpack(row["vector"])) for row in rows}


def keep_vector(connection: Connection, document: Document, vector: Vector, space: Space) -> None:
    """Store the item's vector and say that its newest version is embedded; the caller holds the item's lock."""
    connection.execute(
        """
        INSERT INTO vectors (tenant_id, item_id, model, dimensions, text_sha256, vector)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id, model, dimensions) DO UPDATE SET
            text_sha256 = EXCLUDED.text_sha256, vector = EXCLUDED.vector, created_at = now()
        """,
        (
            document.tenant_id,
            document.item_id,
            space.model,
            space.dimensions,
            document.sha256,
            _pack(vector.values),
        ),
    )
    connection.execute(
        """
        UPDATE documents SET embedded_version = version, embedded_model = %s, failed_version = NULL
        WHERE tenant_id = %s AND item_id = %s
        """,
        (space.model, document.tenant_id, document.item_id),
    )


def mark_failed(connection: Connection, document: Document) -> None:
    """Say that the item's newest version cannot be embedded."""
    connection.execute(
        "UPDATE documents SET failed_version = version WHERE tenant_id = %s AND item_id = %s",
        (document.tenant_id, document.item_id),
    )


def forget(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Remove everything about the item."""
    connection.execute("DELETE FROM vectors WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
    connection.execute("DELETE FROM documents WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))


def _pack(values: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def _unpack(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 4}f", packed)
