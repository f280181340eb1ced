"""Questions that no search answers: how many there are, and which are the newest or the oldest.

Where a tool counts or lists, it is called with the words, the month and the place to leave out that the question names.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from provider_emulator.intent import Intent
from provider_emulator.prompt import Ask, JsonObject, Tool

_COUNT = re.compile(r"\bhow many\b|\bnumber of\b", re.I)
_ORDER = re.compile(r"\b(?:(newest|most recent)|(oldest|earliest))\b", re.I)
_EXCEPT = re.compile(r"\bnot (?:from|in) ([A-Z][\w-]+)")
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = re.compile(rf"\bin ({'|'.join(_MONTHS)})\b", re.I)
_TODAY = re.compile(r"\bToday is (\d{4}-\d{2}-\d{2})")
_NO_TOPIC = frozenset({*_MONTHS, "newest", "recent", "oldest", "earliest", "number", "add", "added"})


def tool_for(question: str, tools: Iterable[Tool]) -> Tool | None:
    """The tool that counts or lists, where the question asks for that and there is one."""
    wanted = "count_items" if _COUNT.search(question) else "list_items" if _ORDER.search(question) else None
    return next((tool for tool in tools if tool.name == wanted), None)


def arguments(tool: Tool, intent: Intent, ask: Ask) -> JsonObject:
    """What the tool is called with, as far as it takes it."""
    excepted = _EXCEPT.search(intent.question)
    left_out = excepted[1] if excepted else ""
    places = [place for place in intent.places if place != left_out]
    topic = [word for word in intent.topic if word.lower() not in _NO_TOPIC and word != left_out]
    order = _ORDER.search(intent.question)
    given: JsonObject = {
        "query": " ".join([*topic, *places, *([f"-place:{left_out}"] if left_out else [])]),
        "sort": "oldest" if order and order[2] else "newest",
        **_month(intent.question, ask),
    }
    return {name: value for name, value in given.items() if name in tool.schema.get("properties", {})}


def total_in(document: object) -> int | None:
    """The number that a tool returned, where it returned one beside or instead of items."""
    total = document.get("total") if isinstance(document, dict) else None
    return total if isinstance(total, int) else None


def _month(question: str, ask: Ask) -> JsonObject:
    """The latest month of that name."""
    named = _MONTH.search(question)
    if named is None:
        return {}
    told = _TODAY.search(ask.system)
    today = date.fromisoformat(told[1]) if told else datetime.now(UTC).date()
    month = _MONTHS.index(named[1].lower()) + 1
    first = date(today.year if month <= today.month else today.year - 1, month, 1)
    after = date(first.year + month // 12, month % 12 + 1, 1)
    return {"added_from": f"{first}T00:00:00Z", "added_before": f"{after}T00:00:00Z"}
