"""Every kind of edit of this repository's own contracts, as data: exit code, reason, services, in each output."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from contracts.schemas import closed
from registry import report
from registry.base import compare
from registry.commands import app
from registry.layout import find_layout
from registry.review import review

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
EDITS: list[Json] = yaml.safe_load((Path(__file__).parent / "corpus/edits.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository's contracts and manifests, committed in one of their own."""
    root = tmp_path_factory.mktemp("published")
    for folder in ("schemas", "examples"):
        shutil.copytree(ROOT / "contracts" / folder, root / "contracts" / folder)
    for manifest in (ROOT / "services").glob("*/service.yaml"):
        copy = root / manifest.relative_to(ROOT)
        copy.parent.mkdir(parents=True)
        shutil.copy(manifest, copy)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "Published")
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def edited(published: Path) -> Any:
    yield published
    git(published, "checkout", "-q", "--", ".")
    git(published, "clean", "-qfd")


def changed(document: Any, edit: Json) -> Any:
    """The document after `set` and `remove`: `*` stands for every item, `-` for the end of a list, null removes."""
    for pointer, value in edit.get("set", {}).items():
        *way, last = pointer.split("/")[1:]
        for place in places(document, way):
            if value is None:
                place.pop(last, None)
            elif last == "-":
                place.append(value)
            else:
                place[int(last) if isinstance(place, list) else last] = value
    for pointer in edit.get("remove", ()):
        *way, last = pointer.split("/")[1:]
        for place in places(document, way):
            del place[int(last) if isinstance(place, list) else last]
    return document


def places(document: Any, way: list[str]) -> Iterator[Any]:
    """What the steps lead to; objects on the way that are not there are made."""
    if not way:
        yield document
        return
    step, *rest = way
    if step == "*":
        for item in document:
            yield from places(item, rest)
    else:
        yield from places(document[int(step)] if isinstance(document, list) else document.setdefault(step, {}), rest)


def apply(root: Path, edit: Json) -> None:
    """Write what the edit says."""
    schemas, examples = (root / "contracts" / folder / edit["type"] for folder in ("schemas", "examples"))
    newest = max(schemas.glob("*.json"), key=lambda path: [int(part) for part in path.name.split(".")[:2]])
    number = ".".join(newest.name.split(".")[:2])
    how = edit.get("as", "minor")
    if how == "gone":
        for name in edit["files"]:
            path = root / "contracts" / name.format(type=edit["type"], version=number)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    major, minor = map(int, number.split("."))
    into, event_type = number, edit["type"]
    if how == "minor":
        into = f"{major}.{minor + 1}"
    elif how == "major":
        into, event_type = f"{major + 1}.0", f"{event_type.rpartition('.v')[0]}.v{major + 1}"
        schemas, examples_into = schemas.with_name(event_type), examples.with_name(event_type)
        schemas.mkdir()
    examples_into = examples.with_name(event_type)
    schema = changed(json.loads((root / f"contracts/schemas/{edit['type']}/{number}.json").read_text()), edit)
    schema |= {"$id": f"{schema['$id'].rpartition(':')[0]}:{into}", "x-event-type": event_type}
    (schemas / f"{into}.json").write_text(json.dumps(schema))
    (schemas / f"{into}.producer.json").write_text(json.dumps(closed(schema)))
    if how == "same" or edit.get("examples") is False:
        return
    for path in (examples / number).glob("*.json"):
        document = json.loads(path.read_text())
        document |= {"type": event_type, "data": changed(document["data"], {"set": edit.get("example", {})})}
        (examples_into / into).mkdir(parents=True, exist_ok=True)
        (examples_into / into / path.name).write_text(json.dumps(document))


def breaks(contract: Json) -> set[str]:
    found = set()
    for problem in contract["problems"]:
        finding = problem.get("finding")
        found.add(f"{problem['rule']} {finding['rule']} {finding['direction']}" if finding else problem["rule"])
    return found


@pytest.mark.sampled(4)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit["name"])
def test_an_edit_of_a_contract(edit: Json, edited: Path) -> None:
    apply(edited, edit)
    expected = set(edit.get("breaks", ()))
    layout = find_layout(edited)
    comparison = compare(layout, "HEAD")
    reviews = review(layout, comparison)
    verdict = report.as_json(comparison.base, reviews)
    [contract] = verdict["contracts"]
    assert contract["type"] == edit.get("reported", edit["type"])
    assert breaks(contract) == expected
    assert verdict["compatible"] == (not expected)
    assert [contract["producers"], contract["consumers"]] == edit["services"]
    producers, consumers = (", ".join(names) for names in edit["services"])
    text = report.as_text(comparison.base, reviews)
    assert f"published by {producers}; consumed by {consumers}" in text
    assert {line.split("[")[1].split("]")[0] for line in text.splitlines() if "BREAK" in line} == {
        rule.split()[0] for rule in expected
    }
    annotations = report.as_github(comparison.base, reviews)
    assert annotations.count("::error ") == len(contract["problems"])
    assert f"ublished by {producers}; consumed by {consumers}." in annotations
    done = CliRunner().invoke(app, ["check", "--base=HEAD", f"--root={edited}"])
    assert (done.exit_code, done.stdout) == (1 if expected else 0, f"{text}\n")


def test_there_is_an_edit_of_every_kind() -> None:
    assert len(EDITS) >= 48
    assert len({edit["name"] for edit in EDITS}) == len(EDITS)
    assert {edit.get("as", "minor") for edit in EDITS} == {"minor", "same", "major", "gone"}
