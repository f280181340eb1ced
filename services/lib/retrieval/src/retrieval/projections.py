"""Folds events into the read model; search uses these projections unchanged, chat adds its own.

Deletions are folds like the others: the read model has its own tombstones (`deleted_items`), which it reads in the
same statement as the item's rows.
"""

from chassis.database import Connection
from chassis.errors import PermanentError
from chassis.projections import Projections
from contracts import Event
from contracts.analysis import ItemAnalyzed
from contracts.embedding import ItemEmbedded, vector_values
from contracts.imaging import Exif, ImageProcessed
from contracts.ingest import ItemDeleted
from retrieval.documents import AnalyzedItem
from retrieval.errors import InvalidVectorError
from retrieval.filters import a_clock_time
from retrieval.pictures import Picture
from retrieval.read_model import project_analysis, project_deletion, project_picture, project_vector
from retrieval.vectors import PassageVector


def image_processed(connection: Connection, event: Event[ImageProcessed]) -> None:
    """Make the item findable by when, with what and how large its picture was taken."""
    image = event.data
    exif = image.exif or Exif()
    picture = Picture(
        item_id=event.subject,
        processed_at=event.time,
        width=image.width,
        height=image.height,
        # A text, which may name what no calendar has: a camera whose clock was never set.
        taken_at=a_clock_time(exif.taken_at or ""),
        camera_make=exif.camera_make,
        camera_model=exif.camera_model,
    )
    project_picture(connection, event.tenant_id, picture)


def item_analyzed(connection: Connection, event: Event[ItemAnalyzed]) -> None:
    """Make the item findable by keyword."""
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
    project_analysis(connection, event.tenant_id, item)


def item_embedded(connection: Connection, event: Event[ItemEmbedded]) -> None:
    """Make the item findable by meaning.

    Raises:
        PermanentError: a vector is none, or not comparable with others.
    """
    embedded = event.data
    try:
        values = embedded.values()
        passages = [
            PassageVector(each.start, each.end, vector_values(each.vector, embedded.dimensions))
            for each in embedded.passages
        ]
    except ValueError as error:
        raise PermanentError("invalid-vector", str(error)) from error
    try:
        project_vector(
            connection,
            event.tenant_id,
            event.subject,
            vector=values,
            model=embedded.model,
            analysis_version=embedded.analysis_version,
            embedded_at=event.time,
            passages=passages,
        )
    except InvalidVectorError as error:
        raise PermanentError("invalid-vector", str(error)) from error


def item_deleted(connection: Connection, event: Event[ItemDeleted]) -> None:
    """Remove the item for good, whatever else arrives about it."""
    project_deletion(connection, event.tenant_id, event.subject, event.time)


READ_MODEL = Projections(
    {
        ImageProcessed: image_processed,
        ItemAnalyzed: item_analyzed,
        ItemEmbedded: item_embedded,
        ItemDeleted: item_deleted,
    }
)
