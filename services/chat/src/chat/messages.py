"""The list of messages that is the agent's memory: what the model is shown of it, and what is kept.

A turn is a human message and all that follows it up to the next.
"""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately, trim_messages

_INTERRUPTED = "The call was interrupted; there is no result."
#: What is left of an old tool result: enough to know which items were found.
_KEPT_FIELDS = ("item_id", "headline", "title", "url")


def repaired(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The messages with an answer to every tool call: the provider refuses a history with an unanswered one."""
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
    """The messages of the latest turn, from its question on."""
    starts = [index for index, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[starts[-1] :]) if starts else list(messages)


def tool_rounds(messages: Sequence[AnyMessage]) -> int:
    """How often the model has asked for tools in the current turn."""
    return sum(isinstance(message, AIMessage) and bool(message.tool_calls) for message in current_turn(messages))


def compacted(messages: Sequence[AnyMessage], budget: int) -> list[BaseMessage]:
    """The changes that bring memory within `budget` characters before a new turn: an update for the graph's state.

    Tool results older than the latest turn shrink to what they found; then the oldest turns go. The latest stays whole.
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
