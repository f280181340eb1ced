"""Reprocessing under a budget: through the real SDKs and a real database, with several workers at once."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from analysis.bootstrap import bootstrap
from analysis.describe import most_usd
from chassis.replays import answer
from contracts import Contract, Event, ReplayKind, replayed
from contracts.analysis import AnalysisFailed, AnalysisRequested, BudgetSpent, ItemAnalyzed
from contracts.imaging import ImageProcessed
from contracts.operations import OPERATORS

pytestmark = pytest.mark.integration

REPLAY = "replay-1"
MODEL = "claude-opus-5-5"


def again(event: Event[ImageProcessed], budget: float, replay: str = REPLAY, **how: Any) -> Event[ImageProcessed]:
    ordered = replayed(event, replay_id=replay, replay_for="analysis", kind=ReplayKind.REPROCESS)
    return replace(
        ordered, **({"replay_budget": f"{budget:.6f}", "replay_force": "false", "replay_model": MODEL} | how)
    )


def most(running: Any) -> float:
    plan = running.service.analyst.plan(model=MODEL)
    found = most_usd(plan.choice, plan.prompt)
    assert found is not None
    return found


def spending(running: Any, replay: str = REPLAY) -> dict[str, Any]:
    found: dict[str, Any] = answer(running.service, {"spending": replay})["spending"]
    return found


def facts(events: list[Event[Contract]]) -> list[ItemAnalyzed]:
    return [event.data for event in events if isinstance(event.data, ItemAnalyzed)]


def another(running: Any) -> Any:
    """Another process of the service, with a queue of its own."""
    queue = running.service.aws.sqs.create_queue(QueueName=f"worker-{secrets.token_hex(4)}")
    settings = running.service.settings.model_copy(update={"queue_url": queue["QueueUrl"]})
    return type(running).over(bootstrap(settings, running.service.aws))


def test_workers_at_once_stay_within_the_budget_and_say_how_far_they_came(running: Any, providers: Any) -> None:
    events = [running.upload(f"tenant-{number}", colour=f"#{number:06x}") for number in range(12)]
    budget = round(most(running) + 0.02, 6)
    workers = [another(running) for _ in range(3)]

    def work(place: int) -> None:
        for event in events[place::3]:
            for attempt in range(1, 50):  # what waits for the others' calls comes back
                if workers[place].consume(again(event, budget), attempt=min(attempt, 5)) == 0:
                    break

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    for worker in workers:
        worker.service.database.close()
    made = [fact for event in events for fact in facts(running.recorded(event.tenant_id, event.subject))]
    found = spending(running)
    assert {fact.model for fact in made} == {MODEL}
    assert found["spent_usd"] <= budget
    assert found["spent_usd"] == pytest.approx(sum(fact.cost_usd for fact in made))
    assert (found["made"], found["left_over"], found["reserved_usd"]) == (len(made), 12 - len(made), 0)
    assert 1 <= len(made) < 12
    assert len(providers.requests("anthropic")) == len(made), "no call is made that nothing was reserved for"
    (told,) = running.recorded(OPERATORS, REPLAY)
    assert isinstance(told.data, BudgetSpent)
    assert told.data.budget_usd == budget
    with running.service.database.transaction() as connection:
        assert connection.execute("SELECT FROM leases").fetchall() == [], "a request would have to wait"


def test_results_are_reused_unless_forced(running: Any, providers: Any) -> None:
    event, equal = running.upload("alice", colour="blue"), running.upload("alice", colour="blue")
    running.consume(event)
    first = again(event, 5)
    assert running.consume(first, again(equal, 5), first) == 0
    assert running.consume(again(event, 5, "replay-2")) == 0
    assert [fact.model for fact in facts(running.recorded("alice", event.subject))] == ["claude-sonnet-5-5", MODEL]
    (reused,) = facts(running.recorded("alice", equal.subject))
    assert (reused.model, reused.cost_usd) == (MODEL, 0)
    assert len(providers.requests("anthropic")) == 2
    found, second = spending(running), spending(running, "replay-2")
    assert (found["made"], found["reused"], second["made"], second["reused"]) == (1, 1, 0, 1)
    assert running.consume(again(event, 5, "replay-3", replay_force="true")) == 0
    assert len(providers.requests("anthropic")) == 3
    assert [fact.version for fact in facts(running.recorded("alice", event.subject))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "paid"),
    [({"kind": "status", "status": 529}, False), ({"kind": "malformed"}, True)],
    ids=["refused at once", "bad output"],
)
def test_an_item_that_has_a_description_keeps_it(running: Any, providers: Any, fault: Any, paid: bool) -> None:
    event = running.upload("alice")
    running.consume(event)
    providers.fault(provider="anthropic", **fault)
    budget = most(running) * 1.5
    running.consume(again(event, budget), attempt=6)
    assert [type(fact.data) for fact in running.recorded("alice", event.subject)] == [ItemAnalyzed]
    found = spending(running)
    assert (found["failed"], found["spent_usd"]) == (1, pytest.approx(most(running) if paid else 0))
    assert providers.requests("openai") == [], "nobody stands in for the model that was ordered"


def test_an_item_without_a_description_fails_with_the_reason(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    providers.fault(provider="anthropic", kind="malformed")
    running.consume(again(event, 5))
    assert [type(fact.data) for fact in running.recorded("alice", event.subject)] == [AnalysisFailed]


def test_a_silent_provider_may_have_been_paid(start: Callable[..., Any], providers: Any) -> None:
    running = start(provider_timeout_s=0.5)
    event = running.upload("alice")
    providers.fault(provider="anthropic", kind="timeout", delay_s=3, count=1)
    assert running.consume(again(event, 5)) == 1
    assert spending(running)["spent_usd"] == pytest.approx(most(running))
    assert running.consume(again(event, 5), attempt=2) == 0
    assert spending(running)["made"] == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [({"replay_model": "claude-of-the-future"}, "no-price"), ({"replay_prompt": "another@2"}, "unknown-prompt")],
    ids=["no price", "another prompt"],
)
def test_what_cannot_be_done_as_ordered_is_not_called(running: Any, providers: Any, how: Any, reason: str) -> None:
    event = running.upload("alice")
    assert running.consume(again(event, 5, **how)) == 0
    assert running.dead_letters() == [reason]
    assert providers.requests("anthropic") == []


def test_what_somebody_requested_is_not_requested_again(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    requested = replace(running.upload("alice", event.subject), data=AnalysisRequested(force=True))
    assert running.consume(again(requested, 5)) == 0
    assert len(providers.requests("anthropic")) == 1
