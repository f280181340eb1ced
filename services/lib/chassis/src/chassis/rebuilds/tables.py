"""The tables of a rebuild: made like the live ones, exchanged with them, dropped."""

from collections.abc import Collection, Sequence

from psycopg import sql

from chassis.database import Connection
from chassis.errors import PermanentError
from chassis.rebuilds.rows import Rebuild
from chassis.tables import next_of, previous_of, tables_of

__all__ = ["condition", "drop", "exchange", "exchange_rows", "folded_tables", "make"]

#: Columns that have the id of what an event is about, the first that a table has.
_SUBJECTS = ("subject", "item_id", "session_id", "id")
#: Tables whose rows are of tenants, and which no rebuild of some items touches.
_OF_TENANTS = frozenset({"forgotten_tenants"})


def folded_tables(connection: Connection, schema: str) -> list[str]:
    """The tables of the schema that are made from events alone, in alphabetical order."""
    return [table for table, kind in tables_of(connection, schema).items() if kind.folded]


def make(
    connection: Connection, schema: str, beside: str, *, by_tenant: bool, by_subject: bool, recounted: Collection[str]
) -> None:
    """Make an empty table beside each folded one of the schema, with its columns, constraints, indexes and options.

    Raises:
        PermanentError: there is nothing to rebuild; a table has a foreign key or a sequence, which cannot be copied; or
            the rebuild is of some tenants, and a table has no column `tenant_id`; or of some items, and a table has no
            column for their ids and is none of those that are `recounted`.
    """
    tables = folded_tables(connection, schema)
    if not tables:
        raise PermanentError("nothing-to-rebuild", f"no table of {schema} is made from events alone")
    for table in tables:
        _check(connection, schema, table, by_tenant=by_tenant or by_subject)
        if by_subject and table not in {*recounted, *_OF_TENANTS} and _subject(connection, schema, table) is None:
            raise PermanentError("table-without-items", f"{schema}.{table} has no rows of items: rebuild the tenant")
        _make_one(connection, schema, beside, table)


def drop(connection: Connection, schema: str) -> None:
    """Drop the tables beside the schema's."""
    for beside in (next_of(schema), previous_of(schema)):
        names = [row["tablename"] for row in _tables_in(connection, beside)]
        if names:
            connection.execute(sql.SQL("DROP TABLE {}").format(_listed(beside, names)))


def exchange(connection: Connection, schema: str, new: str, old: str) -> None:
    """Let the tables of `new` be the live ones, and move those that were to `old`, which is empty.

    Raises:
        PermanentError: the two sets are not of the same tables.
        psycopg.errors.LockNotAvailable: readers did not end within the transaction's `lock_timeout`.
    """
    tables = folded_tables(connection, schema)
    if tables != [row["tablename"] for row in _tables_in(connection, new)]:
        raise PermanentError("other-tables", f"the tables of {new} are not those of {schema}")
    both = sql.SQL(", ").join([_listed(schema, tables), _listed(new, tables)])
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(both))
    for table in tables:
        for origin, target in ((schema, old), (new, schema)):
            move = sql.SQL("ALTER TABLE {} SET SCHEMA {}")
            connection.execute(move.format(sql.Identifier(origin, table), sql.Identifier(target)))


def exchange_rows(connection: Connection, schema: str, new: str, old: str, rebuild: Rebuild) -> set[str]:
    """As `exchange`, for the rows of some tenants or items: the tables stay where they are, and `new` is empty then.

    Returns the tenants of the rows. A table without rows of items stays as it is where the rebuild is of items.
    """
    tenants: set[str] = set()
    _make_missing(connection, schema, old)
    for table in folded_tables(connection, schema):
        narrowed = condition(connection, schema, table, rebuild)
        if narrowed is None:
            continue
        for origin, target in ((schema, old), (new, schema)):
            move = sql.SQL(
                "WITH moved AS (DELETE FROM {origin} WHERE {narrowed} RETURNING *)"
                " INSERT INTO {target} SELECT * FROM moved RETURNING tenant_id"
            ).format(origin=sql.Identifier(origin, table), target=sql.Identifier(target, table), narrowed=narrowed)
            tenants |= {row["tenant_id"] for row in connection.execute(move)}
    return tenants


