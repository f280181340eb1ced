"""Decides what a request is about (picture, sources, conversation) and has it answered; models or canned, alike."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provider_emulator.answering import answer, sources_of
from provider_emulator.conversation import call_of, chat, is_web, query_arguments, searching
from provider_emulator.intent import current_turn, intent_of
from provider_emulator.prompt import Ask, JsonObject, Kind, Reply, Tool
from provider_emulator.relevance import Embed
from provider_emulator.schema_fill import fill
from provider_emulator.tool_results import outcomes


@dataclass(frozen=True, slots=True)
class Senses:
    """What answering needs: a describer of pictures and an embedder of texts."""

    describe: Callable[[bytes], JsonObject]
    embed: Embed


def kind_of(ask: Ask) -> Kind:
    """What the request asks for, recognised by its shape alone."""
    if ask.turns and ask.turns[-1].pictures:
        return Kind.VISION
    if sources_of(ask) is not None:
        return Kind.ANSWER
    if ask.schema is not None or _forced(ask) is not None:
        return Kind.STRUCTURED
    return Kind.CHAT


def respond(ask: Ask, senses: Senses) -> Reply:
    """The reply to the request. Raises BadRequestError for a picture that cannot be decoded or a schema of no use."""
    kind = kind_of(ask)
    tool = _forced(ask)
    if tool is not None:
        known = {} if _searches(tool) else _known(ask, kind, senses)
        arguments = fill(tool.schema, known) if known else query_arguments(tool, intent_of(ask).query)
        return Reply(kind, calls=(call_of(tool, arguments),))
    if ask.choice.mode == "any" and ask.tools:
        return _some_tool(ask, kind, senses)
    if ask.schema is not None and not (ask.tools and kind is Kind.STRUCTURED):
        return Reply(kind, _json(fill(ask.schema, _known(ask, kind, senses))))
    if kind is Kind.VISION:
        known = _known(ask, kind, senses)
        return Reply(kind, f"{known['headline']}\n\n{known['summary']}")
    if kind is Kind.ANSWER and not ask.tools:
        return Reply(kind, _known(ask, kind, senses)["answer"])
    reply = chat(ask, senses.embed)
    if ask.schema is not None and not reply.calls:  # an agent that ends in structured output
        return Reply(kind, _json(fill(ask.schema, _as_fields(ask, reply.text))))
    return reply


def _json(value: Any) -> str:  # noqa: ANN401 # any JSON value
    return json.dumps(value, ensure_ascii=False)


def _forced(ask: Ask) -> Tool | None:
    """The one tool that must be called."""
    if ask.choice.mode == "tool":
        return next((tool for tool in ask.tools if tool.name == ask.choice.name), None)
    return ask.tools[0] if ask.choice.mode == "any" and len(ask.tools) == 1 else None


def _searches(tool: Tool) -> bool:
    return is_web(tool.name) or bool(searching([tool]))


def _some_tool(ask: Ask, kind: Kind, senses: Senses) -> Reply:
    """Some tool must be called: those the conversation calls for, else one that takes the answer, else any."""
    reply = chat(ask, senses.embed)
    if reply.calls:
        return reply
    taking = next((tool for tool in ask.tools if not _searches(tool)), None)
    if taking is not None:
        return Reply(kind, calls=(call_of(taking, fill(taking.schema, _as_fields(ask, reply.text))),))
    tool = ask.tools[0]
    return Reply(kind, calls=(call_of(tool, query_arguments(tool, intent_of(ask).query)),))


def _as_fields(ask: Ask, text: str) -> JsonObject:
    """A final text as fields, with the ids it names among the hits."""
    ids = [hit.key for outcome in outcomes(ask) for hit in outcome.hits if f"[{hit.key}]" in text]
    cited = list(dict.fromkeys(ids))
    return {
        "answer": text,
        "text": text,
        "summary": text,
        "reasoning": "Searched, then kept what satisfies the question.",
        "confidence": 0.8 if cited else 0.0,
        "citations": cited,
        "item_ids": cited,
        "sources": cited,
        "found": bool(cited),
    }


def _known(ask: Ask, kind: Kind, senses: Senses) -> JsonObject:
    if kind is Kind.VISION:
        return senses.describe(ask.pictures[0].data)
    sources = sources_of(ask)
    if sources is not None:
        return answer(sources, senses.embed)
    intent = intent_of(ask)
    latest = ask.turns[current_turn(ask)].text if ask.turns else ""
    title = " ".join(intent.topic).capitalize() or latest[:60]
    return {
        "query": intent.query,
        "queries": [intent.query],
        "search_query": intent.query,
        "keywords": [*intent.topic, *intent.places],
        "question": intent.question,
        "title": title,
        "places": list(intent.places),
        "answer": "I have nothing to answer that from.",
        "confidence": 0.0,
        "citations": [],
        "reasoning": "Took the words of the question that carry meaning.",
    }
