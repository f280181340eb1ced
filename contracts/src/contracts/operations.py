"""What operators order, and what the services report of it: replays, and the erasure of a tenant.

The source of an order is `collections.operator`, which is no service: whoever may put such events on the bus publishes
it. It belongs to no tenant; `OPERATORS` stands where the tenant does. The subject is the replay's id,
or the tenant that is to be forgotten.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from contracts.contract import Contract, Part, Timestamp
from contracts.envelope import ReplayKind, ReprocessMode
from contracts.personal import Personal

#: The `tenantid` of what belongs to no tenant; those of tenants are UUIDs.
OPERATORS = "operators"
_TYPE = r"^collections\.[a-z]+\.[a-z]+(-[a-z]+)*\.v[1-9][0-9]*$"
#: Events a second that a replay may ask for.
MAX_RATE = 10_000
#: US dollars that one replay may pay.
MAX_BUDGET_USD = 100_000


class Selection(Part):
    """Which stored events: those that satisfy everything given here; what is left out does not narrow."""

    types: tuple[Annotated[str, Field(pattern=_TYPE)], ...] = Field(
        description="Types of events, of any major: older ones are upcast on the way.", min_length=1
    )
    tenants: tuple[str, ...] = Field(default=(), description="Ids of tenants.")
    subjects: tuple[str, ...] = Field(default=(), description="Ids of items or conversations.")
    recorded_since: Timestamp | None = Field(default=None, description="Recorded at this moment or later.")
    recorded_before: Timestamp | None = Field(default=None, description="Recorded before this moment.")
    from_position: int | None = Field(default=None, description="The first position in the owner's store.", ge=1)
    to_position: int | None = Field(default=None, description="The last position in the owner's store.", ge=1)


class ReplayRequested(Contract):
    """An operator ordered stored events to be published again, to one consumer; a second order of one id is none."""

    event_type: ClassVar[str] = "collections.operator.replay-requested.v1"
    schema_version: ClassVar[str] = "1.2"

    who: Annotated[str, Personal()] = Field(description="Who ordered it, as AWS or the machine names them.")
    why: Annotated[str, Personal()]
    consumer: str = Field(description="The one service that gets the events.", pattern="^[a-z]+$")
    kind: ReplayKind
    selection: Selection
    rate: int = Field(description="Events a second at most, of each owner.", ge=1, le=MAX_RATE)
    budget_usd: float | None = Field(
        default=None,
        description="US dollars that a reprocessing may pay providers; without it, nothing that costs is done.",
        ge=0,
        le=MAX_BUDGET_USD,
    )
    force: bool = Field(default=False, description="Reprocess also what has the same content, prompt and model.")
    model: str | None = Field(default=None, description="The model to reprocess with, instead of the configured one.")
    prompt: str | None = Field(default=None, description="The id of the prompt to reprocess with.")
    mode: ReprocessMode | None = Field(
        default=None,
        description="What becomes of the results: candidates beside the live versions; a rollback makes none.",
    )
    run: str | None = Field(
        default=None,
        description="The run that is promoted or rolled back; by default the replay is a run of its own.",
        min_length=1,
    )
    version: int | None = Field(
        default=None, description="The version that a rollback of selected items returns to, instead of a run's.", ge=1
    )


class _Order(Contract):
    who: Annotated[str, Personal()] = Field(description="Who ordered it, as AWS or the machine names them.")
    why: Annotated[str, Personal()]


class ReplayPaused(_Order):
    """An operator ordered the replay to wait."""

    event_type: ClassVar[str] = "collections.operator.replay-paused.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayResumed(_Order):
    """An operator ordered the replay to go on, from where it was paused or has failed."""

    event_type: ClassVar[str] = "collections.operator.replay-resumed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCancelled(_Order):
    """An operator ordered the replay to end; what was published stays."""

    event_type: ClassVar[str] = "collections.operator.replay-cancelled.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayState(StrEnum):
    """How a replay stands in one service."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """The bus or the database kept failing; it goes on from its checkpoint when it is resumed."""


class TypeCount(Part):
    """How far a replay is with events of one type."""

    type: str = Field(description="As stored: of an older major before it was upcast.")
    selected: int = Field(description="Selected when the replay began.", ge=0)
    published: int = Field(description="On the bus once more.", ge=0)
    left_out: int = Field(default=0, description="That cannot be read, or that the bus refuses.", ge=0)


class ReplayReport(Contract):
    """How far a service is with the replay of its events."""

    consumer: str
    kind: ReplayKind
    state: ReplayState
    step: int = Field(description="Rises by one with each report; the work of a step follows its report.", ge=1)
    counts: tuple[TypeCount, ...] = Field(description="By stored type, in alphabetical order.")
    position: int = Field(description="Of the last stored event that was looked at; 0 before the first.", ge=0)


class BudgetReport(Contract):
    """What a replay may pay does not suffice for another call; the owners of its events stop publishing.

    The subject is the replay's id.
    """

    budget_usd: float = Field(description="What was ordered, in US dollars.", ge=0)
    spent_usd: float = Field(description="What calls have cost so far, or may have cost where they died.", ge=0)


class ForgetRequested(_Order):
    """An operator ordered everything of a tenant to be erased, whose id is the subject; a second order is none."""

    event_type: ClassVar[str] = "collections.operator.forget-requested.v1"
    schema_version: ClassVar[str] = "1.0"


class Erased(Part):
    """How much of one store was erased."""

    store: str = Field(
        description="`events`, `table NAME`, `objects`, `items of TABLE` or `dead letters`.", min_length=1
    )
    count: int = Field(description="Events, rows, versions of objects, items or messages.", ge=0)


class ErasureReceipt(Contract):
    """A service has erased everything that it held of the tenant; the subject is the tenant's id."""

    stores: tuple[Erased, ...] = Field(description="Those that held anything, in alphabetical order.")
