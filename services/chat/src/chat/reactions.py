"""What the queue's events do: the read model follows the collection, memory ends with its conversation.

The same events in any order and number leave the same read model (see `retrieval.projection`).
"""

from dataclasses import dataclass

from chassis.errors import PermanentError
from chassis.service import Service
from chat import ledger
from chat.checkpoints import CheckpointTable, thread_id
from chat.config import ChatSettings
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded, decode_vector
from contracts.ingest import ItemDeleted
from contracts.sessions import SessionDeleted, SessionExpired
from retrieval import AnalyzedItem, InvalidVectorError, forget, project_analysis, project_vector


@dataclass(frozen=True)
class Handling:
    """The handlers, given what they need. Raise TransientError when a store does not answer."""

    service: Service[ChatSettings]
    checkpoints: CheckpointTable

    def add_description(self, event: Event[ItemAnalyzed]) -> None:
        """The item can be found by its words."""
        data = event.data
        item = AnalyzedItem(
            item_id=event.subject,
            version=data.version,
            analysis_id=data.analysis_id,
            analyzed_at=event.time,
            filename=data.filename,
            original_filename=data.original_filename,
            description=data.description.model_dump(mode="json"),
        )
        with self.service.work.applying(event) as work:
            project_analysis(work.connection, event.tenant_id, item)

    def add_vector(self, event: Event[ItemEmbedded]) -> None:
        """The item can be found by its meaning."""
        data = event.data
        try:
            with self.service.work.applying(event) as work:
                project_vector(
                    work.connection,
                    event.tenant_id,
                    event.subject,
                    vector=decode_vector(data.vector),
                    model=data.model,
                    analysis_version=data.analysis_version,
                    embedded_at=event.time,
                )
        except InvalidVectorError as error:
            raise PermanentError("invalid-vector", str(error)) from error

    def remove_item(self, event: Event[ItemDeleted]) -> None:
        """The item is found no more, whatever still arrives of it. Past answers keep what they said."""
        with self.service.work.applying(event) as work:
            forget(work.connection, event.tenant_id, event.subject, event.time)

    def end_deleted(self, event: Event[SessionDeleted]) -> None:
        """The agent forgets the conversation; a turn under way will not be kept."""
        with self.service.work.applying(event) as work:
            if ledger.end_deleted(work.connection, event.tenant_id, event.subject, event.time):
                self._forget(event)

    def end_expired(self, event: Event[SessionExpired]) -> None:
        """The agent forgets the conversation, unless it has gone on since."""
        with self.service.work.applying(event) as work:
            if ledger.end_expired(work.connection, event.tenant_id, event.subject, event.data.last_turn_at):
                self._forget(event)

    def _forget(self, event: Event[SessionDeleted] | Event[SessionExpired]) -> None:
        # Within the transaction: a new conversation under the same id cannot claim, and so not write, before it ends.
        self.checkpoints.forget(thread_id(event.tenant_id, event.subject))
