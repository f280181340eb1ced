"""Stated reasons: why a wildcard is acceptable."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from policy_checks.errors import ReasonsInvalidError
from policy_checks.wildcards import Wildcard

Sentence = Annotated[str, StringConstraints(min_length=20)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reason(_Model):
    """Why an action on a resource may have a wildcard; both are compared as text, placeholders included."""

    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reason: Sentence

    def covers(self, wildcard: Wildcard) -> bool:
        """Whether it applies to this wildcard."""
        return (
            wildcard.effect == self.effect and wildcard.action in self.actions and wildcard.resource in self.resources
        )


class Reasons(_Model):
    """The whole file."""

    wildcards: tuple[Reason, ...]

    def unstated(self, wildcards: Iterable[Wildcard]) -> list[Wildcard]:
        """Wildcards without a reason."""
        return [wildcard for wildcard in wildcards if not any(reason.covers(wildcard) for reason in self.wildcards)]

    def unused(self, wildcards: Iterable[Wildcard]) -> list[str]:
        """Actions and resources of reasons that match no wildcard."""
        found = list(wildcards)
        return [
            f"{reason.effect} {action} on {resource}"
            for reason in self.wildcards
            for action in reason.actions
            for resource in reason.resources
            if not any((item.effect, item.action, item.resource) == (reason.effect, action, resource) for item in found)
        ]


def read_reasons(file: Path) -> Reasons:
    """Read the file. Raises ReasonsInvalidError."""
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Reasons.model_validate(document)
    except (yaml.YAMLError, ValidationError) as error:
        raise ReasonsInvalidError(f"{file}: {error}") from error
