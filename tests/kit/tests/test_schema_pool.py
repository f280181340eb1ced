"""A reused schema is as the migrations left it."""

from pathlib import Path

import psycopg
import pytest

from testkit import SchemaPool

pytestmark = pytest.mark.integration


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "own" / "migrations"
    folder.mkdir(parents=True)
    statements = "CREATE TABLE things (n bigint GENERATED ALWAYS AS IDENTITY, name text);"
    (folder / "0001_things.sql").write_text(statements)
    return [folder]


def test_rows_and_numbers_of_the_last_borrower_are_gone(schema_pool: SchemaPool, sources: list[Path]) -> None:
    lent = []
    for _ in range(2):
        with (
            schema_pool.lend("things", sources) as schema,
            psycopg.connect(schema.dsn, autocommit=True) as connection,
        ):
            lent.append(schema)
            connection.execute("INSERT INTO things (name) VALUES ('a'), ('b')")
            assert connection.execute("SELECT n, name FROM things ORDER BY n").fetchall() == [(1, "a"), (2, "b")]
            assert connection.execute("SELECT count(*) FROM schema_migrations").fetchone() == (1,)
            # What it leaves open does not hold up the next.
            connection.execute("BEGIN")
            connection.execute("LOCK TABLE things")
    assert lent[0] == lent[1]


def test_two_at_once_get_two(schema_pool: SchemaPool, sources: list[Path]) -> None:
    with schema_pool.lend("things", sources) as one, schema_pool.lend("things", sources) as other:
        assert one.database != other.database
        with psycopg.connect(one.dsn) as connection:
            connection.execute("INSERT INTO things (name) VALUES ('mine')")
        with psycopg.connect(other.dsn) as connection:
            assert connection.execute("SELECT 1 FROM things").fetchall() == []


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (n int)",
        "CREATE INDEX ON things (name)",
        "ALTER TABLE things ADD COLUMN more text",
        "ALTER TABLE things DROP COLUMN name",
        "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ],
)
def test_what_was_changed_by_more_than_rows_is_not_lent_again(
    schema_pool: SchemaPool, sources: list[Path], change: str
) -> None:
    with schema_pool.lend("things", sources) as changed, psycopg.connect(changed.dsn, autocommit=True) as connection:
        connection.execute(change.encode())
    with schema_pool.lend("things", sources) as fresh:
        assert fresh.database != changed.database
