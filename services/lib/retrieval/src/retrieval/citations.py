"""Whether sources support what is said of them, and how far an answer can be trusted.

A citation is kept where enough of the words and numbers of what it stands behind are in the item's text. That rests on
words alone: it notices the wrong item and the made-up number, not the wrong verb.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrieval.confidence import strength
from retrieval.query import Hit
from retrieval.results import mentioned
from retrieval.text import document_tokens, query_tokens

SUPPORTED_SHARE = 0.25
"""Of a claim's words and numbers, in the source: measured, see docs/search.md."""

MIN_WORD = 4
"""Letters of a word that counts; numbers, and tokens of scripts without spaces, always do."""

STEM = 5
"""Letters by which words are compared: `receipt` and `receipts` are the same."""

DOUBT = 0.4
"""A model that states less is believed: above, what it states says less than what it cites (measured, as above)."""

_LEAST_WORDS = 2
"""For a claim of fewer, its whole sentence may stand."""

_SENTENCES = re.compile(r"\n+|(?<=[.!?])\s+(?=[^\s\[])|(?<=[\u3002\uff01\uff1f])")
# fmt: off
_FRAME = frozenset((
    "about", "also", "been", "both", "could", "does", "each", "found", "from", "have", "here", "image", "images",
    "item", "items", "match", "matches", "more", "most", "much", "only", "other", "photo", "photos", "picture",
    "pictures", "screenshot", "screenshots", "show", "shown", "shows", "some", "such", "than", "that", "their",
    "them", "then", "there", "these", "they", "this", "those", "very", "were", "what", "when", "where", "which",
    "while", "will", "with", "would", "your",
))
# fmt: on


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer whose citations were checked.

    `text` is without the brackets of dropped citations. `confidence` is 0 to 1: how well the best of the sources that
    it rests on matches (`retrieval.confidence.strength`), times the share of its citations that are supported; 0 where
    it rests on none.
    """

    text: str
    citations: tuple[str, ...]
    dropped: int
    confidence: float


def checked(text: str, hits: Iterable[Hit], cited: Iterable[str] | None = None) -> Checked:
    """The answer with those of its citations that the cited items support: of these ids, or else of those in the text.

    Ids that are not among the hits count as dropped; in the text they stay, because they may be of earlier answers.
    """
    known: dict[str, Hit] = {}
    for hit in hits:
        known.setdefault(hit.item_id, hit)
    ids = list(dict.fromkeys(mentioned(text, known) if cited is None else cited))
    kept = [item_id for item_id in ids if item_id in known and is_supported(text, item_id, known[item_id].body, ids)]
    dropped = [item_id for item_id in ids if item_id not in kept]
    best = max((strength(known[item_id]) for item_id in kept), default=0.0)
    share = len(kept) / len(ids) if ids else 0.0
    shown = _without(text, [item_id for item_id in dropped if item_id in known])
    return Checked(shown, tuple(kept), len(dropped), round(best * share, 2))


def trusted(confidence: float, stated: float) -> float:
    """The confidence of a checked answer, of which the model states its own: both 0 to 1."""
    return min(confidence, stated) if stated < DOUBT else confidence


def is_supported(text: str, item_id: str, source: str, ids: Sequence[str]) -> bool:
    """Whether the source has enough of any claim that the text cites the item for; of any sentence, where it names it
    nowhere. A claim without words and numbers is supported by anything."""
    words = {_compared(token) for token in document_tokens(source)}
    claims = list(_claims(text, item_id, ids)) or [_content(part, ids) for part in _SENTENCES.split(text)]
    return any(not claim or len(claim & words) >= SUPPORTED_SHARE * len(claim) for claim in claims)


def _claims(text: str, item_id: str, ids: Sequence[str]) -> Iterable[set[str]]:
    """What the item is cited for: what stands between it and the citation before it; where that is little, also its
    whole sentence."""
    for sentence in _SENTENCES.split(text):
        if item_id not in sentence:
            continue
        claim: set[str] = set()
        for part in _split(sentence, ids):
            if part == item_id:
                if claim:
                    yield claim
                if len(claim) < _LEAST_WORDS:
                    yield _content(sentence, ids)
            elif part not in ids:
                claim = _content(part, ids) or claim


def _split(sentence: str, ids: Sequence[str]) -> list[str]:
    pattern = "|".join(re.escape(item_id) for item_id in sorted(ids, key=len, reverse=True))
    return re.split(f"({pattern})", sentence)


def _content(text: str, ids: Sequence[str]) -> set[str]:
    """The text's words and numbers, as they are compared, without those that answers are framed with."""
    words = "".join(part for part in _split(text, ids) if part not in ids)
    return {_compared(token) for token in query_tokens(words) if _counts(token)}


def _counts(token: str) -> bool:
    if not token.isascii() or any(character.isdigit() for character in token):
        return True
    return len(token) >= MIN_WORD and token not in _FRAME


def _compared(token: str) -> str:
    return token[:STEM] if token.isalpha() else token


def _without(text: str, ids: Iterable[str]) -> str:
    for item_id in ids:
        text = re.sub(rf"\s?\[{re.escape(item_id)}\]", "", text)
    return text
