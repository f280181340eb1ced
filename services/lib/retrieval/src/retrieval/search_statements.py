"""The SQL statement of each search, composed of its legs. Parameters are named as in `retrieval.search`."""

from functools import lru_cache, partial

from psycopg import sql

from retrieval.facets import counted, counted_beside, counting
from retrieval.filters import where
from retrieval.narrowing import NOTHING, Narrowing, words_narrowed
from retrieval.query import Fusion, Order, SearchMode
from retrieval.stemming import STEMS
from retrieval.time_order import IN_TIME, ORDERS
from retrieval.vector_statements import compared, compared_for_both, computed

# FTS5's scale: the lucene variant times -(k1 + 1), so that thresholds of existing clients keep their meaning. The sum
# is rounded to 1e-9, because its order is not fixed, and equal documents must tie. `terms` reads df from the
# postings. BM25 divided by its bound, which it nears as a document repeats every word of the query without end, is a
# share of 1. A word that no document has is missed in all of them.
_KEYWORD = sql.SQL("""
stats AS (
    SELECT documents::float8 AS n, greatest(tokens, 1)::float8 / documents AS average_length
      FROM tenant_stats WHERE tenant_id = %(tenant)s AND documents > 0
), terms AS MATERIALIZED (
    SELECT asked.*, df, ln(1 + (n - df + 0.5) / (df + 0.5)) AS idf
      FROM ({lexemes}) AS asked
     CROSS JOIN stats
     CROSS JOIN LATERAL (SELECT sum(found)::float8 AS df
                           FROM (SELECT count(*) AS found FROM postings
                                  WHERE tenant_id = %(tenant)s AND cardinality(variants) = 1
                                    AND postings.lexeme = asked.lexeme
                                  UNION ALL
                                 SELECT count(DISTINCT item_id) FROM postings
                                  WHERE tenant_id = %(tenant)s AND cardinality(variants) > 1
                                    AND postings.lexeme = ANY (variants)) AS counts) AS counted
), scored AS (
    SELECT p.item_id,
           round(-1e9 * (%(k1)s::float8 + 1)
                 * sum(idf * tf / (tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * dl / average_length)))
                ) / 1e9 AS bm25,
           sum(idf) AS matched
      FROM (SELECT item_id, tf, dl, idf FROM terms t
              JOIN postings ON tenant_id = %(tenant)s AND postings.lexeme = t.lexeme
             WHERE cardinality(variants) = 1
             UNION ALL
            SELECT item_id, sum(tf)::int, max(dl), max(idf) FROM terms t
              JOIN postings ON tenant_id = %(tenant)s AND postings.lexeme = ANY (variants)
             WHERE cardinality(variants) > 1
             GROUP BY t.lexeme, item_id) AS p
     CROSS JOIN stats
     GROUP BY p.item_id
), keyword AS (
    SELECT item_id, bm25, matched, row_number() OVER (ORDER BY bm25, item_id) AS rank
      FROM (SELECT item_id, bm25, matched FROM {scored} s
             WHERE bm25 <= %(max_bm25)s {filter}
             ORDER BY bm25, item_id LIMIT %(fetch)s) AS best
), bound AS (
    SELECT nullif(-(%(k1)s::float8 + 1) * sum(idf), 0) AS most, nullif(sum(idf), 0) AS asked
      FROM terms WHERE (df > 0 OR NOT is_alternative) {bound}
), covered AS (
    SELECT least(coalesce(max(matched) / max(asked), 0), 1) AS most_covered FROM bound LEFT JOIN scored ON true
)""")

# The planner does not see how many words a sub-select has: one plan serves every search; else each is planned anew.
_LEXEMES = sql.SQL("""
            SELECT word COLLATE "C" AS lexeme, bool_and(is_alternative) AS is_alternative,
                   array_agg(DISTINCT stems.lexeme) AS variants
              FROM (SELECT token, false AS is_alternative FROM unnest((SELECT %(tokens)s::text[])) AS token
                     UNION ALL
                    SELECT token, true FROM unnest((SELECT %(alternatives)s::text[])) AS token) AS words {stems}
             WHERE mark = '' OR EXISTS (SELECT FROM postings p WHERE p.tenant_id = %(tenant)s
                                                   AND p.lexeme = stems.lexeme)
             GROUP BY 1""").format(stems=sql.SQL(STEMS))

