"""The agent's memory as a list of messages: what the model is shown of it, and what is stored.

A turn is a human message and all messages up to the next one.
"""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately, trim_messages

_INTERRUPTED = "The call was interrupted; there is no result."
#: Fields that remain of an old tool result: enough to know which items were found.
_KEPT_FIELDS = ("item_id", "headline", "title", "url")


def repaired(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The messages with a result for every tool call: the provider rejects a history without one."""
    whole: list[AnyMessage] = []
    for index, message in enumerate(messages):
        whole.append(message)
        if isinstance(message, AIMessage) and message.tool_calls:
            answered = {later.tool_call_id for later in messages[index + 1 :] if isinstance(later, ToolMessage)}
            whole += [
                ToolMessage(_INTERRUPTED, tool_call_id=str(call["id"]), status="error")
                for call in message.tool_calls
                if call["id"] not in answered
            ]
    return whole


def trimmed(messages: Sequence[AnyMessage], max_tokens: int) -> list[AnyMessage]:
    """The latest whole turns within the budget (about four characters a token), at least the current one."""
    kept = trim_messages(
        list(messages),
        strategy="last",
        max_tokens=max_tokens,
        token_counter=count_tokens_approximately,
        start_on="human",
        end_on=("human", "tool"),
    )
    return list(kept) or current_turn(messages)  # type: ignore[arg-type]  # typed for any kind of message


def current_turn(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The messages of the latest turn, starting with its question."""
    starts = [index for index, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[starts[-1] :]) if starts else list(messages)


def tool_rounds(messages: Sequence[AnyMessage]) -> int:
    """The number of rounds in which the model called tools in the current turn."""
    return sum(isinstance(message, AIMessage) and bool(message.tool_calls) for message in current_turn(messages))


def compacted(messages: Sequence[AnyMessage], budget: int) -> list[BaseMessage]:
    """The update of the graph's state that reduces memory to `budget` characters before a new turn.

    Tool results before the latest turn are reduced to their items; then the oldest turns are dropped.
    """
    turns = _turns(messages)
    changes: list[BaseMessage] = []
    size = 0
    for age, turn in enumerate(reversed(turns)):
        shrunk = {} if age == 0 else {m.id: _shrunk(m) for m in turn if isinstance(m, ToolMessage)}
        size += sum(len(_text(shrunk.get(m.id) or m)) for m in turn)
        if age and size > budget:
            changes += [RemoveMessage(id=str(m.id)) for m in turn]
        else:
            changes += [new for m in turn if (new := shrunk.get(m.id)) is not None and new.content != m.content]
    return changes


def _turns(messages: Sequence[AnyMessage]) -> list[list[AnyMessage]]:
    turns: list[list[AnyMessage]] = []
    for message in messages:
        if isinstance(message, HumanMessage) or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _shrunk(message: ToolMessage) -> ToolMessage:
    return message.model_copy(update={"content": json.dumps({"results": _found(message)}, ensure_ascii=False)})


def _found(message: ToolMessage) -> list[dict[str, Any]]:
    try:
        document = json.loads(_text(message))
    except ValueError:
        return []
    results = document.get("results", []) if isinstance(document, dict) else []
    return [{name: entry[name] for name in _KEPT_FIELDS if name in entry} for entry in results]


def _text(message: BaseMessage) -> str:
    return message.content if isinstance(message.content, str) else json.dumps(message.content, default=str)
