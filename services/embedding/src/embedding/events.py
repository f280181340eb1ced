"""What this service does about events of items."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chassis.consumer import attempt
from chassis.errors import ChassisError, TransientError
from chassis.work import UnitsOfWork
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import EmbeddingFailure
from contracts.ingest import ItemDeleted
from embedding import repository
from embedding.embedder import Embedder, Outcome, Vector
from embedding.errors import EmbeddingError, NotEmbeddedError
from embedding.recording import record_failure, record_vector
from embedding.repository import Document, Space


@dataclass(frozen=True)
class EventHandlers:
    """Handlers of the consumer; `prepare` embeds a whole batch of records in one request."""

    work: UnitsOfWork
    embedder: Embedder
    space: Space
    _outcomes: dict[str, Outcome] = field(default_factory=dict)

    def prepare(self, events: Sequence[Event[ItemAnalyzed]]) -> None:
        """Note the descriptions, then find or make the vectors of those that are current."""
        self._outcomes.clear()
        current = {event.id: document for event in events if (document := self._note(event)) is not None}
        with self.work.database.transaction() as connection:
            known = repository.known_vectors(connection, current.values(), self.space)
        missing = [d.text for d in current.values() if (d.tenant_id, d.sha256) not in known]
        made = self.embedder.embed(missing, self.space.model)
        for event_id, document in current.items():
            found = known.get((document.tenant_id, document.sha256))
            self._outcomes[event_id] = found if found is not None else made[document.text]

    def embed_analyzed(self, event: Event[ItemAnalyzed]) -> None:
        """Keep and tell what `prepare` has made."""
        outcome = self._outcomes.get(event.id)
        if isinstance(outcome, TransientError):
            raise outcome
        document = Document.of(event)
        with self.work.applying(event) as work:
            if outcome is None or work.is_deleted() or not repository.is_current(work.connection, document):
                return  # gone, or overtaken by a newer description
            match outcome:
                case Vector():
                    record_vector(work, event, document, outcome, self.space)
                case NotEmbeddedError():
                    record_failure(work, event, document, outcome.reason, str(outcome), attempt())

    def forget_item(self, event: Event[ItemDeleted]) -> None:
        """The item is gone: so is everything about it here."""
        with self.work.applying(event) as work:
            work.bury(event)
            repository.forget(work.connection, event.tenant_id, event.subject)

    def give_up(self, event: Event[ItemAnalyzed], error: Exception, attempts: int) -> None:
        """The last attempt failed. The inbox stays clean: a message redriven from the dead-letter queue counts."""
        document = Document.of(event)
        # Only our own errors are known to quote nothing of the description.
        detail = str(error) if isinstance(error, EmbeddingError | ChassisError) else type(error).__name__
        with self.work.on(event.tenant_id, event.subject) as work:
            if not work.is_deleted() and repository.is_current(work.connection, document):
                record_failure(work, event, document, EmbeddingFailure.GAVE_UP, detail, attempts)

    def _note(self, event: Event[ItemAnalyzed]) -> Document | None:
        document = Document.of(event)
        with self.work.on(event.tenant_id, event.subject) as work:
            if work.is_deleted() or not repository.note_document(work.connection, document, event.time):
                return None
        return document
