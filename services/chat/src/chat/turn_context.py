"""The context of one turn, and what it gathers. The program passes it to tools, never the model."""

import time
from dataclasses import dataclass, field
from typing import Any

from retrieval import NO_FILTERS, Filters, Hit
from retrieval.confidence import any_confident


@dataclass
class TurnContext:
    """The caller's options, and the turn's findings.

    `question` is the person's; sources are chosen for it, too. `deadline` is on the clock of `time.monotonic`.
    `filters` and `min_similarity` apply to every search of the turn.
    """

    tenant_id: str
    deadline: float
    question: str = ""
    top_k: int = 10
    filters: Filters = NO_FILTERS
    min_similarity: float = 0.0
    hits: list[Hit] = field(default_factory=list)
    tools_used: list[dict[str, Any]] = field(default_factory=list)
    told: list[bool | None] = field(default_factory=list)
    """Of each search, whether it found what it asked for."""
    overview: str | None = None
    """What the model is told of the collection, once it was read."""

    @property
    def confident(self) -> bool | None:
        """Whether any search found what it asked for; None where that cannot be told, or nothing was searched for."""
        return any_confident(self.told) if self.told else None

    def seconds_left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def note_use(self, tool: str, arguments: dict[str, Any], **outcome: object) -> None:
        """Record the use of a tool for the answer."""
        self.tools_used.append({"name": tool, "input": arguments, **outcome})
