"""Reprocessing under a budget: through the real SDK and a real database."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis.replays import answer
from contracts import Contract, Event, ReplayKind, replayed
from contracts.analysis import ItemAnalyzed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from embedding.prices import cost_usd, most_tokens, shares
from embedding.text import compose

pytestmark = pytest.mark.integration

MODEL = "voyage-3.5-lite"


def again(event: Event[ItemAnalyzed], budget: float = 1, replay: str = "replay-1", **how: Any) -> Event[ItemAnalyzed]:
    ordered = replayed(event, replay_id=replay, replay_for="embedding", kind=ReplayKind.REPROCESS)
    return replace(ordered, **({"replay_budget": f"{budget:.6f}", "replay_force": "false"} | how))


def spending(running: Any, replay: str = "replay-1") -> dict[str, Any]:
    found: dict[str, Any] = answer(running.service, {"spending": replay})["spending"]
    return found


def most(event: Event[ItemAnalyzed]) -> float:
    return cost_usd(MODEL, most_tokens(compose(event.data.description))) or 0


def vectors(events: list[Event[Contract]]) -> list[ItemEmbedded]:
    return [event.data for event in events if isinstance(event.data, ItemEmbedded)]


def outcomes(found: dict[str, Any]) -> tuple[int, ...]:
    return tuple(found[name] for name in ("made", "reused", "failed", "left_over"))


def test_what_is_there_costs_nothing_and_what_is_forced_is_paid(running: Any, providers: Any) -> None:
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    assert running.consume(*events) == 0
    assert running.consume(*(again(event) for event in events)) == 0
    assert (outcomes(spending(running)), spending(running)["spent_usd"]) == ((0, 3, 0, 0), 0)
    assert len(providers.requests("voyage")) == 1
    forced = [again(event, replay="replay-2", replay_force="true") for event in events]
    for _ in range(2):
        assert running.consume(*forced) == 0
    found = spending(running, "replay-2")
    tokens = sum(vectors(running.recorded("alice", event.subject))[1].tokens for event in events)
    assert outcomes(found) == (3, 0, 0, 0)
    assert found["reserved_usd"] == 0
    assert (cost_usd(MODEL, tokens) or 0) <= found["spent_usd"] <= sum(map(most, events))
    assert len(providers.requests("voyage")) == 2, "one request for the batch"


def test_at_the_budget_nobody_is_asked(running: Any, providers: Any) -> None:
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    budget = round(most(events[0]) + 0.000001, 6)
    for event in events:
        assert running.consume(again(event, budget)) == 0
    found = spending(running)
    assert found["spent_usd"] <= budget
    assert found["made"] == len(providers.requests("voyage")) >= 1
    assert found["made"] + found["left_over"] == 3
    assert found["left_over"] >= 1
    assert sum(len(vectors(running.recorded("alice", event.subject))) for event in events) == found["made"]


@pytest.mark.parametrize(("status", "is_spent"), [(429, False), (500, True)])
def test_what_may_have_been_paid_is_spent(running: Any, providers: Any, status: int, is_spent: bool) -> None:
    providers.fault(provider="voyage", kind="status", status=status, count=1)
    event = running.describe("alice")
    assert running.consume(again(event)) == 1
    found = spending(running)
    assert found["spent_usd"] == (pytest.approx(most(event), abs=1e-6) if is_spent else 0)
    assert found["reserved_usd"] == 0
    assert running.consume(again(event), attempt=2) == 0
    assert outcomes(spending(running)) == (1, 0, 0, 0)


def test_a_text_that_is_rejected_takes_no_other_with_it_and_keeps_its_vector(running: Any, providers: Any) -> None:
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    assert running.consume(events[0]) == 0
    providers.fault(provider="voyage", kind="status", status=400, count=2)  # the batch, and the first alone
    assert running.consume(*(again(event, replay_force="true") for event in events)) == 0
    assert outcomes(spending(running)) == (2, 0, 1, 0)
    facts = running.recorded("alice", events[0].subject)
    assert (len(vectors(facts)), [f for f in facts if isinstance(f.data, EmbeddingFailed)]) == (1, [])


def pages(running: Any) -> list[Event[ItemAnalyzed]]:
    """More texts than one request takes."""
    return [
        running.describe("alice", read=tuple(f"Line {n} of page {page} says something else." for n in range(300)))
        for page in range(4)
    ]


def test_long_items_take_requests_that_the_provider_takes(running: Any, providers: Any) -> None:
    events = pages(running)
    assert running.consume(*(again(event) for event in events)) == 0
    sizes = [len(request["body"]["input"]) for request in providers.requests("voyage")]
    assert len(sizes) == 2
    assert max(sizes) <= 64 < sum(sizes)
    assert (outcomes(spending(running)), spending(running)["reserved_usd"]) == ((4, 0, 0, 0), 0)


def test_items_of_a_request_that_is_refused_are_embedded_one_by_one(running: Any, providers: Any) -> None:
    events = pages(running)
    providers.fault(provider="voyage", kind="status", status=400, count=1)  # the first request for several items
    assert running.consume(*(again(event) for event in events)) == 0
    assert (outcomes(spending(running)), spending(running)["reserved_usd"]) == ((4, 0, 0, 0), 0)


def test_another_model_is_refused(start: Callable[..., Any]) -> None:
    running = start()
    told = answer(running.service, {"reprocessing": {"model": None}})["reprocessing"]
    assert (told["model"], told["types"]) == (MODEL, [ItemAnalyzed.event_type])
    assert 0 < told["each_usd"] < told["most_usd"]
    assert "refused" in answer(running.service, {"reprocessing": {"model": "voyage-4"}})["reprocessing"]
    running = start(embedding_model="voyage-3-lite")
    assert "no price" in answer(running.service, {"reprocessing": {"model": None}})["reprocessing"]["refused"]


def test_no_part_of_a_request_is_above_what_was_reserved_for_it() -> None:
    texts = ["a", "\u30b9" * 500, "word " * 100]
    total = sum(map(most_tokens, texts))
    assert all(part <= most_tokens(text) + 1e-9 for text, part in shares(texts, total).items())
    assert sum(shares(texts, 12.5).values()) == pytest.approx(12.5)
