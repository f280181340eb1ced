"""What a person types into a search box, taken apart: words, "phrases", exclusions, prefixes and `field:value`.

- `"soup recipe"` asks for the words beside each other, in that order and as they are written.
- `-lentil`, `NOT lentil`, `-"lentil soup"` and `-category:receipt` leave out what has it.
- `rame*` asks for words that begin so.
- `category:food` and `category:"street food"` narrow as the filter of that name does; several must all hold.

Everything is a query: what looks like syntax and is none (`https://…`, a quote that is not closed, `5 - 3`, an unknown
field, a value that its field does not take) is words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from retrieval.filters import FIELDS, Condition
from retrieval.text import is_spaced, query_tokens, spelled

MAX_CONDITIONS = 16
"""Phrases, exclusions and fields of one query; what follows is words."""

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
_TERM = re.compile(
    r"""(?P<sign>-(?![-\s])|NOT\s+(?=\S))?
        (?:(?P<field>[A-Za-z_]+):(?=[^\s:/]))?
        (?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s"]+))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query's parts. `words` is what to rank by and to embed: the text without what excludes or narrows."""

    words: str
    phrases: tuple[str, ...] = ()
    """Required, as `retrieval.text.spelled` writes them."""
    excluded_words: tuple[str, ...] = ()
    """Tokens."""
    excluded_phrases: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    """Tokens; each is among the words, too."""
    conditions: tuple[Condition, ...] = ()

    @property
    def narrows(self) -> bool:
        """Whether it says what a hit must have or not have, beside its words."""
        return bool(self.phrases or self.excluded_words or self.excluded_phrases or self.conditions)

    @property
    def has_words(self) -> bool:
        """Whether there is something to rank by."""
        return _has_tokens(self.words)

    @property
    def asks(self) -> bool:
        """Whether it asks for anything at all; punctuation alone does not."""
        return self.narrows or self.has_words


# Small caches: one search asks several times, and text of the past is not to be kept.
@lru_cache(maxsize=16)
def _has_tokens(text: str) -> bool:
    return bool(query_tokens(text))


@dataclass
class _Parts:
    words: list[str] = field(default_factory=list)
    phrases: list[str] = field(default_factory=list)
    excluded_words: list[str] = field(default_factory=list)
    excluded_phrases: list[str] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)

    def is_full(self) -> bool:
        words = [*self.phrases, *self.excluded_words, *self.excluded_phrases, *self.prefixes]
        return len(words) + len(self.conditions) >= MAX_CONDITIONS


@lru_cache(maxsize=16)
def parse_query(text: str) -> ParsedQuery:
    """The parts of any text; never raises. Of a text without syntax, `words` is the text itself."""
    parts = _Parts()
    for term in _terms(text.translate(_QUOTES)):
        if parts.is_full() or not _understood(term, parts):
            parts.words.append(term[0])
    if not (parts.phrases or parts.excluded_words or parts.excluded_phrases or parts.prefixes or parts.conditions):
        return ParsedQuery(text)
    return ParsedQuery(
        " ".join(parts.words),
        tuple(dict.fromkeys(parts.phrases)),
        tuple(dict.fromkeys(parts.excluded_words)),
        tuple(dict.fromkeys(parts.excluded_phrases)),
        tuple(dict.fromkeys(parts.prefixes)),
        tuple(dict.fromkeys(parts.conditions)),
    )


def _terms(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        term = None if text[place].isspace() else _TERM.match(text, place)
        if term is None:  # a space, or a quote that is not closed
            place += 1
            continue
        yield term
        place = term.end()


def _understood(term: re.Match[str], parts: _Parts) -> bool:
    """Adds the term to the parts; False where it is words and nothing else."""
    excluded = term["sign"] is not None and (term.start() == 0 or term.string[term.start() - 1].isspace())
    if term["sign"] is not None and not excluded:
        return False
    value = term["quoted"] if term["quoted"] is not None else term["bare"]
    if term["field"] is not None:
        read = FIELDS.get(term["field"].lower())
        narrowing = read(value) if read else None
        if narrowing is None:
            return False
        parts.conditions.append(Condition(narrowing, is_excluded=excluded))
        return True
    if excluded:
        return _exclude(value, parts, is_phrase=term["quoted"] is not None)
    if term["quoted"] is not None:
        return _require(value, parts)
    if value.endswith("*") and len(tokens := query_tokens(value)) == 1 and is_spaced(value):
        parts.prefixes.append(tokens[0])
        parts.words.append(value.rstrip("*"))
        return True
    return False


def _require(value: str, parts: _Parts) -> bool:
    if phrase := spelled(value):
        parts.phrases.append(phrase)
        parts.words.append(value)
    return True


def _exclude(value: str, parts: _Parts, *, is_phrase: bool) -> bool:
    tokens = query_tokens(value)
    if not is_phrase and len(tokens) == 1 and is_spaced(value):
        parts.excluded_words.append(tokens[0])
    elif phrase := spelled(value):
        parts.excluded_phrases.append(phrase)
    return True
