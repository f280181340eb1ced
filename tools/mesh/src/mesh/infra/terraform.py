"""Runs Terraform through the library python-terraform.

Only the library's general `cmd` is used: its `plan`, `apply`, `destroy` and `init` pass flags that Terraform no longer
supports. Long operations print to the terminal; JSON output is captured.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from python_terraform import IsFlagged  # type: ignore[import-untyped]
from python_terraform import Terraform as _Library

from mesh.infra.errors import TerraformFailedError, TerraformMissingError

Json: TypeAlias = dict[str, Any]
Option: TypeAlias = str | bool | list[str] | Mapping[str, object]

MINIMUM: Final = (1, 11, 0)  # the native lock of the S3 backend
WHERE: Final = "https://developer.hashicorp.com/terraform/install"
DIFFERENCES: Final = 2  # exit code of `plan -detailed-exitcode` when there are changes
_FLAG: Final = IsFlagged
_AUTOMATED: Final = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}


def check_version() -> str:
    """The version of the Terraform on the path. Raises TerraformMissingError."""
    needed = ".".join(map(str, MINIMUM[:2]))
    if shutil.which("terraform") is None:
        raise TerraformMissingError(f"terraform is not installed: version {needed} or newer from {WHERE}")
    version: str = Terraform(Path.cwd())._json("version", "json")["terraform_version"]
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) < MINIMUM:
        raise TerraformMissingError(f"terraform {version} is too old: version {needed} or newer from {WHERE}")
    return version


class Terraform:
    """Terraform in one folder. `quiet` captures its terminal output; `variables` are environment variables of the
    process. Every method raises TerraformFailedError, and KeyboardInterrupt once an interrupted Terraform has ended."""

    def __init__(self, folder: Path, *, variables: Mapping[str, str] | None = None, quiet: bool = False) -> None:
        self.folder = folder
        self._variables = {**_AUTOMATED, **(variables or {})}
        self._quiet = quiet
        self._library = _Library(working_dir=str(folder))

    def init(self, backend: Mapping[str, str]) -> None:
        """Install providers and open the state. Never copies state from one place to another."""
        self._run("init", input=False, reconfigure=_FLAG, backend_config=dict(backend), always_quiet=True)

    def plan(self, file: Path, inputs: Mapping[str, object], *, destroy: bool = False) -> bool:
        """Write a plan to a file that only its owner may read; True when there are changes."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        options: dict[str, Any] = {"destroy": _FLAG} if destroy else {}
        if inputs:
            options["var"] = dict(inputs)
        try:
            code, _ = self._run(
                "plan", input=False, out=str(file), detailed_exitcode=_FLAG, accepted=(0, DIFFERENCES), **options
            )
        except BaseException:
            file.unlink(missing_ok=True)  # Terraform writes a failed plan too, which cannot be applied
            raise
        file.chmod(0o600)
        return code == DIFFERENCES

    def apply(self, plan: Path) -> None:
        """Apply exactly a plan file."""
        self._run("apply", str(plan), input=False)

    def show(self, plan: Path) -> Json:
        """A plan file as JSON. It may hold secrets in the clear: keep it in memory."""
        return self._json("show", "json", str(plan))

    def state(self) -> Json:
        """The state as JSON; it may hold secrets too."""
        return self._json("show", "json")

    def outputs(self) -> Json:
        """Name -> {value, type, sensitive}."""
        return self._json("output", "json")

    def _json(self, command: str, flag: str, *arguments: str) -> Json:
        _, out = self._run(command, *arguments, always_quiet=True, plain=True, **{flag: _FLAG})
        try:
            answer: Json = json.loads(out)
        except ValueError as error:
            raise TerraformFailedError(f"terraform {command} did not return JSON: {out[:200]}") from error
        return answer

    def _run(
        self,
        command: str,
        *arguments: str,
        always_quiet: bool = False,
        plain: bool = False,
        accepted: tuple[int, ...] = (0,),
        **options: Any,  # noqa: ANN401 - the library's own way of naming flags
    ) -> tuple[int, str]:
        captured = self._quiet or always_quiet
        if not plain and (captured or not sys.stdout.isatty()):
            options["no_color"] = _FLAG
        sys.stdout.flush()
        with _process_environment(self._variables), _interrupts_are_terraforms() as interrupts:
            code, out, err = self._library.cmd(command, *arguments, capture_output=captured, **options)
        if interrupts:
            raise KeyboardInterrupt(f"terraform {command} has shut down cleanly")
        if code not in accepted:
            raise TerraformFailedError(f"terraform {command} failed: {_reason(err, code)}")
        return code, out or ""


@contextmanager
def _process_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables in this process, whose environment the library passes on."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_are_terraforms() -> Iterator[list[int]]:
    """Record signals and wait: Ctrl-C reaches Terraform too, which finishes its operation, saves the state and releases
    the lock."""
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


def _reason(stderr: str | None, code: int) -> str:
    """Terraform's errors in one line, without the boxes around them."""
    if stderr is None:
        return f"exit code {code}, its own message is above"
    lines = [line.strip("╷│╵ \t") for line in stderr.splitlines()]
    errors = [index for index, line in enumerate(lines) if line.startswith("Error:")]
    if not errors:
        return " ".join(filter(None, lines))[:500] or f"exit code {code}"
    sentences = []
    for start, end in zip(errors, [*errors[1:], len(lines)], strict=True):
        body = [line for line in lines[start + 1 : end] if line and not line.startswith(("on ", "with "))]
        sentences.append(f"{lines[start].removeprefix('Error:').strip()}: {' '.join(body)}"[:500])
    return "; ".join(sentences[:3])
