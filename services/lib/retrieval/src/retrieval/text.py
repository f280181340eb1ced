"""Splits text into tokens.

Letters, digits and their marks form words; everything else separates. Three kinds of text need special treatment:

- Scripts written without spaces (Chinese, Japanese, Thai, ...; Korean glues its particles to the word) become
  overlapping pairs of characters: `東京駅` is `東京`, `京駅`. A run of one character is a token itself, and documents
  hold each Chinese character alone too, so that `猫` finds `黒猫`. That needs no dictionary, finds every part of a
  text, and does not depend on the database's locale.
- Emoji and other symbols are one token each; the two letters of a flag stay together, skin tones and joiners are
  dropped.
- Accents are taken off Latin letters only: a mark changes the letter in most other scripts.
- Words of several parts are their parts, each two neighbours joined, and all of them joined: `Wi-Fi`, `WiFi` and
  `Wi Fi` find `wifi`, and `Node.js`, `O'Brien`, `3,410`, `getUserName` are found as `nodejs`, `obrien`, `3410` and
  `username`.
- `C++` and `C#` are words, beside their letter.

Postgres then drops English stop words and stems the tokens by their language (`retrieval.stemming`).
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

MAX_TOKEN_LENGTH = 64
"""Characters; longer tokens are cut, so that a lexeme always fits an index entry."""

MAX_QUERY_TOKENS = 256
"""Distinct tokens of a query that count; the rest of a longer query is ignored."""

MAX_PARTS = 8
"""A word of more parts is no word: only its parts count."""

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
# Latin letters that no normalisation takes apart.
_LATIN_ALONE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
# Between the parts of a word written in one; a private character, so that it outlives the folding of case.
_HUMP = "\ue000"
_HUMPS = re.compile(r"(?<=[^\W\d_])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])")
_APOSTROPHES = frozenset("'\u2019")
_CONNECTORS = frozenset(f"-\u2010\u2011._&{_HUMP}") | _APOSTROPHES
_AFTER_A_LETTER = re.compile(r"\+\+|#")
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)
_ZERO_WIDTH_SPACE = 0x200B


def storable(text: str) -> str:
    """The text without characters that Postgres cannot store: NUL is dropped, a lone surrogate becomes U+FFFD."""
    return text.replace("\x00", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def document_tokens(text: str) -> list[str]:
    """The text's tokens, repetitions included; any string is accepted."""
    return [token for word in _words(text) for token in (*word.parts, *word.alone, *word.joined, *word.whole)]


def query_tokens(text: str) -> list[str]:
    """The distinct tokens that a query asks for, in order of appearance, at most `MAX_QUERY_TOKENS`.

    Of a word of several parts it is all of them joined, which every way of writing it has in common. Any string is
    accepted.
    """
    found = (token for word in _words(text) for token in (word.whole or word.parts))
    return list(dict.fromkeys(found))[:MAX_QUERY_TOKENS]


def alternative_tokens(text: str) -> list[str]:
    """Distinct tokens that what a query asks for may be written as, too: parts of words, and neighbours joined.

    They count where they are found, and are not missed where they are not. At most `MAX_QUERY_TOKENS`.
    """
    words = list(_words(text))
    parts = [token for word in words if len(word.parts) > 1 for token in (*word.parts, *word.joined)]
    neighbours = [
        first.parts[0] + second.parts[0]
        for first, second in pairwise(words)
        if first.is_plain and second.is_plain and len(first.parts[0] + second.parts[0]) <= MAX_TOKEN_LENGTH
    ]
    asked = set(query_tokens(text))
    return [token for token in dict.fromkeys([*parts, *neighbours]) if token not in asked][:MAX_QUERY_TOKENS]


def plain_tokens(text: str) -> list[str]:
    """The distinct tokens of words of one part, of scripts with spaces; at most `MAX_QUERY_TOKENS`."""
    return list(dict.fromkeys(word.parts[0] for word in _words(text) if word.is_plain))[:MAX_QUERY_TOKENS]


def spelled(text: str) -> str:
    """The text's words one after another, folded as tokens are, with a space on each side of a word.

    A phrase occurs in a document where its spelling occurs in the document's. Text without spaces gets none at its
    ends, so that a phrase may begin or end within it. Empty where there is no word.
    """
    runs = list(_runs(_folded(text)))
    pieces = [(kind, _signed(runs, place)) for place, (kind, _) in enumerate(runs) if kind]
    if not pieces:
        return ""
    before, after = (" " if pieces[end][0] == "word" else "" for end in (0, -1))
    return before + " ".join(piece for _, piece in pieces) + after


