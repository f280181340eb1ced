"""A set of queries, what was found for each, and the report of both."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from mesh.evaluate.metrics import interval, ndcg, precision, recall, reciprocal_rank
from workspace import OperatorError

_METRICS = {"ndcg": ndcg, "mrr": reciprocal_rank, "precision": precision, "recall": recall}


class EvaluationError(OperatorError):
    """The query set or a report cannot be read, or the two reports cannot be compared."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Query(_Part):
    """A query and the items that answer it. Without relevant items, nothing in the collection does."""

    id: str
    text: str
    kind: str = Field(description="exact, single, multi, semantic, typo, filter, no-result, a language, …")
    relevant: dict[str, NonNegativeInt] = Field(default={}, description="Grades of items, by `items_by`.")
    options: dict[str, Any] = Field(default={}, description="Other fields of the search request.")


class QuerySet(_Part):
    """Queries about one collection."""

    name: str
    items_by: Literal["item_id", "original_filename"] = "original_filename"
    queries: list[Query] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "QuerySet":
        if len({query.id for query in self.queries}) < len(self.queries):
            raise ValueError("two queries have the same id")
        return self


class Outcome(_Part):
    """What was found for a query, best first. An error counts as nothing found, and never as rightly so."""

    found: list[str] = []
    confident: bool | None = None
    latency_ms: float = 0.0
    error: str | None = None

    @property
    def says_nothing(self) -> bool:
        """Whether it says that nothing in the collection answers."""
        return self.error is None and (not self.found or self.confident is False)


class Scored(_Part):
    """One query's values by metric, where it has an answer, and whether it was said to have none."""

    id: str
    kind: str
    answerable: bool
    said_nothing: bool
    values: dict[str, float]
    latency_ms: float
    error: str | None
    found: list[str] = Field(default=[], description="The first k items, best first.")


class Figure(_Part):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


class Report(_Part):
    """An evaluation."""

    name: str
    k: int
    options: dict[str, Any]
    queries: list[Scored]

    def figures(self, kind: str | None = None) -> dict[str, Figure]:
        """By metric, of the answerable queries; of one kind, or of all."""
        answerable = [scored for scored in self.queries if scored.answerable and kind in (None, scored.kind)]
        return {name: _figure([scored.values[name] for scored in answerable]) for name in _METRICS if answerable}

    def kinds(self) -> list[str]:
        """In the order of their first query."""
        return list(dict.fromkeys(scored.kind for scored in self.queries))

    def no_result(self) -> dict[str, float | None]:
        """Precision and recall of saying that nothing answers; None where it was never said, or never true."""
        said = [scored for scored in self.queries if scored.said_nothing]
        true = [scored for scored in self.queries if not scored.answerable]
        right = sum(not scored.answerable for scored in said)
        return {
            "precision": right / len(said) if said else None,
            "recall": right / len(true) if true else None,
        }

    def latency_ms(self) -> dict[str, float]:
        """Of the requests, with the network."""
        times = sorted(scored.latency_ms for scored in self.queries)
        return {"p50": statistics.median(times), "p95": times[round(0.95 * (len(times) - 1))]}


def _figure(values: Sequence[float]) -> Figure:
    low, high = interval(values)
    return Figure(mean=statistics.fmean(values), low=low, high=high)


def score(asked: QuerySet, outcomes: Mapping[str, Outcome], k: int, options: Mapping[str, Any]) -> Report:
    """The report of the outcomes, by the queries' ids."""
    return Report(
        name=asked.name,
        k=k,
        options=dict(options),
        queries=[_scored(query, outcomes[query.id], k) for query in asked.queries],
    )


def _scored(query: Query, outcome: Outcome, k: int) -> Scored:
    answerable = any(query.relevant.values())
    found = [] if outcome.error else outcome.found
    return Scored(
        id=query.id,
        kind=query.kind,
        answerable=answerable,
        said_nothing=outcome.says_nothing,
        values={name: metric(found, query.relevant, k) for name, metric in _METRICS.items()} if answerable else {},
        latency_ms=outcome.latency_ms,
        error=outcome.error,
        found=found[:k],
    )


def differences(before: Report, after: Report) -> dict[str, Figure]:
    """By metric, how much better the second is, query by query.

    Raises:
        EvaluationError: they are not of the same queries and k.
    """
    first, second = (_answerable(report.queries) for report in (before, after))
    if before.k != after.k or first.keys() != second.keys() or not first:
        raise EvaluationError("the reports are not of the same answerable queries and k")
    return {
        name: _figure([second[query].values[name] - first[query].values[name] for query in first]) for name in _METRICS
    }


def _answerable(queries: Iterable[Scored]) -> dict[str, Scored]:
    return {scored.id: scored for scored in queries if scored.answerable}
