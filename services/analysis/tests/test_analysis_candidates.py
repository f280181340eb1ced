"""Candidates beside the live versions, their promotion and rollback: through real SDKs and a real database."""

from dataclasses import replace
from typing import Any

import pytest

from analysis import runs
from analysis.bootstrap import bootstrap
from analysis.tracing import LangSmith
from chassis.replays import answer
from contracts import Event, ReplayKind, ReprocessMode, replayed
from contracts.analysis import CandidateAnalyzed, ItemAnalyzed
from contracts.imaging import ImageProcessed
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration

RUN, MODEL, BRIEF = "run-1", "claude-opus-5-5", "collections-app-brief@1"


def again(event: Event[ImageProcessed], replay: str, **how: Any) -> Event[ImageProcessed]:
    ordered = replayed(event, replay_id=replay, replay_for="analysis", kind=ReplayKind.REPROCESS)
    return replace(ordered, **({"replay_budget": "5.000000", "replay_model": MODEL, "replay_prompt": BRIEF} | how))


def candidate(event: Event[ImageProcessed], run: str = RUN) -> Event[ImageProcessed]:
    return again(event, run, replay_mode=ReprocessMode.CANDIDATES)


def promoted(event: Event[ImageProcessed], replay: str, **how: Any) -> Event[ImageProcessed]:
    return again(event, replay, replay_run=RUN, **how)


def returned(event: Event[ImageProcessed], replay: str, **how: Any) -> Event[ImageProcessed]:
    free = {"replay_budget": "0.000000", "replay_model": None, "replay_prompt": None}
    return again(event, replay, replay_mode=ReprocessMode.ROLLBACK, **(free | {"replay_run": RUN} | how))


def versions(running: Any, event: Event[Any]) -> list[ItemAnalyzed]:
    found = [each.data for each in running.recorded(event.tenant_id, event.subject)]
    return [data for data in found if isinstance(data, ItemAnalyzed)]


