"""Asks a service about its rebuilds, by its relay or its maintenance: `chassis.rebuilds.asking` answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from mesh.environments import Environment
from mesh.functions import Functions
from mesh.rebuild.errors import RebuildsOutdatedError, RebuildUnknownError
from mesh.trace.asking import Inspectors


class Rebuild(BaseModel):
    """See `chassis.rebuilds`; `applied` counts replayed events that were folded, `folded` the service's own."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: str
    who: str
    why: str
    changed: tuple[str, ...]
    tenants: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    folded: int
    is_own_done: bool
    failure: str | None
    kept_until: str | None
    requested_at: str
    applied: int = 0


class Comparison(BaseModel):
    """A table beside the live one; where they differ, what is missing or added beside, and which columns differ."""

    model_config = ConfigDict(frozen=True)

    table: str
    live_rows: int
    beside_rows: int
    live_hash: str
    beside_hash: str
    missing: int
    added: int
    columns: dict[str, int] | None
    is_equal: bool
    is_expected: bool

    @property
    def is_acceptable(self) -> bool:
        """Equal, or expected to differ, and not empty where the live one is not."""
        return self.is_equal or (self.is_expected and bool(self.beside_rows or not self.live_rows))


class Rebuilds:
    """Those of one service. Every method raises RebuildsOutdatedError and FunctionFailedError."""

    def __init__(self, environment: Environment, service: str) -> None:
        self.service = service
        self._key = Inspectors(environment).keys.get(service, f"{service}.relay")
        self._functions = Functions(environment)

    def latest(self) -> tuple[list[Rebuild], list[str], list[str]]:
        """The latest rebuilds, the tables that events are folded into, and those that migrations want rebuilt."""
        answer = self._ask({"list": 20}, "due")
        return [Rebuild.model_validate(each) for each in answer["rebuilds"]], answer["tables"], answer["due"]

    def alive(self, state: str) -> Rebuild | None:
        """The rebuild in that state, of which there is one at most (`folding` or `switched`)."""
        return next((each for each in self.latest()[0] if each.state == state), None)

    def count(self, tenants: tuple[str, ...], subjects: tuple[str, ...]) -> dict[str, int]:
        """How many of its own events the service folds, by stored type."""
        return dict(self._ask({"count": list(tenants), "subjects": list(subjects)}, "counts")["counts"])

    def begin(
        self, *, who: str, why: str, changed: tuple[str, ...], tenants: tuple[str, ...], subjects: tuple[str, ...]
    ) -> Rebuild:
        """Begin a rebuild, or find the one that folds."""
        narrowed = {"changed": list(changed), "tenants": list(tenants), "subjects": list(subjects)}
        return self._one({"begin": {"who": who, "why": why, **narrowed}})

    def fold(self, rebuild_id: str) -> Rebuild:
        """Fold own events for some seconds."""
        return self._one({"fold": rebuild_id})

    def show(self, rebuild_id: str) -> Rebuild:
        """How far it is."""
        return self._one({"show": rebuild_id})

    def compare(self, rebuild_id: str, table: str) -> Comparison | None:
        """One table of a rebuild that folds, or was switched to; None where none of its rows are of the items."""
        found = self._ask({"compare": rebuild_id, "table": table}, "comparison")["comparison"]
        return None if found is None else Comparison.model_validate(found)

    def sample(self, rebuild_id: str, number: int) -> Comparison | None:
        """Answers to so many searches from the tables beside and the live ones; None where nobody searches in them."""
        found = self._ask({"sample": rebuild_id, "number": number}, "comparison")["comparison"]
        return None if found is None else Comparison.model_validate(found)

    def switch(self, rebuild_id: str, *, days: int) -> Rebuild:
        """Let its tables be the live ones, and keep those that were for so many days."""
        return self._one({"switch": rebuild_id, "days": days})

    def roll_back(self, rebuild_id: str) -> Rebuild:
        """Let the tables be live again that were before the switch."""
        return self._one({"rollback": rebuild_id})

    def cancel(self, rebuild_id: str) -> Rebuild:
        """Drop the tables beside the live ones."""
        return self._one({"cancel": rebuild_id})

    def _one(self, request: Mapping[str, Any]) -> Rebuild:
        found = self._ask(request, "rebuilds")["rebuilds"]
        if not found:
            raise RebuildUnknownError(f"{self.service} knows of no such rebuild")
        return Rebuild.model_validate(found[0])

    def _ask(self, request: Mapping[str, Any], expected: str) -> dict[str, Any]:
        answer = self._functions.invoke(self._key, {"rebuilds": request})
        if expected not in answer:
            if "rebuilds" in answer:
                raise RebuildUnknownError(f"{self.service} has no tables beside the live ones")
            raise RebuildsOutdatedError(f"{self.service} knows nothing of rebuilds yet: deploy {self.service}")
        return answer
