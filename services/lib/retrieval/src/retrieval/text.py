"""Splits text into tokens.

Letters, digits and their marks form words; everything else separates. Three kinds of text need special treatment:

- Scripts written without spaces (Chinese, Japanese, Thai, ...; Korean glues its particles to the word) become
  overlapping pairs of characters: `東京駅` is `東京`, `京駅`. A run of one character is a token itself, and documents
  hold each Chinese character alone too, so that `猫` finds `黒猫`. That needs no dictionary, finds every part of a
  text, and does not depend on the database's locale.
- Emoji and other symbols are one token each; the two letters of a flag stay together, skin tones and joiners are
  dropped.
- Accents are taken off Latin letters only: a mark changes the letter in most other scripts.

Postgres then stems the tokens and drops English stop words (`english_stem`, which leaves what is not English alone).
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

MAX_TOKEN_LENGTH = 64
"""Characters; longer tokens are cut, so that a lexeme always fits an index entry."""

MAX_QUERY_TOKENS = 256
"""Distinct tokens of a query that count; the rest of a longer query is ignored."""

_HAN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFD))
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # radicals
    (0x3005, 0x3007),  # iteration mark, zero
    (0x3021, 0x3029),
    (0x3031, 0x303C),
    (0x3040, 0x31FF),  # kana, bopomofo
    (0xAC00, 0xD7AF),  # Hangul syllables
    *_HAN,
)
_LATIN_WITH_MARKS = re.compile("([a-z])[\u0300-\u036f]+")
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_ZERO_WIDTH_SPACE = 0x200B


def storable(text: str) -> str:
    """The text without characters that Postgres cannot store: NUL is dropped, a lone surrogate becomes U+FFFD."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def document_tokens(text: str) -> list[str]:
    """The text's tokens, repetitions included; any string is accepted."""
    return [token for kind, run in _runs(_folded(text)) for token in (*_tokens(kind, run), *_alone(kind, run))]


def query_tokens(text: str) -> list[str]:
    """The distinct tokens of a query, in order of appearance, at most `MAX_QUERY_TOKENS`; any string is accepted."""
    found = (token for kind, run in _runs(_folded(text)) for token in _tokens(kind, run))
    return list(dict.fromkeys(found))[:MAX_QUERY_TOKENS]


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", storable(text)).casefold())
    return unicodedata.normalize("NFC", _LATIN_WITH_MARKS.sub(r"\1", decomposed))


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Maximal runs of characters of one kind; separators are left out."""
    current, run = "", ""
    for character in text:
        kind = _kind(character)
        if kind == "ignored":
            continue
        if kind == "mark":
            run += character if current in ("word", "unspaced") else ""
            continue
        if kind != current:
            if current:
                yield current, run
            current, run = kind, ""
        run += character
    if current:
        yield current, run


@lru_cache(maxsize=8192)
def _kind(character: str) -> str:
    """`word`, `unspaced`, `symbol`, `mark` (belongs to what it follows), `ignored`, or nothing for a separator."""
    code = ord(character)
    category = unicodedata.category(character)
    if category in ("Cf", "Me") or code in _VARIATION_SELECTORS:
        return "ignored" if code != _ZERO_WIDTH_SPACE else ""
    if category[0] == "M":
        return "mark"
    if category[0] in "LN":
        return "unspaced" if any(_within(character, block) for block in _UNSPACED) else "word"
    return "symbol" if category == "So" else ""


def _tokens(kind: str, run: str) -> Iterator[str]:
    if kind == "symbol":
        yield from _symbols(run)
    elif kind == "word" or len(run) == 1:
        yield run[:MAX_TOKEN_LENGTH]
    else:
        yield from (run[i : i + 2] for i in range(len(run) - 1))


def _alone(kind: str, run: str) -> Iterator[str]:
    if kind == "unspaced" and len(run) > 1:
        yield from (character for character in run if any(_within(character, han) for han in _HAN))


def _within(character: str, block: tuple[int, int]) -> bool:
    return block[0] <= ord(character) <= block[1]


def _symbols(run: str) -> Iterator[str]:
    position = 0
    while position < len(run):
        flag = all(ord(c) in _REGIONAL_INDICATORS for c in run[position : position + 2])
        width = 2 if flag else 1
        yield run[position : position + width]
        position += width
