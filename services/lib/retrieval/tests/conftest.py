"""A read model in a real Postgres, and items for it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from retrieval import AnalyzedItem
from testkit import MakeSchema
from testkit.schemas import migrations_of

START = datetime(2026, 1, 1, tzinfo=UTC)

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]


@pytest.fixture
def read_model_dsn(service_schema: MakeSchema) -> str:
    """A database with an empty read model, in a schema that is on the search_path before `public`."""
    return service_schema("search", migrations_of("search")).dsn


@pytest.fixture
def conn(read_model_dsn: str) -> Iterator[Connection[Any]]:
    """A connection in autocommit mode; projections open their own transaction."""
    with psycopg.connect(read_model_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def make_item() -> MakeItem:
    """An analysed item whose text is the summary."""

    def make(
        item_id: str,
        summary: str = "",
        *,
        version: int = 1,
        category: str = "photo",
        extension: str = "png",
        **fields: Any,
    ) -> AnalyzedItem:
        description = {"category": category, "headline": "", "summary": summary, **fields}
        return AnalyzedItem(
            item_id=item_id,
            version=version,
            analysis_id=f"{item_id}-{version}",
            analyzed_at=START + timedelta(minutes=version),
            filename=f"{item_id}.{extension}",
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
