"""How the patterns and conditions of policies match."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from policy_checks.errors import PolicyNotUnderstoodError
from policy_checks.iam.documents import Condition

Context = Mapping[str, str]
_ARN_PARTS = 6
_FOR_ALL_VALUES = "ForAllValues:"


def matches_action(pattern: str, action: str) -> bool:
    """Whether an action is meant; letters' case makes no difference."""
    return _matches(pattern.lower(), action.lower())


def matches_resource(pattern: str, resource: str) -> bool:
    """Whether a resource is meant; `*` goes over colons and slashes."""
    return _matches(pattern, resource)


def holds(condition: Condition, context: Context) -> bool:
    """Whether a request fulfils a condition. One that does not tell the key fulfils only those that ask for none, or
    that speak of all values there are.

    Raises PolicyNotUnderstoodError for an operator that is not known here.
    """
    told = {key.lower(): value for key, value in context.items()}.get(condition.key.lower())
    if condition.operator == "Null":
        return any(_bool(value, str(told is None)) for value in condition.values)
    operator = condition.operator.removeprefix(_FOR_ALL_VALUES)
    test = _OPERATORS.get(operator)
    if test is None:
        raise PolicyNotUnderstoodError(f"condition operator {condition.operator} (on {condition.key})")
    if told is None:
        return operator != condition.operator
    return any(test(value, told) for value in condition.values)


def _equal(wanted: str, told: str) -> bool:
    return wanted == told


def _like(pattern: str, told: str) -> bool:
    return _matches(pattern, told)


def _arn(pattern: str, told: str) -> bool:
    """Each of the six parts by itself: `*` does not go over a colon, but in the last one."""
    wanted, found = pattern.split(":", _ARN_PARTS - 1), told.split(":", _ARN_PARTS - 1)
    return len(wanted) == len(found) == _ARN_PARTS and all(map(_matches, wanted, found))


def _bool(wanted: str, told: str) -> bool:
    return wanted.lower() == told.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringLike": _like,
    # AWS treats the two alike, wildcards and all.
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _bool,
}


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL)
