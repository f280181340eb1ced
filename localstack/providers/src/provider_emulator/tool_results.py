"""Reads what tools returned: hits of a collection search, web pages, plain text, or a failure."""

import json
from dataclasses import dataclass
from typing import Any

from provider_emulator.counting import total_in
from provider_emulator.intent import current_turn
from provider_emulator.prompt import Ask

_QUOTED = 600


@dataclass(frozen=True, slots=True)
class Hit:
    """One found item or web page: id or address, title, and all text about it."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tool call returned. `words` is its text when it was no list of hits, `total` what it counted."""

    tool: str
    hits: tuple[Hit, ...] = ()
    words: str = ""
    failed: bool = False
    total: int | None = None


def outcomes(ask: Ask) -> list[Outcome]:
    """The outcomes of the current turn's tool calls, in order."""
    start = current_turn(ask)
    names = {call.id: call.name for turn in ask.turns for call in turn.calls}
    return [
        _read(names.get(result.call_id, ""), result.text, result.is_error)
        for turn in ask.turns[start + 1 :]
        for result in turn.results
    ]


def _read(tool: str, text: str, failed: bool) -> Outcome:
    if failed:
        return Outcome(tool, words=text.strip()[:_QUOTED], failed=True)
    try:
        document = json.loads(text)
    except ValueError:
        return Outcome(tool, words=text.strip()[:_QUOTED])
    entries = document.get("results") if isinstance(document, dict) else document
    total = total_in(document)
    if not isinstance(entries, list):
        return Outcome(tool, words=text.strip()[:_QUOTED], total=total)
    return Outcome(tool, hits=tuple(hit for entry in entries if (hit := _hit(entry)) is not None), total=total)


def _hit(entry: Any) -> Hit | None:  # noqa: ANN401 # any JSON value
    if not isinstance(entry, dict):
        return None
    key = entry.get("item_id") or entry.get("url") or entry.get("id")
    if not key:
        return None
    title = str(entry.get("headline") or entry.get("title") or entry.get("category") or key)
    return Hit(
        str(key), title, "\n".join(_texts({k: v for k, v in entry.items() if k not in ("item_id", "id", "url")}))
    )


def _texts(value: Any) -> list[str]:  # noqa: ANN401 # any JSON value
    match value:
        case str():
            return [value]
        case dict():
            return [text for inner in value.values() for text in _texts(inner)]
        case list():
            return [text for inner in value for text in _texts(inner)]
        case _:
            return []
