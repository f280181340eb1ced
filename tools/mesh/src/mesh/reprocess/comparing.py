"""Candidates beside live descriptions: what differs field by field, what they cost and how long they took. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = Mapping[str, Any]
#: Characters of a value in an example.
_SHOWN: Final = 100
_NAMED: Final = 3


@dataclass
class FieldChange:
    """How one field differs. `added` and `removed` are entries of lists, by how many items they differ in."""

    name: str
    compared: int = 0
    changed: int = 0
    added: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, str]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "field": self.name,
            "compared": self.compared,
            "changed": self.changed,
            "share": round(self.changed / self.compared, 4) if self.compared else 0.0,
            "added": self.added.total(),
            "removed": self.removed.total(),
            "most_added": dict(self.added.most_common(_NAMED)),
            "most_removed": dict(self.removed.most_common(_NAMED)),
            "examples": self.examples,
        }


def differences(pairs: Sequence[Json], *, examples: int) -> list[dict[str, Any]]:
    """Each field of the descriptions, the one that differs most often first; pairs without a live version count not."""
    found: dict[str, FieldChange] = {}
    for pair in pairs:
        if pair["live"] is None:
            continue
        before, after = dict(_leaves(pair["live"]["description"])), dict(_leaves(pair["candidate"]["description"]))
        for name in {**before, **after}:
            change = found.setdefault(name, FieldChange(name))
            _compare(change, pair["item_id"], before.get(name), after.get(name), examples)
    ordered = sorted(found.values(), key=lambda each: -each.changed)
    return [each.described() for each in ordered]


def figures(pairs: Sequence[Json]) -> dict[str, Any]:
    """Cost and time of the candidates, and what the live versions have cost; of those alone that were paid for."""
    candidates = [pair["candidate"] for pair in pairs]
    paid = [each for each in candidates if each["duration_ms"] is not None]
    live = [float(pair["live"]["cost_usd"]) for pair in pairs if pair["live"] and float(pair["live"]["cost_usd"]) > 0]
    durations = sorted(each["duration_ms"] for each in paid)
    cost = sum(float(each["cost_usd"]) for each in candidates)
    return {
        "candidates": len(candidates),
        "paid": len(paid),
        "reused": len(candidates) - len(paid),
        "first_descriptions": sum(pair["live"] is None for pair in pairs),
        "cost_usd": round(cost, 6),
        "each_usd": round(cost / len(paid), 6) if paid else None,
        "live_each_usd": round(sum(live) / len(live), 6) if live else None,
        "output_tokens_each": round(sum(each["output_tokens"] for each in paid) / len(paid)) if paid else None,
        "p50_ms": _percentile(durations, 0.50),
        "p95_ms": _percentile(durations, 0.95),
    }


def _compare(change: FieldChange, item: str, before: Any, after: Any, examples: int) -> None:  # noqa: ANN401
    change.compared += 1
    if before == after or (not before and not after):
        return
    change.changed += 1
    if isinstance(before or after, list):
        change.added.update(set(after or ()) - set(before or ()))
        change.removed.update(set(before or ()) - set(after or ()))
    if len(change.examples) < examples:
        change.examples.append({"item": item, "old": _shown(before), "new": _shown(after)})


def _leaves(part: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> str:  # noqa: ANN401  # a text, a list of texts, or nothing
    text = ", ".join(value) if isinstance(value, list) else str(value or "")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _percentile(ordered: Sequence[int], share: float) -> int | None:
    """The nearest rank."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None