def phrase_tokens(spelling: str) -> list[str]:
    """Tokens that every document has in whose spelling this one occurs."""
    found = [token for word in _words(spelling) for token in word.parts]
    return [token for token in dict.fromkeys(found) if len(token) > 1 or _kind(token) != "unspaced" or _is_han(token)]


def is_spaced(text: str) -> bool:
    """Whether all its words are of scripts that are written with spaces."""
    return all(kind in ("", "word") for kind, _ in _runs(_folded(text)))


def _signed(runs: Sequence[tuple[str, str]], place: int) -> str:
    """The run, with the sign of `C++` and `C#`."""
    run = runs[place][1]
    after = runs[place + 1][1] if place + 1 < len(runs) and not runs[place + 1][0] else ""
    sign = _AFTER_A_LETTER.match(after)
    return run + sign[0] if sign and len(run) == 1 and run.isalpha() else run


def _folded(text: str) -> str:
    composed = _HUMPS.sub(_HUMP, unicodedata.normalize("NFKC", storable(text)))
    decomposed = unicodedata.normalize("NFKD", composed.casefold())
    plain = _LATIN_WITH_MARKS.sub(r"\1", decomposed).translate(_LATIN_ALONE)
    return unicodedata.normalize("NFC", plain)


@dataclass(frozen=True, slots=True)
class _Word:
    """What stands together. `whole` is what all its parts make, where there are several."""

    parts: tuple[str, ...]
    alone: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    is_plain: bool = False


def _words(text: str) -> Iterator[_Word]:
    runs = list(_runs(_folded(text)))
    place = 0
    while place < len(runs):
        kind, run = runs[place]
        if kind == "word":
            parts = [run]
            while _goes_on(runs, place):
                place += 2
                parts.append(runs[place][1])
            after = runs[place + 1][1] if place + 1 < len(runs) and not runs[place + 1][0] else ""
            yield _of_parts(parts) if len(parts) > 1 else _of_one(run, after)
        elif kind:
            yield _Word(tuple(_tokens(kind, run)), tuple(_alone(kind, run)))
        place += 1


def _goes_on(runs: Sequence[tuple[str, str]], place: int) -> bool:
    """Whether one connector and another part follow; a comma connects digits only, and a genitive is no part."""
    if place + 2 >= len(runs) or runs[place + 2][0] != "word":
        return False
    (_, before), (kind, gap), (_, after) = runs[place : place + 3]
    if gap in _APOSTROPHES and after == "s":
        return False
    return not kind and (gap in _CONNECTORS or (gap == "," and before.isdecimal() and after.isdecimal()))


def _of_one(run: str, after: str) -> _Word:
    sign = _AFTER_A_LETTER.match(after)
    if sign and len(run) == 1 and run.isalpha():
        return _Word((run,), whole=(run + sign[0],))
    return _Word((run[:MAX_TOKEN_LENGTH],), is_plain=True)


def _of_parts(parts: Sequence[str]) -> _Word:
    cut = tuple(part[:MAX_TOKEN_LENGTH] for part in parts)
    whole = "".join(parts)
    if len(parts) > MAX_PARTS or len(whole) > MAX_TOKEN_LENGTH:
        return _Word(cut)
    pairs = tuple(first + second for first, second in pairwise(parts)) if len(parts) > 2 else ()
    return _Word(cut, joined=pairs, whole=(whole,))


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Maximal runs of characters of one kind; those of separators have none."""
    current, run = "", ""
    for character in text:
        kind = _kind(character)
        if kind == "ignored":
            continue
        if kind == "mark":
            run += character if current in ("word", "unspaced") else ""
            continue
        if kind != current:
            if run:
                yield current, run
            current, run = kind, ""
        run += character
    if run:
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
    elif len(run) == 1:
        yield run
    else:
        yield from (run[i : i + 2] for i in range(len(run) - 1))


def _alone(kind: str, run: str) -> Iterator[str]:
    if kind == "unspaced" and len(run) > 1:
        yield from filter(_is_han, run)


def _is_han(character: str) -> bool:
    return any(_within(character, han) for han in _HAN)


def _within(character: str, block: tuple[int, int]) -> bool:
    return block[0] <= ord(character) <= block[1]


def _symbols(run: str) -> Iterator[str]:
    position = 0
    while position < len(run):
        flag = all(ord(c) in _REGIONAL_INDICATORS for c in run[position : position + 2])
        width = 2 if flag else 1
        yield run[position : position + width]
        position += width
