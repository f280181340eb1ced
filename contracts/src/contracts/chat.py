"""Facts about conversations, published by the chat service. The subject is the session's id."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from contracts.contract import Contract, Part, Timestamp
from contracts.operations import ErasureReceipt, ReplayReport
from contracts.personal import Personal


class ChatMessage(Part):
    """One message as the history shows it."""

    role: Literal["user", "assistant"]
    content: Annotated[str, Personal()]
    timestamp: Timestamp
    search_results: Annotated[tuple[dict[str, Any], ...] | None, Personal()] = None
    tools_used: Annotated[tuple[dict[str, Any], ...] | None, Personal()] = None


class TurnCompleted(Contract):
    """A question was answered; turns of one session count 1, 2, …"""

    event_type: ClassVar[str] = "collections.chat.turn-completed.v1"
    schema_version: ClassVar[str] = "1.0"

    turn: int = Field(ge=1)
    question: ChatMessage
    answer: ChatMessage
    tools_used: tuple[str, ...] = Field(default=(), description="Names, in the order of use.")
    citations: tuple[str, ...] = Field(default=(), description="Item ids the answer refers to.")
    model: str
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)
    response_time_ms: int = Field(ge=0)

    def quoted(self) -> tuple[str, ...]:
        """Ids of the items that the answer cites or its searches found: what they say may be in the conversation."""
        found = (result.get("item_id") for result in self.answer.search_results or ())
        return tuple(dict.fromkeys((*self.citations, *(each for each in found if isinstance(each, str)))))


class ErasedTurn(Part):
    """A turn by its number and the time of its `turn-completed`."""

    turn: int = Field(ge=1)
    completed_at: Timestamp


class TurnsErased(Contract):
    """What was said in these turns is erased, for it may quote an item that is deleted; the conversation goes on."""

    event_type: ClassVar[str] = "collections.chat.turns-erased.v1"
    schema_version: ClassVar[str] = "1.0"

    turns: tuple[ErasedTurn, ...]


class ReplayProgressed(ReplayReport):
    """The replay of chat's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.chat.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of chat's events has ended."""

    event_type: ClassVar[str] = "collections.chat.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class TenantErased(ErasureReceipt):
    """Chat has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.chat.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
