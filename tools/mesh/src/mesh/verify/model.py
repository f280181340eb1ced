"""A check, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mesh.verify.probe import Probe


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `look` returns its finding in a sentence, or raises CheckFailedError.

    A check is skipped when one of those it `needs` did not pass: it could only fail for the same reason.
    """

    name: str
    sentence: str
    look: Callable[[Probe], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a check: its finding, why it failed, or why it was skipped."""

    check: Check
    verdict: Verdict
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class Verification:
    """All outcomes. `commit` is what the environment runs, `checkout` what these checks come from; `left_behind` lists
    what could not be removed afterwards."""

    environment: str
    region: str
    account: str
    api_url: str
    commit: str
    checkout: str
    started_at: datetime
    seconds: float
    outcomes: tuple[Outcome, ...]
    left_behind: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Nothing failed, and nothing was left behind."""
        return not self.left_behind and all(outcome.verdict is Verdict.PASSED for outcome in self.outcomes)
