"""The Makefile's targets call existing commands, and print a usage line."""

from __future__ import annotations

import re
import subprocess

import pytest
import typer

from mesh.cli import app
from workspace import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE)
WITH_ENV = re.findall(r"^([a-z][a-z-]*):[^\n]*\n\t\$\(needs-env\)", MAKEFILE, re.MULTILINE)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make without the set-up that every target begins with, and without the variables of the process that runs the
    tests."""
    command = ["make", "-o", "setup", "ENV=", "SERVICE=", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_make_alone_lists_every_target() -> None:
    listed = re.findall(r"^  make ([a-z-]+)(?:<name>)? +\S", make().stdout, re.MULTILINE)
    assert set(TARGETS) <= set(listed)
    assert {"infra-plan", "infra-apply", "infra-diff", "infra-destroy", "infra-outputs", "lambda-deploy"} <= set(listed)


@pytest.mark.parametrize("target", [*WITH_ENV, "lambda-deploy"])
def test_targets_that_act_on_an_environment_require_one(target: str) -> None:
    done = make(target)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.match(rf"usage: make {target} (SERVICE=chat )?ENV=dev\b", done.stderr)


def test_nothing_that_changes_an_environment_has_a_default_one() -> None:
    for verb in ("plan", "apply", "diff", "destroy", "outputs"):
        assert f"infra-{verb}" in WITH_ENV
    assert {"db-migrate", "secrets-push", "secrets-pull", "secrets-list", "verify"} <= set(WITH_ENV)


@pytest.mark.parametrize("words", sorted(set(re.findall(r"\$\(MESH\)((?: [a-z][a-z-]*)+)", MAKEFILE))))
def test_every_command_that_is_called_exists(words: str) -> None:
    command = typer.main.get_command(app)
    for word in words.split():
        group = getattr(command, "commands", None)
        if group is None:  # an argument of a command
            return
        assert word in group, f"mesh{words}"
        command = group[word]
