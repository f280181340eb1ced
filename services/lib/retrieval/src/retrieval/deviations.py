"""Postings and statistics that are not those of the documents and vectors beside them.

Both are written in the statements that write documents and vectors; here they are recounted, of a whole tenant, each
in one statement and so under one snapshot.
"""

from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from chassis.deviations import Deviation

#: The tables that are compared.
TABLES = ("postings", "tenant_stats")

_POSTINGS = """
WITH posted AS (
    SELECT item_id, count(*) AS number, sum(tf) AS length, min(dl) AS least, max(dl) AS most,
           sum(hashtextextended(lexeme, 0)::numeric) AS words
      FROM postings WHERE tenant_id = %(tenant)s GROUP BY item_id
), wanted AS (
    SELECT item_id, cardinality(lexemes) AS number, length,
           (SELECT sum(hashtextextended(lexeme, 0)::numeric) FROM unnest(lexemes) AS lexeme) AS words
      FROM documents WHERE tenant_id = %(tenant)s AND cardinality(lexemes) > 0
)
SELECT item_id,
       CASE WHEN posted.item_id IS NULL THEN 'missing' WHEN wanted.item_id IS NULL THEN 'extra' ELSE 'stale' END AS kind
  FROM posted FULL JOIN wanted USING (item_id)
 WHERE (posted.number, posted.length, least, most, posted.words)
       IS DISTINCT FROM (wanted.number, wanted.length, wanted.length, wanted.length, wanted.words)
 ORDER BY item_id
"""

_STATS = """
SELECT coalesce(s.documents, 0) <> d.documents AS documents, coalesce(s.tokens, 0) <> d.tokens AS tokens,
       coalesce(s.vectors, 0) <> v.vectors AS vectors, s.tenant_id IS NULL AS is_missing
  FROM (SELECT count(*) AS documents, coalesce(sum(length), 0) AS tokens
          FROM documents WHERE tenant_id = %(tenant)s) AS d,
       (SELECT count(*) AS vectors FROM vectors WHERE tenant_id = %(tenant)s) AS v
  LEFT JOIN tenant_stats AS s ON s.tenant_id = %(tenant)s
"""


_COUNT = """
INSERT INTO tenant_stats AS s (tenant_id, documents, tokens, vectors)
SELECT %(tenant)s, count(*), coalesce(sum(length), 0), (SELECT count(*) FROM vectors WHERE tenant_id = %(tenant)s)
  FROM documents WHERE tenant_id = %(tenant)s
    ON CONFLICT (tenant_id) DO UPDATE
   SET (documents, tokens, vectors) = (excluded.documents, excluded.tokens, excluded.vectors)
"""


def recount(conn: Connection[Any], tenant_id: str) -> None:
    """Write the tenant's numbers as they follow from documents and vectors; the caller keeps others from writing."""
    conn.execute(_COUNT, {"tenant": tenant_id})


def deviations(conn: Connection[Any], tenant_id: str) -> list[Deviation]:
    """What deviates of the tenant."""
    cursor, parameters = conn.cursor(row_factory=dict_row), {"tenant": tenant_id}
    rows = cursor.execute(_POSTINGS, parameters).fetchall()
    found = [Deviation("postings", row["kind"], subject=row["item_id"]) for row in rows]
    for row in cursor.execute(_STATS, parameters).fetchall():
        columns = tuple(name for name in ("documents", "tokens", "vectors") if row[name])
        if columns:
            found.append(Deviation("tenant_stats", "missing" if row["is_missing"] else "stale", columns=columns))
    return found
