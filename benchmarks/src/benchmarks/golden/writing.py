"""The committed files of the golden set, and its figures as Markdown."""

import json
from typing import Any

from benchmarks.golden.making import make
from benchmarks.golden.places import ITEMS, QUERIES
from mesh.evaluate.scoring import QuerySet


def contents() -> dict[str, str]:
    """What the two files have to hold, by their names."""
    made, queries = make()
    described = [
        {
            "item_id": item.item_id,
            "original_filename": item.original_filename,
            "filename": item.filename,
            "description": item.description.model_dump(mode="json", exclude_defaults=True),
        }
        for item in made
    ]
    asked = QuerySet(name="golden set", queries=queries).model_dump(mode="json")
    return {ITEMS.name: _lines(described), QUERIES.name: _dumped(asked | {"queries": queries_lines(asked)})}


def queries_lines(asked: dict[str, Any]) -> list[Any]:
    """The queries without empty fields."""
    return [{name: value for name, value in query.items() if value} for query in asked["queries"]]


def _lines(entries: list[Any]) -> str:
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


def _dumped(asked: dict[str, Any]) -> str:
    head = {name: value for name, value in asked.items() if name != "queries"}
    return json.dumps(head, ensure_ascii=False)[:-1] + ', "queries": ' + _lines(asked["queries"]).rstrip() + "}\n"


def markdown(measured: dict[str, Any]) -> str:
    """The table by kind and way of searching, and the goals."""
    ways = measured["ndcg"]
    kinds = list(dict.fromkeys(kind for values in ways.values() for kind in values))
    rows = [f"| {kind} | " + " | ".join(f"{values[kind]:.3f}" for values in ways.values()) + " |" for kind in kinds]
    goals = ", ".join(f"{name} {value:.3f}" for name, value in measured["goals"].items())
    return "\n".join([f"| NDCG@10 | {' | '.join(ways)} |", "| --- " * (1 + len(ways)) + "|", *rows, "", goals])
