"""The one form of everything, so that two makers' things can be compared as values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

Settings = Mapping[str, Any]


class Key(NamedTuple):
    """A thing: what it is, and its name."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Render for people."""
        return f"{self.kind} {self.name}"


Topology = Mapping[Key, Settings]

# Variables that say where a function runs and what was built: every place has them, each with values of its own.
_PLACES: Final = re.compile(
    r"^(AWS_ENDPOINT_URL|DATABASE_HOST|DATABASE_PORT|GIT_SHA|GIT_TAG|GIT_BRANCH|BUILD_TIMESTAMP|[A-Z]+_BASE_URL)$"
)
_HOST: Final = re.compile(r"^https?://[^/]+")


def variables(found: Mapping[str, str] | None) -> dict[str, str]:
    """Environment variables: those of the place by name alone, queues without the host in their URL."""
    return {name: _variable(name, value) for name, value in sorted((found or {}).items())}


def policy(document: Any) -> list[dict[str, Any]]:
    """Statements of a policy in a fixed order, lists sorted, single values as lists of one."""
    parsed = decoded(document)
    found = parsed["Statement"]
    statements = [_statement(item) for item in (found if isinstance(found, list) else [found])]
    return sorted(statements, key=lambda item: json.dumps(item, sort_keys=True))


def senders(document: Any) -> list[dict[str, Any]]:
    """Who may do what with a resource. That nobody may without TLS is said in AWS alone: emulators speak HTTP."""
    if not document:
        return []
    return [statement for statement in policy(document) if statement["Effect"] != "Deny"]


def decoded(document: Any) -> Any:
    """JSON from text, percent-encoded as IAM's API has it, or not."""
    if not isinstance(document, str):
        return document
    return json.loads(unquote(document) if document.startswith("%") else document)


def redrive(document: Any) -> dict[str, Any] | None:
    """Where a queue gives its messages up to, and after how many receives."""
    parsed = decoded(document) if document else None
    if not parsed:
        return None
    return {"to": parsed["deadLetterTargetArn"], "after": int(parsed["maxReceiveCount"])}


def pattern(document: Any) -> Any:
    """An event pattern with its lists in order: it matches any of them."""
    return _ordered(decoded(document)) if document else None


def ordered(values: Iterable[Any]) -> list[Any]:
    """Any JSON values, sorted."""
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True))


def without(text: str, places: Mapping[str, str]) -> str:
    """A text with ids that AWS makes replaced by what they are ids of."""
    for made, meaning in places.items():
        text = text.replace(made, meaning)
    return text


def _variable(name: str, value: str) -> str:
    if _PLACES.match(name):
        return "(of the place)"
    return _HOST.sub("", value) if name in {"QUEUE_URL", "DEAD_LETTER_QUEUE_URL"} else value


def _statement(item: Mapping[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {"Effect": item["Effect"]}
    for name in ("Action", "Resource"):
        if name in item:
            form[name] = _texts(item[name])
    if "Principal" in item:
        principal = item["Principal"]
        form["Principal"] = (
            {kind: _texts(names) for kind, names in principal.items()} if isinstance(principal, Mapping) else principal
        )
    if item.get("Condition"):
        form["Condition"] = {
            operator: {key: _texts(values) for key, values in tests.items()}
            for operator, tests in item["Condition"].items()
        }
    return form


def _texts(found: Any) -> list[str]:
    return sorted(map(str, found if isinstance(found, list | tuple) else [found]))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(inner) for key, inner in value.items()}
    return ordered(map(_ordered, value)) if isinstance(value, list | tuple) else value
