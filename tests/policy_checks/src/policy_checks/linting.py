"""Runs checkov, a linter for infrastructure, in its own virtual environment, apart from our dependencies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from policy_checks.errors import LinterFailedError, LinterUnusableError

_INSTALL_S: Final = 600
_RUN_S: Final = 600
# Without downloading newer rules: the same commit has the same findings.
_OFFLINE: Final = {"CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """A check that a resource fails; `reason` is why that is accepted, empty when none is given."""

    check: str
    resource: str
    place: str
    sentence: str
    reason: str = ""

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.place}: {self.check} {self.resource}: {self.sentence}"


@dataclass(frozen=True)
class Linted:
    """The linter's report; `passed` counts the checks that passed."""

    passed: int
    failed: tuple[Remark, ...]
    excused: tuple[Remark, ...]
    unread: tuple[str, ...]


def install_checkov(requirements: Path, tools: Path) -> Path:
    """Install the locked requirements unless they are installed; returns the program. Raises LinterUnusableError."""
    target = tools / "checkov"
    stamp, program = target / ".requirements", target / "bin" / "checkov"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if program.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return program
    uv = tools / "uv" / "bin" / "uv"
    found = str(uv) if uv.exists() else shutil.which("uv")
    if found is None:
        raise LinterUnusableError("uv is missing: run `make setup`")
    shutil.rmtree(target, ignore_errors=True)
    python = target / "bin" / "python"
    _uv(found, "venv", "--python", sys.executable, str(target))
    _uv(found, "pip", "install", "--python", str(python), "--require-hashes", "--no-deps", "-r", str(requirements))
    stamp.write_text(wanted, encoding="ascii")
    return program


def lint(program: Path, folder: Path) -> Linted:
    """Check all Terraform below a folder. Raises LinterFailedError."""
    command = [str(program), "--directory", str(folder), "--framework", "terraform", "--skip-download"]
    command += ["--output", "json", "--compact", "--soft-fail"]
    environment = {**os.environ, **_OFFLINE}
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_RUN_S, check=False
    )
    if run.returncode != 0:
        raise LinterFailedError(f"checkov failed:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return _read(json.loads(run.stdout))


def _read(report: Any) -> Linted:
    results = report["results"]
    return Linted(
        passed=int(report["summary"]["passed"]),
        failed=tuple(sorted(set(_remarks(results["failed_checks"])))),
        excused=tuple(sorted(set(_remarks(results["skipped_checks"])))),
        unread=tuple(results["parsing_errors"]),
    )


def _remarks(found: list[dict[str, Any]]) -> Iterator[Remark]:
    for item in found:
        place = f"{item['file_path'].lstrip('/')}:{item['file_line_range'][0]}"
        reason = str(item["check_result"].get("suppress_comment") or "").strip()
        yield Remark(item["check_id"], item["resource"], place, str(item["check_name"]), reason)


def _uv(uv: str, *arguments: str) -> None:
    run = subprocess.run([uv, *arguments, "--quiet"], capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if run.returncode != 0:
        raise LinterUnusableError(f"checkov cannot be installed: {run.stderr.strip()}")
