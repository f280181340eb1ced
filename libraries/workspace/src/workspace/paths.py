"""The repository's root path."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[4]
