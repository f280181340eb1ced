"""What a reprocessing is to cost, before it is ordered, and what it has cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.contract import fact_of
from mesh.replay.errors import BudgetInvalidError


@dataclass(frozen=True, slots=True)
class Price:
    """Of a reprocessing by a consumer: for each event of these types about `each_usd` are paid, at most `most_usd`."""

    types: tuple[str, ...]
    model: str
    each_usd: float
    most_usd: float

    def estimate(self, counts: Mapping[str, Mapping[str, int]], budget_usd: float) -> dict[str, Any]:
        """As JSON: how many events may cost something, and for how many of them the budget suffices."""
        facts = {fact_of(event_type) for event_type in self.types}
        paid = sum(
            n for by_type in counts.values() for event_type, n in by_type.items() if fact_of(event_type) in facts
        )
        enough = min(paid, int((budget_usd - self.most_usd) / self.each_usd) + 1) if self.each_usd else paid
        return {
            "model": self.model,
            "each_usd": self.each_usd,
            "most_usd": self.most_usd,
            "calls": paid,
            "provider_usd": round(paid * self.each_usd, 6),
            "budget_usd": budget_usd,
            "calls_in_budget": enough,
        }


def price(consumer: str, told: Mapping[str, Any], budget_usd: float | None) -> Price | None:
    """What the consumer says that reprocessing costs; None where no provider is paid.

    Raises:
        BudgetInvalidError: it costs and there is no budget, or one that pays for nothing; or it cannot be ordered.
    """
    if "refused" in told:
        raise BudgetInvalidError(str(told["refused"]))
    if not told:
        return None
    found = Price(tuple(told["types"]), told["model"], told["each_usd"], told["most_usd"])
    if budget_usd is None:
        raise BudgetInvalidError(f"{consumer} pays {found.model}: --budget USD is required to reprocess")
    if budget_usd < found.most_usd:
        raise BudgetInvalidError(
            f"one call of {found.model} may cost {found.most_usd:.2f} USD: a budget of {budget_usd:.2f} pays for none"
        )
    return found


def without_requests(types: Sequence[str]) -> tuple[str, ...]:
    """What is reprocessed where no type is named: what somebody requested once is not requested again."""
    return tuple(each for each in types if not fact_of(each).endswith("-requested"))


def said(estimate: Mapping[str, Any]) -> str:
    """The estimate in words."""
    return (
        f"up to {estimate['calls']} calls of {estimate['model']}, about {estimate['each_usd']:.4f} USD each:"
        f" {estimate['provider_usd']:.2f} USD; the budget of {estimate['budget_usd']:.2f} USD suffices for about"
        f" {estimate['calls_in_budget']} ({estimate['most_usd']:.2f} USD are reserved for each). What follows"
        " elsewhere, such as embedding, is not in it"
    )


def come_so_far(spending: Mapping[str, Any]) -> str:
    """How far it has come, in words."""
    under_way = f", {spending['reserved_usd']:.2f} reserved by calls under way" if spending["reserved_usd"] else ""
    return (
        f"{spending['spent_usd']:.4f} of {spending['budget_usd']:.2f} USD spent{under_way}: {spending['made']} made,"
        f" {spending['reused']} reused, {spending['failed']} failed, {spending['left_over']} left over"
    )
