"""Events become `documents`, `vectors` and `embedding_failures`.

What is embedded, pending or failed is no column of a document but follows from the three together, so that each of
them depends on one kind of event alone.
"""

from chassis.database import Connection
from chassis.projections import Projections
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from contracts.ingest import ItemDeleted
from embedding.repository import documents, failures, vectors
from embedding.repository.documents import Document
from embedding.repository.vectors import StoredVector


def item_analyzed(connection: Connection, event: Event[ItemAnalyzed]) -> None:
    """The item's document is the newest description."""
    documents.save(connection, Document.of(event), event.time)


def item_embedded(connection: Connection, event: Event[ItemEmbedded]) -> None:
    """The item's vector of that model is the one recorded last."""
    vectors.save(connection, StoredVector.of(event))


def embedding_failed(connection: Connection, event: Event[EmbeddingFailed]) -> None:
    """That analysis has no vector, unless one is recorded after all."""
    failures.save(connection, event.tenant_id, event.subject, event.data.analysis_version, event.data.analysis_id)


def item_deleted(connection: Connection, event: Event[ItemDeleted]) -> None:
    """Nothing of the item is kept."""
    for table in (documents, vectors, failures):
        table.delete(connection, event.tenant_id, event.subject)


PROJECTIONS = Projections(
    {ItemAnalyzed: item_analyzed, ItemEmbedded: item_embedded, EmbeddingFailed: embedding_failed},
    deletions={ItemDeleted: item_deleted},
)
