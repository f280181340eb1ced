"""The service's real dependencies."""

from collections.abc import Sequence
from datetime import timedelta

from chassis.aws import Aws
from chassis.projections import Projections
from chassis.retention import Rule
from chassis.service import Service
from ingest.projections import PROJECTIONS
from ingest.settings import IngestSettings


class IngestService(Service[IngestSettings]):
    """The dependencies of the entry points."""

    @property
    def retention(self) -> Sequence[Rule]:
        """Uploads too: S3's event can come out of a queue (4 days), its dead letters (14), and both after a redrive."""
        return (*super().retention, Rule("uploads", "expires_at", timedelta(days=60)))

    @property
    def folders(self) -> Sequence[str]:
        """Originals, and what has landed."""
        return ("images", "uploads")

    @property
    def projections(self) -> Projections:
        """See `ingest.projections`."""
        return PROJECTIONS


def bootstrap(settings: IngestSettings | None = None, aws: Aws | None = None) -> IngestService:
    """The service; without arguments as the environment describes it."""
    return IngestService(settings or IngestSettings(), aws or Aws())
