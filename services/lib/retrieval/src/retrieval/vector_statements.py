"""How near items are to a query: the part of a search's statement that compares vectors.

A long item has further vectors, of its passages, and is as near as the nearest of all its vectors.
"""

from psycopg import sql

# With further vectors of long items: each item is as near as the nearest of its vectors. Grouped, not joined, because a
# join over estimates of few rows may compare each with each.
_EXACT_WITH_PASSAGES = sql.SQL("""
compared AS MATERIALIZED (
    SELECT item_id, min(distance) AS distance
      FROM (SELECT item_id, embedding <=> %(vector)s::halfvec AS distance, false AS is_passage
              FROM vectors
             WHERE tenant_id = %(tenant)s AND model = %(model)s AND category IS NOT NULL {filter}
             UNION ALL
            SELECT item_id, embedding <=> %(vector)s::halfvec, true
              FROM passages
             WHERE tenant_id = %(tenant)s AND model = %(model)s) AS every
     GROUP BY item_id
    HAVING NOT bool_and(is_passage)
)""")

# Materialised: if the planner saw the ORDER BY, it would use an index where we want the exact scan.
_EXACT = sql.SQL("""
compared AS MATERIALIZED (
    SELECT item_id, embedding <=> %(vector)s::halfvec AS distance
      FROM vectors
     WHERE tenant_id = %(tenant)s AND model = %(model)s AND category IS NOT NULL {filter}
)""")

# The same, where the words' leg reads which items match from it: without a distance, an item is known not to.
_LOOKED_AT = sql.SQL("""
looked_at AS MATERIALIZED (
    SELECT item_id, CASE WHEN true {filter} THEN embedding <=> %(vector)s::halfvec END AS distance
      FROM vectors
     WHERE tenant_id = %(tenant)s AND model = %(model)s AND category IS NOT NULL
)""")

_MATCHING = sql.SQL("""{looked_at}, compared AS NOT MATERIALIZED (
    SELECT item_id, distance FROM looked_at WHERE distance IS NOT NULL
)""")

# Grouped, with the passages of what matches: those of other items do not make it match.
_MATCHING_WITH_PASSAGES = sql.SQL("""{looked_at}, compared AS MATERIALIZED (
    SELECT item_id, min(distance) AS distance
      FROM (SELECT item_id, distance, false AS is_passage FROM looked_at WHERE distance IS NOT NULL
             UNION ALL
            SELECT item_id, embedding <=> %(vector)s::halfvec, true
              FROM passages
             WHERE tenant_id = %(tenant)s AND model = %(model)s) AS every
     GROUP BY item_id
    HAVING NOT bool_and(is_passage)
)""")

_APPROXIMATE = sql.SQL("""
{name} AS MATERIALIZED (
    SELECT item_id, embedding <=> %(vector)s::halfvec AS distance
      FROM vectors
     WHERE tenant_id = %(tenant)s AND model = %(model)s AND category IS NOT NULL
     ORDER BY embedding <=> %(vector)s::halfvec LIMIT %(fetch)s
)""")

# The tenant's index has the vectors of items alone: passages, which few items have, are compared exactly.
_APPROXIMATE_WITH_PASSAGES = sql.SQL("""{items}, in_passages AS MATERIALIZED (
    SELECT item_id, distance
      FROM (SELECT item_id, min(embedding <=> %(vector)s::halfvec) AS distance
              FROM passages
             WHERE tenant_id = %(tenant)s AND model = %(model)s
             GROUP BY item_id ORDER BY distance) AS nearest
     WHERE (SELECT category FROM vectors v
             WHERE v.tenant_id = %(tenant)s AND v.item_id = nearest.item_id) IS NOT NULL
     ORDER BY distance LIMIT %(fetch)s
), compared AS MATERIALIZED (
    SELECT item_id, min(distance) AS distance
      FROM (SELECT item_id, distance FROM compared_items
             UNION ALL
            SELECT item_id, distance FROM in_passages) AS every
     GROUP BY item_id
)""")

# The index gave the nearest alone. OFFSET keeps the planner from joining the candidates again for each candidate.
_SIMILARITY_COMPUTED = sql.SQL("""
SELECT v.item_id, 1 - (v.embedding <=> %(vector)s::halfvec) AS similarity
  FROM vectors v JOIN candidates USING (item_id)
 WHERE v.tenant_id = %(tenant)s AND v.model = %(model)s AND v.category IS NOT NULL OFFSET 0""")

_SIMILARITY_COMPUTED_WITH_PASSAGES = sql.SQL("""
SELECT item_id, max(similarity) AS similarity
  FROM (({items})
         UNION ALL
        SELECT item_id, 1 - (p.embedding <=> %(vector)s::halfvec)
          FROM passages p JOIN candidates USING (item_id)
         WHERE p.tenant_id = %(tenant)s AND p.model = %(model)s) AS every
 GROUP BY item_id OFFSET 0""").format(items=_SIMILARITY_COMPUTED)


def compared(narrowed: sql.Composed, *, with_passages: bool, approximate: bool) -> sql.Composed:
    """The legs whose last is `compared`, of items and distances: of all that are let through, or of the nearest."""
    if not approximate:
        return (_EXACT_WITH_PASSAGES if with_passages else _EXACT).format(filter=narrowed)
    if not with_passages:
        return _APPROXIMATE.format(name=sql.SQL("compared"))
    return _APPROXIMATE_WITH_PASSAGES.format(items=_APPROXIMATE.format(name=sql.SQL("compared_items")))


def compared_for_both(narrowed: sql.Composed, *, with_passages: bool) -> sql.Composed:
    """`looked_at`, of all items that have a vector, with a distance if they are let through; and `compared`."""
    matching = _MATCHING_WITH_PASSAGES if with_passages else _MATCHING
    return matching.format(looked_at=_LOOKED_AT.format(filter=narrowed))


def computed(*, with_passages: bool) -> sql.Composable:
    """The items and similarities of `candidates`."""
    return _SIMILARITY_COMPUTED_WITH_PASSAGES if with_passages else _SIMILARITY_COMPUTED
