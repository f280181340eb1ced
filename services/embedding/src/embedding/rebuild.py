"""A rebuild: every description of a tenant gets a new vector, in batches.

Each item is claimed in the transaction that records its new vector, so a rebuild that is interrupted goes on where it
stopped, and one that is delivered twice embeds nothing twice. What takes longer than one invocation may is continued
by another request of the same rebuild.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.errors import TransientError
from chassis.observability import logger
from chassis.work import Complete, UnitOfWork, UnitsOfWork
from contracts import Event, new_event
from contracts.embedding import RebuildRequested
from embedding import passages
from embedding.embedder import Embedder, Outcome, Vector
from embedding.errors import NotEmbeddedError
from embedding.reactions import record_failure, record_vector
from embedding.repository import rebuilds, vectors
from embedding.repository.documents import Document
from embedding.repository.vectors import Space


@dataclass(frozen=True)
class RebuildReaction:
    """The reaction to a request for a rebuild; `budget_s` is how long one invocation may work."""

    work: UnitsOfWork
    embedder: Embedder
    budget_s: float

    def rebuild(self, event: Event[RebuildRequested]) -> Complete:
        """Go on with the rebuild until it is finished, a newer one takes its place, or the time is up.

        Raises:
            TransientError: the provider does not answer; what is done stays done.
        """
        deadline = time.monotonic() + self.budget_s
        space = Space(event.data.model, self.embedder.dimensions)
        while batch := self._next(event):
            if time.monotonic() >= deadline:
                return lambda work: _continue(work, event)
            outcomes = self._embed(event, batch, space)
            for document in batch:
                self._apply(event, document, outcomes[document.sha256], space)
            unavailable = next((each for each in outcomes.values() if isinstance(each, TransientError)), None)
            if unavailable is not None:
                raise unavailable
        return lambda work: _end(work, event)

    def _next(self, event: Event[RebuildRequested]) -> list[Document]:
        with self.work.database.transaction() as connection:
            # Unknown where the schema is younger than the event (a replay).
            rebuilds.add(connection, event.tenant_id, event.subject, event.data.model, event.data.total, event.time)
            if rebuilds.is_superseded(connection, event.tenant_id, event.subject):
                return []
            return rebuilds.next_documents(connection, event.tenant_id, event.subject, self.embedder.batch_size)

    def _embed(self, event: Event[RebuildRequested], batch: Sequence[Document], space: Space) -> dict[str, Outcome]:
        """New vectors by hash, but those that this rebuild has paid for already (for an equal text of another item)."""
        with self.work.database.transaction() as connection:
            rebuild = rebuilds.find(connection, event.tenant_id, event.subject)
            since = rebuild.created_at if rebuild else event.time
            known = vectors.known(connection, batch, space, since)
        found: dict[str, Outcome] = {d.sha256: known[key] for d in batch if (key := (d.tenant_id, d.sha256)) in known}
        missing = [document for document in batch if document.sha256 not in found]
        made = self.embedder.embed(passages.texts(missing, space.dimensions), space.model)
        return found | {d.sha256: passages.outcome(d, made, space.dimensions) for d in missing}

    def _apply(self, event: Event[RebuildRequested], document: Document, outcome: Outcome, space: Space) -> None:
        if isinstance(outcome, TransientError):
            return
        with self.work.on(document.tenant_id, document.item_id) as work:
            failed = isinstance(outcome, NotEmbeddedError)
            if work.is_deleted() or not rebuilds.claim(work.connection, document, event.subject, failed=failed):
                return
            match outcome:
                case Vector():
                    record_vector(work, event, document, outcome, space)
                case NotEmbeddedError() if not vectors.is_embedded(work.connection, document):
                    # An item that has a vector keeps it: a rebuild must not make things worse.
                    record_failure(work, event, document, outcome.reason, str(outcome), 1)


def give_up(work: UnitOfWork, event: Event[RebuildRequested], _error: Exception, attempts: int) -> None:
    """The rebuild kept failing; what it has done stays, and another may be requested."""
    logger.error("rebuild failed", extra={"rebuild": event.subject, "attempts": attempts})
    rebuilds.end(work.connection, event.tenant_id, event.subject, "failed")


def _continue(work: UnitOfWork, event: Event[RebuildRequested]) -> None:
    work.record(new_event(event.data, subject=event.subject, tenant_id=event.tenant_id, cause=event))


def _end(work: UnitOfWork, event: Event[RebuildRequested]) -> None:
    superseded = rebuilds.is_superseded(work.connection, event.tenant_id, event.subject)
    rebuilds.end(work.connection, event.tenant_id, event.subject, "failed" if superseded else "finished")
