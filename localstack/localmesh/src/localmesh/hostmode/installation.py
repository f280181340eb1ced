"""LocalStack's environment below `.tools/`, with our add-ons in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localmesh.errors import PreflightError
from workspace import REPOSITORY

#: The last release of the community edition.
VERSION: Final = "4.14.0"
#: Its dependencies are open to newer versions, some of which break it.
RELEASED: Final = "2026-03-25"
PYTHON: Final = "3.13"
_PACKAGES: Final = (f"localstack-core[runtime]=={VERSION}", "localstack-client")
_STAMP: Final = ".collections-localstack"


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment with LocalStack in it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


def installation(root: Path = REPOSITORY) -> Installation:
    """Where it is, or will be."""
    return Installation(root / ".tools" / f"localstack-{VERSION}")


def install(report: Callable[[str], None], root: Path = REPOSITORY) -> Installation:
    """Install what is missing or out of date; at once when nothing is.

    Raises PreflightError when there is no CPython 3.13 or no uv, or when packages cannot be fetched.
    """
    there, wanted = installation(root), _fingerprint(root)
    stamp = there.folder / _STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted and there.python.exists():
        return there
    uv, python = _uv(root), find_python()
    report(f"installing LocalStack {VERSION} into {there.folder} (the first time takes half a minute)")
    shutil.rmtree(there.folder, ignore_errors=True)
    _run(uv, "venv", "--quiet", "--python", python, str(there.folder))
    fetch = (uv, "pip", "install", "--quiet", "--python", str(there.python))
    _run(*fetch, "--compile-bytecode", "--exclude-newer", RELEASED, *_PACKAGES)
    _run(*fetch, "--no-deps", "--editable", str(root / "localstack" / "addons"))
    stamp.write_text(wanted, encoding="ascii")
    return there


def find_python() -> str:
    """A CPython 3.13 of this machine.

    Raises PreflightError when there is none: LocalStack 4.14 is not installable with another one.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    candidates = [
        shutil.which(f"python{PYTHON}"),
        *sorted(map(str, pyenv.glob(f"{PYTHON}.*/bin/python{PYTHON}")), reverse=True),
        *sorted(map(str, managed.glob(f"cpython-{PYTHON}.*/bin/python{PYTHON}")), reverse=True),
    ]
    for candidate in candidates:
        if candidate and _is_cpython(candidate):
            return candidate
    raise PreflightError(
        f"LocalStack needs CPython {PYTHON}, which was not found: install it (`uv python install {PYTHON}`, or your"
        " system's package), or use BACKEND=ministack"
    )


def _is_cpython(program: str) -> bool:
    """Whether it runs and is what its name says; a version manager's shim may be neither."""
    asked = "import platform, sys; print(platform.python_implementation(), '%d.%d' % sys.version_info[:2])"
    try:
        said = subprocess.run([program, "-c", asked], capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return False
    return said.returncode == 0 and said.stdout.split() == ["CPython", PYTHON]


def _fingerprint(root: Path) -> str:
    """What an installation depends on. The code of the add-ons is read where it is, so it does not count."""
    digest = hashlib.sha256(" ".join((*_PACKAGES, RELEASED, str(root))).encode())
    digest.update((root / "localstack" / "addons" / "pyproject.toml").read_bytes())
    return digest.hexdigest()


def _uv(root: Path) -> str:
    own = root / ".tools" / "uv" / "bin" / "uv"
    found = str(own) if own.exists() else shutil.which("uv")
    if found is None:
        raise PreflightError("uv was not found, with which LocalStack is installed: run `make setup`")
    return found


def _run(*command: str) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise PreflightError(f"LocalStack could not be installed: `{' '.join(command[:3])}` failed: {last}")
