"""Asks the queries of a set, one after the other."""

import time
from typing import Any

import httpx
from rich.console import Console
from rich.progress import track

from mesh.client import Api, ApiError
from mesh.evaluate.scoring import Outcome, Query, QuerySet, Report, score


def ask_all(api: Api, asked: QuerySet, *, search_type: str, k: int) -> Report:
    """The report of these queries; what cannot be asked counts as an error."""
    options = {"search_type": search_type, "top_k": k, "include_answer": False}
    progress = track(asked.queries, description="queries", transient=True, console=Console(stderr=True))
    outcomes = {query.id: _ask(api, query, asked.items_by, options | query.options) for query in progress}
    return score(asked, outcomes, k, options)


def _ask(api: Api, query: Query, items_by: str, options: dict[str, Any]) -> Outcome:
    started = time.perf_counter()
    try:
        answer = api.search(query.text, **options)
    except (ApiError, httpx.HTTPError) as error:
        return Outcome(error=str(error) or type(error).__name__, latency_ms=_milliseconds(started))
    found = [
        result["item_id"] if items_by == "item_id" else result["metadata"][items_by] for result in answer["results"]
    ]
    return Outcome(found=found, confident=answer.get("confident"), latency_ms=_milliseconds(started))


def _milliseconds(since: float) -> float:
    return (time.perf_counter() - since) * 1000
