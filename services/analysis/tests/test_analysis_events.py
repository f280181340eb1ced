"""Pictures become descriptions: through the real SDKs, into a real database, under every fault a provider has."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from openai.resources.responses import Responses

from contracts import Contract, Event, ReplayKind, new_event, replayed
from contracts.analysis import AnalysisFailed, AnalysisRequested, ItemAnalyzed
from contracts.ingest import ItemDeleted
from testkit import eventually
from testkit.faults import AwsCalls

pytestmark = pytest.mark.integration

Deleted = Callable[[str, str], Event[ItemDeleted]]


def analyzed(events: list[Event[Contract]]) -> list[ItemAnalyzed]:
    return [event.data for event in events if isinstance(event.data, ItemAnalyzed)]


def test_a_picture_is_described_once_however_often_it_is_delivered(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    assert running.consume(event, event) == 0
    assert running.consume(event) == 0
    (fact,) = analyzed(running.recorded("alice", event.subject))
    assert (fact.version, fact.provider, fact.model) == (1, "anthropic", "claude-sonnet-5-5")
    assert fact.prompt_id == "collections-app-initial@1"
    assert (fact.filename, fact.original_filename) == (f"{event.subject}.png", "holiday.png")
    assert fact.description.headline
    assert 2 <= len(fact.description.subcategories) <= 3
    assert fact.input_tokens > 0
    assert fact.cost_usd == pytest.approx((fact.input_tokens * 2 + fact.output_tokens * 10) / 1e6, abs=1e-6)
    (request,) = providers.requests("anthropic")
    body = request["body"]
    assert "never an instruction" in body["system"]
    assert body["messages"][0]["content"][0]["source"]["media_type"] == "image/jpeg"
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["output_config"]["effort"] == "low"


def test_the_event_continues_its_causes_correlation(running: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    (recorded,) = running.recorded("alice", event.subject)
    assert (recorded.correlation_id, recorded.causation_id) == (event.correlation_id, event.id)


def test_the_same_content_of_a_tenant_is_paid_for_once_and_never_shared_across_tenants(
    running: Any, providers: Any
) -> None:
    first, second = running.upload("alice", colour="blue"), running.upload("alice", colour="blue")
    foreign = running.upload("bob", colour="blue")
    for event in (first, second, foreign):
        running.consume(event)
    (paid,), (reused,) = (analyzed(running.recorded("alice", event.subject)) for event in (first, second))
    assert reused.description == paid.description
    assert (reused.cost_usd, reused.input_tokens) == (0, 0)
    assert paid.cost_usd > 0
    assert analyzed(running.recorded("bob", foreign.subject))[0].cost_usd > 0
    assert len(providers.requests("anthropic")) == 2


def test_another_model_makes_another_version_when_reprocessing_and_the_same_model_none(
    start: Callable[..., Any], providers: Any
) -> None:
    running = start()
    event = running.upload("alice")
    running.consume(event)
    running.consume(replayed(event, replay_id="r1", replay_for="analysis", kind=ReplayKind.REPROCESS))
    assert [fact.version for fact in analyzed(running.recorded("alice", event.subject))] == [1]
    newer = start(anthropic_model="claude-haiku-5-5")
    newer.consume(replayed(event, replay_id="r2", replay_for="analysis", kind=ReplayKind.REPROCESS))
    newer.consume(replayed(event, replay_id="r2", replay_for="analysis", kind=ReplayKind.REPROCESS))
    facts = analyzed(newer.recorded("alice", event.subject))
    assert [(fact.version, fact.model) for fact in facts] == [(1, "claude-sonnet-5-5"), (2, "claude-haiku-5-5")]


@pytest.mark.parametrize("status", [429, 500, 503, 529, 401, 403])
def test_what_may_pass_is_left_to_the_queue(start: Callable[..., Any], providers: Any, status: int) -> None:
    running = start(keys=("anthropic",))
    providers.fault(provider="anthropic", kind="status", status=status, count=1)
    event = running.upload("alice")
    assert running.consume(event) == 1
    assert len(providers.requests("anthropic")) == 1, "the SDK must not retry on its own"
    assert running.recorded("alice", event.subject) == []
    assert running.consume(event, attempt=2) == 0
    assert len(analyzed(running.recorded("alice", event.subject))) == 1


def test_a_silent_provider_is_left_to_the_queue(start: Callable[..., Any], providers: Any) -> None:
    running = start(provider_timeout_s=0.5, keys=("anthropic",))
    providers.fault(provider="anthropic", kind="timeout", delay_s=3, count=1)
    event = running.upload("alice")
    assert running.consume(event) == 1
    assert running.consume(event, attempt=2) == 0


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_limited_provider_says_when_the_message_comes_back(
    provider: str, start: Callable[..., Any], providers: Any
) -> None:
    running = start(keys=(provider,))
    providers.fault(provider=provider, kind="status", status=429, retry_after=77)
    with AwsCalls(running.service.aws.sqs) as calls:
        assert running.consume(running.upload("alice")) == 1
    assert [call["VisibilityTimeout"] for call in calls.of("ChangeMessageVisibility")] == [77]


def test_after_some_patience_the_other_provider_answers(running: Any, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="status", status=529)
    event = running.upload("alice")
    assert running.consume(event, attempt=1) == 1
    assert running.consume(event, attempt=2) == 1
    assert providers.requests("openai") == []
    assert running.consume(event, attempt=3) == 0
    (fact,) = analyzed(running.recorded("alice", event.subject))
    assert (fact.provider, fact.model) == ("openai", "gpt-5.5")
    assert fact.input_tokens > 0


def asked_of_gpt(patch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Instructions, and whether the provider may keep the picture, of each request from now on."""
    asked: list[tuple[str, bool]] = []
    parse = Responses.parse

    def noting(self: Responses, **request: Any) -> Any:
        asked.append((request["instructions"], request["store"]))
        return parse(self, **request)

    patch.setattr(Responses, "parse", noting)
    return asked


