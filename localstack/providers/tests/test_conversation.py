"""The chat agent's rules: which tool, which query, and answers from results alone."""

import json
from typing import Any

import pytest

from provider_emulator.instant import canned_description
from provider_emulator.prompt import Ask, Reply, Tool, ToolChoice, ToolResult, Turn
from provider_emulator.responder import Senses, respond
from provider_emulator.text_embedding import WordHashEmbedder

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "top_k": {"type": "integer"}},
    "required": ["query"],
}
COLLECTION, WEB = Tool("search_collection", "", SCHEMA), Tool("tavily_search", "", SCHEMA)
SENSES = Senses(canned_description, WordHashEmbedder().embed)
ITEMS = [
    ("item-1", "Receipt from SAKURA RAMEN", "Shibuya"),
    ("item-2", "Receipt from Kaffee Mitte", "Berlin"),
    ("item-3", "Poster: JAZZ NIGHT", "Kyoto"),
]


def result(*ids: str) -> str:
    found = [
        {
            "item_id": key,
            "headline": head,
            "summary": head,
            "category": "c",
            "places": [place],
            "text": [],
            "score": 0.5,
        }
        for key, head, place in ITEMS
        if key in ids
    ]
    return json.dumps({"results": found})


class Chat:
    """A conversation that grows turn by turn."""

    def __init__(self, *tools: Tool) -> None:
        self.tools = tools or (COLLECTION, WEB)
        self.turns: list[Turn] = []

    def step(self, choice: ToolChoice | None = None) -> Reply:
        reply = respond(Ask("m", tuple(self.turns), tools=self.tools, choice=choice or ToolChoice()), SENSES)
        self.turns.append(Turn("assistant", reply.text, calls=reply.calls))
        return reply

    def send(self, text: str, choice: ToolChoice | None = None) -> Reply:
        self.turns.append(Turn("user", text))
        return self.step(choice)

    def give(self, *texts: str, failed: bool = False) -> Reply:
        calls = self.turns[-1].calls
        results = tuple(ToolResult(call.id, text, failed) for call, text in zip(calls, texts, strict=True))
        self.turns.append(Turn("user", results=results))
        return self.step()


def queries(reply: Reply) -> list[tuple[str, str]]:
    return [(call.name, call.arguments["query"]) for call in reply.calls]


def test_a_question_searches_the_collection_and_answers_with_ids() -> None:
    chat = Chat()
    assert queries(chat.send("What receipts do I have?")) == [("search_collection", "receipts")]
    answer = chat.give(result("item-1", "item-2", "item-3"))
    assert not answer.calls
    assert "[item-1]" in answer.text
    assert "[item-2]" in answer.text
    assert "[item-3]" not in answer.text


def test_those_are_resolved_and_the_place_is_obeyed() -> None:
    chat = Chat()
    chat.send("Show me my receipts")
    chat.give(result("item-1", "item-2"))
    assert queries(chat.send("and which of those are in Tokyo?")) == [("search_collection", "receipts Tokyo")]
    answer = chat.give(result("item-1", "item-2", "item-3"))
    assert "[item-1]" in answer.text  # Shibuya lies in Tokyo
    assert "[item-2]" not in answer.text


def test_a_place_named_later_replaces_the_earlier_one() -> None:
    chat = Chat()
    chat.send("Show me my receipts in Tokyo")
    chat.give(result("item-1"))
    assert queries(chat.send("And in Berlin?")) == [("search_collection", "receipts Berlin")]
    assert "[item-2]" in chat.give(result("item-1", "item-2")).text
    assert queries(chat.send("What about posters?")) == [("search_collection", "posters Berlin")]


def test_none_of_those_is_answered() -> None:
    chat = Chat()
    chat.send("Show me my receipts")
    chat.give(result("item-1"))
    chat.send("which of those are in Berlin?")
    answer = chat.give(result("item-1", "item-2"))
    assert answer.text.startswith("None of those is about receipts in Berlin.")
    assert "[item-1]" not in answer.text


