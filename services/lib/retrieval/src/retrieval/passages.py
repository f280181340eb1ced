"""What a model reads of an item: the start of its text, and the passages that match a question best.

An item's text may be longer than what a model is to read of it, and the fact that is asked for may stand at its end. A
text that fits is read whole; no statement is made then.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from retrieval.explanation import matching_tokens
from retrieval.query import Hit, SearchQuery
from retrieval.query_language import parse_query
from retrieval.search import asked_of
from retrieval.text import document_tokens

WINDOW = 300
"""Characters of a passage, about: a sentence that matches, with the sentences around it."""

START = 400
"""Characters of the text's beginning that are read in any case, or a third of all where that is less."""

_BORDERS = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")

Span = tuple[int, int]
Matching = Mapping[str, Collection[str]]
"""Words as they are written, with those of their tokens that are asked for."""


@dataclass(frozen=True, slots=True)
class Source:
    """An item as a model reads it: parts of its searchable text, one field a line, in the order of the text."""

    item_id: str
    passages: tuple[str, ...]


def sources(
    conn: Connection[Any], tenant_id: str, questions: Sequence[str], hits: Sequence[Hit], characters: int
) -> list[Source]:
    """The hits as sources for these questions, each of so many characters at most."""
    matching = _matching(conn, tenant_id, questions, [hit.body for hit in hits if len(hit.body) > characters])
    return [Source(hit.item_id, passages(hit.body, matching, characters)) for hit in hits]


def passages(text: str, matching: Matching, characters: int) -> tuple[str, ...]:
    """Parts of the text, of so many characters at most together: its start, what matches, then what comes first."""
    if len(text) <= characters:
        return (text,)
    sentences = list(_sentences(text))
    terms = [{term for word in text[start:end].split() for term in matching.get(word, ())} for start, end in sentences]
    chosen = _chosen(sentences, terms, characters)
    spans = [sentences[place] for place in sorted(chosen)]
    left = characters - sum(end - start for start, end in spans)
    spans += _first(sentences, chosen, left)
    read = (text[start:end].strip() for start, end in _joined(sorted(spans)))
    return tuple(filter(None, read))


def _matching(conn: Connection[Any], tenant_id: str, questions: Sequence[str], texts: Sequence[str]) -> Matching:
    if not texts:
        return {}
    asked = asked_of(conn, SearchQuery(tenant_id, " ".join(parse_query(question).words for question in questions)))
    words = {word for text in texts for start, end in _sentences(text) for word in text[start:end].split()}
    return matching_tokens(conn, tenant_id, {word: document_tokens(word) for word in words}, asked)


def _sentences(text: str) -> Iterator[Span]:
    """Sentences and lines with the spaces after them, longer ones in parts; one after another they are the text."""
    start = 0
    for border in [*_BORDERS.finditer(text), None]:
        end = border.end() if border else len(text)
        while end - start > WINDOW:
            space = text.rfind(" ", start + 1, start + WINDOW + 1)
            cut = space if space > 0 else start + WINDOW
            yield start, cut
            start = cut
        if end > start:
            yield start, end
        start = end


def _chosen(sentences: Sequence[Span], terms: Sequence[set[str]], characters: int) -> set[int]:
    """The sentences of the start, and of the windows that add most of what is asked for, as many as fit."""
    found = Counter(term for each in terms for term in each)
    # What few sentences have says more about them than what all have.
    weights = {term: math.log(1 + len(sentences) / count) for term, count in found.items()}
    chosen = _start(sentences, min(START, characters // 3))
    left = characters - sum(_length(sentences[place]) for place in chosen)
    seen = {term for place in chosen for term in terms[place]}
    windows = {place: _window(sentences, place) for place, each in enumerate(terms) if each and place not in chosen}

    def gain(place: int) -> tuple[float, float]:
        new = {term for part in windows[place] for term in terms[part]} - seen
        return sum(weights[term] for term in new), sum(weights[term] for term in terms[place])

    while windows:
        place = max(windows, key=gain)
        added = windows.pop(place) - chosen
        size = sum(_length(sentences[part]) for part in added)
        if size > left:
            continue
        chosen |= added
        left -= size
        seen |= {term for part in added for term in terms[part]}
    return chosen


def _start(sentences: Sequence[Span], characters: int) -> set[int]:
    size, chosen = 0, set[int]()
    for place, span in enumerate(sentences):
        size += _length(span)
        if size > characters:
            break
        chosen.add(place)
    return chosen


def _window(sentences: Sequence[Span], place: int) -> set[int]:
    """The sentence with its neighbours, those that follow first: an answer follows what it answers."""
    first = last = place
    size = _length(sentences[place])
    while last + 1 < len(sentences) and size + _length(sentences[last + 1]) <= WINDOW:
        last += 1
        size += _length(sentences[last])
    while first > 0 and size + _length(sentences[first - 1]) <= WINDOW:
        first -= 1
        size += _length(sentences[first])
    return set(range(first, last + 1))


def _first(sentences: Sequence[Span], chosen: Collection[int], left: int) -> list[Span]:
    """The first of the other sentences, the last one cut."""
    added: list[Span] = []
    for place, (start, end) in enumerate(sentences):
        if place in chosen:
            continue
        if end - start >= left:
            return [*added, (start, start + left)] if left > 0 else added
        added.append((start, end))
        left -= end - start
    return added


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that follow one another as one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _length(span: Span) -> int:
    return span[1] - span[0]
