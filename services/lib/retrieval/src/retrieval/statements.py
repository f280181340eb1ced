"""The statements of `retrieval.read_model`, with its names of parameters. Each names the tenant.

What is composed is written out once: to render it takes a sixth of a fold.
"""

from psycopg import sql

from retrieval.filters import COLUMNS
from retrieval.stemming import LANGUAGES

_PICTURE = ("taken_at", "camera", "orientation", "width", "height")


def _filter_columns(table: str | None = None) -> sql.Composed:
    names = [sql.Identifier(table, column) if table else sql.Identifier(column) for column in COLUMNS]
    return sql.SQL(", ").join(names)


LOCK = """
SELECT current_setting('transaction_isolation'),
       pg_advisory_xact_lock(hashtextextended(current_schema() || %(subject)s, 0))
"""

KNOWN_DOCUMENT = """
SELECT EXISTS (SELECT FROM deleted_items WHERE tenant_id = %(tenant)s AND item_id = %(item)s),
       d.analysis_version, d.analyzed_at, d.digest, d.lexemes, d.length
  FROM (SELECT) AS always
  LEFT JOIN documents d ON d.tenant_id = %(tenant)s AND d.item_id = %(item)s
"""

KNOWN_VECTOR = """
SELECT EXISTS (SELECT FROM deleted_items WHERE tenant_id = %(tenant)s AND item_id = %(item)s),
       v.analysis_version, v.embedded_at, v.digest
  FROM (SELECT) AS always
  LEFT JOIN vectors v ON v.tenant_id = %(tenant)s AND v.item_id = %(item)s
"""

# The lexemes of the stored document are given, so that the rows are found by the primary key.
DELETE_POSTINGS = """
DELETE FROM postings WHERE tenant_id = %(tenant)s AND lexeme = ANY (%(lexemes)s) AND item_id = %(item)s
"""

_DOCUMENT = (
    *("analysis_id", "analysis_version", "analyzed_at", "digest", "category", "headline", "summary", "filename"),
    *("original_filename", "description", "body", "spelling"),
    *("subcategories", "places", "people", "tags", "source", "has_text", "media_type"),
)


def _document_columns(*table: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*table, name) for name in _DOCUMENT)


def _picture_columns(*table: str) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(*table, name) for name in _PICTURE)


# ts_lexize instead of to_tsvector: it splits by the database's locale, treats paths, addresses and Japanese
# as single tokens, and drops occurrences beyond 255.
WRITE_DOCUMENT = (
    sql.SQL("""
WITH given AS MATERIALIZED (
    SELECT line, token, count, ts_lexize('pg_catalog.english_stem', token) AS english
      FROM unnest(%(lines)s::int[], %(tokens)s::text[], %(counts)s::int[]) AS given (line, token, count)
), spoken AS MATERIALIZED (
    SELECT DISTINCT ON (line) line, dictionary, mark
      FROM (SELECT line, dictionary, mark,
                   sum(count) FILTER (WHERE length(token) > 1 AND ts_lexize(dictionary, token) = '{{}}') AS stops,
                   sum(count) FILTER (WHERE english = '{{}}') AS english_stops
              FROM given CROSS JOIN {languages} GROUP BY line, dictionary, mark) AS heard
     WHERE stops >= 2 AND stops > coalesce(english_stops, 0)
     ORDER BY line, stops DESC, mark
), counted AS (
    SELECT coalesce(mark || stem, word) COLLATE "C" AS lexeme, sum(count)::int AS tf
      FROM given CROSS JOIN LATERAL unnest(english) AS word LEFT JOIN spoken USING (line)
      LEFT JOIN LATERAL unnest(ts_lexize(dictionary, token)) AS stem ON true
     GROUP BY 1
), whole AS (
    SELECT coalesce(sum(tf), 0)::int AS length, coalesce(array_agg(lexeme ORDER BY lexeme), '{{}}') AS lexemes
      FROM counted
), posted AS (
    INSERT INTO postings (tenant_id, lexeme, item_id, tf, dl)
    SELECT %(tenant)s, lexeme, %(item)s, tf, length FROM counted, whole
)
INSERT INTO documents AS d (tenant_id, item_id, {columns}, {picture}, added_at, lexemes, length)
SELECT %(tenant)s, %(item)s, {values}, {of_picture}, %(analyzed_at)s, lexemes, whole.length
  FROM whole LEFT JOIN pictures p ON p.tenant_id = %(tenant)s AND p.item_id = %(item)s
ON CONFLICT (tenant_id, item_id) DO UPDATE SET
    ({columns}, added_at, lexemes, length)
  = ({excluded}, least(d.added_at, excluded.added_at), excluded.lexemes, excluded.length)
RETURNING length
""")
    .format(
        languages=sql.SQL(LANGUAGES),
        columns=_document_columns(),
        values=sql.SQL(", ").join(map(sql.Placeholder, _DOCUMENT)),
        excluded=_document_columns("excluded"),
        picture=_picture_columns(),
        of_picture=_picture_columns("p"),
    )
    .as_bytes()
)

