"""The target machine of a package, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: Lambda's limit, unzipped: 250 MiB.
LIMIT_BYTES: Final = 262_144_000
#: Where Lambda unpacks a function's code.
TASK_ROOT: Final = "/var/task"
#: Amazon Linux 2023, the base of managed runtimes since Python 3.12, has glibc 2.34.
_PLATFORMS: Final[Mapping[str, str]] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}


@dataclass(frozen=True, slots=True)
class Target:
    """The target machine of a package."""

    platform: str
    python: str

    @classmethod
    def of(cls, architecture: str, runtime: str) -> Target:
        """From platform.yaml's values: `arm64` and `python3.13`."""
        return cls(_PLATFORMS[architecture], runtime.removeprefix("python"))
