"""What follows from a description: its vector, or the fact that there will be none.

A whole batch is embedded in one request before the first transaction; then each event completes on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.database import Database
from chassis.errors import ChassisError, TransientError
from chassis.queue import attempt
from chassis.work import Complete, UnitOfWork
from contracts import Contract, Event, new_event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, encode_vector
from contracts.ingest import ItemDeleted
from embedding import passages
from embedding.embedder import Embedder, Outcome, Vector
from embedding.errors import EmbeddingError, NotEmbeddedError
from embedding.repository import documents, rebuilds, vectors
from embedding.repository.documents import Document
from embedding.repository.vectors import Space
from embedding.reprocessing import Reprocessing


@dataclass(frozen=True)
class DescriptionReactions:
    """Reactions to descriptions. The fold comes first: only what is then an item's newest document is embedded."""

    database: Database
    embedder: Embedder
    space: Space
    reprocessing: Reprocessing
    _outcomes: dict[str, Outcome] = field(default_factory=dict)

    def prepare(self, events: Sequence[Event[ItemAnalyzed]]) -> None:
        """Find or make the vectors of those descriptions that are current. Raises as `Reprocessing.prepare`."""
        self._outcomes.clear()
        self.reprocessing.prepare([event for event in events if event.budget_usd is not None])
        described = {event.id: Document.of(event) for event in events if event.budget_usd is None}
        if not described:
            return
        with self.database.transaction() as connection:
            current = documents.current(connection, described.values())
            known = dict(vectors.known(connection, current, self.space))
            older = [each for each in current if (each.tenant_id, each.sha256) not in known]
            known |= vectors.recorded(connection, older, self.space)
        missing = [d for d in described.values() if d in current and (d.tenant_id, d.sha256) not in known]
        dimensions = self.space.dimensions
        made = self.embedder.embed(passages.texts(missing, dimensions), self.space.model)
        for event_id, document in described.items():
            if document in current:
                found = known.get((document.tenant_id, document.sha256))
                self._outcomes[event_id] = found or passages.outcome(document, made, dimensions)

    def embed(self, event: Event[ItemAnalyzed]) -> Complete | None:
        """Record what `prepare` has made.

        Raises:
            TransientError: the provider did not answer.
        """
        if event.budget_usd is not None:
            return self.reprocessing.complete(event, self._record)
        outcome = self._outcomes.get(event.id)
        if outcome is None:
            return None  # deleted, or overtaken by a newer description
        if isinstance(outcome, TransientError):
            raise outcome
        return lambda work: self._record(work, event, outcome)

    def give_up(self, work: UnitOfWork, event: Event[ItemAnalyzed], error: Exception, attempts: int) -> None:
        """The last attempt failed. The inbox stays clean: a message redriven from the dead-letter queue counts."""
        document = Document.of(event)
        if event.budget_usd is not None and self.reprocessing.give_up(work, event):
            return
        # Only our own errors are known to quote nothing of the description.
        detail = str(error) if isinstance(error, EmbeddingError | ChassisError) else type(error).__name__
        if documents.current(work.connection, [document]):
            record_failure(work, event, document, EmbeddingFailure.GAVE_UP, detail, attempts)

    def _record(self, work: UnitOfWork, event: Event[ItemAnalyzed], outcome: Outcome) -> None:
        document = Document.of(event)
        if not documents.current(work.connection, [document]):
            return  # deleted or overtaken meanwhile
        rebuilds.release(work.connection, document.tenant_id, document.item_id, keep_sha256=document.sha256)
        match outcome:
            case Vector():
                record_vector(work, event, document, outcome, self.space)
            case NotEmbeddedError():
                record_failure(work, event, document, outcome.reason, str(outcome), attempt())


def release_claim(event: Event[ItemDeleted]) -> Complete:
    """No rebuild keeps anything of the item."""
    return lambda work: rebuilds.release(work.connection, event.tenant_id, event.subject)


def record_vector(work: UnitOfWork, cause: Event[Contract], document: Document, vector: Vector, space: Space) -> None:
    """The document has a vector."""
    fact = ItemEmbedded(
        vector=encode_vector(vector.values),
        dimensions=space.dimensions,
        model=space.model,
        analysis_id=document.analysis_id,
        analysis_version=document.version,
        tokens=vector.tokens,
        text_sha256=document.sha256,
        passages=vector.passages,
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
    """The document will have no vector."""
    fact = EmbeddingFailed(
        reason=reason,
        detail=detail[:300],
        analysis_version=document.version,
        attempts=max(attempts, 1),
        analysis_id=document.analysis_id,
    )
    work.record(new_event(fact, subject=document.item_id, tenant_id=document.tenant_id, cause=cause))