# Of an analysis that is superseded: the item was first described no later.
WAS_ADDED = """
UPDATE documents SET added_at = %(analyzed_at)s
 WHERE tenant_id = %(tenant)s AND item_id = %(item)s AND added_at > %(analyzed_at)s
"""

# What filters read of the document is repeated beside its vector: the exact scan then visits one table. Whatever writes
# such a column of a document runs SHOW_VECTOR after it.
SHOW_VECTOR = (
    sql.SQL("""
UPDATE vectors v SET ({columns}) = ROW ({of_document})
  FROM documents d
 WHERE v.tenant_id = %(tenant)s AND v.item_id = %(item)s AND d.tenant_id = %(tenant)s AND d.item_id = %(item)s
   AND ROW ({of_vector}) IS DISTINCT FROM ROW ({of_document})
""")
    .format(columns=_filter_columns(), of_document=_filter_columns("d"), of_vector=_filter_columns("v"))
    .as_bytes()
)

WRITE_VECTOR = (
    sql.SQL("""
INSERT INTO vectors (tenant_id, item_id, {columns}, analysis_version, embedded_at, digest, model, dimensions, embedding)
SELECT %(tenant)s, %(item)s, {of_document}, %(version)s, %(embedded_at)s, %(digest)s, %(model)s, %(dimensions)s,
       %(embedding)s::halfvec
  FROM (SELECT) AS always
  LEFT JOIN documents d ON d.tenant_id = %(tenant)s AND d.item_id = %(item)s
ON CONFLICT (tenant_id, item_id) DO UPDATE SET
    ({columns}, analysis_version, embedded_at, digest, model, dimensions, embedding)
  = ({of_new}, excluded.analysis_version, excluded.embedded_at, excluded.digest, excluded.model, excluded.dimensions,
     excluded.embedding)
""")
    .format(columns=_filter_columns(), of_document=_filter_columns("d"), of_new=_filter_columns("excluded"))
    .as_bytes()
)

WRITE_PASSAGE = """
INSERT INTO passages (tenant_id, item_id, starts_at, ends_at, model, embedding)
VALUES (%(tenant)s, %(item)s, %(start)s, %(end)s, %(model)s, %(embedding)s::halfvec)
"""

DELETE_PASSAGES = "DELETE FROM passages WHERE tenant_id = %(tenant)s AND item_id = %(item)s"

KNOWN_PICTURE = """
SELECT EXISTS (SELECT FROM deleted_items WHERE tenant_id = %(tenant)s AND item_id = %(item)s), p.processed_at, p.digest
  FROM (SELECT) AS always
  LEFT JOIN pictures p ON p.tenant_id = %(tenant)s AND p.item_id = %(item)s
"""

WRITE_PICTURE = (
    sql.SQL("""
INSERT INTO pictures (tenant_id, item_id, processed_at, digest, {columns})
VALUES (%(tenant)s, %(item)s, %(processed_at)s, %(digest)s, {values})
ON CONFLICT (tenant_id, item_id) DO UPDATE SET
    (processed_at, digest, {columns}) = (excluded.processed_at, excluded.digest, {excluded})
""")
    .format(
        columns=_picture_columns(),
        values=sql.SQL(", ").join(map(sql.Placeholder, _PICTURE)),
        excluded=_picture_columns("excluded"),
    )
    .as_bytes()
)

# Of a document that is there already; one that comes later reads `pictures` when it is written.
SHOW_PICTURE = (
    sql.SQL("""
UPDATE documents d SET ({columns}) = ROW ({of_picture})
  FROM pictures p
 WHERE p.tenant_id = %(tenant)s AND p.item_id = %(item)s AND d.tenant_id = %(tenant)s AND d.item_id = %(item)s
   AND ROW ({of_document}) IS DISTINCT FROM ROW ({of_picture})
""")
    .format(columns=_picture_columns(), of_picture=_picture_columns("p"), of_document=_picture_columns("d"))
    .as_bytes()
)

DELETE_PICTURE = "DELETE FROM pictures WHERE tenant_id = %(tenant)s AND item_id = %(item)s"

WRITE_TOMBSTONE = """
INSERT INTO deleted_items AS t (tenant_id, item_id, deleted_at) VALUES (%(tenant)s, %(item)s, %(deleted_at)s)
ON CONFLICT (tenant_id, item_id) DO UPDATE SET deleted_at = least(t.deleted_at, excluded.deleted_at)
"""

DELETE_DOCUMENT = "DELETE FROM documents WHERE tenant_id = %(tenant)s AND item_id = %(item)s"

DELETE_VECTOR = "DELETE FROM vectors WHERE tenant_id = %(tenant)s AND item_id = %(item)s"

COUNT = """
INSERT INTO tenant_stats AS s (tenant_id, documents, tokens, vectors)
VALUES (%(tenant)s, %(documents)s, %(tokens)s, %(vectors)s)
ON CONFLICT (tenant_id) DO UPDATE SET
    documents = s.documents + excluded.documents,
    tokens = s.tokens + excluded.tokens,
    vectors = s.vectors + excluded.vectors
"""
