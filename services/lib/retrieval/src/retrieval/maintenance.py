"""HNSW indexes for the tenants that outgrow the exact scan, one partial index each.

An index over all tenants would slow every insert and lose neighbours when filtered by tenant; a tenant's own index
holds nothing else. Run this from a schedule or by hand, as the owner of the tables; until it has run, searches are
exact.
"""

import hashlib
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from retrieval.query import DEFAULT_RANKING


def maintain_vector_indexes(conn: Connection[Any], exact_limit: int = DEFAULT_RANKING.exact_limit) -> list[str]:
    """Build the index of each tenant above the limit, drop it for each below 80 %; returns the changed tenants.

    The connection must be in autocommit mode: indexes are built concurrently, so writers never wait. An
    interrupted build leaves an invalid index behind; the next run replaces it. Concurrent runs are safe: the second
    does nothing.
    """
    lock = sql.SQL("hashtextextended(current_schema() || '.vector_indexes', 0)")
    cursor = conn.cursor(row_factory=tuple_row)
    if cursor.execute(sql.SQL("SELECT 1 WHERE pg_try_advisory_lock({})").format(lock)).fetchone() is None:
        return []
    before = {limit: cursor.execute("SELECT current_setting(%s)", (limit,)).fetchone() or ("0",) for limit in _LIMITS}
    try:
        for limit in _LIMITS:
            conn.execute("SELECT set_config(%s, '0', false)", (limit,))
        large = cursor.execute(_MISSING, (exact_limit,)).fetchall()
        small = cursor.execute(_SUPERFLUOUS, (exact_limit * 0.8,)).fetchall()
        for (name,) in cursor.execute(_ORPHANED).fetchall():
            conn.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
        for (tenant_id,) in large:
            _build(conn, tenant_id)
        for tenant_id, name in small:
            conn.execute("DELETE FROM vector_indexes WHERE tenant_id = %s", (tenant_id,))
            conn.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
    finally:
        for limit, (value,) in before.items():
            conn.execute("SELECT set_config(%s, %s, false)", (limit, value))
        conn.execute(sql.SQL("SELECT pg_advisory_unlock({})").format(lock))
    return [row[0] for row in [*large, *small]]


# A build of 100,000 vectors takes a minute and more; services limit their sessions to seconds.
_LIMITS = ("statement_timeout", "transaction_timeout", "lock_timeout")

_MISSING = """
SELECT tenant_id FROM tenant_stats LEFT JOIN vector_indexes USING (tenant_id)
 WHERE vectors > %s AND to_regclass(name) IS NULL ORDER BY tenant_id
"""
# to_regclass: a rebuild of the tables (chassis.rebuilds) brings the indexes that there were when it began.

_SUPERFLUOUS = """
SELECT tenant_id, name FROM vector_indexes LEFT JOIN tenant_stats USING (tenant_id)
 WHERE coalesce(vectors, 0) < %s ORDER BY tenant_id
"""


#: Of a tenant who is forgotten, or of a build that was interrupted: the row is written after it.
_ORPHANED = """
SELECT indexname FROM pg_indexes
 WHERE schemaname = current_schema() AND tablename = 'vectors' AND indexname LIKE 'vectors\\_hnsw\\_%'
   AND indexname NOT IN (SELECT name FROM vector_indexes)
"""


def _build(conn: Connection[Any], tenant_id: str) -> None:
    name = f"vectors_hnsw_{hashlib.sha256(tenant_id.encode()).hexdigest()[:24]}"
    # An index without a row is left from an interrupted build: the row is written after a complete one.
    conn.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
    conn.execute(
        sql.SQL(
            "CREATE INDEX CONCURRENTLY {} ON vectors USING hnsw (embedding halfvec_cosine_ops) WHERE tenant_id = {}"
        ).format(sql.Identifier(name), sql.Literal(tenant_id))
    )
    conn.execute(
        "INSERT INTO vector_indexes (tenant_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", (tenant_id, name)
    )
