"""One service in one process: its settings, its database, its bus. Connects when first used."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from chassis import erasure, idempotency
from chassis.aws import Aws
from chassis.bus import Bus
from chassis.database import Connection, Database
from chassis.deviations import Deviation
from chassis.items import Items
from chassis.objects import ImageStore
from chassis.observability import logger
from chassis.outbox import relay
from chassis.projections import Projections
from chassis.retention import BUDGETS, INBOX, REPLAYS, TURNS, Rule, prune
from chassis.secrets import Secrets
from chassis.settings import Settings
from chassis.work import UnitsOfWork
from contracts import REGISTRY

__all__ = [
    "Service",
]

_ERASED_AT_ONCE = 200

S_co = TypeVar("S_co", bound=Settings, covariant=True)


@dataclass(frozen=True)
class Service(Generic[S_co]):
    """The dependencies of an entry point; a service's `bootstrap` builds it, extended by its own.

    Raises:
        BrokenRegistryError: the contracts are declared wrongly; nothing is to be read or published under them.
    """

    settings: S_co
    aws: Aws = field(default_factory=Aws)

    def __post_init__(self) -> None:
        REGISTRY.proven()

    @property
    def projections(self) -> Projections:
        """How events become the service's tables; a service without tables of its own has none."""
        return Projections()

    @property
    def database_projections(self) -> Projections:
        """The same folds, into the database alone: what operators ask about is folded apart from everything live."""
        return self.projections

    @property
    def items(self) -> Items | None:
        """What events become in DynamoDB, for an audit; None where they become nothing there."""
        return None

    @property
    def retention(self) -> Sequence[Rule]:
        """How long which rows are kept; a service with more such tables adds its own rules."""
        return (INBOX, REPLAYS, TURNS, BUDGETS, idempotency.RETENTION)

    def reprocessing(self, model: str | None, prompt: str | None = None) -> Mapping[str, Any]:
        """What operators are told before they order a reprocessing, with that model and prompt or the usual ones.

        Nothing where no provider is paid. Else `types` (of events, for each of which a provider is paid), `provider`,
        `model`, `prompt` (its id), `each_usd` (about what one costs) and `most_usd` (what is reserved for one); or
        `refused`, why not.
        """
        return {}

    def runs(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What operators ask about samples of a reprocessing, their promotion and rollback.

        Raises:
            ValueError: the service makes no candidates, or the request is not understood.
        """
        raise ValueError(f"{self.settings.service} makes no candidates")

    @property
    def derived_tables(self) -> Sequence[str]:
        """Tables that nothing finds by subject, and that follow from other tables of the service: see `deviations`."""
        return ()

    def deviations(self, connection: Connection, tenant_id: str) -> Sequence[Deviation]:
        """What the tenant's rows of `derived_tables` are not as they follow from the others.

        Raises:
            TransientError: the database does not answer.
        """
        return ()

    def recount(self, connection: Connection, tenant_id: str) -> None:
        """Recount what `derived_tables` say of a whole tenant, from the tables beside them.

        They are found by the search path, and no other unit of work runs. Here: there are none.

        Raises:
            TransientError: the database does not answer.
        """

    def questions(
        self, connection: Connection, number: int, tenants: Sequence[str]
    ) -> Sequence[Callable[[Connection], object]]:
        """So many of the readers' searches, drawn from the live tables, of these tenants or of all.

        A rebuild asks each of the live tables and of those beside, and compares the answers. Here: none.
        """
        return ()

    @cached_property
    def database(self) -> Database:
        """The service's own Postgres schema."""
        return Database(self.settings, self._database_password)

    @cached_property
    def secrets(self) -> Secrets:
        """The service's secrets."""
        return Secrets(self.aws, self.settings.parameter_prefix, max_age_s=self.settings.secrets_max_age_s)

    @cached_property
    def bus(self) -> Bus:
        """The event bus."""
        return Bus(self.settings.event_bus, self.aws)

    @cached_property
    def work(self) -> UnitsOfWork:
        """Where transactions begin."""
        return UnitsOfWork(self.database, self.bus, self.projections, self.database_projections)

    @cached_property
    def images(self) -> ImageStore:
        """The images bucket."""
        return ImageStore(self.settings.images_bucket, self.aws)

    @property
    def folders(self) -> Sequence[str]:
        """Folders of the images bucket, behind the tenant, whose objects are this service's."""
        return ()

    def erase_objects(
        self, tenant_id: str, before: Callable[[Sequence[str]], None] = lambda keys: None
    ) -> Counter[str]:
        """Delete every object of the tenant, with all versions, a page at a time in the order of keys; returns how many
        versions they had.

        `before` is called before each page is deleted, with the key of each of its versions.

        Raises:
            TransientError: S3 did not answer, or kept one; what is deleted by then stays deleted.
        """
        deleted = 0
        for prefix in sorted(f"{tenant_id}/{name}/" for name in self.folders):
            while page := self.images.first_versions(prefix):
                before([version["Key"] for version in page])
                self.images.delete_versions(page)
                deleted += len(page)
        return +Counter({"objects": deleted})

    def count_items(self, tenant_id: str) -> Counter[str]:
        """How many items `erase_items` would delete. Raises as that."""
        return Counter()

    def erase_items(self, tenant_id: str) -> None:
        """Delete what the service keeps of the tenant in DynamoDB.

        Raises:
            TransientError: DynamoDB did not answer.
        """

    def relay(self) -> int:
        """Publish what a crash left in the outbox; returns how many events. Then prune."""
        try:
            return relay(self.database, self.bus)
        finally:
            self.prune()

    def prune(self) -> dict[str, int]:
        """Delete a batch of what is past its retention; returns how many rows of which table.

        Streams whose subjects were deleted before deletion erased them are erased, a batch at a time.
        """
        deleted = prune(self.database, self.retention)
        with self.database.transaction() as connection:
            erased = erasure.erase_deleted(connection, limit=_ERASED_AT_ONCE)
        if erased:
            logger.info("streams of deleted subjects erased", extra={"subjects": erased})
        if deleted:
            logger.info("pruned", extra={"rows": deleted})
        return deleted

    def _database_password(self) -> str:
        settings = self.settings
        if settings.database_auth == "iam":
            return self.aws.database_token(
                host=settings.database_host, port=settings.database_port, role=settings.database_role
            )
        return self.secrets.get(f"database/{settings.service}")
