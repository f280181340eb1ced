"""Exit codes of the registry's commands."""

from typing import Final

BROKEN: Final = 1
UNUSABLE: Final = 2
