"""Search one tenant's collection: `search` runs one statement per query, after one look-up of the tenant's size.

Statistics (number of documents, average length, document frequency) are the tenant's own, counted when the query runs.
Filters narrow the results, never the statistics: a hit scores the same with and without them.

Vectors: up to `Ranking.exact_limit` all of the tenant's are compared, which finds the true neighbours and is fastest
there. Above, the tenant's HNSW index is read if it has been built. A filtered search always compares exactly: an
approximate index that is filtered afterwards may miss what is rare altogether, while the exact scan computes only the
rows that match. This library chooses, not the planner, which would use the index for tenants of a hundred items
too, and lose neighbours.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import dict_row, tuple_row

from retrieval import filters
from retrieval.errors import InvalidQueryError
from retrieval.expansion import Expansion, expandable, expansions
from retrieval.facets import FACETS, Matches, as_matches
from retrieval.filters import Filters
from retrieval.narrowing import Narrowing
from retrieval.query import (
    DEFAULT_RANKING,
    CollectionStats,
    Fusion,
    Hit,
    Order,
    Ranking,
    ScoreType,
    SearchMode,
    SearchQuery,
)
from retrieval.query_language import ParsedQuery, parse_query
from retrieval.search_statements import (
    INDEX_SETTINGS,
    listing_statement,
    matches_statement,
    ranks_statement,
    search_statement,
)
from retrieval.text import alternative_tokens, phrase_tokens, plain_tokens, query_tokens
from retrieval.vectors import unit_vector, vector_cursor

MAX_TOP_K = 1_000

ALL = 2**31 - 1
"""A limit that is none."""

_SCORE_TYPES = {
    SearchMode.BM25: ScoreType.BM25,
    SearchMode.VECTOR: ScoreType.SIMILARITY,
    SearchMode.HYBRID: ScoreType.HYBRID,
}


def search(conn: Connection[Any], query: SearchQuery, ranking: Ranking = DEFAULT_RANKING) -> list[Hit]:
    """The best hits, best first; ties are in the order of item ids.

    Raises:
        InvalidQueryError: no tenant, top_k outside 1..1,000, or a vector search without vector and model.
        InvalidVectorError: not 1,024 finite values of non-zero norm.
    """
    return _searched(conn, query, ranking).hits


def search_and_count(
    conn: Connection[Any], query: SearchQuery, facets: Iterable[str], ranking: Ranking = DEFAULT_RANKING
) -> tuple[list[Hit], Matches]:
    """The hits of `search` and the matches of `count_matches`, of a first page by words from one statement.

    Raises:
        InvalidQueryError: as `count_matches`.
        InvalidVectorError: not 1,024 finite values of non-zero norm.
    """
    names = _known(facets)
    parsed = parse_query(query.text)
    is_later_page = query.without or query.after or query.added_before
    if is_later_page or not parsed.asks or (parsed.narrows and not parsed.has_words):
        first_page = replace(query, without=(), after=None, added_before=None)
        return search(conn, query, ranking), count_matches(conn, first_page, names, ranking)
    found = _searched(conn, query, ranking, names)
    return found.hits, as_matches(names, found.counts)


@dataclass(frozen=True, slots=True)
class _Found:
    hits: list[Hit]
    has_unknown: bool
    """Whether a word is asked for that no document has."""
    counts: Sequence[Sequence[Any]]
    """Of the matches, by facet and value."""


def _searched(
    conn: Connection[Any], query: SearchQuery, ranking: Ranking, facets: tuple[str, ...] | None = None
) -> _Found:
    parsed = parse_query(query.text)
    if parsed.narrows and not parsed.has_words:
        return _listed(conn, query, ranking)
    by_words = query.mode is not SearchMode.VECTOR
    expanded = expansions(conn, query.tenant_id, parsed) if by_words and parsed.prefixes else []
    found = _ranked(conn, query, ranking, expanded, facets)
    # A word that no document has may be misspelled; only then is it looked up, and the search made again.
    if by_words and not parsed.prefixes and (found.has_unknown or not found.hits) and expandable(parsed):
        expanded = expansions(conn, query.tenant_id, parsed)
        return _ranked(conn, query, ranking, expanded, facets) if expanded else found
    return found


def listed(conn: Connection[Any], query: SearchQuery, ranking: Ranking = DEFAULT_RANKING) -> list[Hit]:
    """What the query's filters and conditions let through, by the time when it was added; words are not looked for.

    Raises:
        InvalidQueryError: as `search`.
    """
    return _listed(conn, query, ranking).hits


def _listed(conn: Connection[Any], query: SearchQuery, ranking: Ranking) -> _Found:
    narrowing = _narrowing(query, parse_query(query.text))
    statement = listing_statement(narrowing, query.order, is_next=query.after is not None)
    return _found(conn, statement, _parameters(query, ranking), query.mode)


def _ranked(
    conn: Connection[Any],
    query: SearchQuery,
    ranking: Ranking,
    expanded: Sequence[Expansion],
    facets: tuple[str, ...] | None,
) -> _Found:
    parsed = parse_query(query.text)
    parameters = _parameters(query, ranking, expanded)
    if facets is not None:
        parameters["fetch"] = max(parameters["ranked"], _matched(query, ranking))
    narrowing = _narrowing(query, parsed, is_expanded=bool(expanded))
    approximate = _is_approximate(conn, query, narrowing, ranking)
    statement = search_statement(
        query.mode,
        narrowing,
        fusion=ranking.fusion,
        approximate=approximate,
        order=query.order,
        is_next=query.after is not None,
        facets=facets,
    )
    # Unprepared where the index is read, so that the plan is made for this tenant: a generic one cannot know that the
    # tenant's index applies.
    with _reading(conn, parameters, approximate=approximate) as prepare:
        return _found(conn, statement, parameters, query.mode, prepare=prepare)


def count_matches(
    conn: Connection[Any], query: SearchQuery, facets: Iterable[str] = (), ranking: Ranking = DEFAULT_RANKING
) -> Matches:
    """How many items match, whatever `top_k`; in all, and by the values of these facets (`retrieval.facets.FACETS`).

    An empty text, in a keyword search, matches whatever the filters let through.

    Raises:
        InvalidQueryError: as `search`; also an unknown facet.
        InvalidVectorError: not 1,024 finite values of non-zero norm.
    """
    names = _known(facets)
    parsed = parse_query(query.text)
    by_words = query.mode is not SearchMode.VECTOR
    expanded = expansions(conn, query.tenant_id, parsed) if by_words else []
    parameters = _parameters(replace(query, order=Order.NEWEST), ranking, expanded)
    if not parsed.asks and query.text:
        return as_matches(names, [])
    is_empty = not query.text and query.mode is SearchMode.BM25
    narrowing = _narrowing(query, parsed, is_expanded=bool(expanded))
    listing = (parsed.narrows or is_empty) and not parsed.has_words
    approximate = not listing and _is_approximate(conn, query, narrowing, ranking)
    statement = matches_statement(query.mode, narrowing, names, approximate=approximate, listing=listing)
    with _reading(conn, parameters, approximate=approximate) as prepare:
        rows = vector_cursor(conn, tuple_row).execute(statement, parameters, prepare=prepare).fetchall()
    return as_matches(names, rows)


def _known(facets: Iterable[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(facets))
    if unknown := set(names) - set(FACETS):
        raise InvalidQueryError(f"unknown facets: {sorted(unknown)}")
    return names


@dataclass(frozen=True, slots=True)
class Asked:
    """The tokens that a query asks for by words, and what stands for those that no document has."""

    tokens: Sequence[str]
    alternatives: Sequence[str]
    expanded: Sequence[Expansion]


def asked_of(conn: Connection[Any], query: SearchQuery) -> Asked:
    """What the query asks for, in a search by words."""
    parsed = parse_query(query.text)
    expanded = expansions(conn, query.tenant_id, parsed)
    return Asked(query_tokens(parsed.words), alternative_tokens(parsed.words), expanded)


def leg_ranks(
    conn: Connection[Any], query: SearchQuery, asked: Asked, items: Sequence[str], ranking: Ranking
) -> dict[str, tuple[int | None, int | None]]:
    """The items' ranks by words and by meaning, None where that leg did not find them."""
    parsed = parse_query(query.text)
    if parsed.narrows and not parsed.has_words:
        return dict.fromkeys(items, (None, None))
    expanded = asked.expanded if query.mode is not SearchMode.VECTOR else ()
    parameters = _parameters(query, ranking, expanded) | {"items": list(items)}
    narrowing = _narrowing(query, parsed, is_expanded=bool(expanded))
    approximate = _is_approximate(conn, query, narrowing, ranking)
    statement = ranks_statement(query.mode, narrowing, approximate=approximate)
    with _reading(conn, parameters, approximate=approximate) as prepare:
        rows = vector_cursor(conn, tuple_row).execute(statement, parameters, prepare=prepare).fetchall()
    return {item: (keyword, semantic) for item, keyword, semantic in rows}


