"""Which declared answers no test ever got: of the OpenAPI document's operations, without those of the gateway alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from workspace import REPOSITORY

_DOCUMENT = Path("services/ingest/src/ingest/openapi.json")
#: What every route may answer is made there.
COMMON = Path("tests/architecture/test_common_answers.py")

#: An operation, `GET /items/{id}`, and a status.
Answered = tuple[str, str]


def declared(root: Path = REPOSITORY) -> dict[str, set[Answered]]:
    """The answers of each service."""
    file = root / _DOCUMENT
    document = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"paths": {}}
    found: dict[str, set[Answered]] = defaultdict(set)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "501" in operation["responses"]:
                continue  # it was scaffolded, and does nothing yet
            for status, response in operation["responses"].items():
                reference = response.get("$ref", "").rpartition("/")[2]
                response = document["components"]["responses"][reference] if reference else response
                if status != "default" and response.get("x-answered-by") != "gateway":
                    found[operation["tags"][0]].add((f"{method.upper()} {path}", status))
    return found


def unanswered(answers: Collection[Answered], got: Collection[Answered]) -> list[str]:
    """Those that were not got, for people."""
    return [" -> ".join(answer) for answer in sorted(set(answers) - set(got))]
