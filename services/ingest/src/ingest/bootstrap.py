"""The service's real dependencies."""

from chassis.aws import Aws
from chassis.projections import Projections
from chassis.service import Service
from ingest.projections import PROJECTIONS
from ingest.settings import IngestSettings


class IngestService(Service[IngestSettings]):
    """The dependencies of the entry points."""

    @property
    def projections(self) -> Projections:
        """See `ingest.projections`."""
        return PROJECTIONS


def bootstrap(settings: IngestSettings | None = None, aws: Aws | None = None) -> IngestService:
    """The service; without arguments as the environment describes it."""
    return IngestService(settings or IngestSettings(), aws or Aws())
