"""Asks analysis about runs, and search how it would rank their descriptions, by the functions that answer operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mesh.environments import Environment
from mesh.functions import Functions, answering
from mesh.replay.asking import Owners
from mesh.reprocess import quality
from mesh.reprocess.quality import Query

ANALYSIS: Final = "analysis"
_SEARCH: Final = "search"


class Runs:
    """The runs of an environment."""

    def __init__(self, environment: Environment) -> None:
        self.owners = Owners(environment)
        self._functions = Functions(environment)
        self._search = answering(environment).get(_SEARCH, f"{_SEARCH}.relay")

    def sample(self, number: int, seed: int, tenants: Sequence[str]) -> tuple[list[str], int]:
        """Ids of so many items, chosen evenly, and how many there are to choose from."""
        found = self._ask({"sample": number, "seed": seed, "tenants": list(tenants) or None})
        return [each["item_id"] for each in found["items"]], found["pictures"]

    def run(self, run_id: str) -> dict[str, Any]:
        """`run`, how many candidates it has made and by which plan; `promoted`, how many items have its description."""
        return self._ask({"run": run_id})

    def rest(self, plan: dict[str, Any], tenants: Sequence[str]) -> dict[str, int]:
        """How many pictures are not described by the plan, and how many of these are to be paid for."""
        keys = {name: plan[name] for name in ("prompt", "provider", "model")}
        found: dict[str, int] = self._ask({"rest": keys, "tenants": list(tenants) or None})["rest"]
        return found

    def pairs(self, run_id: str) -> list[dict[str, Any]]:
        """Every candidate of the run, each beside the live version."""
        pairs: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            page = self._ask({"pairs": run_id, "after": after})
            pairs += page["pairs"]
            after = page["next"]
        return pairs

    def versions(self, item: str) -> list[dict[str, Any]]:
        """The versions of an item, newest first."""
        found: list[dict[str, Any]] = self._ask({"versions": item})["versions"]
        return found

    def search_quality(self, pairs: Sequence[dict[str, Any]], queries: Sequence[Query]) -> dict[str, Any]:
        """How well search finds what it should, among the sampled items, by the live versions and by the candidates."""
        both = [pair for pair in pairs if pair["live"] is not None]
        asked = quality.within(queries, frozenset(pair["item_id"] for pair in both))
        found: dict[str, Any] = {
            "over": f"{len(both)} sampled items that have both, by keywords alone (BM25)",
            "queries": len(asked),
            "left_out": len(queries) - len(asked),
        }
        for side in ("live", "candidate") if asked else ():
            request = {"documents": quality.documents(both, side), "depth": quality.DEPTH}
            request["queries"] = sorted({query.query for query in asked})
            answer = self._functions.invoke(self._search, {"replays": {"runs": request}})
            found[side] = quality.measures(asked, answer["runs"]["rankings"])
        return found

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.owners.runs(ANALYSIS, request)
