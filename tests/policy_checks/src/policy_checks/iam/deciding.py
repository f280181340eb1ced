"""Decides a request: a deny wins, then any allow, else no."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policy_checks.iam.documents import EVERYBODY, Effect, Policy, Principal, Statement
from policy_checks.iam.matching import holds, matches_action, matches_resource

_ROOT = re.compile(r"\d{12}|arn:aws:iam::\d{12}:root")


class Decision(StrEnum):
    """What comes of a request; only one of the three lets it through."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what with which resource; `context` holds condition keys. Every request is made over TLS unless
    the context says otherwise."""

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def decide(request: Request, of_principal: Iterable[Policy] = (), of_resource: Iterable[Policy] = ()) -> Decision:
    """Decide from the policies of the principal and of the resource; within one account either may allow.

    Raises PolicyNotUnderstoodError when the answer depends on something that is not known here.
    """
    matching = [
        statement for policy in of_principal for statement in policy.statements if _matches(statement, request)
    ] + [
        statement
        for policy in of_resource
        for statement in policy.statements
        if _is_meant(statement, request.principal) and _matches(statement, request)
    ]
    effects = {statement.effect for statement in matching}
    if Effect.DENY in effects:
        return Decision.DENIED
    return Decision.ALLOWED if Effect.ALLOW in effects else Decision.NOT_ALLOWED


def _matches(statement: Statement, request: Request) -> bool:
    """Conditions come last: an unknown operator matters only where everything else fits."""
    if not any(matches_action(pattern, request.action) for pattern in statement.actions):
        return False
    if not any(matches_resource(pattern, request.resource) for pattern in statement.resources):
        return False
    context = {"aws:SecureTransport": "true", **request.context}
    # All of them are asked, so that an unknown one is found behind one that does not hold.
    answers = [holds(condition, context) for condition in statement.conditions]
    return all(answers)


def _is_meant(statement: Statement, principal: Principal) -> bool:
    """The root of an account means all of it; it denies by itself, but leaves allowing to the principal's policies."""
    meant = statement.principals or ()
    if statement.effect is Effect.DENY and any(_ROOT.fullmatch(named.name) for named in meant):
        return True
    return principal in meant or EVERYBODY in meant
