"""Runs uv: the one that `make setup` fetched, or one on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Final

from mesh.packaging.errors import RegistryError, UvError
from workspace import REPOSITORY

_OFFLINE: Final = re.compile(
    r"error sending request|dns error|failed to lookup|connection refused|operation timed out|failed to fetch"
    r"|network (connectivity is disabled|is unreachable)",
    re.IGNORECASE,
)


def run_uv(arguments: list[str], *, timeout_s: float | None = None) -> str:
    """Run uv; returns its output. Raises UvError, RegistryError."""
    own = REPOSITORY / ".tools" / "uv" / "bin" / "uv"
    uv = str(own) if own.exists() else os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise UvError("uv was not found: run `make setup`, which fetches it")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        run = subprocess.run(
            [uv, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise RegistryError(f"uv {arguments[0]} did not end within {timeout_s:.0f} s") from error
    if run.returncode == 0:
        return run.stdout
    output = run.stderr.strip()
    kind = RegistryError if _OFFLINE.search(output) else UvError
    raise kind(f"uv {arguments[0]} failed: {output[-2000:]}")
