"""The routes, called as API Gateway calls them."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts.analysis import AnalysisRequested, ItemAnalyzed
from testkit import eventually

pytestmark = pytest.mark.integration


def test_no_provider_is_asked_what_it_cannot_answer_in_time(
    running: Any, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold start counts in the time that the gateway waits; the next request has it again."""
    providers.fault(provider="anthropic", kind="status", status=529, count=1)
    event = running.upload("alice")
    assert running.consume(event) == 1
    asked = len(providers.requests())
    path = f"/items/{event.subject}/analyze"
    monkeypatch.setattr("chassis.http.caller._waited_s", lambda _: 11.0)
    answer = running.request("POST", path, "alice")
    assert (answer.status, answer.body["type"].rpartition(":")[2]) == (503, "provider-unavailable")
    assert len(providers.requests()) == asked
    monkeypatch.setattr("chassis.http.caller._waited_s", lambda _: 0.0)
    assert running.request("POST", path, "alice").status == 200


def test_the_existing_analysis_unless_forced(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    path = f"/items/{event.subject}/analyze"
    first = running.request("POST", path, "alice")
    assert first.status == 200, first.body
    assert first.body["version"] == 1
    assert set(first.body) == {
        "id", "item_id", "version", "category", "summary", "raw_response", "provider_used", "model_used", "trace_id",
        "created_at",
    }  # fmt: skip
    assert set(first.body["raw_response"]) == {
        "category", "subcategories", "headline", "summary", "media_metadata", "image_details",
    }  # fmt: skip
    assert first.body["item_id"] == event.subject
    assert running.request("POST", path, "alice", query={"provider": "openai"}).body == first.body
    forced = running.request("POST", path, "alice", query={"force_reanalyze": "true", "provider": "openai"})
    assert (forced.body["version"], forced.body["provider_used"]) == (2, "openai")
    as_body = running.request("POST", path, "alice", body={"force_reanalyze": True, "model": "claude-haiku-5-5"})
    assert (as_body.body["version"], as_body.body["model_used"]) == (3, "claude-haiku-5-5")
    assert len(providers.requests("anthropic")) == 2
    versions = running.request("GET", f"/items/{event.subject}/analyses", "alice").body
    assert [analysis["version"] for analysis in versions] == [3, 2, 1]
    assert running.request("GET", f"/analyses/{first.body['id']}", "alice").body == first.body
    facts = [recorded.data for recorded in running.recorded("alice", event.subject)]
    assert [fact.version for fact in facts if isinstance(fact, ItemAnalyzed)] == [1, 2, 3]


def test_a_tenant_sees_no_analyses_of_another(running: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    mine = running.request("GET", f"/items/{event.subject}/analyses", "alice").body
    for method, path in (
        ("GET", f"/items/{event.subject}/analyses"),
        ("GET", f"/analyses/{mine[0]['id']}"),
        ("POST", f"/items/{event.subject}/analyze"),
    ):
        answer = running.request(method, path, "bob")
        assert answer.status == 404
        missing = running.request(method, path.replace(event.subject, "x").replace(mine[0]["id"], "x"), "bob")
        assert missing.body["type"] == answer.body["type"]
    assert len(running.recorded("alice", event.subject)) == 1


def test_a_picture_on_its_way_is_waited_for(start: Callable[..., Any]) -> None:
    running = start(picture_wait_s=20)
    event = running.upload("alice")
    other = running.again().service

    def arrive() -> None:
        with other.work.on("alice", event.subject) as work:
            work.fold(event)

    timer = threading.Timer(0.5, arrive)
    timer.start()
    answer = running.request("POST", f"/items/{event.subject}/analyze", "alice")
    timer.join()
    other.database.close()
    assert (answer.status, answer.body["version"]) == (200, 1)


def test_an_analysis_under_way_is_not_paid_for_twice(running: Any, providers: Any) -> None:
    """The usual client uploads and then asks for the analysis that upload has started."""
    providers.fault(provider="anthropic", kind="slow", delay_s=1.5, count=1)
    event = running.upload("alice")
    asking = running.again()
    with ThreadPoolExecutor(1) as worker:
        consumed = worker.submit(running.consume, event)
        leased = "SELECT 1 FROM leases WHERE until > now()"
        eventually(lambda: asking.service.database.connection().execute(leased).fetchone())
        answer = asking.request("POST", f"/items/{event.subject}/analyze", "alice")
        assert consumed.result() == 0
    asking.service.database.close()
    assert (answer.status, answer.body["version"]) == (200, 1)
    assert len(providers.requests("anthropic")) == 1


def test_a_caller_does_not_wait_while_the_queue_waits_for_the_provider(running: Any, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="status", status=529, count=1)
    event = running.upload("alice")
    assert running.consume(event) == 1
    answer = running.request("POST", f"/items/{event.subject}/analyze", "alice")
    assert (answer.status, answer.body["version"]) == (200, 1)
    assert running.consume(event, attempt=2) == 0
    assert len(running.recorded("alice", event.subject)) == 1, "the queue finds the work done"


def test_a_client_may_not_want_to_wait(running: Any) -> None:
    event = running.upload("alice")
    prefer = {"prefer": "respond-async, wait=1"}
    path = f"/items/{event.subject}/analyze"
    running.consume(event)
    assert running.request("POST", path, "alice", headers=prefer).body["version"] == 1
    accepted = running.request("POST", path, "alice", headers=prefer, query={"force_reanalyze": "true"})
    assert accepted.status == 202
    assert accepted.body["status"] == "accepted"
    assert accepted.headers["Preference-Applied"] == "respond-async"
    asked = running.recorded("alice", event.subject)[-1]
    assert isinstance(asked.data, AnalysisRequested)
    assert running.consume(asked) == 0
    assert len(running.request("GET", f"/items/{event.subject}/analyses", "alice").body) == 2


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 529}, 503, "provider-unavailable"),
        ({"kind": "status", "status": 401}, 503, "provider-not-configured"),
        ({"kind": "status", "status": 400}, 502, "provider-rejected"),
        ({"kind": "malformed"}, 502, "invalid-output"),
        ({"kind": "refusal"}, 422, "refused"),
    ],
)
def test_faults_of_providers_are_answered(
    start: Callable[..., Any], providers: Any, fault: dict[str, Any], status: int, code: str
) -> None:
    running = start(analysis_fallback="")
    event = running.upload("alice")
    running.consume(event)
    providers.fault(provider="anthropic", **fault)
    path = f"/items/{event.subject}/analyze"
    answer = running.request("POST", path, "alice", query={"force_reanalyze": "true"})
    assert answer.status == status
    assert answer.body["type"].endswith(code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [recorded.data.version for recorded in running.recorded("alice", event.subject)] == [1], (
        "a request's fault is no fact"
    )


def test_a_person_waiting_gets_the_other_provider_at_once(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    running.consume(event)
    providers.fault(provider="anthropic", kind="status", status=429)
    path = f"/items/{event.subject}/analyze"
    answer = running.request("POST", path, "alice", query={"force_reanalyze": "true"})
    assert answer.body["provider_used"] == "openai"
    asked = running.request("POST", path, "alice", query={"force_reanalyze": "true", "provider": "anthropic"})
    assert asked.status == 503, "who asks for a provider gets that one or nothing"


@pytest.mark.parametrize("query", [{"provider": "grok"}, {"model": "../x"}, {"force_reanalyze": "perhaps"}])
def test_malformed_options_are_refused(running: Any, query: dict[str, str]) -> None:
    answer = running.request("POST", "/items/x/analyze", "alice", query=query)
    assert answer.status == 422
    assert answer.body["type"].endswith("invalid-request")


def test_a_deleted_item_is_missing_at_once(start: Callable[..., Any], deleted: Any) -> None:
    running = start(picture_wait_s=20)
    event = running.upload("alice")
    running.consume(event)
    running.consume(deleted("alice", event.subject))
    started = time.monotonic()
    assert running.request("POST", f"/items/{event.subject}/analyze", "alice").status == 404
    assert time.monotonic() - started < 10
    assert running.request("GET", f"/items/{event.subject}/analyses", "alice").status == 404