# Of the lexemes that stand for one unknown word, the first is what is asked for; the others count where they are found.
_LEXEMES_EXPANDED = sql.SQL("""
            SELECT lexeme, bool_and(is_alternative) AS is_alternative, bool_and(is_other) AS is_other,
                   array_agg(DISTINCT variant) AS variants
              FROM (SELECT lexeme, is_alternative, false AS is_other, unnest(variants) AS variant
                      FROM ({lexemes}) AS known
                     UNION ALL
                    SELECT lexeme COLLATE "C", false, is_other, lexeme COLLATE "C"
                      FROM unnest(%(expansions)s::text[], %(others)s::bool[]) AS expanded (lexeme, is_other)) AS every
             GROUP BY 1""").format(lexemes=_LEXEMES)

# A text of stop words or punctuation alone asks for nothing, though some vector is always the nearest to it.
_ASKED = sql.SQL("""
asked AS MATERIALIZED (
    SELECT %(vector_alone)s
           OR EXISTS (SELECT FROM unnest(%(tokens)s::text[]) AS token,
                               unnest(ts_lexize('pg_catalog.english_stem', token))) AS for_something
)""")

# Documents with every word of every phrase are few, and their spelling says whether the words stand beside each other.
_PHRASED = sql.SQL("""
phrase_words AS MATERIALIZED (
    SELECT word, lexeme FROM unnest(%(phrase_tokens)s::text[]) AS token {stems}
), with_words AS MATERIALIZED (
    SELECT item_id FROM postings JOIN phrase_words USING (lexeme)
     WHERE tenant_id = %(tenant)s
     GROUP BY item_id HAVING count(DISTINCT word) = (SELECT count(DISTINCT word) FROM phrase_words)
     UNION ALL
    SELECT item_id FROM documents
     WHERE tenant_id = %(tenant)s AND NOT EXISTS (SELECT FROM phrase_words)
), phrased AS MATERIALIZED (
    SELECT item_id FROM documents d JOIN with_words USING (item_id)
     WHERE d.tenant_id = %(tenant)s
       AND NOT EXISTS (SELECT FROM unnest(%(phrases)s::text[]) AS phrase WHERE strpos(d.spelling, phrase) = 0)
)""").format(stems=sql.SQL(STEMS))

_BARRED = sql.SQL("""
barred AS MATERIALIZED (
    SELECT p.item_id
      FROM unnest(%(excluded_tokens)s::text[]) AS token {stems}
      JOIN postings p ON p.tenant_id = %(tenant)s AND p.lexeme = stems.lexeme
     UNION
    SELECT d.item_id
      FROM unnest(%(excluded_phrases)s::text[]) AS phrase
      JOIN documents d ON d.tenant_id = %(tenant)s AND strpos(d.spelling, phrase) > 0
)""").format(stems=sql.SQL(STEMS))

_IS_PHRASED = sql.SQL(" AND item_id IN (SELECT item_id FROM phrased)")
_IS_NOT_BARRED = sql.SQL(" AND item_id NOT IN (SELECT item_id FROM barred)")
_IS_NOT_LEFT_OUT = sql.SQL(" AND item_id <> ALL (%(without)s::text[])")

# Without words there is nothing to rank by: what is asked for in other ways, the latest first.
_LISTED = sql.SQL("""
found AS (
    SELECT item_id, 0::float8 AS score, NULL::float8 AS bm25, NULL::float8 AS similarity,
           row_number() OVER (ORDER BY {order}) AS rank
      FROM (SELECT item_id, added_at FROM documents d
             WHERE tenant_id = %(tenant)s {filter} {after}
             ORDER BY {order} LIMIT %(top_k)s) AS d
)""")

