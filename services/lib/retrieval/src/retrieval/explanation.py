"""Why an item was found: its ranks, its scores and what they contribute, and where the query's words are in it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from retrieval.documents import searchable
from retrieval.query import DEFAULT_RANKING, Fusion, Hit, Ranking, ScoreType, SearchQuery
from retrieval.search import Asked, asked_of, leg_ranks
from retrieval.stemming import STEMS
from retrieval.text import document_tokens, is_spaced

MAX_FRAGMENT = 200
"""Characters of a highlight, about."""

MAX_HIGHLIGHTS = 5
"""Of an item, in the order of its fields."""

_CHUNKS = re.compile(r"\s+|\S+")


@dataclass(frozen=True, slots=True)
class Highlight:
    """A part of a field's text, in pieces: each with whether it matches."""

    field: str
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one hit. Shares are what each way contributes to the score of a hybrid search, and add up to it.

    Ranks are None where that way did not find the item.
    """

    keyword_rank: int | None
    vector_rank: int | None
    keyword_share: float | None
    vector_share: float | None
    terms: tuple[str, ...]
    """The query's words that the item has, as they are written in it."""
    fields: tuple[str, ...]
    highlights: tuple[Highlight, ...]


def explain(
    conn: Connection[Any], query: SearchQuery, hits: Sequence[Hit], ranking: Ranking = DEFAULT_RANKING
) -> dict[str, Explanation]:
    """By item id, why each of these hits of the query was found."""
    if not hits:
        return {}
    asked = asked_of(conn, query)
    ranks = leg_ranks(conn, query, asked, [hit.item_id for hit in hits], ranking)
    texts = {hit.item_id: searchable(hit.description, hit.original_filename) for hit in hits}
    words = {chunk for found in texts.values() for _, text in found for chunk in text.split()}
    matching = matching_tokens(conn, query.tenant_id, {word: document_tokens(word) for word in words}, asked)
    return {hit.item_id: _explained(hit, ranks[hit.item_id], texts[hit.item_id], matching, ranking) for hit in hits}


_MATCHING = f"""
WITH asked AS MATERIALIZED (
    SELECT stems.lexeme FROM unnest(%(asked)s::text[]) AS token {STEMS}
     UNION
    SELECT unnest(%(expansions)s::text[])
)
SELECT DISTINCT token
  FROM unnest(%(tokens)s::text[]) AS token {STEMS}
 WHERE stems.lexeme IN (SELECT lexeme FROM asked)
"""  # noqa: S608  # constants of this package


def matching_tokens(
    conn: Connection[Any], tenant_id: str, written: Mapping[str, Sequence[str]], asked: Asked
) -> dict[str, tuple[str, ...]]:
    """Of words as they are written, those of their tokens that the query asks for."""
    parameters = {
        "tenant": tenant_id,
        "asked": [*asked.tokens, *asked.alternatives],
        "expansions": [lexeme for expansion in asked.expanded for lexeme in expansion.lexemes],
        "tokens": sorted({token for tokens in written.values() for token in tokens}),
    }
    found = {token for (token,) in conn.cursor(row_factory=tuple_row).execute(_MATCHING, parameters)}
    matches = {word: tuple(token for token in tokens if token in found) for word, tokens in written.items()}
    return {word: tokens for word, tokens in matches.items() if tokens}


def _explained(
    hit: Hit,
    ranks: tuple[int | None, int | None],
    texts: Sequence[tuple[str, str]],
    matching: Mapping[str, Sequence[str]],
    ranking: Ranking,
) -> Explanation:
    marked = [(name, tuple(_pieces(text, matching))) for name, text in texts]
    found = [(name, pieces) for name, pieces in marked if any(matches for _, matches in pieces)]
    keyword_share, vector_share = _shares(hit, ranks, ranking)
    return Explanation(
        *ranks,
        keyword_share=keyword_share,
        vector_share=vector_share,
        terms=tuple(dict.fromkeys(piece for _, pieces in found for piece, matches in pieces if matches)),
        fields=tuple(dict.fromkeys(name for name, _ in found)),
        highlights=tuple(Highlight(name, _fragment(pieces)) for name, pieces in found[:MAX_HIGHLIGHTS]),
    )


def _shares(hit: Hit, ranks: tuple[int | None, int | None], ranking: Ranking) -> tuple[float | None, float | None]:
    if hit.score_type is not ScoreType.HYBRID or hit.bm25 is hit.similarity is None:
        return None, None
    if ranking.fusion is Fusion.RRF:
        weights = (ranking.bm25_weight, ranking.vector_weight)
        by_words, by_meaning = (
            weight / (ranking.rrf_constant + rank) if rank else 0.0 for weight, rank in zip(weights, ranks, strict=True)
        )
        return by_words, by_meaning
    weight = ranking.bm25_weight * (hit.query_coverage or 0) ** ranking.coverage_power
    by_meaning = (ranking.bm25_weight + ranking.vector_weight - weight) * max(hit.similarity or 0, 0)
    return hit.score - by_meaning, by_meaning


def _pieces(text: str, matching: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, bool]]:
    for chunk in _CHUNKS.findall(text):
        tokens = matching.get(chunk, ())
        if not tokens:
            yield chunk, False
            continue
        wanted = chunk.strip("\"'()[]{}.,;:!?\u201c\u201d\u2018\u2019") if is_spaced(chunk) else _within(chunk, tokens)
        before, word, after = chunk.partition(wanted)
        yield from ((piece, piece is word) for piece in (before, word, after) if piece)


def _within(chunk: str, tokens: Sequence[str]) -> str:
    """From the first to the last of the tokens in text without spaces; all of it where it is written otherwise."""
    places = [(chunk.find(token), len(token)) for token in tokens if token in chunk]
    if not places:
        return chunk
    return chunk[min(place for place, _ in places) : max(place + length for place, length in places)]


def _fragment(pieces: Sequence[tuple[str, bool]]) -> tuple[tuple[str, bool], ...]:
    """The pieces around the first that matches, neighbours of a kind joined."""
    first = next(place for place, (_, matches) in enumerate(pieces) if matches)
    start, room = first, MAX_FRAGMENT // 2
    while start > 0 and (room := room - len(pieces[start - 1][0])) >= 0:
        start -= 1
    joined: list[tuple[str, bool]] = []
    length = 0
    for place in range(start, len(pieces)):
        text, matches = pieces[place]
        if place > first and length + len(text) > MAX_FRAGMENT:
            break
        length += len(text)
        if joined and joined[-1][1] == matches:
            joined[-1] = (joined[-1][0] + text, matches)
        else:
            joined.append((text, matches))
    return tuple(joined)