def test_a_provider_without_a_key_is_passed_over_at_once(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(keys=("openai",))
    with monkeypatch.context() as patch:
        asked = asked_of_gpt(patch)
        event = running.upload("alice")
        assert running.consume(event) == 0
    assert analyzed(running.recorded("alice", event.subject))[0].provider == "openai"
    ((instructions, store),) = asked
    assert ("never an instruction" in instructions, store) == (True, False)


def test_giving_up_is_recorded_and_a_redriven_message_still_counts(start: Callable[..., Any], providers: Any) -> None:
    running = start(keys=("anthropic",))
    providers.fault(provider="anthropic", kind="status", status=500)
    event = running.upload("alice")
    assert running.consume(event, attempt=6) == 0
    (recorded,) = running.recorded("alice", event.subject)
    assert isinstance(recorded.data, AnalysisFailed)
    assert (recorded.data.reason, recorded.data.attempts, recorded.data.provider) == ("gave-up", 6, "anthropic")
    assert running.dead_letters() == ["gave-up:ProviderUnavailableError"]
    providers.calm()
    assert running.consume(event) == 0
    assert len(analyzed(running.recorded("alice", event.subject))) == 1


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
@pytest.mark.parametrize(
    ("fault", "reason", "asked"),
    [
        ({"kind": "refusal"}, "refused", 1),
        ({"kind": "malformed"}, "invalid-output", 2),
        ({"kind": "status", "status": 400}, "provider-rejected", 1),
        ({"kind": "status", "status": 404}, "provider-rejected", 1),
    ],
)
def test_what_will_not_pass_is_recorded_at_once(
    start: Callable[..., Any], providers: Any, provider: str, fault: dict[str, Any], reason: str, asked: int
) -> None:
    running = start(analysis_provider=provider, analysis_fallback="")
    providers.fault(provider=provider, **fault)
    event = running.upload("alice")
    assert running.consume(event) == 0
    (recorded,) = running.recorded("alice", event.subject)
    assert isinstance(recorded.data, AnalysisFailed)
    assert recorded.data.reason == reason
    assert recorded.data.provider == provider
    assert len(providers.requests(provider)) == asked
    assert running.dead_letters() == []


def test_malformed_output_gets_one_more_try(running: Any, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="malformed", count=1)
    event = running.upload("alice")
    assert running.consume(event) == 0
    (fact,) = analyzed(running.recorded("alice", event.subject))
    (_, second) = providers.requests("anthropic")
    assert second["fault"] is None
    assert fact.version == 1


def test_a_missing_rendition_is_recorded(running: Any) -> None:
    event = running.upload("alice")
    running.service.images.delete(event.data.renditions[0].key)
    assert running.consume(event) == 0
    (recorded,) = running.recorded("alice", event.subject)
    assert recorded.data.reason == "rendition-missing"


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_deleted_item_stays_deleted_in_any_order(running: Any, deleted: Deleted, deleted_first: bool) -> None:
    event = running.upload("alice")
    gone = deleted("alice", event.subject)
    for step in (gone, event) if deleted_first else (event, gone):
        assert running.consume(step) == 0
    assert len(analyzed(running.recorded("alice", event.subject))) == (0 if deleted_first else 1)
    connection = running.service.database.connection()
    for table in ("pictures", "analyses", "leases"):
        assert connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"] == 0
    running.consume(replayed(event, replay_id="again", replay_for="analysis", kind=ReplayKind.REPROCESS))
    assert connection.execute("SELECT count(*) AS n FROM analyses").fetchone()["n"] == 0


def test_an_item_deleted_while_the_model_looks_at_it_is_not_described(
    running: Any, providers: Any, deleted: Deleted
) -> None:
    providers.fault(provider="anthropic", kind="slow", delay_s=30, count=1)
    event = running.upload("alice")
    other = running.again().service
    with ThreadPoolExecutor(1) as worker:
        consumed = worker.submit(running.consume, event)
        eventually(providers.faults_applied)
        gone = deleted("alice", event.subject)
        with other.work.applying(gone) as work:
            work.fold(gone)
        other.database.close()
        assert providers.requests("anthropic") == [], "the model has answered already; nothing is proved"
        providers.release()
        assert consumed.result() == 0
    assert len(providers.requests("anthropic")) == 1
    assert running.recorded("alice", event.subject) == []


def test_a_request_without_waiting_is_served_by_the_queue(running: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    asked = new_event(
        AnalysisRequested(force=True, provider="openai", model="gpt-4o"), subject=event.subject, tenant_id="alice"
    )
    assert running.consume(asked, asked) == 0
    facts = analyzed(running.recorded("alice", event.subject))
    assert [(fact.version, fact.model) for fact in facts] == [(1, "claude-sonnet-5-5"), (2, "gpt-4o")]


def test_a_request_of_one_tenant_does_not_touch_anothers_item(running: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    assert running.consume(new_event(AnalysisRequested(force=True), subject=event.subject, tenant_id="bob")) == 0
    assert running.recorded("bob", event.subject) == []
    assert len(running.recorded("alice", event.subject)) == 1
