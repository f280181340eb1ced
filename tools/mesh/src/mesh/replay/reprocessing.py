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

    def estimate(
        self, counts: Mapping[str, Mapping[str, int]], budget_usd: float, following: Mapping[str, Price]
    ) -> dict[str, Any]:
        """As JSON: how many events may cost something, and for how many of them the budget suffices.

        `following` are prices of what services do upon the results, beside the budget.
        """
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
            "beside": beside(following, enough),
        }


def of(told: Mapping[str, Any]) -> Price | None:
    """What a service says that its reprocessing costs; None where it pays nobody, or refuses."""
    if not told or "refused" in told:
        return None
    return Price(tuple(told["types"]), told["model"], told["each_usd"], told["most_usd"])


def follows(consumer: str, told: Mapping[str, Mapping[str, Any]]) -> dict[str, Price]:
    """Of what services say that their reprocessing costs: the prices of those that pay for events of the consumer."""
    prices = {service: of(answer) for service, answer in told.items() if service != consumer}
    return {
        service: found
        for service, found in prices.items()
        if found and any(each.startswith(f"collections.{consumer}.") for each in found.types)
    }


def beside(following: Mapping[str, Price], results: int) -> list[dict[str, Any]]:
    """As JSON: about what other services pay for what follows from so many results."""
    return [
        {"service": service, "model": each.model, "provider_usd": round(results * each.each_usd, 6)}
        for service, each in following.items()
    ]


def price(consumer: str, told: Mapping[str, Any], budget_usd: float | None) -> Price | None:
    """What the consumer says that reprocessing costs; None where no provider is paid.

    Raises:
        BudgetInvalidError: it costs and there is no budget, or one that pays for nothing; or it cannot be ordered.
    """
    if "refused" in told:
        raise BudgetInvalidError(str(told["refused"]))
    found = of(told)
    if found is None:
        return None
    if budget_usd is None:
        raise BudgetInvalidError(f"{consumer} pays {found.model}: --budget USD is required to reprocess")
    if budget_usd < found.most_usd:
        raise BudgetInvalidError(
            f"one call of {found.model} may cost {usd(found.most_usd)} USD: a budget of {usd(budget_usd)} pays for none"
        )
    return found


def without_requests(types: Sequence[str]) -> tuple[str, ...]:
    """What is reprocessed where no type is named: what somebody requested once is not requested again."""
    return tuple(each for each in types if not fact_of(each).endswith("-requested"))


def said(estimate: Mapping[str, Any]) -> str:
    """The estimate in words."""
    return (
        f"up to {estimate['calls']} calls of {estimate['model']}, about {usd(estimate['each_usd'])} USD each:"
        f" {usd(estimate['provider_usd'])} USD; the budget of {usd(estimate['budget_usd'])} USD suffices for about"
        f" {estimate['calls_in_budget']} ({usd(estimate['most_usd'])} USD are reserved for each)"
        + _beside(estimate["beside"])
    )


def come_so_far(spending: Mapping[str, Any]) -> str:
    """How far it has come, in words."""
    under_way = f", {usd(spending['reserved_usd'])} reserved by calls under way" if spending["reserved_usd"] else ""
    return (
        f"{usd(spending['spent_usd'])} of {usd(spending['budget_usd'])} USD spent{under_way}: {spending['made']} made,"
        f" {spending['reused']} reused, {spending['failed']} failed, {spending['left_over']} left over"
        + _beside(spending["beside"])
    )


def usd(amount: float) -> str:
    """An amount in words: cents, or millionths of a dollar where it is small."""
    return f"{amount:.2f}" if amount == 0 or amount >= 1 else f"{amount:.6f}"


def _beside(paying: Sequence[Mapping[str, Any]]) -> str:
    return "".join(
        f"; beside the budget {each['service']} pays {each['model']} about {usd(each['provider_usd'])} USD for what"
        " follows"
        for each in paying
    )
