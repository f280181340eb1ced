"""Vectors: the newest of each item and model."""

import json
import struct
from base64 import b64decode
from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from chassis.database import Connection
from chassis.errors import PermanentError
from contracts import Event
from contracts.embedding import EmbeddedPassage, ItemEmbedded, packed_vector
from embedding.embedder import Vector
from embedding.repository.documents import Document


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors compare within one model and number of dimensions."""

    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector as it was recorded: little-endian float32, the `sequence`-th event of its item.

    `passages` is the JSON of the event's.
    """

    tenant_id: str
    item_id: str
    model: str
    dimensions: int
    sequence: int
    analysis_id: str
    analysis_version: int
    text_sha256: str | None
    vector: bytes
    created_at: datetime
    passages: str = "[]"

    @classmethod
    def of(cls, event: Event[ItemEmbedded]) -> "StoredVector":
        """The vector that an event carries.

        Raises:
            PermanentError: it or that of a passage is none of these dimensions.
        """
        data = event.data
        try:
            packed = data.packed()
            for passage in data.passages:
                packed_vector(passage.vector, data.dimensions)
        except ValueError as error:
            raise PermanentError("invalid-vector", str(error)) from error
        return cls(
            tenant_id=event.tenant_id,
            item_id=event.subject,
            model=data.model,
            dimensions=data.dimensions,
            sequence=event.sequence,
            analysis_id=data.analysis_id,
            analysis_version=data.analysis_version,
            text_sha256=data.text_sha256,
            vector=packed,
            created_at=event.time,
            passages=json.dumps([passage.model_dump() for passage in data.passages]),
        )


def save(connection: Connection, vector: StoredVector) -> None:
    """Store the vector unless the item has a newer one of that space."""
    connection.execute(
        """
        INSERT INTO vectors AS stored (
            tenant_id, item_id, model, dimensions, sequence, analysis_id, analysis_version, text_sha256, vector,
            created_at, passages
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id, model, dimensions) DO UPDATE SET
            sequence = EXCLUDED.sequence, analysis_id = EXCLUDED.analysis_id,
            analysis_version = EXCLUDED.analysis_version, text_sha256 = EXCLUDED.text_sha256,
            vector = EXCLUDED.vector, created_at = EXCLUDED.created_at, passages = EXCLUDED.passages
        WHERE stored.sequence < EXCLUDED.sequence
        """,
        astuple(vector),
    )


def is_embedded(connection: Connection, document: Document) -> bool:
    """Whether the item has a vector, of any model, of this analysis."""
    row = connection.execute(
        """
        SELECT FROM vectors WHERE tenant_id = %s AND item_id = %s AND analysis_id = %s AND analysis_version = %s
        LIMIT 1
        """,
        (document.tenant_id, document.item_id, document.analysis_id, document.version),
    ).fetchone()
    return row is not None


def embedded(connection: Connection, documents: Collection[Document], space: Space) -> set[Document]:
    """Those of the documents whose item has a vector of them, in that space."""
    rows = connection.execute(
        """
        SELECT tenant_id, item_id, analysis_id, analysis_version
        FROM vectors JOIN unnest(%s::text[], %s::text[], %s::text[], %s::int[])
            AS asked (tenant_id, item_id, analysis_id, analysis_version)
          USING (tenant_id, item_id, analysis_id, analysis_version)
        WHERE model = %s AND dimensions = %s
        """,
        (
            [document.tenant_id for document in documents],
            [document.item_id for document in documents],
            [document.analysis_id for document in documents],
            [document.version for document in documents],
            space.model,
            space.dimensions,
        ),
    )
    found = {(row["tenant_id"], row["item_id"], row["analysis_id"], row["analysis_version"]) for row in rows}
    return {each for each in documents if (each.tenant_id, each.item_id, each.analysis_id, each.version) in found}


def known(
    connection: Connection, documents: Iterable[Document], space: Space, since: datetime | None = None
) -> Mapping[tuple[str, str], Vector]:
    """Vectors that the same tenants have of the same texts, by tenant and hash; with `since` only ones made later."""
    wanted = {(document.tenant_id, document.sha256) for document in documents}
    rows = connection.execute(
        """
        SELECT DISTINCT ON (tenant_id, text_sha256) tenant_id, text_sha256, vector, passages
        FROM vectors JOIN unnest(%s::text[], %s::text[]) AS asked (tenant_id, text_sha256)
          USING (tenant_id, text_sha256)
        WHERE model = %s AND dimensions = %s AND created_at >= coalesce(%s, '-infinity'::timestamptz)
        """,
        ([tenant for tenant, _ in wanted], [text for _, text in wanted], space.model, space.dimensions, since),
    )
    return {(row["tenant_id"], row["text_sha256"]): _vector(row["vector"], row["passages"]) for row in rows}


def recorded(connection: Connection, documents: Iterable[Document], space: Space) -> Mapping[tuple[str, str], Vector]:
    """Vectors that were recorded of these items' own texts before, by tenant and hash: none is kept of an old text.

    A rollback returns to such a text. The first version of an item has no earlier one.
    """
    wanted = [document for document in documents if document.version > 1]
    if not wanted:
        return {}
    rows = connection.execute(
        """
        SELECT events.tenant_id, asked.text_sha256, event -> 'data' ->> 'vector' AS vector,
               coalesce(event -> 'data' -> 'passages', '[]') AS passages
        FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked (tenant_id, item_id, text_sha256)
        JOIN events ON events.tenant_id = asked.tenant_id AND events.stream_id = asked.item_id
        WHERE type = %s AND event -> 'data' ->> 'text_sha256' = asked.text_sha256 AND NOT is_erased
          AND event -> 'data' ->> 'model' = %s AND (event -> 'data' ->> 'dimensions')::integer = %s
        """,
        (
            [document.tenant_id for document in wanted],
            [document.item_id for document in wanted],
            [document.sha256 for document in wanted],
            ItemEmbedded.event_type,
            space.model,
            space.dimensions,
        ),
    )
    return {(row["tenant_id"], row["text_sha256"]): _vector(b64decode(row["vector"]), row["passages"]) for row in rows}


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the vectors of an item."""
    connection.execute("DELETE FROM vectors WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))


def _vector(packed: bytes, passages: Iterable[Mapping[str, Any]]) -> Vector:
    values = struct.unpack(f"<{len(packed) // 4}f", packed)
    return Vector(values, passages=tuple(EmbeddedPassage(**passage) for passage in passages))
