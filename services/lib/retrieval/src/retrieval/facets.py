"""How many items a search matches, in all and by the values of its facets.

A query without words matches what it narrows to. A keyword search matches the items that have any of its words; where
vectors are compared, what matches is what is ranked: at most `Ranking.window` items by each leg.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

#: The facets, by name: the column of `documents` with an item's value, or values.
FACETS: Mapping[str, sql.Composable] = {
    "category": sql.SQL("ARRAY[lower(d.category)]"),
    "subcategory": sql.SQL("d.subcategories"),
    "place": sql.SQL("d.places"),
    "person": sql.SQL("d.people"),
    "tag": sql.SQL("d.tags"),
    "source": sql.SQL("ARRAY[d.source]"),
    "has_text": sql.SQL("ARRAY[CASE WHEN d.has_text THEN 'yes' ELSE 'no' END]"),
    "media_type": sql.SQL("ARRAY[d.media_type]"),
    "camera": sql.SQL("ARRAY[d.camera]"),
    "orientation": sql.SQL("ARRAY[d.orientation]"),
    "taken": sql.SQL("ARRAY[to_char(d.taken_at, 'YYYY-MM')]"),
    "added": sql.SQL("ARRAY[to_char(d.added_at AT TIME ZONE 'UTC', 'YYYY-MM')]"),
}

MAX_VALUES = 50
"""Of each facet, the most frequent."""


@dataclass(frozen=True, slots=True)
class Matches:
    """How many items match; by facet, its most frequent values with their numbers of items, the most first."""

    total: int
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def counting(matched: sql.Composable, names: Iterable[str]) -> list[sql.Composable]:
    """Parts of a statement: the items that a query matches, and their values of these facets, each item read once."""
    values = [sql.SQL("{} AS {}").format(FACETS[name], sql.Identifier(name)) for name in names]
    return [_MATCHED.format(matched=matched), *([_VALUED.format(values=sql.SQL(", ").join(values))] if values else [])]


_MATCHED = sql.SQL("matched AS MATERIALIZED ({matched})")

_VALUED = sql.SQL("""
valued AS MATERIALIZED (
    SELECT {values} FROM matched JOIN documents d USING (item_id) WHERE d.tenant_id = %(tenant)s
)""")


def counted(names: Iterable[str]) -> sql.Composed:
    """The statement that counts `matched` and `valued`: rows of a facet's name, a value, and a number of items."""
    total = sql.SQL("SELECT NULL::text AS facet, NULL::text AS value, count(*) AS items FROM matched")
    return sql.SQL(" UNION ALL ").join([total, *(_one(name) for name in names)])


def _one(name: str) -> sql.Composed:
    return sql.SQL("""
(SELECT {name}, value, count(*) FROM (SELECT unnest({values}) AS value FROM valued) AS every
  WHERE value <> '' GROUP BY value ORDER BY count(*) DESC, value LIMIT {most})""").format(
        name=sql.Literal(name), values=sql.Identifier(name), most=sql.Literal(MAX_VALUES)
    )


def counted_beside(names: Iterable[str]) -> sql.Composed:
    """The same rows as one value beside the first hit; where nothing is found, nothing matches."""
    return sql.SQL("""
       CASE WHEN f.rank = 1 THEN (SELECT jsonb_agg(jsonb_build_array(facet, value, items)) FROM ({counted}) AS counts)
       END""").format(counted=counted(names))


def as_matches(names: Iterable[str], rows: Iterable[Sequence[Any]]) -> Matches:
    """The rows of `counted`."""
    total, facets = 0, {name: list[tuple[int, str]]() for name in names}
    for facet, value, items in rows:
        if facet is None:
            total = items
        else:
            facets[facet].append((-items, value))
    return Matches(total, {name: {value: -items for items, value in sorted(found)} for name, found in facets.items()})
