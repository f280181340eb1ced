"""`mesh contracts check` in a copy of this repository's contracts: models, their registry, and what they published."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from registry import loading
from registry.commands import app, new_app
from registry.errors import UnusableContractsError

ROOT = Path(__file__).parents[3]
PACKAGE = "contracts/src/contracts"


class Copy:
    """The contracts and manifests in a git repository of their own, whose code the command imports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        skipped = shutil.ignore_patterns("__pycache__", "tests")
        shutil.copytree(ROOT / "contracts", root / "contracts", ignore=skipped)
        for manifest in (ROOT / "services").glob("*/service.yaml"):
            copy = root / manifest.relative_to(ROOT)
            copy.parent.mkdir(parents=True)
            shutil.copy(manifest, copy)
        self._git("init", "-q", "-b", "main")
        self._git("add", "-A")
        self._git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "Published")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.root / PACKAGE / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def run(self, exit_code: int) -> subprocess.CompletedProcess[str]:
        """`mesh contracts check`, ending with that exit code."""
        program = "import sys; from registry.commands import app; app(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", program, "check", "--base=HEAD", "--output=json", f"--root={self.root}"],
            env=os.environ | {"PYTHONPATH": str(self.root / "contracts/src")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def check(self, exit_code: int) -> dict[str, set[str]]:
        """Rule -> types of contracts that break it."""
        done = self.run(exit_code)
        found: dict[str, set[str]] = {}
        for contract in json.loads(done.stdout)["contracts"]:
            for problem in contract["problems"]:
                found.setdefault(problem["rule"], set()).add(contract["type"])
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


EXPIRED = "collections.sessions.session-expired"
DELETED = "collections.ingest.item-deleted.v1"


def _wrong_major(copy: Copy) -> None:
    copy.replace("analysis.py", 'schema_version: ClassVar[str] = "1.1"', 'schema_version: ClassVar[str] = "2.1"')


def _bad_name(copy: Copy) -> None:
    copy.replace("ingest.py", DELETED, "collections.ingest.ItemDeleted.v1")


def _no_upcaster(copy: Copy) -> None:
    copy.replace("upcasters/sessions.py", f'"{EXPIRED}.v2":', f'"{EXPIRED}.v9":')


def _upcaster_that_fails(copy: Copy) -> None:
    copy.replace("upcasters/sessions.py", 'payload["last_activity"]', 'payload["last_turn"]')


def _upcaster_of_nonsense(copy: Copy) -> None:
    copy.replace("upcasters/sessions.py", '"allowed": payload["limit"]', '"allowed": -1')


def _no_version(copy: Copy) -> None:
    copy.replace("ingest.py", '    schema_version: ClassVar[str] = "1.0"\n', "")


def _lagging_schema(copy: Copy) -> None:
    copy.replace("analysis.py", "version: int = Field(ge=1)", "version: int = Field(ge=0)")


def _class_removed(copy: Copy) -> None:
    copy.replace("registry.py", "        ingest.ItemDeleted,\n", "")


def _schema_missing(copy: Copy) -> None:
    copy.replace("ingest.py", 'event_type: ClassVar[str] = "collections.ingest.item-deleted.v1"\n    schema_version: '
                 'ClassVar[str] = "1.0"', f'event_type: ClassVar[str] = "{DELETED}"\n    schema_version: '
                 'ClassVar[str] = "1.1"')  # fmt: skip


def _unreadable_example(copy: Copy) -> None:
    path = next((copy.root / f"contracts/examples/{DELETED}/1.0").glob("*.json"))
    document: dict[str, Any] = json.loads(path.read_text())
    path.with_name("another.json").write_text(json.dumps({**document, "time": "yesterday"}))


def _unknown_type(copy: Copy) -> None:
    copy.replace("ingest.py", "    key: str", '    key: "Key"')


def _broken_pattern(copy: Copy) -> None:
    copy.replace("imaging.py", 'pattern="^[0-9a-f]{16}$"', 'pattern="^[0-9a-f"')


def _validator(copy: Copy) -> None:
    copy.replace("ingest.py", "from pydantic import Field", "from pydantic import AfterValidator, Field")
    copy.replace("ingest.py", "    key: str", "    key: Annotated[str, AfterValidator(str)]")


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_wrong_major, {
            "broken-registry": {"collections.analysis.item-analyzed.v1"},
            "schema-outdated": {"collections.analysis.item-analyzed.v1"},
        }),
        (_bad_name, {"broken-registry": {"collections.ingest.ItemDeleted.v1"}, "model-missing": {DELETED}}),
        (_no_upcaster, {"upcaster-missing": {f"{EXPIRED}.v1", f"{EXPIRED}.v2"}}),
        (_upcaster_that_fails, {"upcaster-broken": {f"{EXPIRED}.v1"}}),
        (_upcaster_of_nonsense, {"upcaster-broken": {f"{EXPIRED}.v1", f"{EXPIRED}.v2"}}),
        (_no_version, {"broken-registry": {"ItemUploaded"}, "model-missing": {"collections.ingest.item-uploaded.v1"}}),
        (_lagging_schema, {"schema-outdated": {"collections.analysis.item-analyzed.v1"}}),
        (_class_removed, {"model-missing": {DELETED}}),
        (_schema_missing, {"schema-outdated": {DELETED}}),
        (_unreadable_example, {"example-invalid": {DELETED}}),
        (_unknown_type, {"broken-registry": {"collections.ingest.item-uploaded.v1"}}),
        (_validator, {"rule-unpublished": {"collections.ingest.item-uploaded.v1"}}),
        (_broken_pattern, {"broken-registry": {"collections.imaging.image-processed.v1"}}),
    ],
    ids=lambda given: getattr(given, "__name__", "").strip("_"),
)  # fmt: skip
def test_what_models_and_files_disagree_about_is_a_finding(
    copy: Copy, edit: Callable[[Copy], None], expected: dict[str, set[str]]
) -> None:
    edit(copy)
    assert copy.check(1) == expected