def condition(connection: Connection, schema: str, table: str, rebuild: Rebuild) -> sql.Composable | None:
    """Which rows of the table are the rebuild's; None where it is of some items and the table has no rows of items."""
    parts: list[sql.Composable] = [sql.SQL("true")]
    if rebuild.tenants:
        parts.append(sql.SQL("tenant_id = ANY({})").format(list(rebuild.tenants)))
    if rebuild.subjects:
        subject = _subject(connection, schema, table)
        if subject is None:
            return None
        parts.append(sql.SQL("{} = ANY({})").format(sql.Identifier(subject), list(rebuild.subjects)))
    return sql.SQL(" AND ").join(parts)


def _subject(connection: Connection, schema: str, table: str) -> str | None:
    """The column with the id of the item or conversation that a row is about."""
    rows = connection.execute(
        "SELECT attname AS name FROM pg_attribute WHERE attrelid = %s::regclass AND attname = ANY(%s)",
        (sql.Identifier(schema, table).as_string(connection), list(_SUBJECTS)),
    )
    return min((row["name"] for row in rows), key=_SUBJECTS.index, default=None)


def _make_missing(connection: Connection, schema: str, beside: str) -> None:
    if not _tables_in(connection, beside):
        for table in folded_tables(connection, schema):
            _make_one(connection, schema, beside, table)


def _check(connection: Connection, schema: str, table: str, *, by_tenant: bool) -> None:
    (found,) = connection.execute(
        """
        SELECT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND %(table)s::regclass IN (conrelid, confrelid))
               OR bool_or(attidentity <> '' OR pg_get_expr(adbin, adrelid) LIKE 'nextval(%%') IS TRUE AS is_tied,
               bool_or(attname = 'tenant_id') AS has_tenant
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
        """,
        {"table": sql.Identifier(schema, table).as_string(connection)},
    )
    if found["is_tied"]:
        raise PermanentError("table-not-copied", f"{schema}.{table} has a foreign key or a sequence")
    if by_tenant and not found["has_tenant"]:
        raise PermanentError("table-without-tenant", f"{schema}.{table} has no column tenant_id: rebuild all of it")


def _make_one(connection: Connection, schema: str, beside: str, table: str) -> None:
    live, copy = sql.Identifier(schema, table), sql.Identifier(beside, table)
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(copy, live))
    (row,) = connection.execute(
        "SELECT reloptions, obj_description(oid, 'pg_class') AS comment FROM pg_class WHERE oid = %s::regclass",
        (live.as_string(connection),),
    )
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(copy, sql.Literal(row["comment"])))
    for option in row["reloptions"] or ():
        name, _, value = option.partition("=")
        statement = sql.SQL("ALTER TABLE {} SET ({} = {})").format(copy, sql.Identifier(name), sql.Literal(value))
        connection.execute(statement)
    _name_indexes(connection, schema, beside, table)


def _name_indexes(connection: Connection, schema: str, beside: str, table: str) -> None:
    """Give the copy's indexes the names of those that they were made like: migrations and maintenance know them."""
    names = dict[str, list[str]]()
    for row in _indexes(connection, schema, table):
        names.setdefault(row["definition"], []).append(row["name"])
    renamed = {row["name"]: names[row["definition"]].pop(0) for row in _indexes(connection, beside, table)}
    # By way of names that no index has: one's new name may be another's old one.
    for step, old in enumerate(renamed):
        _rename(connection, beside, old, f"renamed {step}")
    for step, new in enumerate(renamed.values()):
        _rename(connection, beside, f"renamed {step}", new)


def _rename(connection: Connection, schema: str, old: str, new: str) -> None:
    statement = sql.SQL("ALTER INDEX {} RENAME TO {}").format(sql.Identifier(schema, old), sql.Identifier(new))
    connection.execute(statement)


def _indexes(connection: Connection, schema: str, table: str) -> list[dict[str, str]]:
    """Names and definitions, these without the names of index and table."""
    rows = connection.execute(
        """
        SELECT relname AS name, indisunique::text || indisprimary::text
               || substring(pg_get_indexdef(indexrelid) FROM ' USING .*') AS definition
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = %s::regclass AND indisvalid
        ORDER BY relname
        """,
        (sql.Identifier(schema, table).as_string(connection),),
    )
    return [dict(row) for row in rows]


def _tables_in(connection: Connection, schema: str) -> list[dict[str, str]]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename", (schema,))
    return [dict(row) for row in rows]


def _listed(schema: str, tables: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
