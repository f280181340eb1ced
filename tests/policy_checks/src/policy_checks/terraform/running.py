"""Runs Terraform isolated from AWS: with dummy credentials and an unreachable endpoint."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from policy_checks.errors import TerraformFailedError

_TIMEOUT_S = 280.0
# Port 9 is unused: a provider that accepts these credentials still cannot reach AWS.
NO_AWS: Final = "127.0.0.1:9"
_NOBODY = {
    "AWS_ACCESS_KEY_ID": "dummy",
    "AWS_SECRET_ACCESS_KEY": "dummy",
    "AWS_ENDPOINT_URL": f"http://{NO_AWS}",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
# Collecting garbage as often as by default costs a fifth of the CPU time; now a run takes up to 450 MB.
_GO = {"GOGC": "400"}
_MOCKED_RUNS = "mocked-runs"
_installing = threading.Lock()


@dataclass(frozen=True)
class Terraform:
    """A Terraform program and the source of its providers.

    Every method raises TerraformFailedError with Terraform's output.
    """

    program: Path
    configuration: Path | None = None
    cache: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_variables(self, variables: Mapping[str, str]) -> Terraform:
        """The same with further environment variables."""
        return replace(self, environment={**self.environment, **variables})

    def format_problems(self, folder: Path) -> list[str]:
        """Files below a folder that `terraform fmt` would change."""
        run = self._run(folder, "fmt", "-check", "-recursive", "-list=true", check=False)
        return run.stdout.split() if run.returncode else []

    def init(self, folder: Path) -> None:
        """Install modules and providers."""
        # The provider cache is not safe for concurrent use.
        with _installing:
            self._run(folder, "init", "-input=false")

    def validate(self, folder: Path) -> list[str]:
        """All errors and deprecations, with their location."""
        run = self._run(folder, "validate", "-json", check=False)
        return [_diagnostic(item) for item in json.loads(run.stdout)["diagnostics"]]

    def test(self, folder: Path) -> list[str]:
        """Validate a module as each of its own tests calls it, and run these: all errors, deprecations and failed
        assertions, with their location."""
        run = self._run(folder, "test", "-json", check=False)
        problems = list(dict.fromkeys(_diagnostics(_messages(run))))
        if run.returncode != 0 and not problems:
            raise TerraformFailedError(f"terraform test in {folder}:\n{run.stdout}{run.stderr}")
        return problems

    def run_mocked(self, folder: Path, test: Mapping[str, Any], wanted: str) -> dict[str, Any]:
        """Run one test of a configuration, given as a document, and return its `test_plan` or `test_state`."""
        # Not among the configuration's own tests, which other commands read at any time.
        file = folder / _MOCKED_RUNS / f"{wanted}.tftest.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(test), encoding="utf-8")
        chosen = (f"-test-directory={_MOCKED_RUNS}", f"-filter={_MOCKED_RUNS}/{file.name}")
        run = self._run(folder, "test", "-json", "-verbose", *chosen, check=False)
        messages = _messages(run)
        found: dict[str, Any] | None = next((line[wanted] for line in messages if wanted in line), None)
        if run.returncode != 0 or found is None:
            output = (
                "\n".join(_diagnostics(line for line in messages if line["@level"] == "error"))
                or run.stdout + run.stderr
            )
            raise TerraformFailedError(f"terraform test of {file}:\n{output}")
        # The schemas of all resource types: most of the document, and unused.
        found.pop("provider_schemas", None)
        return found

    def plan(self, folder: Path, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Plan with variables that are objects, and read the plan.

        The provider asks AWS for its account and region, so an emulator has to run.
        """
        given = [f"-var={name}={json.dumps(value)}" for name, value in (variables or {}).items()]
        self._run(folder, "plan", "-input=false", "-lock=false", "-out=checked.tfplan", *given)
        document: dict[str, Any] = json.loads(self._run(folder, "show", "-json", "checked.tfplan").stdout)
        return document

    def _run(self, folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        coloured = [] if "-json" in arguments else ["-no-color"]
        command = [str(self.program), arguments[0], *coloured, *arguments[1:]]
        try:
            run = subprocess.run(
                command,
                cwd=folder,
                env=self._variables(),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformFailedError(
                f"terraform {arguments[0]} in {folder} took more than {_TIMEOUT_S:.0f} s"
            ) from error
        if check and run.returncode != 0:
            raise TerraformFailedError(f"terraform {arguments[0]} in {folder}:\n{run.stdout}{run.stderr}")
        return run

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        ours = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **_GO, **_NOBODY, **self.environment}
        if self.configuration:
            ours["TF_CLI_CONFIG_FILE"] = str(self.configuration)
        if self.cache:
            ours |= {"TF_PLUGIN_CACHE_DIR": str(self.cache), "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}
        return kept | ours


def _messages(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def _diagnostics(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    return [_diagnostic(message["diagnostic"]) for message in messages if "diagnostic" in message]


def _diagnostic(item: Mapping[str, Any]) -> str:
    place = item.get("range") or {}
    where = f"{place['filename']}:{place['start']['line']}: " if place else ""
    return f"{item['severity']}: {where}{item['summary']}: {item.get('detail', '')}"