def ask(running: Any, **request: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer(running.service, {"runs": request})["runs"]
    return found


def test_a_candidate_changes_nothing_that_is_live_and_is_promoted_without_being_paid_again(
    running: Any, providers: Any
) -> None:
    event = running.upload("alice")
    assert running.consume(event, candidate(event), candidate(event)) == 0
    live, made = [each.data for each in running.recorded("alice", event.subject)]
    assert isinstance(live, ItemAnalyzed)
    assert isinstance(made, CandidateAnalyzed)
    assert (made.run, made.model, made.prompt_id, live.prompt_id) == (RUN, MODEL, BRIEF, "collections-app-initial@1")
    assert made.cost_usd > 0
    assert made.duration_ms is not None
    assert [each["version"] for each in ask(running, versions=event.subject)["versions"]] == [1]
    [pair] = ask(running, pairs=RUN, after="")["pairs"]
    assert (pair["live"]["version"], pair["candidate"]["model"], pair["item_id"]) == (1, MODEL, event.subject)
    assert "tenant_id" not in pair["candidate"] | pair["live"]

    assert running.consume(promoted(event, "promotion")) == 0
    assert len(providers.requests("anthropic")) == 2
    first, second = versions(running, event)
    assert (second.version, second.run, second.model, second.prompt_id) == (2, RUN, MODEL, BRIEF)
    assert (second.description, second.cost_usd, first.run) == (made.description, 0, None)
    assert ask(running, pairs=RUN, after="")["pairs"][0]["live"]["version"] == 1, "it is compared with what was before"
    assert running.consume(promoted(event, "again")) == 0
    assert len(versions(running, event)) == 2, "it says so already"


def test_a_rollback_returns_to_what_was_before_and_pays_nobody(running: Any, providers: Any) -> None:
    event, other = running.upload("alice"), running.upload("alice", colour="blue")
    assert running.consume(event, other, promoted(event, "promotion")) == 0
    calls = len(providers.requests("anthropic"))
    assert ask(running, run=RUN)["promoted"] == {"versions": 1, "returning": 1, "items": [event.subject]}
    assert running.consume(returned(event, "back"), returned(other, "back")) == 0
    first, _, third = versions(running, event)
    assert (third.version, third.restores, third.run, third.cost_usd) == (3, 1, "back", 0)
    assert (third.description, third.model, third.prompt_id) == (first.description, first.model, first.prompt_id)
    assert len(versions(running, other)) == 1, "it is not of the run"
    spending = answer(running.service, {"spending": "back"})["spending"]
    assert (spending["reused"], spending["left_over"], spending["spent_usd"]) == (1, 1, 0)
    assert running.consume(returned(event, "back again")) == 0
    assert len(versions(running, event)) == 3
    assert running.consume(promoted(event, "promoted again")) == 0
    assert (versions(running, event)[-1].version, versions(running, event)[-1].model) == (4, MODEL)
    assert running.consume(returned(event, "to 2", replay_run=None, replay_version="1")) == 0
    assert versions(running, event)[-1].restores == 1
    assert len(providers.requests("anthropic")) == calls


def test_runs_are_rolled_back_one_after_the_other(running: Any) -> None:
    event = running.upload("alice")
    first, second = {"replay_run": "first"}, {"replay_run": "second", "replay_model": "claude-sonnet-5"}
    assert running.consume(event, again(event, "a", **first), again(event, "b", **second)) == 0
    assert running.consume(returned(event, "c", replay_run="first")) == 0
    assert len(versions(running, event)) == 3, "another run came after it"
    assert running.consume(returned(event, "d", replay_run="second"), returned(event, "e", replay_run="first")) == 0
    assert [each.restores for each in versions(running, event)] == [None, None, None, 2, 1]


def test_candidates_are_folded_again_and_go_with_the_item(running: Any, deleted: Any) -> None:
    event, equal = running.upload("alice"), running.upload("alice")
    assert running.consume(event, equal, candidate(event), candidate(equal), promoted(event, "p")) == 0
    assert [each["candidate"]["cost_usd"] > 0 for each in ask(running, pairs=RUN, after="")["pairs"]].count(True) == 1
    stored = [each for one in (event, equal) for each in running.recorded("alice", one.subject)]
    assert_refolds(running.service, [event, equal, *stored])
    assert running.consume(deleted("alice", event.subject), deleted("alice", equal.subject)) == 0
    assert ask(running, run=RUN)["run"]["candidates"] == 0
    left = [each.data for one in (event, equal) for each in running.recorded("alice", one.subject)]
    assert {each.description.headline for each in left if isinstance(each, CandidateAnalyzed)} == {""}


def test_a_candidate_that_fails_is_counted_and_says_nothing_about_the_item(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    running.consume(replayed(event, replay_id="known", replay_for="analysis"))
    providers.fault(provider="anthropic", kind="refusal")
    assert running.consume(candidate(event)) == 0
    assert running.recorded("alice", event.subject) == []
    assert answer(running.service, {"spending": RUN})["spending"]["failed"] == 1


def test_a_sample_is_even_reproducible_and_within_the_tenants(running: Any) -> None:
    for number in range(12):
        tenant = "alice" if number % 2 else "bob"
        running.consume(replayed(running.upload(tenant), replay_id="known", replay_for="analysis"))
    first = ask(running, sample=4, seed=1, tenants=None)
    assert first == ask(running, sample=4, seed=1, tenants=None)
    assert (len(first["items"]), first["pictures"]) == (4, 12)
    chosen = {
        each["item_id"] for seed in range(40) for each in ask(running, sample=4, seed=seed, tenants=None)["items"]
    }
    assert len(chosen) == 12, "every item can be chosen"
    assert {each["tenant_id"] for each in ask(running, sample=9, seed=1, tenants=["bob"])["items"]} == {"bob"}
    plan = {"prompt": BRIEF, "provider": "anthropic", "model": MODEL}
    assert ask(running, rest=plan, tenants=["bob"])["rest"] == {"pictures": 6, "others": 6, "paid": 6}


def test_what_is_asked_otherwise_is_refused(running: Any) -> None:
    with pytest.raises(ValueError, match="neither sample, run, pairs, rest nor versions"):
        runs.answer(running.service.database, {"sample": "many"})
    told = answer(running.service, {"reprocessing": {"model": MODEL, "prompt": "nobody-s@7"}})["reprocessing"]
    assert told["refused"].startswith("no prompt nobody-s@7 (packaged: collections-app-brief@1,")
    told = answer(running.service, {"reprocessing": {"model": MODEL, "prompt": "collections-app-brief"}})[
        "reprocessing"
    ]
    assert (told["prompt"], told["provider"], told["model"]) == (BRIEF, "anthropic", MODEL)


class Silent(LangSmith):
    """There is a key, and no prompt comes."""

    @property
    def client(self) -> Any:
        return object()

    def pull(self, name: str) -> None:
        return None


def test_a_prompt_of_langsmith_is_waited_for(running: Any, providers: Any) -> None:
    service = bootstrap(running.service.settings, running.service.aws)
    vars(service)["langsmith"] = Silent(lambda: "key")
    running, first = type(running).over(service), running
    event = first.upload("alice")
    assert running.consume(again(event, RUN, replay_prompt="mine@abcdef012345")) == 1
    assert (running.dead_letters(), providers.requests("anthropic")) == ([], [])
    service.database.close()
