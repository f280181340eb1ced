"""Vectors for Postgres: validated, normalised to unit length, in half precision."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pgvector import HalfVector
from psycopg import Connection, Cursor
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import RowFactory

from retrieval.errors import InvalidVectorError

DIMENSIONS = 1024

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class PassageVector:
    """The vector of a part of a long item: the characters of the text in its picture from `start` to before `end`."""

    start: int
    end: int
    values: Sequence[float]


def unit_vector(values: Sequence[float]) -> HalfVector:
    """The unit vector of `DIMENSIONS` finite values; unit length keeps half precision from over- and
    underflowing.

    Raises:
        InvalidVectorError: a wrong number of values, non-finite values, or a vector of norm zero.
    """
    if len(values) != DIMENSIONS:
        raise InvalidVectorError(f"{len(values)} values instead of {DIMENSIONS}")
    if not all(map(math.isfinite, values)):
        raise InvalidVectorError("some values are not finite")
    length = math.hypot(*values)
    if not (math.isfinite(length) and length > 0):
        raise InvalidVectorError("the vector has norm zero")
    return HalfVector([value / length for value in values])


class HalfVectorDumper(Dumper):
    """Sends a `HalfVector` in binary, without a type id: the statement casts it to `halfvec`."""

    format = Format.BINARY

    def dump(self, obj: HalfVector) -> bytes:
        return obj.to_binary()


def vector_cursor(conn: Connection[Any], row_factory: RowFactory[Row]) -> Cursor[Row]:
    """A cursor whose parameters may be half vectors."""
    cursor = conn.cursor(row_factory=row_factory)
    cursor.adapters.register_dumper(HalfVector, HalfVectorDumper)
    return cursor
