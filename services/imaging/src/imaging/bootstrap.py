"""The service's real dependencies."""

from collections.abc import Sequence

from chassis.aws import Aws
from chassis.projections import Projections
from chassis.service import Service
from imaging.projections import PROJECTIONS
from imaging.settings import ImagingSettings


class ImagingService(Service[ImagingSettings]):
    """The dependencies of the entry points."""

    @property
    def folders(self) -> Sequence[str]:
        """What is made of originals."""
        return ("renditions", "thumbnails")

    @property
    def projections(self) -> Projections:
        """See `imaging.projections`."""
        return PROJECTIONS


def bootstrap(settings: ImagingSettings | None = None, aws: Aws | None = None) -> ImagingService:
    """The service; without arguments as the environment describes it."""
    return ImagingService(settings or ImagingSettings(), aws or Aws())
