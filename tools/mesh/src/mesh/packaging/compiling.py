"""Compiles modules with the target's Python; modules of another minor version are useless and never shipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesh.packaging.errors import CompilationError, PackagingError
from mesh.packaging.target import TASK_ROOT
from mesh.packaging.uv import run_uv
from workspace import REPOSITORY

#: Pythons fetched for compiling.
_FETCHED: Final = REPOSITORY / ".tools" / "python"
_COMPILER: Final = Path(__file__).with_name("compiler.py")
_FETCH_TIMEOUT_S: Final = 180
_ASK: Final = "import platform as p; print(p.python_implementation(), p.python_version())"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A CPython, with its full version (`3.13.1`)."""

    path: str
    version: str


def here() -> Interpreter:
    """The running Python."""
    return Interpreter(sys.executable, ".".join(map(str, sys.version_info[:3])))


def find_python(version: str) -> Interpreter | None:
    """An interpreter of that minor version (`3.13`) on this machine; None when none runs."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        sys.executable,
        shutil.which(f"python{version}"),
        *map(str, sorted(kept.glob(f"{version}.*/bin/python"))),
        *map(str, sorted(_FETCHED.glob(f"cpython-{version}.*/bin/python{version}"))),
    ]
    return _first(candidates, version)


def obtain_python(version: str) -> Interpreter | None:
    """Like `find_python`, but fetch a missing one with uv; None when that fails."""
    if found := find_python(version):
        return found
    try:
        run_uv(
            ["python", "install", "--quiet", "--no-bin", "--install-dir", str(_FETCHED), version],
            timeout_s=_FETCH_TIMEOUT_S,
        )
    except PackagingError:
        return None
    return find_python(version)


def _first(candidates: Iterable[str | None], version: str) -> Interpreter | None:
    for candidate in filter(None, candidates):
        try:
            output = subprocess.run(
                [candidate, "-IS", "-c", _ASK], capture_output=True, text=True, check=False, timeout=30
            ).stdout.split()
        except (OSError, subprocess.TimeoutExpired):
            continue
        # A shim may exist for a version that is not installed.
        if len(output) == 2 and output[0] == "CPython" and output[1].startswith(f"{version}."):
            return Interpreter(candidate, output[1])
    return None


def compile_modules(folder: Path, python: Interpreter) -> int:
    """Add `.pyc` files that are never checked against their sources, for a read-only file system.

    Returns their size in bytes. Files that are not valid Python, such as templates, are skipped. Raises
    CompilationError when the interpreter fails.
    """
    run = subprocess.run(
        [python.path, "-I", "-S", "-B", str(_COMPILER), str(folder), TASK_ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise CompilationError(f"Python {python.version} could not compile modules: {run.stderr.strip()[-1000:]}")
    return sum(file.stat().st_size for file in folder.rglob("*.pyc"))


def require_compiled(modules: Iterable[Path], python: Interpreter) -> None:
    """Raises CompilationError unless each of these modules has its `.pyc`."""
    tag = "".join(python.version.split(".")[:2])
    for module in modules:
        if not (module.parent / "__pycache__" / f"{module.stem}.cpython-{tag}.pyc").is_file():
            raise CompilationError(f"{module.name} could not be compiled by Python {python.version} ({module})")
