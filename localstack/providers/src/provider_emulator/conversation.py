"""The chat agent's rules: which tool to call with what, and what to answer once the tools have returned.

A state is only what the messages hold: the rules look at the current turn's question, the questions before it, and the
results that have come since.
"""

import re
import uuid
from collections.abc import Iterable

from provider_emulator import counting
from provider_emulator.intent import Intent, current_turn, intent_of
from provider_emulator.prompt import Ask, JsonObject, Kind, Reply, Tool, ToolCall
from provider_emulator.relevance import Document, Embed, matching
from provider_emulator.schema_fill import fill
from provider_emulator.tool_results import Hit, Outcome, outcomes
from provider_emulator.words import sentences

_WEB_TOOL = re.compile(r"web|tavily|internet", re.I)
_COLLECTION_TOOL = re.compile(r"collection", re.I)
_SEARCH_TOOL = re.compile(r"search|find|retriev|lookup|bm25|vector|hybrid|keyword|semantic", re.I)
_QUERY_FIELDS = ("query", "question", "search_query", "q", "text", "input")
_LISTED = 10
_PAGES = 3
_ID = re.compile(r"\[([\w-]{3,})\]")


def chat(ask: Ask, embed: Embed) -> Reply:
    """The next step of the conversation: tool calls, or text."""
    intent = intent_of(ask)
    results = outcomes(ask)
    if intent.small_talk is not None and not results:
        return Reply(Kind.CHAT, intent.small_talk)
    if ask.choice.mode != "none":
        calls = tuple(_call(tool, intent, ask) for tool in _wanted(ask, intent, results))
        if calls:
            return Reply(Kind.CHAT, _announcement(intent), calls)
    return Reply(Kind.CHAT, _words(ask, intent, results, embed) if results else _without_tools(ask))


def is_web(tool: str) -> bool:
    """Whether a tool of that name searches the web."""
    return bool(_WEB_TOOL.search(tool))


def searching(tools: Iterable[Tool]) -> list[Tool]:
    """The tools that search the collection, the one named after it first."""
    own = [tool for tool in tools if not is_web(tool.name)]
    named = [tool for tool in own if _COLLECTION_TOOL.search(tool.name)]
    return named or [tool for tool in own if _SEARCH_TOOL.search(tool.name)]


def _wanted(ask: Ask, intent: Intent, results: list[Outcome]) -> list[Tool]:
    """The tools to call now: those the question asks for that have not been tried in this turn."""
    tried = {outcome.tool for outcome in results}
    special = counting.tool_for(intent.question, ask.tools)
    own, web = [special] if special else searching(ask.tools)[:1], [tool for tool in ask.tools if is_web(tool.name)][:1]
    if intent.web and not intent.collection:
        wanted = web or own
    else:
        wanted = [*(own if intent.collection else ()), *(web if intent.web else ())]
    return [tool for tool in wanted if tool.name not in tried]


def call_of(tool: Tool, arguments: JsonObject) -> ToolCall:
    """A call of the tool with a new id."""
    return ToolCall(f"toolu_{uuid.uuid4().hex[:24]}", tool.name, arguments)


def query_arguments(tool: Tool, query: str) -> JsonObject:
    """Arguments that carry the query in the field meant for it; other required fields get fillers."""
    properties = tool.schema.get("properties", {})
    field = next((name for name in _QUERY_FIELDS if name in properties), None)
    if field is None:
        field = next((name for name, inner in properties.items() if inner.get("type") == "string"), None)
    made = fill(tool.schema, {field: query} if field else {})
    return made if isinstance(made, dict) else {}


def _call(tool: Tool, intent: Intent, ask: Ask) -> ToolCall:
    if tool == counting.tool_for(intent.question, ask.tools):
        return call_of(tool, counting.arguments(tool, intent, ask))
    return call_of(tool, query_arguments(tool, intent.query))


