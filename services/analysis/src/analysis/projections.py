"""Events become `pictures` and `rejections` (of pictures and of uploads), `analyses` and `candidates`."""

from analysis.repository import analyses, candidates, leases, pictures, rejections
from analysis.repository.analyses import AnalysisRecord
from analysis.repository.pictures import PictureRecord
from chassis.database import Connection
from chassis.projections import Projections
from contracts import Event
from contracts.analysis import CandidateAnalyzed, ItemAnalyzed
from contracts.imaging import ImageProcessed, ImageRejected
from contracts.ingest import ItemDeleted, UploadRejected


def image_processed(connection: Connection, event: Event[ImageProcessed]) -> None:
    """The picture is known; of several processings of an item the newest counts.

    One without a rendition for models changes nothing: the reaction to it ends in the dead-letter queue.
    """
    picture = PictureRecord.of(event)
    if picture is not None:
        pictures.save(connection, picture, event.time)


def rejected(connection: Connection, event: Event[ImageRejected] | Event[UploadRejected]) -> None:
    """The item has no picture, and why."""
    rejections.save(connection, event)


def item_analyzed(connection: Connection, event: Event[ItemAnalyzed]) -> None:
    """A version of the item's description is known; a version never changes."""
    analyses.add(connection, event.tenant_id, AnalysisRecord.of(event))


def candidate_analyzed(connection: Connection, event: Event[CandidateAnalyzed]) -> None:
    """A description beside the live version is known."""
    candidates.add(connection, event)


def item_deleted(connection: Connection, event: Event[ItemDeleted]) -> None:
    """Everything about the item is gone; what is still being made finds the tombstone."""
    # In this order: a lease is taken under the lock of the picture's row.
    pictures.delete(connection, event.tenant_id, event.subject)
    leases.end(connection, event.tenant_id, event.subject)
    analyses.delete(connection, event.tenant_id, event.subject)
    candidates.delete(connection, event.tenant_id, event.subject)
    rejections.delete(connection, event.tenant_id, event.subject)


PROJECTIONS = Projections(
    {
        ImageProcessed: image_processed,
        ImageRejected: rejected,
        UploadRejected: rejected,
        ItemAnalyzed: item_analyzed,
        CandidateAnalyzed: candidate_analyzed,
    },
    deletions={ItemDeleted: item_deleted},
)