def collection_stats(conn: Connection[Any], tenant_id: str) -> CollectionStats:
    """The numbers of the tenant's documents and vectors, zero for an unknown tenant."""
    cursor = conn.cursor(row_factory=tuple_row)
    documents = cursor.execute("SELECT documents FROM tenant_stats WHERE tenant_id = %s", (tenant_id,)).fetchone()
    models = cursor.execute(
        "SELECT model, count(*) FROM vectors WHERE tenant_id = %s GROUP BY model ORDER BY model", (tenant_id,)
    ).fetchall()
    by_model = {str(model): int(count) for model, count in models}
    return CollectionStats(documents[0] if documents else 0, sum(by_model.values()), by_model)


def vector_model(conn: Connection[Any], tenant_id: str) -> str | None:
    """The model of most of the tenant's vectors, None where there are none: queries embedded by another find nothing.

    A tenant's vectors may be rebuilt with another model than the configured one; meanwhile, and for what is added
    later, vectors of both exist.
    """
    row = (
        conn.cursor(row_factory=tuple_row)
        .execute(
            "SELECT model FROM vectors WHERE tenant_id = %s GROUP BY model ORDER BY count(*) DESC, model LIMIT 1",
            (tenant_id,),
        )
        .fetchone()
    )
    return str(row[0]) if row else None