_SEMANTIC = sql.SQL("""
semantic AS (
    SELECT item_id, similarity, row_number() OVER (ORDER BY similarity DESC, item_id) AS rank
      FROM (SELECT item_id, 1 - distance AS similarity FROM compared
             WHERE 1 - distance >= %(min_similarity)s AND (SELECT for_something FROM asked)
             ORDER BY 1 - distance DESC, item_id LIMIT %(fetch)s) AS best
)""")

# Where matches are counted, a leg has more than is shown.
_BM25_FOUND = sql.SQL("""
found AS (
    SELECT item_id, bm25 AS score, bm25, NULL::float8 AS similarity, rank FROM keyword WHERE rank <= %(ranked)s
)""")

_VECTOR_FOUND = sql.SQL("""
found AS (
    SELECT item_id, similarity AS score, NULL::float8 AS bm25, similarity, rank FROM semantic WHERE rank <= %(ranked)s
)""")

# Words weigh as much as the best item's share of the query's idf says that they are the collection's: what no item has
# the words of, was asked for by its meaning. What they do not weigh, meaning does. `exact` are items with every word of
# the query as it is written there, not in another form. What only one leg found gets its value of the other, too.
_SCORES_FUSED = sql.SQL("""
weighed AS MATERIALIZED (
    SELECT by_words, %(bm25_weight)s::float8 + %(vector_weight)s::float8 - by_words AS by_meaning
      FROM (SELECT %(bm25_weight)s::float8 * power(most_covered, %(coverage_power)s::float8) AS by_words
              FROM covered) AS weight
), written AS MATERIALIZED (
    SELECT ' ' || token || ' ' AS word FROM unnest(%(written)s::text[]) AS token
     WHERE cardinality(ts_lexize('pg_catalog.english_stem', token)) > 0
), exact AS MATERIALIZED (
    SELECT item_id FROM keyword JOIN documents d USING (item_id)
     WHERE d.tenant_id = %(tenant)s AND matched > (SELECT asked FROM bound) - 1e-9 AND EXISTS (SELECT FROM written)
       AND NOT EXISTS (SELECT FROM written WHERE strpos(d.spelling, word) = 0)
), candidates AS MATERIALIZED (
    SELECT item_id FROM keyword UNION SELECT item_id FROM semantic
), fused AS (
    SELECT item_id, bm25, similarity,
           round(1e9 * (by_words * least(coalesce(bm25 / most, 0)
                                         + CASE WHEN item_id IN (SELECT item_id FROM exact)
                                                THEN %(exact_bonus)s::float8 ELSE 0 END, 1)
                        + by_meaning * greatest(coalesce(similarity, 0), 0))) / 1e9 AS score
      FROM candidates LEFT JOIN scored USING (item_id) LEFT JOIN ({similarities}) AS near USING (item_id)
     CROSS JOIN weighed CROSS JOIN bound
)""")

_SIMILARITY_COMPARED = sql.SQL("SELECT item_id, 1 - distance AS similarity FROM compared")

_RRF_FUSED = sql.SQL("""
fused AS (
    SELECT item_id, sum(share) AS score, max(bm25) AS bm25, max(similarity) AS similarity
      FROM (SELECT item_id, %(bm25_weight)s::float8 / (%(c)s + rank) AS share, bm25, NULL::float8 AS similarity
              FROM keyword WHERE rank <= %(ranked)s
             UNION ALL
            SELECT item_id, %(vector_weight)s::float8 / (%(c)s + rank), NULL, similarity
              FROM semantic WHERE rank <= %(ranked)s) AS legs
     GROUP BY item_id
)""")

_HYBRID_FOUND = sql.SQL("""{fused}, found AS (
    SELECT item_id, score, bm25, similarity, row_number() OVER (ORDER BY score DESC, item_id) AS rank
      FROM (SELECT * FROM fused ORDER BY score DESC, item_id LIMIT %(top_k)s) AS best
)""")

_STATEMENT = sql.SQL("""
WITH {legs}
SELECT f.item_id, f.rank, f.score, f.bm25, f.similarity, d.category, d.headline, d.summary,
       d.filename, d.original_filename, d.analysis_id, d.analysis_version, d.description, d.body,
       d.added_at, d.taken_at, {words}, {matches} AS matches
  FROM {found} f
  JOIN documents d ON d.tenant_id = %(tenant)s AND d.item_id = f.item_id
  {scores}
 ORDER BY f.rank
""")

