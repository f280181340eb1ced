"""A read model in a real Postgres, and items to put into it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from localmesh.testing import FreshDatabase
from retrieval import AnalyzedItem

MIGRATION = Path(__file__).parents[1] / "migrations" / "0001_read_model.sql"
START = datetime(2026, 1, 1, tzinfo=UTC)

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]


@pytest.fixture
def read_model_dsn(fresh_database: FreshDatabase) -> str:
    """A database whose schema `search` holds an empty read model and is on the search_path, before `public`."""
    with psycopg.connect(fresh_database.dsn, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA search")
        conn.execute("SET search_path = search, public")
        conn.execute(MIGRATION.read_bytes())
    return psycopg.conninfo.make_conninfo(fresh_database.dsn, options="-c search_path=search,public")


@pytest.fixture
def conn(read_model_dsn: str) -> Iterator[Connection[Any]]:
    """A connection in autocommit mode; projections open their own transaction."""
    with psycopg.connect(read_model_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def make_item() -> MakeItem:
    """An analysed item whose text is the summary."""

    def make(
        item_id: str, summary: str = "", *, version: int = 1, category: str = "photo", **fields: Any
    ) -> AnalyzedItem:
        description = {"category": category, "headline": "", "summary": summary, **fields}
        return AnalyzedItem(
            item_id=item_id,
            version=version,
            analysis_id=f"{item_id}-{version}",
            analyzed_at=START + timedelta(minutes=version),
            filename=f"{item_id}.png",
            original_filename="",
            description=description,
        )

    return make


@pytest.fixture
def make_vector() -> MakeVector:
    """1,024 values from a seed, or few given ones followed by zeros."""

    def make(seed: object = 0, values: Sequence[float] | None = None) -> list[float]:
        if values is not None:
            return [*values, *[0.0] * (1024 - len(values))]
        random = Random(str(seed))
        return [random.gauss(0, 1) for _ in range(1024)]

    return make