@contextmanager
def _reading(conn: Connection[Any], parameters: dict[str, Any], *, approximate: bool) -> Iterator[bool | None]:
    """Whether to prepare the statement that runs within."""
    if not approximate:
        yield None
        return
    with conn.transaction():
        conn.execute(INDEX_SETTINGS, parameters)
        yield False


def _is_approximate(conn: Connection[Any], query: SearchQuery, narrowing: Narrowing, ranking: Ranking) -> bool:
    return query.mode is not SearchMode.BM25 and not narrowing.narrows and _has_index(conn, query.tenant_id, ranking)


def _has_index(conn: Connection[Any], tenant_id: str, ranking: Ranking) -> bool:
    row = conn.execute(
        "SELECT 1 FROM tenant_stats JOIN vector_indexes USING (tenant_id) WHERE tenant_id = %s AND vectors > %s",
        (tenant_id, ranking.exact_limit),
    ).fetchone()
    return row is not None


def _found(
    conn: Connection[Any],
    statement: sql.Composed,
    parameters: dict[str, Any],
    mode: SearchMode,
    prepare: bool | None = None,
) -> _Found:
    rows = vector_cursor(conn, dict_row).execute(statement, parameters, prepare=prepare).fetchall()
    unknown = [row.pop("has_unknown") for row in rows]
    counts = [row.pop("matches") for row in rows]
    hits = [Hit(score_type=_SCORE_TYPES[mode], **row) for row in rows]
    return _Found(hits, any(unknown), counts[0] or () if counts else ())