def test_a_new_question_forgets_the_old_topic() -> None:
    chat = Chat()
    chat.send("Show me my receipts")
    chat.give(result("item-1"))
    assert queries(chat.send("Do I have a poster of a jazz night?")) == [("search_collection", "poster jazz night")]


@pytest.mark.parametrize(
    "question", ["What is the weather in Kyoto?", "Search the web for ramen", "Latest news about jazz"]
)
def test_questions_about_the_world_go_to_the_web(question: str) -> None:
    assert [name for name, _ in queries(Chat().send(question))] == ["tavily_search"]


def test_both_tools_at_once() -> None:
    chat = Chat()
    called = chat.send("Compare my ramen receipts with the latest news on ramen")
    assert [name for name, _ in queries(called)] == ["search_collection", "tavily_search"]
    page = {"url": "https://food.example.org/r", "title": "Ramen", "content": "Ramen is a noodle soup. It is hot."}
    answer = chat.give(result("item-1"), json.dumps({"results": [page]}))
    assert "[item-1]" in answer.text
    assert "Ramen is a noodle soup. (https://food.example.org/r)" in answer.text


@pytest.mark.parametrize("text", ["Hello!", "thank you", "What can you do?", "ok"])
def test_small_talk_calls_no_tool(text: str) -> None:
    reply = Chat().send(text)
    assert reply.text
    assert not reply.calls


def test_a_failed_tool_is_reported_and_not_tried_again() -> None:
    chat = Chat()
    chat.send("Show me my receipts")
    answer = chat.give("database is away", failed=True)
    assert answer.text == "I could not search your collection: database is away."
    assert not answer.calls


def test_an_interrupted_turn_does_not_answer_the_next_one() -> None:
    chat = Chat()
    called = chat.send("Show me my receipts").calls[0]
    interrupted = ToolResult(called.id, "Tool call was interrupted.", True)
    chat.turns.append(Turn("user", "Show me my posters", results=(interrupted,)))
    assert queries(chat.step()) == [("search_collection", "posters")]


def test_nothing_found_is_answered() -> None:
    chat = Chat()
    chat.send("Do I have elephants in Paris?")
    assert chat.give(result()).text == "I found nothing about elephants in Paris in your collection."


def test_without_permission_to_use_tools_it_uses_words() -> None:
    chat = Chat()
    assert not chat.send("Show me my receipts", ToolChoice("none")).calls
    chat.turns.clear()
    called = chat.send("Show me my receipts").calls[0]
    chat.turns.append(Turn("user", results=(ToolResult(called.id, result("item-1")),)))
    assert "[item-1]" in chat.step(ToolChoice("none")).text


def test_plain_words_of_a_tool_are_passed_on() -> None:
    chat = Chat()
    chat.send("Show me my receipts")
    assert chat.give("No search today.").text == "No search today."


def test_other_required_arguments_are_filled() -> None:
    schema = {
        "type": "object",
        "properties": {"question": {"type": "string"}, "kind": {"enum": ["a", "b"]}},
        "required": ["question", "kind"],
    }
    called = Chat(Tool("find_pictures", "", schema)).send("Show me my receipts").calls[0]
    assert called.arguments == {"question": "receipts", "kind": "a"}


def test_any_tool_ends_in_the_one_that_takes_the_answer() -> None:
    final = Tool(
        "Answer",
        "",
        {
            "type": "object",
            "properties": {"answer": {"type": "string"}, "citations": {"type": "array", "items": {"type": "string"}}},
            "required": ["answer", "citations"],
        },
    )
    chat = Chat(COLLECTION, final)
    chat.turns.append(Turn("user", "Show me my receipts"))
    assert [call.name for call in chat.step(ToolChoice("any")).calls] == ["search_collection"]
    chat.turns.append(Turn("user", results=(ToolResult(chat.turns[-1].calls[0].id, result("item-1", "item-3")),)))
    (call,) = chat.step(ToolChoice("any")).calls
    assert call.name == "Answer"
    assert call.arguments["citations"] == ["item-1"]
