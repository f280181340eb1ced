"""What every tool of this repository shares: where the repository lies, and the root of operators' errors."""

from workspace.errors import OperatorError
from workspace.paths import REPOSITORY

__all__ = ["REPOSITORY", "OperatorError"]