def _narrowing(query: SearchQuery, parsed: ParsedQuery, *, is_expanded: bool = False) -> Narrowing:
    return Narrowing(
        tuple(condition.shape for condition in _conditions(query, parsed)),
        by_phrases=bool(parsed.phrases),
        by_exclusion=bool(parsed.excluded_words or parsed.excluded_phrases),
        by_items=bool(query.without),
        with_passages=query.with_passages,
        is_expanded=is_expanded,
    )


def _conditions(query: SearchQuery, parsed: ParsedQuery) -> tuple[filters.Condition, ...]:
    first_page = Filters(added_before=query.added_before)
    return (*filters.conditions(query.filters), *parsed.conditions, *filters.conditions(first_page))


def _parameters(query: SearchQuery, ranking: Ranking, expanded: Sequence[Expansion] = ()) -> dict[str, Any]:
    if not query.tenant_id:
        raise InvalidQueryError("a search needs a tenant")
    if not 1 <= query.top_k <= MAX_TOP_K:
        raise InvalidQueryError(f"top_k is {query.top_k}, not 1 to {MAX_TOP_K}")
    parsed = parse_query(query.text)
    wanted = query.wanted
    replaced = {expansion.token for expansion in expanded}
    parameters: dict[str, Any] = {
        "tenant": query.tenant_id,
        "tokens": [token for token in query_tokens(parsed.words) if token not in replaced],
        "alternatives": alternative_tokens(parsed.words),
        "top_k": wanted if query.order is Order.RELEVANCE else ALL,
        "fetch": _fetched(query, ranking),
        "ranked": _fetched(query, ranking),
        "c": ranking.rrf_constant,
    } | filters.parameters(_conditions(query, parsed))
    if expanded:
        parameters |= {
            "expansions": [lexeme for expansion in expanded for lexeme in expansion.lexemes],
            "others": [place > 0 for expansion in expanded for place, _ in enumerate(expansion.lexemes)],
        }
    if query.order is not Order.RELEVANCE:
        parameters["shown"] = wanted
    if query.without:
        parameters["without"] = list(query.without)
    if query.after:
        parameters |= {"after_time": query.after.time, "after_item": query.after.item_id}
    if parsed.narrows:
        parameters |= {
            "phrases": list(parsed.phrases),
            "phrase_tokens": [token for phrase in parsed.phrases for token in phrase_tokens(phrase)],
            "excluded_tokens": list(parsed.excluded_words),
            "excluded_phrases": list(parsed.excluded_phrases),
        }
    if query.mode is not SearchMode.VECTOR:
        parameters |= {
            "k1": ranking.k1,
            "b": ranking.b,
            "max_bm25": query.max_bm25_score,
            "bm25_weight": ranking.bm25_weight,
        }
    if query.mode is not SearchMode.BM25:
        if (query.vector is None or query.model is None) and (parsed.has_words or not parsed.narrows):
            raise InvalidQueryError(f"a {query.mode} search needs a vector and its model")
        parameters |= {
            "vector": unit_vector(query.vector) if query.vector is not None else None,
            # What words are replaced by stands for something.
            "vector_alone": not query.text or bool(expanded),
            "model": query.model,
            "min_similarity": query.min_similarity,
            "vector_weight": ranking.vector_weight,
            "coverage_power": ranking.coverage_power,
            "exact_bonus": ranking.exact_bonus,
            "written": plain_tokens(parsed.words),
            "ef_search": ranking.ef_search,
            "max_scan_tuples": ranking.max_scan_tuples,
        }
    return parameters


def _fetched(query: SearchQuery, ranking: Ranking) -> int:
    """Candidates of each leg."""
    if query.order is not Order.RELEVANCE:
        return _matched(query, ranking)
    if query.mode is not SearchMode.HYBRID:
        return query.wanted
    if ranking.fusion is Fusion.RRF:
        return query.top_k * ranking.fetch_multiplier
    return _matched(query, ranking)


def _matched(query: SearchQuery, ranking: Ranking) -> int:
    """What each leg finds where all that matches is wanted."""
    return ALL if query.mode is SearchMode.BM25 else max(ranking.window, query.wanted)
