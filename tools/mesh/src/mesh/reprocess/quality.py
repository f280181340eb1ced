"""Search quality of candidates and live descriptions, over the items of a sample: the ranking is search's own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mesh.reprocess.errors import QueriesInvalidError

#: Ranks that count.
DEPTH: Final = 10


class Query(BaseModel):
    """A query, and the ids of the items that it should find."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = Field(min_length=1, max_length=1000)
    relevant: frozenset[str] = Field(min_length=1)


def read_queries(path: Path) -> list[Query]:
    """The queries of a file: `[{"query": text, "relevant": [item ids]}, …]`. Raises QueriesInvalidError."""
    try:
        return TypeAdapter(list[Query]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise QueriesInvalidError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise QueriesInvalidError(f"{path}: {place}: {first['msg']}") from error
    except RecursionError as error:
        raise QueriesInvalidError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise QueriesInvalidError(f"{path} is no JSON: {error}") from error


def within(queries: Sequence[Query], items: frozenset[str]) -> list[Query]:
    """The queries with something relevant in the sample, each with that alone."""
    kept = [query.model_copy(update={"relevant": query.relevant & items}) for query in queries]
    return [query for query in kept if query.relevant]


def measures(queries: Sequence[Query], rankings: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """NDCG@10 and MRR over the queries; `rankings` are the items that were found, by query, best first."""
    number = max(len(queries), 1)
    ranked = [(query.relevant, list(rankings.get(query.query, ()))[:DEPTH]) for query in queries]
    return {
        f"ndcg@{DEPTH}": round(sum(_ndcg(relevant, found) for relevant, found in ranked) / number, 4),
        "mrr": round(sum(_reciprocal_rank(relevant, found) for relevant, found in ranked) / number, 4),
    }


def _ndcg(relevant: frozenset[str], found: Sequence[str]) -> float:
    gained = sum(1 / math.log2(rank + 1) for rank, item in enumerate(found, start=1) if item in relevant)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), DEPTH) + 1))
    return gained / ideal


def _reciprocal_rank(relevant: frozenset[str], found: Sequence[str]) -> float:
    return next((1 / rank for rank, item in enumerate(found, start=1) if item in relevant), 0.0)


def documents(pairs: Sequence[Mapping[str, Any]], side: str) -> list[dict[str, Any]]:
    """What search ranks of one side, `live` or `candidate`."""
    return [{"item_id": pair["item_id"], "description": pair[side]["description"]} for pair in pairs if pair[side]]
