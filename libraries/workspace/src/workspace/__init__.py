"""What every tool of this repository shares: the repository's root path, and the root of operators' errors."""

from workspace.errors import OperatorError
from workspace.paths import REPOSITORY

__all__ = ["REPOSITORY", "OperatorError"]
