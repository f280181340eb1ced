"""The errors of this package.

ManifestsError (an OperatorError)
    ManifestsInvalidError   one or more manifests are invalid; `problems` lists every one of them
    NameTooLongError        a derived resource name exceeds the limit of AWS
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workspace import OperatorError


class ManifestsError(OperatorError):
    """Root of this package's errors."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: the file, the path into the document (dotted) and what is wrong there."""

    file: Path
    path: str
    message: str

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.file}: {self.path}: {self.message}" if self.path else f"{self.file}: {self.message}"


class ManifestsInvalidError(ManifestsError):
    """One or more manifests are invalid."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep every problem; the message has one line for each."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NameTooLongError(ManifestsError):
    """A derived resource name exceeds the limit of AWS."""