def _announcement(intent: Intent) -> str:
    return f"Let me look for {intent.subject}."


def _without_tools(ask: Ask) -> str:
    if ask.tools:
        return "I cannot look that up just now. Please ask again in a moment."
    return "I can only answer from your collection or the web, and have no access to either here."


def _words(ask: Ask, intent: Intent, results: list[Outcome], embed: Embed) -> str:
    parts = []
    own = [outcome for outcome in results if not is_web(outcome.tool)]
    web = [outcome for outcome in results if is_web(outcome.tool)]
    if own:
        parts.append(_from_collection(ask, intent, own, embed))
    if web:
        parts.append(_from_web(web))
    return "\n\n".join(parts)


def _from_collection(ask: Ask, intent: Intent, results: list[Outcome], embed: Embed) -> str:
    """Lists the hits that satisfy the question, with their ids; only from what the tools returned."""
    if all(outcome.failed for outcome in results):
        return f"I could not search your collection: {results[0].words or 'the search failed'}."
    hits = list({hit.key: hit for outcome in results for hit in outcome.hits}.values())
    words = [outcome.words for outcome in results if outcome.words and not outcome.failed]
    totals = [outcome.total for outcome in results if outcome.total is not None]
    if totals and hits:
        return _list(f"Of {totals[0]} in your collection:", hits[:_LISTED])
    if totals:
        return f"Your collection has {totals[0]} of them."
    if not hits:
        return words[0] if words else f"I found nothing about {intent.subject} in your collection."
    matches = _satisfying(intent, hits, embed)
    earlier = _listed_before(ask) if intent.among_earlier else frozenset()
    if earlier:
        among = [hit for hit in matches if hit.key in earlier]
        if among:
            return _list(f"Of those, {_count(among)} about {intent.subject}:", among)
        rest = _list("Elsewhere in your collection:", matches) if matches else ""
        return f"None of those is about {intent.subject}. {rest}".strip()
    if matches:
        return _list(f"I found {_count(matches)} about {intent.subject}:", matches)
    if intent.places:
        return f"I found nothing about {intent.subject} in your collection."
    return _list(f"Nothing clearly matches {intent.subject}. The closest:", hits[:1])


def _satisfying(intent: Intent, hits: list[Hit], embed: Embed) -> list[Hit]:
    if not intent.topic and not intent.places:
        return hits[:_LISTED]
    by_key = {hit.key: hit for hit in hits}
    documents = [Document(hit.key, hit.text) for hit in hits]
    return [by_key[found.document.id] for found in matching(intent.query, documents, embed)][:_LISTED]


def _listed_before(ask: Ask) -> frozenset[str]:
    """The ids named in the assistant's last message before this turn."""
    for turn in reversed(ask.turns[: max(current_turn(ask), 0)]):
        if turn.role == "assistant" and not turn.calls and (ids := _ID.findall(turn.text)):
            return frozenset(ids)
    return frozenset()


def _count(hits: list[Hit]) -> str:
    return "1 item" if len(hits) == 1 else f"{len(hits)} items"


def _list(lead: str, hits: list[Hit]) -> str:
    return "\n".join([lead, *(f"- {hit.title} [{hit.key}]" for hit in hits)])


def _from_web(results: list[Outcome]) -> str:
    if all(outcome.failed for outcome in results):
        return f"I could not search the web: {results[0].words or 'the search failed'}."
    pages = list({hit.key: hit for outcome in results for hit in outcome.hits}.values())[:_PAGES]
    words = [outcome.words for outcome in results if outcome.words and not outcome.failed]
    if not pages:
        return f"From the web: {words[0]}" if words else "The web search found nothing."
    lines = ["From the web:"]
    for page in pages:
        body = [part for part in sentences(page.text) if part.rstrip(".") != page.title.rstrip(".")]
        lines.append(f"- {page.title}: {body[0] if body else page.title} ({page.key})")
    return "\n".join(lines)
