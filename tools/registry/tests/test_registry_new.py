"""`mesh contracts new`: the scaffold passes the contract checks of continuous integration, or nothing is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from registry.commands import app

ROOT = Path(__file__).parents[3]
TAGGED = "collections.imaging.image-tagged.v1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the contracts and the manifests."""
    shutil.copytree(ROOT / "contracts", tmp_path / "contracts", ignore=shutil.ignore_patterns("__pycache__"))
    for manifest in (ROOT / "services").glob("*/service.yaml"):
        (tmp_path / "services" / manifest.parent.name).mkdir(parents=True)
        for file in (manifest, manifest.with_name("pyproject.toml")):
            shutil.copy(file, tmp_path / "services" / manifest.parent.name)
    shutil.copytree(ROOT / "services/imaging/src", tmp_path / "services/imaging/src")
    shutil.copy(ROOT / "services/platform.yaml", tmp_path / "services")
    return tmp_path


def add(checkout: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments, "--root", str(checkout)], catch_exceptions=False)


def contents(checkout: Path) -> dict[str, bytes]:
    files = (path for path in checkout.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(checkout)): path.read_bytes() for path in files}


def run_there(checkout: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "contracts/src")}
    done = subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("service", ["imaging", "analysis", "sessions"])
def test_everything_that_an_event_needs(checkout: Path, service: str) -> None:
    before, tagged = contents(checkout), f"collections.{service}.image-tagged.v1"
    fields = ["tag:str", "at:datetime", "words:list", "score:float?", "sure:bool", "count:int", "others:list?"]
    options = [option for field in fields for option in ("--field", field)]
    result = add(checkout, service, "image-tagged", "--summary", "A tag was found in the picture", *options)
    assert result.exit_code == 0, result.output
    after = contents(checkout)
    assert {path for path in after if after[path] != before.get(path)} == {
        f"contracts/src/contracts/{service}.py",
        "contracts/src/contracts/registry.py",
        f"contracts/schemas/{tagged}/1.0.json",
        f"contracts/schemas/{tagged}/1.0.producer.json",
        f"contracts/examples/{tagged}/1.0/image-tagged.json",
        f"services/{service}/service.yaml",
        f"services/{service}/src/{service}/image_tagged.py",
        f"services/{service}/tests/test_{service}_image_tagged.py",
    }
    run_there(checkout, "-m", "contracts.export", "contracts/schemas", "--check")
    read_back = (
        "import contracts, json, pathlib, sys; from contracts import REGISTRY\n"
        f"document = json.loads(pathlib.Path('contracts/examples/{tagged}/1.0/image-tagged.json').read_text())\n"
        "assert REGISTRY.read(document).to_wire() == document\n"
        "print(contracts.__file__)"
    )
    assert run_there(checkout, "-c", read_back).startswith(str(checkout))
    # As CI looks at it; the copy has no configuration of its own.
    for command in (["check"], ["format", "--check"]):
        run_there(
            checkout, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), "contracts/src", "services"
        )


def test_the_schema_has_the_requested_fields(checkout: Path) -> None:
    add(
        checkout, "imaging", "image-tagged", "--summary", 'Found "a tag"', "--field", "tag:str", "--field", "score:int?"
    )
    schema = json.loads((checkout / f"contracts/schemas/{TAGGED}/1.0.json").read_text())
    assert schema["description"] == "Found 'a tag'."
    assert schema["required"] == ["tag"]
    assert list(schema["properties"]) == ["tag", "score"]


def test_an_event_of_a_service_that_publishes_nothing(checkout: Path) -> None:
    manifest = checkout / "services/search/service.yaml"
    entry = "    handler: search.handler.maintenance\n"
    assert entry in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(entry, f"{entry}    publish: true\n"))
    assert "the service publishes nothing" in add(checkout, "search", "index-built").stderr
    publication = "publishes: [collections.search.index-built.v1]\n"
    manifest.write_text(manifest.read_text() + publication)
    assert "`publishes` is not a list of lines" in add(checkout, "search", "index-built").stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody", "image-tagged"], "no service 'nobody'"),
        (["imaging", "ImageTagged"], "not a valid event name"),
        (["imaging", "image_tagged"], "not a valid event name"),
        (["imaging", "image-processed"], "exists; add an optional field"),
        (["imaging", "../../etc"], "not a valid event name"),
        (["imaging", "rendition"], "has a class Rendition already"),
        (["search", "index-built"], "no function of search has `publish: true`"),
        (["imaging", "image-tagged", "--field", "tag"], "is not a field"),
        (["imaging", "image-tagged", "--field", "tag:text"], "is not a field"),
        (["imaging", "image-tagged", "--field", "a:str", "--field", "a:int"], "named once: a"),
        (["imaging", "image-tagged", "--field", "class:str"], "is not a field"),
        (["imaging", "image-tagged", "--field", "subject:str"], "is not a field"),
        (["imaging", "renditions"], "renditions.py exists"),
        (["imaging", "image-tagged", "--field", "event_type:str"], "is not a field"),
        (["imaging", "image-tagged", "--summary", "x" * 200], "one sentence"),
    ],
)
def test_an_invalid_event_leaves_nothing_behind(checkout: Path, arguments: list[str], reason: str) -> None:
    before = contents(checkout)
    result = add(checkout, *arguments)
    assert result.exit_code == 2, result.output
    assert reason in result.stderr
    assert contents(checkout) == before


def test_a_registry_that_cannot_be_imported_leaves_nothing_behind(checkout: Path) -> None:
    (checkout / "contracts/src/contracts/errors.py").write_text("import nothing_like_this\n")
    before = contents(checkout)
    result = add(checkout, "imaging", "image-tagged")
    assert result.exit_code == 2
    assert "the schema cannot be generated" in result.stderr
    assert contents(checkout) == before
    assert not (checkout / f"contracts/examples/{TAGGED}").exists()


@pytest.mark.integration
def test_the_service_records_the_event_and_its_test_passes(checkout: Path) -> None:
    """The generated test runs with the copy's contracts and service, on real servers."""
    fields = ["tag:str", "at:datetime", "words:list", "score:float?"]
    add(checkout, "imaging", "image-tagged", *(option for field in fields for option in ("--field", field)))
    sources = [checkout / "contracts/src", checkout / "services/imaging/src"]
    test = checkout / "services/imaging/tests/test_imaging_image_tagged.py"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}
    command = ["-m", "pytest", "-q", "-p", "testkit", "--import-mode=importlib", "--rootdir", str(checkout)]
    done = subprocess.run(
        [sys.executable, *command, str(test)],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_comments_in_the_manifest_stay(checkout: Path) -> None:
    manifest = checkout / "services/analysis/service.yaml"
    before = manifest.read_text().splitlines()
    assert add(checkout, "analysis", "picture-liked").exit_code == 0
    added = [line for line in manifest.read_text().splitlines() if line not in before]
    assert added == ["  - collections.analysis.picture-liked.v1"]
    assert len(manifest.read_text().splitlines()) == len(before) + 1


def test_help_is_there(checkout: Path) -> None:
    result: Any = CliRunner().invoke(app, ["new", "--help"])
    assert "in the past tense" in result.output
