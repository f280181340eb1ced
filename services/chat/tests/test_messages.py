"""What the model is shown of memory and what is stored; opens no socket."""

import json
from datetime import datetime
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, ToolMessage
from langgraph.graph.message import add_messages

from chat.messages import compacted, current_turn, repaired, tool_rounds, trimmed


def call(identity: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"id": identity, "name": "search_collection", "args": {}}])


def result(identity: str, text: str = "{}") -> ToolMessage:
    return ToolMessage(text, tool_call_id=identity)


def conversation(turns: int, *, size: int = 10) -> list[Any]:
    """Turns with one tool call each, with ids as the graph gives them."""
    messages: list[Any] = []
    for n in range(turns):
        found = {"results": [{"item_id": f"item-{n}", "headline": f"headline {n}", "summary": "s" * size}]}
        messages += [
            HumanMessage(f"question {n}", id=f"h{n}"),
            call(f"c{n}").model_copy(update={"id": f"a{n}"}),
            ToolMessage(json.dumps(found), tool_call_id=f"c{n}", id=f"t{n}"),
            AIMessage(f"answer {n}", id=f"b{n}"),
        ]
    return messages


def test_dangling_calls_are_answered_in_place() -> None:
    broken: list[Any] = [HumanMessage("a"), call("1"), HumanMessage("b"), call("2"), result("2"), AIMessage("done")]
    whole = repaired(broken)
    assert [message.type for message in whole] == ["human", "ai", "tool", "human", "ai", "tool", "ai"]
    assert (whole[2].tool_call_id, whole[2].status) == ("1", "error")  # type: ignore[union-attr]  # a tool message, see above
    assert repaired(whole) == whole


def test_one_of_two_parallel_calls_is_answered() -> None:
    both = AIMessage("", tool_calls=[{"id": n, "name": "t", "args": {}} for n in ("1", "2")])
    whole = repaired([HumanMessage("a"), both, result("2")])
    assert sorted(m.tool_call_id for m in whole if isinstance(m, ToolMessage)) == ["1", "2"]


def test_trimming_keeps_whole_turns_and_never_nothing() -> None:
    messages = [*conversation(3, size=400), HumanMessage("now")]
    assert trimmed(messages, 10_000) == messages
    assert trimmed(messages, 300) == messages[8:]
    assert trimmed(messages, 2) == messages[12:]


def test_only_the_rounds_of_this_turn_count() -> None:
    messages = [*conversation(2), HumanMessage("now")]
    assert tool_rounds(messages) == 0
    messages += [call("x"), result("x"), call("y"), result("y")]
    assert tool_rounds(messages) == 2
    assert current_turn(messages)[0].content == "now"


def test_memory_keeps_the_latest_turn_and_the_items_of_older_ones() -> None:
    messages = conversation(3, size=1000)
    kept: Any = add_messages(messages, compacted(messages, 100_000))  # type: ignore[arg-type]  # typed for unions
    assert [message.id for message in kept] == [message.id for message in messages]
    assert kept[10] == messages[10]
    for n in (0, 1):
        assert json.loads(kept[4 * n + 2].content) == {
            "results": [{"item_id": f"item-{n}", "headline": f"headline {n}"}]
        }
    again = compacted(kept, 100_000)
    assert again == []


def test_beyond_the_budget_whole_turns_are_dropped_oldest_first() -> None:
    messages = conversation(6, size=1000)
    changes = compacted(messages, 1300)
    removed = {change.id for change in changes if isinstance(change, RemoveMessage)}
    kept: Any = add_messages(messages, changes)  # type: ignore[arg-type]  # typed for unions
    assert removed
    assert kept[0].type == "human"
    assert {message.id for message in kept} | removed == {message.id for message in messages}
    assert kept[-4:] == messages[-4:]
    # The latest turn is kept even if it exceeds the budget alone.
    assert add_messages(messages, compacted(messages, 1)) == messages[-4:]  # type: ignore[arg-type]  # typed for unions


def test_an_unreadable_result_is_reduced_to_no_items() -> None:
    messages = conversation(2)
    messages[2] = ToolMessage("no JSON", tool_call_id="c0", id="t0")
    (change,) = compacted(messages, 10_000)
    assert change.content == '{"results": []}'


def test_a_result_before_its_call_answers_nothing() -> None:
    whole = repaired([HumanMessage("a"), result("1"), call("1")])
    assert [message.type for message in whole] == ["human", "tool", "ai", "tool"]
    assert whole[3].content == "The call was interrupted; there is no result."


def test_the_model_is_shown_nothing_behind_the_last_question_or_result() -> None:
    messages: list[Any] = [HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("an answer cut off")]
    assert trimmed(messages, 10_000) == messages[:3]
    with_result: list[Any] = [HumanMessage("a"), call("1"), result("1")]
    assert trimmed(with_result, 10_000) == with_result


def test_a_history_without_a_question_is_one_turn() -> None:
    greeting: list[Any] = [AIMessage("hello"), AIMessage("there")]
    assert current_turn(greeting) == greeting
    assert current_turn([]) == []


def characters(messages: list[Any]) -> int:
    return sum(len(message.content) for message in messages)


def test_a_turn_is_kept_while_all_is_within_the_budget() -> None:
    messages = conversation(3)
    small: Any = add_messages(messages, compacted(messages, 10_000))  # type: ignore[arg-type]  # typed for unions
    exact = characters(small[4:])
    assert [change.id for change in compacted(small, exact)] == ["h0", "a0", "t0", "b0"]
    assert [change.id for change in compacted(small, exact - 1)] == ["h1", "a1", "t1", "b1", "h0", "a0", "t0", "b0"]
    assert compacted(small, characters(small)) == []


def test_items_of_old_results_keep_their_letters_and_known_fields() -> None:
    messages = conversation(2)
    entry = {"item_id": "i", "headline": "Käse", "title": "t", "url": "u", "summary": "s", "score": 1}
    messages[2] = ToolMessage(json.dumps({"results": [entry, {"score": 2}]}), tool_call_id="c0", id="t0")
    (change,) = compacted(messages, 10_000)
    assert change.content == '{"results": [{"item_id": "i", "headline": "Käse", "title": "t", "url": "u"}, {}]}'


@pytest.mark.parametrize(
    "content",
    ["[1]", '"text"', '{"other": 1}', [{"type": "text", "text": "words"}], [{"type": "text", "when": datetime.max}]],
)
def test_a_result_of_another_shape_is_reduced_to_no_items(content: Any) -> None:
    messages = conversation(2)
    messages[2] = ToolMessage(content, tool_call_id="c0", id="t0")
    (change,) = compacted(messages, 10_000)
    assert change.content == '{"results": []}'


def test_parts_of_a_message_count_as_they_are_stored() -> None:
    parts: list[Any] = [{"type": "text", "text": "words " * 50, "when": datetime.max}]
    messages: list[Any] = [HumanMessage(parts, id="h0"), HumanMessage("now", id="h1")]
    size = len(json.dumps(parts, default=str)) + len("now")
    assert compacted(messages, size) == []
    assert [change.id for change in compacted(messages, size - 1)] == ["h0"]