# How far the words match, 0 to 1, and whether one is asked for that no document has.
_WORDS = sql.SQL("""
       CASE WHEN f.bm25 IS NOT NULL THEN least(f.bm25 / (SELECT most FROM bound), 1) END AS keyword_share,
       CASE WHEN matched IS NOT NULL THEN least(matched / (SELECT asked FROM bound), 1) END AS coverage,
       (SELECT most_covered FROM covered) AS query_coverage,
       EXISTS (SELECT FROM terms WHERE df = 0 AND NOT is_alternative) AS has_unknown""")
_WITH_SCORES = sql.SQL("LEFT JOIN (SELECT item_id, matched FROM scored) AS s ON s.item_id = f.item_id")
_NO_WORDS = sql.SQL(
    "NULL::float8 AS keyword_share, NULL::float8 AS coverage, NULL::float8 AS query_coverage, false AS has_unknown"
)

_MATCHED = {
    SearchMode.BM25: sql.SQL("SELECT item_id FROM keyword"),
    SearchMode.VECTOR: sql.SQL("SELECT item_id FROM semantic"),
    SearchMode.HYBRID: sql.SQL("SELECT item_id FROM keyword UNION SELECT item_id FROM semantic"),
}
_MATCHES = sql.SQL("WITH {legs} {counted}")

_RANK = sql.SQL("(SELECT rank FROM {leg} WHERE {leg}.item_id = wanted)")
_RANKS = sql.SQL("WITH {legs} SELECT wanted, {keyword}, {semantic} FROM unnest(%(items)s::text[]) AS wanted")

INDEX_SETTINGS = sql.SQL("""
SELECT set_config('hnsw.iterative_scan', 'strict_order', true),
       set_config('hnsw.ef_search', %(ef_search)s::text, true),
       set_config('hnsw.max_scan_tuples', %(max_scan_tuples)s::text, true),
       set_config('enable_sort', 'off', true)
""")
"""For the transaction of an approximate search. With sorting disabled, only the index returns neighbours in order, so
the planner uses it whatever its estimates; the small sorts elsewhere have no other plan."""


@lru_cache(maxsize=512)
def search_statement(
    mode: SearchMode,
    narrowing: Narrowing = NOTHING,
    *,
    fusion: Fusion = Fusion.SCORES,
    approximate: bool,
    order: Order = Order.RELEVANCE,
    is_next: bool = False,
    facets: tuple[str, ...] | None = None,
) -> sql.Composed:
    """One statement for the mode, narrowed so, over all vectors or the tenant's index.

    `is_next`: in the order of time, after an item. `facets`: what the legs' matches are counted by, beside the hits.
    """
    legs = _legs(mode, narrowing, approximate=approximate)
    found = [*legs, _found(mode, fusion, narrowing, approximate=approximate)]
    if facets is not None:
        found += counting(_MATCHED[mode], facets)
    return _of_found(found, order, by_words=mode is not SearchMode.VECTOR, is_next=is_next, facets=facets)


@lru_cache(maxsize=512)
def listing_statement(narrowing: Narrowing, order: Order = Order.RELEVANCE, *, is_next: bool = False) -> sql.Composed:
    """The statement of a search without words."""
    legs = _listing(narrowing, is_next=is_next and order is Order.RELEVANCE)
    return _of_found(legs, order, by_words=False, is_next=is_next)


@lru_cache(maxsize=512)
def matches_statement(
    mode: SearchMode, narrowing: Narrowing, facets: tuple[str, ...], *, approximate: bool, listing: bool
) -> sql.Composed:
    """The statement that counts what such a search matches (`retrieval.facets`)."""
    legs = _listing(narrowing) if listing else _legs(mode, narrowing, approximate=approximate)
    matched = sql.SQL("SELECT item_id FROM found") if listing else _MATCHED[mode]
    parts = sql.SQL(", ").join([*legs, *counting(matched, facets)])
    return _MATCHES.format(legs=parts, counted=counted(facets))


