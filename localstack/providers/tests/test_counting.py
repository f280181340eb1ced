"""Questions for a number, for the newest or the oldest: which tool is called with what, and the answer."""

import json
from typing import Any

import pytest

from provider_emulator.instant import canned_description
from provider_emulator.prompt import Ask, Reply, Tool, ToolResult, Turn
from provider_emulator.responder import Senses, respond
from provider_emulator.text_embedding import WordHashEmbedder

SENSES = Senses(canned_description, WordHashEmbedder().embed)
TIMES = {name: {"type": "string"} for name in ("query", "added_from", "added_before")}
TOOLS = tuple(
    Tool(name, "", {"type": "object", "properties": properties})
    for name, properties in (
        ("search_collection", TIMES),
        ("count_items", TIMES),
        ("list_items", {**TIMES, "sort": {"type": "string"}}),
    )
)


def ask(*turns: Turn, tools: tuple[Tool, ...] = TOOLS) -> Reply:
    return respond(Ask("m", turns, system="Be kind.\nToday is 2026-02-10 (UTC).", tools=tools), SENSES)


@pytest.mark.parametrize(
    ("question", "tool", "given"),
    [
        ("How many receipts do I have?", "count_items", {"query": "receipts"}),
        (
            "How many receipts did I add in December?",
            "count_items",
            {"query": "receipts", "added_from": "2025-12-01T00:00:00Z", "added_before": "2026-01-01T00:00:00Z"},
        ),
        (
            "How many receipts in February?",
            "count_items",
            {"query": "receipts", "added_from": "2026-02-01T00:00:00Z", "added_before": "2026-03-01T00:00:00Z"},
        ),
        (
            "What is my newest receipt that is not from Lisbon?",
            "list_items",
            {"query": "receipt -place:Lisbon", "sort": "newest"},
        ),
        ("Show my oldest poster in Kyoto", "list_items", {"query": "poster Kyoto", "sort": "oldest"}),
        ("Which receipts do I have?", "search_collection", {"query": "receipts"}),
    ],
)
def test_which_tool_is_called_with_what(question: str, tool: str, given: dict[str, Any]) -> None:
    (call,) = ask(Turn("user", question)).calls
    assert (call.name, call.arguments) == (tool, given)


def test_without_a_tool_for_it_the_collection_is_searched() -> None:
    (call,) = ask(Turn("user", "How many receipts do I have?"), tools=TOOLS[:1]).calls
    assert call.name == "search_collection"


@pytest.mark.parametrize(
    ("question", "document", "answer"),
    [
        ("How many receipts do I have?", {"total": 7}, "Your collection has 7 of them."),
        (
            "What is my newest poster?",
            {"total": 3, "results": [{"item_id": "item-1", "headline": "Jazz"}]},
            "Of 3 in your collection:\n- Jazz [item-1]",
        ),
    ],
)
def test_what_is_answered(question: str, document: dict[str, Any], answer: str) -> None:
    first = ask(Turn("user", question))
    result = ToolResult(first.calls[0].id, json.dumps(document))
    turns = (Turn("user", question), Turn("assistant", first.text, calls=first.calls), Turn("user", results=(result,)))
    assert ask(*turns).text == answer
