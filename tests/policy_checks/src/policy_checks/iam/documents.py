"""Policy documents, read strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policy_checks.errors import PolicyNotUnderstoodError

_KEYS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
# Account ids stand for the root of the account; only services and roles of our own ask for anything here.
_PRINCIPAL_KINDS = {"AWS", "Service"}


class Effect(StrEnum):
    """What a statement does with the requests it matches."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """Who asks, or who is meant: `kind` is AWS (a role's ARN, or `*` for everybody) or Service."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Render as one word."""
        return self.name


EVERYBODY = Principal("AWS", "*")


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator on one key of the request; it holds when any value does."""

    operator: str
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `principals` is None in policies of roles, `resources` is empty in trust policies."""

    effect: Effect
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    principals: tuple[Principal, ...] | None
    conditions: tuple[Condition, ...]
    sid: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """A document; `origin` says for people where it stands."""

    origin: str
    statements: tuple[Statement, ...]


def read_policy(document: str | Mapping[str, Any], origin: str) -> Policy:
    """Read a policy from JSON or from what JSON holds. Raises PolicyNotUnderstoodError."""
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    if parsed.get("Version") != "2012-10-17":
        raise PolicyNotUnderstoodError(f"{origin}: version {parsed.get('Version')!r}")
    found = parsed["Statement"]
    statements = found if isinstance(found, list) else [found]
    return Policy(origin, tuple(_statement(item, origin) for item in statements))


def _statement(item: Mapping[str, Any], origin: str) -> Statement:
    if strange := set(item) - _KEYS:
        raise PolicyNotUnderstoodError(f"{origin}: {', '.join(sorted(strange))} in a statement")
    return Statement(
        effect=Effect(item["Effect"]),
        actions=_texts(item["Action"], origin),
        resources=_texts(item.get("Resource", ()), origin),
        principals=tuple(_principals(item["Principal"], origin)) if "Principal" in item else None,
        conditions=tuple(_conditions(item.get("Condition", {}), origin)),
        sid=item.get("Sid", ""),
    )


def _principals(found: Any, origin: str) -> Iterator[Principal]:
    if found == "*":
        yield EVERYBODY
        return
    if not isinstance(found, Mapping) or set(found) - _PRINCIPAL_KINDS:
        raise PolicyNotUnderstoodError(f"{origin}: principal {found!r}")
    for kind, names in found.items():
        for name in _texts(names, origin):
            yield Principal(kind, name)


def _conditions(found: Mapping[str, Mapping[str, Any]], origin: str) -> Iterator[Condition]:
    for operator, tests in found.items():
        for key, values in tests.items():
            yield Condition(operator, key, _texts(values, origin))


def _texts(found: Any, origin: str) -> tuple[str, ...]:
    """One text or several; booleans may be written without quotes."""
    texts = tuple(_text(value) for value in (found if isinstance(found, list | tuple) else [found]))
    for text in texts:
        if "${" in text:
            raise PolicyNotUnderstoodError(f"{origin}: policy variable in {text!r}")
    return texts


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
