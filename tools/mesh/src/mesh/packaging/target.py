"""The machine that a package is for, and how much it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: What Lambda takes, unzipped: 250 MiB.
LIMIT_BYTES: Final = 262_144_000
#: Where Lambda puts a function's code.
TASK_ROOT: Final = "/var/task"
#: Amazon Linux 2023, on which the managed runtimes from Python 3.12 on stand, has glibc 2.34.
_PLATFORMS: Final[Mapping[str, str]] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that the package is for."""

    platform: str
    python: str

    @classmethod
    def of(cls, architecture: str, runtime: str) -> Target:
        """From what platform.yaml says: `arm64` and `python3.13`."""
        return cls(_PLATFORMS[architecture], runtime.removeprefix("python"))
