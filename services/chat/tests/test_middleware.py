"""The middleware around model and tools, and parsing of answers; opens no socket."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx2
import pytest
from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from chassis.errors import TransientError
from chat.errors import ModelRejectedError, ModelUnavailableError, ToolFailedError
from chat.middleware import CallInTime, ContainToolFaults, ShapeRequests, StorableText, translated
from chat.results import MAX_BYTES, search_results
from chat.settings import ChatSettings, domains
from chat.turn_context import TurnContext
from retrieval import Hit, ScoreType
from retrieval.results import mentioned

SETTINGS = ChatSettings(service="chat")


def context(seconds: float = 60) -> TurnContext:
    return TurnContext(tenant_id="ann", deadline=time.monotonic() + seconds)


def request(messages: list[Any], *, seconds: float = 60) -> Any:
    tools: Any = [{"name": "search_collection"}]
    runtime: Any = SimpleNamespace(context=context(seconds))
    return ModelRequest(model=FakeListChatModel(responses=[]), messages=messages, tools=tools, runtime=runtime)


def rounds(count: int) -> list[Any]:
    messages: list[Any] = [HumanMessage("question")]
    for n in range(count):
        messages.append(AIMessage("", tool_calls=[{"id": str(n), "name": "search_collection", "args": {}}]))
        messages.append(ToolMessage("{}", tool_call_id=str(n)))
    return messages


@pytest.mark.parametrize(("count", "choice"), [(0, None), (2, None), (3, {"type": "none"}), (4, {"type": "none"})])
def test_after_three_rounds_the_model_must_answer(count: int, choice: Any) -> None:
    seen: list[Any] = []
    ShapeRequests(SETTINGS).wrap_model_call(request(rounds(count)), lambda shaped: seen.append(shaped))  # type: ignore[arg-type, return-value]  # the answer does not matter
    assert seen[0].tool_choice == choice
    assert seen[0].tools


def test_what_no_store_can_hold_stays_out_of_the_state() -> None:
    call: Any = {"id": "1", "name": "search_web", "args": {"query": "a\ud800"}}
    answered = ModelResponse(result=[AIMessage("in \x00Kyoto\ud83c", tool_calls=[call])])
    cleaned = StorableText(SETTINGS).wrap_model_call(request([]), lambda _: answered)
    (message,) = cleaned.result
    assert isinstance(message, AIMessage)
    assert (message.text, message.tool_calls[0]["args"]) == ("in \ufffdKyoto\ufffd", {"query": "a\ufffd"})
    asked: Any = None
    found = StorableText(SETTINGS).wrap_tool_call(asked, lambda _: ToolMessage("a\x00", tool_call_id="1"))
    assert isinstance(found, ToolMessage)
    assert found.content == "a\ufffd"


def fault(status: int, headers: dict[str, str] | None = None) -> anthropic.APIStatusError:
    response = httpx2.Response(status, headers=headers or {}, request=httpx2.Request("POST", "http://model"))
    return anthropic.APIStatusError("secret words of the user", response=response, body=None)


@pytest.mark.parametrize(
    ("error", "calls", "raised"),
    [
        (fault(429, {"retry-after": "0"}), 3, ModelUnavailableError),
        (fault(529, {"retry-after": "0"}), 3, ModelUnavailableError),
        (fault(500, {"retry-after": "3600"}), 1, ModelUnavailableError),
        (fault(400), 1, ModelRejectedError),
        (fault(401), 1, ModelRejectedError),
        (fault(404), 1, ModelRejectedError),
    ],
)
def test_transient_errors_are_retried(error: Exception, calls: int, raised: type[Exception]) -> None:
    made: list[Any] = []

    def fail(shaped: Any) -> Any:
        made.append(shaped)
        raise error

    with pytest.raises(raised) as caught:
        CallInTime(SETTINGS).wrap_model_call(request([HumanMessage("q")]), fail)
    assert len(made) == calls
    assert "secret" not in str(caught.value)
    assert 59 < made[0].model_settings["timeout"] <= 60


@pytest.mark.parametrize(
    ("headers", "first", "second"),
    [
        ({"retry-after": "2.5"}, (2.5, 2.5), (2.5, 2.5)),
        ({}, (0.4, 0.8), (0.8, 1.6)),
        # A header that says no time to wait for counts as none.
        ({"retry-after": "soon"}, (0.4, 0.8), (0.8, 1.6)),
        ({"retry-after": "-5"}, (0.4, 0.8), (0.8, 1.6)),
        ({"retry-after": "nan"}, (0.4, 0.8), (0.8, 1.6)),
    ],
)
def test_a_retry_waits_as_asked_or_longer_each_time(
    monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], first: tuple[float, float], second: tuple[float, float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def fail(_: Any) -> Any:
        raise fault(503, headers)

    with pytest.raises(ModelUnavailableError):
        CallInTime(SETTINGS).wrap_model_call(request([HumanMessage("q")]), fail)
    assert len(slept) == 2
    for pause, (least, most) in zip(slept, (first, second), strict=True):
        assert least <= pause <= most


def test_retries_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[float, float]] = []
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def uniform(least: float, most: float) -> float:
        drawn.append((least, most))
        return least

    monkeypatch.setattr("random.uniform", uniform)

    def fail(_: Any) -> Any:
        raise json.JSONDecodeError("no JSON", "", 0)

    with pytest.raises(ModelUnavailableError, match=r"^anthropic: JSONDecodeError$") as raised:
        CallInTime(SETTINGS).wrap_model_call(request([HumanMessage("q")]), fail)
    assert isinstance(raised.value.__cause__, json.JSONDecodeError)
    assert (drawn, slept) == ([(0.5, 1)] * 3, [0.4, 0.8])


@pytest.mark.parametrize(("left_s", "calls"), [(0.99, 0), (1.0, 1), (3.4, 1), (3.5, 2), (6.0, 3)])
def test_a_call_begins_with_a_second_left_and_a_pause_leaves_as_much(
    monkeypatch: pytest.MonkeyPatch, left_s: float, calls: int
) -> None:
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda pause: now.__setitem__(0, now[0] + pause))
    monkeypatch.setattr("chat.turn_context.time", clock)
    monkeypatch.setattr("chat.middleware.time", clock)
    asking = request([HumanMessage("q")])
    asking.runtime.context = TurnContext(tenant_id="ann", deadline=left_s)
    timeouts: list[float] = []

    def fail(shaped: Any) -> Any:
        timeouts.append(shaped.model_settings["timeout"])
        raise fault(503, {"retry-after": "2.5"})

    with pytest.raises(ModelUnavailableError):
        CallInTime(SETTINGS).wrap_model_call(asking, fail)
    assert timeouts == [left_s - 2.5 * made for made in range(calls)]


def test_a_retry_that_would_come_too_late_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    def fail(_: Any) -> Any:
        raise fault(503, {"retry-after": "9"})

    with pytest.raises(ModelUnavailableError):
        CallInTime(SETTINGS).wrap_model_call(request([HumanMessage("q")], seconds=9.5), fail)
    assert slept == []


@pytest.mark.parametrize(("status", "transient"), [*((s, True) for s in (408, 409, 425, 429, 500, 599)), (499, False)])
def test_an_error_says_what_the_provider_answered(status: int, transient: bool) -> None:
    error = translated(fault(status))
    assert isinstance(error, ModelUnavailableError if transient else ModelRejectedError)
    assert str(error) == f"anthropic: {status} APIStatusError"


def test_no_call_starts_after_the_deadline() -> None:
    made: list[Any] = []
    with pytest.raises(ModelUnavailableError):
        CallInTime(SETTINGS).wrap_model_call(
            request([HumanMessage("q")], seconds=0.5),
            lambda shaped: made.append(shaped),  # type: ignore[arg-type, return-value]  # never called
        )
    assert made == []


def tool_request(turn: TurnContext) -> Any:
    call = {"id": "1", "name": "search_web", "args": {"query": "q"}}
    return SimpleNamespace(tool_call=call, runtime=SimpleNamespace(context=turn))


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ToolFailedError("the web is closed"), "the web is closed"),
        (TransientError("postgres at 10.0.0.1"), "the search does not answer at the moment"),
    ],
)
def test_a_tools_error_is_shown_without_internals(error: Exception, shown: str) -> None:
    def fail(_: Any) -> Any:
        raise error

    turn = context()
    message = ContainToolFaults(SETTINGS).wrap_tool_call(tool_request(turn), fail)
    assert isinstance(message, ToolMessage)
    assert (message.content, message.status, message.tool_call_id) == (shown, "error", "1")
    assert turn.tools_used == [{"name": "search_web", "input": {"query": "q"}, "error": shown}]


def test_a_bug_in_a_tool_is_not_hidden() -> None:
    def fail(_: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ContainToolFaults(SETTINGS).wrap_tool_call(tool_request(context()), fail)


def test_calls_of_a_turn_are_limited() -> None:
    turn, made = context(), []
    for _ in range(SETTINGS.max_tool_calls):
        turn.note_use("search_web", {})
    message = ContainToolFaults(SETTINGS).wrap_tool_call(tool_request(turn), lambda asked: made.append(asked))  # type: ignore[arg-type, return-value]  # never called
    assert made == []
    assert isinstance(message, ToolMessage)
    assert message.status == "error"


def hit(item_id: str, score: float = 0.5) -> Hit:
    return Hit(
        item_id=item_id,
        rank=9,
        score=score,
        score_type=ScoreType.HYBRID,
        bm25=None,
        similarity=0.5,
        category="food",
        headline="h",
        summary="s",
        filename=f"{item_id}.png",
        original_filename="o.png",
        analysis_id="a",
        analysis_version=1,
        description={"media_metadata": {"location_tags": ["Tokyo"]}},
        body="",
    )


def test_citations_are_found_items_in_the_order_of_their_mention() -> None:
    assert mentioned("see [b], then [a] and [b]; [z] is made up", ["a", "b", "c"]) == ["b", "a"]
    assert mentioned("nothing", ["a-1"]) == []


def test_results_hold_each_item_once() -> None:
    results = search_results([hit("a"), hit("b"), hit("a", 0.1), hit("c")], 2)
    assert [(result.item_id, result.rank, result.score) for result in results] == [("a", 1, 0.5), ("b", 2, 0.5)]
    assert results[0].image_url == "/images/a.png"
    assert results[0].metadata["location_tags"] == ["Tokyo"]


def test_results_fit_into_an_event() -> None:
    long = [replace(hit(f"item-{n}"), summary="の" * 3000) for n in range(50)]
    results = search_results(long, 50)
    assert 10 < len(results) < 50
    assert sum(len(result.model_dump_json().encode()) for result in results) <= MAX_BYTES


def test_domains_of_a_setting() -> None:
    assert domains(" a.org, b.org ,") == ["a.org", "b.org"]
    assert domains("") == []