def test_models_that_are_not_installed_prove_nothing(copy: Copy) -> None:
    done = CliRunner().invoke(app, ["check", "--base=HEAD", f"--root={copy.root}"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "contracts/src/contracts is not what is installed" in done.stderr


def test_the_contracts_as_they_are_agree(copy: Copy) -> None:
    assert copy.check(0) == {}


def _no_python(copy: Copy) -> None:
    copy.replace("sessions.py", "class SessionDeleted(Contract):", "class SessionDeleted(Contract)")


def _renamed_class(copy: Copy) -> None:
    copy.replace("sessions.py", "class SessionDeleted(Contract):", "class SessionRemoved(Contract):")


def _failing_statement(copy: Copy) -> None:
    copy.replace("embedding.py", "class ItemEmbedded(", 'LIMIT = int("many")\n\n\nclass ItemEmbedded(')


@pytest.mark.parametrize(
    ("edit", "place", "reason"),
    [
        (_no_python, "sessions.py", "SyntaxError: expected ':'"),
        (
            _renamed_class,
            "registry.py",
            "AttributeError: module 'contracts.sessions' has no attribute 'SessionDeleted'",
        ),
        (_failing_statement, "embedding.py", "ValueError: invalid literal for int()"),
    ],
    ids=["no python", "a renamed class", "a statement that fails"],
)
def test_contracts_that_cannot_be_imported_are_one_line_with_their_place(
    copy: Copy, edit: Callable[[Copy], None], place: str, reason: str
) -> None:
    edit(copy)
    done = copy.run(2)
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(rf"mesh contracts: {re.escape(str(copy.root / PACKAGE / place))}:[1-9][0-9]*: .*", line)
    assert reason in line
    assert done.stdout == ""


COMMANDS = {
    "check": (),
    "compat": ("a.json", "b.json"),
    "diff": ("a",),
    "list": (),
    "show": ("a",),
    "new": ("a", "b"),
    "export": ("a",),
    "docs": ("a",),
    "record-deployment": ("a", "--env=b"),
    "can-deploy": ("a", "--env=b"),
}


def test_no_command_ends_in_a_traceback_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise UnusableContractsError("contracts.py:1: SyntaxError: no")

    monkeypatch.setattr(loading, "load_contracts", fail)
    assert {command.name or command.callback.__name__ for command in app.registered_commands if command.callback} == {
        *COMMANDS
    }
    runs = [(app, "mesh contracts", [name, *given]) for name, given in COMMANDS.items()]
    for typer_app, name, arguments in [*runs, (new_app, "mesh new", ["route", "a", "GET", "/b"])]:
        done = CliRunner().invoke(typer_app, arguments)
        assert (done.exit_code, done.stderr) == (2, f"{name}: contracts.py:1: SyntaxError: no\n"), arguments
