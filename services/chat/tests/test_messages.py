"""What the model is shown of memory and what is stored; opens no socket."""

import json
from typing import Any

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
