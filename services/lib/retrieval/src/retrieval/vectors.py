"""Vectors on their way into Postgres: checked, of unit length, as pgvector's text."""

import math
from collections.abc import Sequence

from retrieval.errors import InvalidVectorError

DIMENSIONS = 1024


def unit_vector(values: Sequence[float]) -> list[float]:
    """The direction of `DIMENSIONS` finite values; its length is 1, so that half precision neither over- nor
    underflows.

    Raises:
        InvalidVectorError: a wrong number of values, values that are not finite, or a vector of length zero.
    """
    if len(values) != DIMENSIONS:
        raise InvalidVectorError(f"{len(values)} values instead of {DIMENSIONS}")
    if not all(map(math.isfinite, values)):
        raise InvalidVectorError("not all values are finite")
    length = math.hypot(*values)
    if not (math.isfinite(length) and length > 0):
        raise InvalidVectorError("the vector has no direction")
    return [value / length for value in values]


def literal(values: Sequence[float]) -> str:
    """pgvector's text form; 8 digits are more than half precision keeps."""
    return "[" + ",".join([f"{value:.8g}" for value in values]) + "]"
