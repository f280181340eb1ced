"""Compares the tables beside with the live ones: both are folded in one transaction, so they are always equal."""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from chassis.beside import FOLDING
from chassis.database import Connection
from chassis.rebuilds import tables
from chassis.rebuilds.rows import Rebuild
from chassis.tables import next_of, previous_of

__all__ = ["Comparison", "compare"]

#: Milliseconds for one table: a function that answers operators has 50 seconds.
_TIME_OUT_MS = 45_000


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table, live and beside: rows, and hashes over all of them in no order.

    Where they differ: rows with a key that is only live (`missing`) or only beside (`added`), and for each column in
    how many rows it differs.
    """

    table: str
    live_rows: int
    beside_rows: int
    live_hash: str
    beside_hash: str
    missing: int = 0
    added: int = 0
    columns: dict[str, int] | None = None

    @property
    def is_equal(self) -> bool:
        return (self.live_rows, self.live_hash) == (self.beside_rows, self.beside_hash)


def compare(connection: Connection, schema: str, rebuild: Rebuild, table: str) -> Comparison | None:
    """Compare that table of a rebuild that is alive, in the caller's transaction; of some tenants' or items' alone.

    None where no rows are of an item, in a rebuild of some items: such a table is recounted when it is switched.

    Raises:
        psycopg.errors.QueryCanceled: it took too long.
    """
    narrowed = tables.condition(connection, schema, table, rebuild)
    if narrowed is None:
        return None
    connection.execute(sql.SQL("SET LOCAL statement_timeout = {}").format(sql.Literal(_TIME_OUT_MS)))
    connection.execute("SET LOCAL transaction_timeout = 0")
    beside = next_of(schema) if rebuild.state == FOLDING else previous_of(schema)
    sides: dict[str, sql.Composable] = {
        name: sql.SQL("(SELECT * FROM {} WHERE {})").format(sql.Identifier(found, table), narrowed)
        for name, found in (("live", schema), ("beside", beside))
    }
    digest = (
        "SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text AS hash FROM {} AS t"
    )
    query = sql.SQL(
        "SELECT live.rows AS live_rows, live.hash AS live_hash, beside.rows AS beside_rows, beside.hash AS beside_hash"
        " FROM ({live}) AS live, ({beside}) AS beside"
    ).format(**{name: sql.SQL(digest).format(found) for name, found in sides.items()})
    (row,) = connection.execute(query)
    found = Comparison(table=table, **row)
    if found.is_equal:
        return found
    return Comparison(table=table, **row, **_differences(connection, schema, table, sides))


def _differences(connection: Connection, schema: str, table: str, sides: dict[str, sql.Composable]) -> dict[str, Any]:
    keys, columns = _columns(connection, schema, table)
    if not keys:
        return {}
    differing = "count(*) FILTER (WHERE live.{0}::text IS DISTINCT FROM beside.{0}::text) AS {0}"
    counts = [sql.SQL(differing).format(sql.Identifier(column)) for column in columns]
    # An aggregate, too: one row, however many rows have the same key.
    counts = counts or [sql.SQL("count(*) FILTER (WHERE false) AS {}").format(sql.Identifier("no column"))]
    query = sql.SQL(
        """
        WITH live AS NOT MATERIALIZED (SELECT * FROM {live} AS t),
             beside AS NOT MATERIALIZED (SELECT * FROM {beside} AS t)
        SELECT (SELECT count(*) FROM live LEFT JOIN beside USING ({keys}) WHERE beside.{key} IS NULL) AS missing,
               (SELECT count(*) FROM beside LEFT JOIN live USING ({keys}) WHERE live.{key} IS NULL) AS added,
               (SELECT to_jsonb(c) FROM (SELECT {counts} FROM live JOIN beside USING ({keys})) AS c) AS columns
        """
    ).format(
        **sides,
        key=sql.Identifier(keys[0]),
        keys=sql.SQL(", ").join(map(sql.Identifier, keys)),
        counts=sql.SQL(", ").join(counts),
    )
    (row,) = connection.execute(query)
    return {**row, "columns": {name: number for name, number in row["columns"].items() if number}}


def _columns(connection: Connection, schema: str, table: str) -> tuple[list[str], list[str]]:
    """The columns of the primary key, and the others."""
    rows = connection.execute(
        """
        SELECT attname AS name, coalesce(attnum = ANY(conkey), false) AS is_key
        FROM pg_attribute LEFT JOIN pg_constraint ON conrelid = attrelid AND contype = 'p'
        WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        (sql.Identifier(schema, table).as_string(connection),),
    ).fetchall()
    return [row["name"] for row in rows if row["is_key"]], [row["name"] for row in rows if not row["is_key"]]
