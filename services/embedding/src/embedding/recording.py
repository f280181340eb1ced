"""The facts that this service tells."""

from chassis.work import UnitOfWork
from contracts import Contract, Event, new_event
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, encode_vector
from embedding import repository
from embedding.embedder import Vector
from embedding.repository import Document, Space


def record_vector(work: UnitOfWork, cause: Event[Contract], document: Document, vector: Vector, space: Space) -> None:
    """The document has a vector: keep it and tell."""
    repository.keep_vector(work.connection, document, vector, space)
    fact = ItemEmbedded(
        vector=encode_vector(vector.values),
        dimensions=space.dimensions,
        model=space.model,
        analysis_id=document.analysis_id,
        analysis_version=document.version,
        tokens=vector.tokens,
    )
    work.record(new_event(fact, subject=document.item_id, tenant_id=document.tenant_id, cause=cause))


def record_failure(
    work: UnitOfWork,
    cause: Event[Contract],
    document: Document,
    reason: EmbeddingFailure,
    detail: str,
    attempts: int,
) -> None:
    """The document will have no vector: note and tell."""
    repository.mark_failed(work.connection, document)
    fact = EmbeddingFailed(
        reason=reason, detail=detail[:300], analysis_version=document.version, attempts=max(attempts, 1)
    )
    work.record(new_event(fact, subject=document.item_id, tenant_id=document.tenant_id, cause=cause))