@lru_cache(maxsize=512)
def ranks_statement(mode: SearchMode, narrowing: Narrowing, *, approximate: bool) -> sql.Composed:
    """The statement that gives the ranks of items in each leg of such a search."""
    legs = sql.SQL(", ").join(_legs(mode, narrowing, approximate=approximate))
    keyword, semantic = (
        _RANK.format(leg=sql.Identifier(leg)) if mode is not without else sql.SQL("NULL::bigint")
        for leg, without in (("keyword", SearchMode.VECTOR), ("semantic", SearchMode.BM25))
    )
    return _RANKS.format(legs=legs, keyword=keyword, semantic=semantic)


def _of_found(
    legs: list[sql.Composable],
    order: Order,
    *,
    by_words: bool,
    is_next: bool,
    facets: tuple[str, ...] | None = None,
) -> sql.Composed:
    words, scores = (_WORDS, _WITH_SCORES) if by_words else (_NO_WORDS, sql.SQL(""))
    found = sql.SQL("found")
    if order is not Order.RELEVANCE:
        in_time = IN_TIME.format(order=ORDERS[order].order, after=ORDERS[order].after(is_next=is_next))
        legs, found = [*legs, in_time], sql.SQL("in_time")
    matches = sql.SQL("NULL") if facets is None else counted_beside(facets)
    return _STATEMENT.format(legs=sql.SQL(", ").join(legs), found=found, words=words, scores=scores, matches=matches)


def _listing(narrowing: Narrowing, *, is_next: bool = False) -> list[sql.Composable]:
    latest = ORDERS[Order.NEWEST]
    narrowed = where(narrowing.filters) + _by_words(narrowing)
    listed = _LISTED.format(filter=narrowed, order=latest.order, after=latest.after(is_next=is_next))
    return [*_narrowing_parts(narrowing), listed]


def _legs(mode: SearchMode, narrowing: Narrowing, *, approximate: bool) -> list[sql.Composable]:
    narrowed, by_words = where(narrowing.filters), _by_words(narrowing)
    legs: list[sql.Composable] = _narrowing_parts(narrowing)
    is_read_once = mode is SearchMode.HYBRID and bool(narrowing.filters) and not approximate
    if mode is not SearchMode.BM25:
        vectors = compared_for_both if is_read_once else partial(compared, approximate=approximate)
        legs += [_ASKED, vectors(narrowed + by_words, with_passages=narrowing.with_passages)]
    if mode is not SearchMode.VECTOR:
        scored, by_filters = words_narrowed(narrowing, by_vectors=is_read_once)
        lexemes = _LEXEMES_EXPANDED if narrowing.is_expanded else _LEXEMES
        bound = sql.SQL("AND NOT is_other" if narrowing.is_expanded else "")
        legs.append(_KEYWORD.format(lexemes=lexemes, bound=bound, scored=scored, filter=by_filters + by_words))
    if mode is not SearchMode.BM25:
        legs.append(_SEMANTIC)
    return legs


def _narrowing_parts(narrowing: Narrowing) -> list[sql.Composable]:
    return [*([_PHRASED] if narrowing.by_phrases else []), *([_BARRED] if narrowing.by_exclusion else [])]


def _by_words(narrowing: Narrowing) -> sql.Composed:
    return sql.Composed(
        [
            *([_IS_PHRASED] if narrowing.by_phrases else []),
            *([_IS_NOT_BARRED] if narrowing.by_exclusion else []),
            *([_IS_NOT_LEFT_OUT] if narrowing.by_items else []),
        ]
    )


def _found(mode: SearchMode, fusion: Fusion, narrowing: Narrowing, *, approximate: bool) -> sql.Composable:
    match mode, fusion:
        case SearchMode.BM25, _:
            return _BM25_FOUND
        case SearchMode.VECTOR, _:
            return _VECTOR_FOUND
        case _, Fusion.RRF:
            return _HYBRID_FOUND.format(fused=_RRF_FUSED)
    similarities = computed(with_passages=narrowing.with_passages) if approximate else _SIMILARITY_COMPARED
    return _HYBRID_FOUND.format(fused=_SCORES_FUSED.format(similarities=similarities))
