"""A function's dependencies from the lock file: folders of our own code, and third-party packages to install."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mesh.packaging.target import Target
from mesh.packaging.uv import run_uv
from workspace import REPOSITORY


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Folders of our own code, and pinned requirements with their hashes."""

    own: tuple[Path, ...]
    requirements: str


def dependencies_of(service: str, extras: Sequence[str] = (), root: Path = REPOSITORY) -> Dependencies:
    """The run-time dependencies of a service with these extras, from `uv.lock`. Raises UvError."""
    chosen = [argument for extra in extras for argument in ("--extra", extra)]
    exported = run_uv(
        [
            "export", "--project", str(root), "--package", f"collections-{service}", *chosen,
            "--no-dev", "--frozen", "--no-header", "--no-annotate",
        ]
    )  # fmt: skip
    lines = exported.splitlines()
    own = tuple(root / line.removeprefix("-e ") / "src" for line in lines if line.startswith("-e "))
    return Dependencies(own, "\n".join(line for line in lines if not line.startswith("-e ")) + "\n")


def install(dependencies: Dependencies, folder: Path, target: Target | None = None) -> None:
    """Install the third-party packages into a folder, for the target or else for this machine and Python.

    The files may be hard links into uv's cache: they may be deleted, but must not be written to.
    Raises UvError, RegistryError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    requirements = folder.with_name(f"{folder.name}.requirements.txt")
    requirements.write_text(dependencies.requirements, encoding="utf-8")
    where = (
        ["--python-platform", target.platform, "--python-version", target.python, "--only-binary", ":all:"]
        if target
        else ["--python", sys.executable]
    )
    run_uv(
        ["pip", "install", "--target", str(folder), "--no-deps", "--require-hashes", "-r", str(requirements), *where]
    )
    requirements.unlink()
    (folder / ".lock").unlink(missing_ok=True)
