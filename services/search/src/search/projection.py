"""Events become the read model."""

from chassis.errors import PermanentError
from chassis.service import Service
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded, decode_vector
from contracts.ingest import ItemDeleted
from retrieval import AnalyzedItem, InvalidVectorError, forget, project_analysis, project_vector
from search.settings import SearchSettings


class Projection:
    """Applies each event once, in any order."""

    def __init__(self, service: Service[SearchSettings]) -> None:
        self._work = service.work

    def show(self, event: Event[ItemAnalyzed]) -> None:
        """The item can be found by its words."""
        analyzed = event.data
        item = AnalyzedItem(
            item_id=event.subject,
            version=analyzed.version,
            analysis_id=analyzed.analysis_id,
            analyzed_at=event.time,
            filename=analyzed.filename,
            original_filename=analyzed.original_filename,
            description=analyzed.description.model_dump(mode="json"),
        )
        with self._work.applying(event) as work:
            project_analysis(work.connection, event.tenant_id, item)

    def place(self, event: Event[ItemEmbedded]) -> None:
        """The item can be found by its meaning."""
        embedded = event.data
        try:
            with self._work.applying(event) as work:
                project_vector(
                    work.connection,
                    event.tenant_id,
                    event.subject,
                    vector=decode_vector(embedded.vector),
                    model=embedded.model,
                    analysis_version=embedded.analysis_version,
                    embedded_at=event.time,
                )
        except InvalidVectorError as error:
            raise PermanentError("invalid-vector", str(error)) from error

    def forget(self, event: Event[ItemDeleted]) -> None:
        """The item cannot be found any more."""
        with self._work.applying(event) as work:
            forget(work.connection, event.tenant_id, event.subject, event.time)
