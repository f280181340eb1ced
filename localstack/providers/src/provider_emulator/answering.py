"""Answers a question from the sources in the prompt and cites the ones that match; states it when none does."""

import re
import textwrap
from dataclasses import dataclass
from html import unescape

from provider_emulator.prompt import Ask, JsonObject
from provider_emulator.relevance import Document, Embed, Scored, matching
from provider_emulator.words import content_words, overlap, sentences

_TAGGED = re.compile(
    r"<(item|source|document|result|doc)\b[^>]*?\b(?:id|item_id|index)\s*=\s*[\"']([^\"']+)[\"'][^>]*>(.*?)</\1>",
    re.S | re.I,
)
_NUMBERED = re.compile(r"^\s*\[([\w-]+)\]:?\s+(.+?)(?=^\s*\[[\w-]+\]:?\s|\Z)", re.S | re.M)
_QUESTION = re.compile(
    r"<(question|query)>(.*?)</\1>|^\s*(?:user'?s? )?(?:question|query)\s*:\s*(.+)$", re.S | re.I | re.M
)
_CITED = 5
_QUOTED_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Sources:
    """A question and the sources it is to be answered from."""

    question: str
    documents: tuple[Document, ...]


def sources_of(ask: Ask) -> Sources | None:
    """The sources tagged `<item id="…">…</item>` or numbered `[id] …` in the prompt; None when there are none."""
    asked = next((turn.text for turn in reversed(ask.turns) if turn.role == "user" and turn.text), "")
    for text in (asked, ask.system):
        found = [Document(match[1], _plain(match[2])) for match in _TAGGED.findall(text)]
        rest = _TAGGED.sub(" ", text)
        if not found:
            found = [Document(match[0], " ".join(match[1].split())) for match in _NUMBERED.findall(text)]
            rest = _NUMBERED.sub(" ", text)
        if found:
            return Sources(_question(rest if text is asked else asked), tuple(found))
    return None


def _plain(markup: str) -> str:
    """Text without inner tags, one line for each, escapes undone."""
    text = unescape(re.sub(r"</?[\w-]+[^>]*>", "\n", markup))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


def _question(text: str) -> str:
    match = _QUESTION.search(text)
    if match:
        line = (match.group(2) or match.group(3)).strip()
        return line.splitlines()[0].strip() if line else ""
    asking = [part for part in sentences(re.sub(r"</?[\w-]+[^>]*>", "\n", text)) if part.endswith("?")]
    return asking[-1] if asking else text.strip()


def answer(sources: Sources, embed: Embed) -> JsonObject:
    """`answer`, `confidence` (0..1), `citations` (ids, best first) and what schemas call them otherwise."""
    found = matching(sources.question, sources.documents, embed)[:_CITED]
    if not found:
        text = "None of the items answers that."
        return _knowledge(text, 0.0, [])
    quotes = [f"{_quote(each, sources.question)} [{each.document.id}]" for each in found]
    lead = "One item matches: " if len(found) == 1 else f"{len(found)} items match: "
    return _knowledge(lead + "; ".join(quotes) + ".", min(1.0, found[0].score), [each.document.id for each in found])


def _knowledge(text: str, confidence: float, ids: list[str]) -> JsonObject:
    share = round(confidence, 2)
    return {
        "answer": text,
        "text": text,
        "confidence": share,
        "answer_confidence": share,
        "citations": ids,
        "cited_ids": ids,
        "item_ids": ids,
        "sources": ids,
        "found": bool(ids),
        "reasoning": "Compared the words and the meaning of the question with each item.",
    }


def _quote(scored: Scored, question: str) -> str:
    """The first line of the item, and the sentence that holds most of the question's words that the line lacks."""
    head, *rest = sentences(scored.document.text) or [scored.document.text]
    lacking = [term for term in content_words(question) if not overlap([term], head)]
    best = max(rest, key=lambda part: overlap(lacking, part), default="")
    bare = head.rstrip(".!? ")
    if overlap(lacking, best) == 0:
        return bare
    return f"{bare}: {textwrap.shorten(best.rstrip('.!? '), _QUOTED_CHARACTERS, placeholder=' …')}"
