"""Texts of descriptions: one document an item, of its newest version."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from chassis.database import Connection
from contracts import Event
from contracts.analysis import ItemAnalyzed
from embedding.text import compose, digest, read_text


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one version of an item's description; `read` is the text in its picture, where the item is long."""

    tenant_id: str
    item_id: str
    analysis_id: str
    version: int
    text: str
    read: str = ""

    @classmethod
    def of(cls, event: Event[ItemAnalyzed]) -> "Document":
        """The document that an analysis makes."""
        data = event.data
        text, read = compose(data.description), read_text(data.description)
        return cls(event.tenant_id, event.subject, data.analysis_id, data.version, text, read)

    @property
    def sha256(self) -> str:
        """Hash of all that is embedded."""
        return digest(f"{self.text}\n{self.read}" if self.read else self.text)


@dataclass(frozen=True, slots=True)
class Counts:
    """A tenant's descriptions: how many have a vector of their newest version, wait for one, or will get none."""

    analysed: int
    embedded: int
    pending: int
    failed: int


def save(connection: Connection, document: Document, analyzed_at: datetime) -> None:
    """Store the document unless a newer one is stored.

    Versions order; between two analyses of one version the later wins, then the greater id: any order of arrival ends
    the same.
    """
    connection.execute(
        """
        INSERT INTO documents AS stored (tenant_id, item_id, analysis_id, version, analyzed_at, text, read, text_sha256)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET
            analysis_id = EXCLUDED.analysis_id, version = EXCLUDED.version, analyzed_at = EXCLUDED.analyzed_at,
            text = EXCLUDED.text, read = EXCLUDED.read, text_sha256 = EXCLUDED.text_sha256
        WHERE (stored.version, stored.analyzed_at, stored.analysis_id)
            < (EXCLUDED.version, EXCLUDED.analyzed_at, EXCLUDED.analysis_id)
        """,
        (
            document.tenant_id,
            document.item_id,
            document.analysis_id,
            document.version,
            analyzed_at,
            document.text,
            document.read,
            document.sha256,
        ),
    )


def current(connection: Connection, documents: Collection[Document]) -> set[Document]:
    """Those of the documents that are their item's newest; none of a deleted item is."""
    rows = connection.execute(
        """
        SELECT tenant_id, item_id, analysis_id, version
        FROM documents JOIN unnest(%s::text[], %s::text[], %s::text[], %s::int[])
            AS asked (tenant_id, item_id, analysis_id, version) USING (tenant_id, item_id, analysis_id, version)
        """,
        (
            [document.tenant_id for document in documents],
            [document.item_id for document in documents],
            [document.analysis_id for document in documents],
            [document.version for document in documents],
        ),
    )
    newest = {(row["tenant_id"], row["item_id"], row["analysis_id"], row["version"]) for row in rows}
    return {each for each in documents if (each.tenant_id, each.item_id, each.analysis_id, each.version) in newest}


def counts(connection: Connection, tenant_id: str) -> Counts:
    """The tenant's counts. A version that failed and has a vector after all is embedded."""
    row = connection.execute(
        """
        SELECT count(*) AS analysed,
               count(*) FILTER (WHERE embedded) AS embedded,
               count(*) FILTER (WHERE failed AND NOT embedded) AS failed
        FROM (
            SELECT (item_id, analysis_id, version) IN (
                       SELECT item_id, analysis_id, analysis_version FROM vectors WHERE tenant_id = %(tenant)s
                   ) AS embedded,
                   (item_id, analysis_id, version) IN (
                       SELECT item_id, analysis_id, analysis_version FROM embedding_failures
                       WHERE tenant_id = %(tenant)s AND analysis_id IS NOT NULL
                   ) OR (item_id, version) IN (
                       SELECT item_id, analysis_version FROM embedding_failures
                       WHERE tenant_id = %(tenant)s AND analysis_id IS NULL
                   ) AS failed
            FROM documents WHERE tenant_id = %(tenant)s
        ) AS state
        """,
        {"tenant": tenant_id},
    ).fetchone()
    analysed, embedded, failed = (row["analysed"], row["embedded"], row["failed"]) if row else (0, 0, 0)
    return Counts(analysed, embedded, analysed - embedded - failed, failed)


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the document of an item."""
    connection.execute("DELETE FROM documents WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
