"""One service in one process: its settings, its database, its bus. Made at import, connects when first used."""

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from chassis.bus import Bus
from chassis.config import Settings
from chassis.database import Database
from chassis.objects import ImageStore
from chassis.outbox import relay
from chassis.work import UnitsOfWork

S_co = TypeVar("S_co", bound=Settings, covariant=True)


@dataclass(frozen=True)
class Service(Generic[S_co]):
    """What a handler is given; build it with the service's settings in `bootstrap`."""

    settings: S_co

    @cached_property
    def database(self) -> Database:
        """The service's own Postgres schema."""
        return Database(self.settings)

    @cached_property
    def bus(self) -> Bus:
        """The event bus."""
        return Bus(self.settings.event_bus)

    @cached_property
    def work(self) -> UnitsOfWork:
        """Where transactions begin."""
        return UnitsOfWork(self.database, self.bus)

    @cached_property
    def images(self) -> ImageStore:
        """The images bucket."""
        return ImageStore(self.settings.images_bucket)

    def relay(self) -> int:
        """Publish what a crash left in the outbox; returns how many events."""
        return relay(self.database, self.bus)
