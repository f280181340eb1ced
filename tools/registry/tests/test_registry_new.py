"""`mesh contracts new` and `mesh new route`: everything that an event or a route needs is written, or nothing."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from registry.commands import app, new_app
from registry.scaffolding import events, routes

ROOT = Path(__file__).parents[3]
TAGGED = "collections.imaging.image-tagged.v1"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what scaffolds read and change."""
    for folder in ("contracts", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", ".terraform"))
    for file in ("README.md", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    return tmp_path


def add(checkout: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments, "--root", str(checkout)], catch_exceptions=False)


def add_route(checkout: Path, *arguments: str) -> Result:
    return CliRunner().invoke(new_app, ["route", *arguments, "--root", str(checkout)], catch_exceptions=False)


def contents(checkout: Path) -> dict[str, bytes]:
    files = (path for path in checkout.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(checkout)): path.read_bytes() for path in files}


def changed(checkout: Path, before: dict[str, bytes]) -> set[str]:
    return {path for path, content in contents(checkout).items() if content != before.get(path)}


def added_lines(checkout: Path, before: dict[str, bytes], path: str) -> list[str]:
    """Lines that a file has now; none that it had is missing."""
    old, new = before[path].decode().splitlines(), (checkout / path).read_text().splitlines()
    added = [line[2:] for line in difflib.ndiff(old, new) if line.startswith("+ ")]
    assert len(new) == len(old) + len(added)
    return added


def run_there(checkout: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "contracts/src")}
    done = subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check_code(checkout: Path) -> None:
    """As `make check` looks at it."""
    for command in (["check"], ["format", "--check"]):
        run_there(checkout, "-m", "ruff", *command, "contracts/src", "services")


@pytest.mark.sampled(1)
@pytest.mark.parametrize("service", ["imaging", "analysis", "sessions"])
def test_everything_that_an_event_needs(checkout: Path, service: str) -> None:
    before, tagged = contents(checkout), f"collections.{service}.image-tagged.v1"
    fields = ["tag:str", "at:datetime", "words:list", "score:float?", "sure:bool", "count:int", "others:list?"]
    options = [option for field in fields for option in ("--field", field)]
    result = add(checkout, service, "image-tagged", "--summary", "A tag was found in the picture", *options)
    assert result.exit_code == 0, result.output
    assert changed(checkout, before) == {
        f"contracts/src/contracts/{service}.py",
        "contracts/src/contracts/registry.py",
        f"contracts/schemas/{tagged}/1.0.json",
        f"contracts/schemas/{tagged}/1.0.producer.json",
        f"contracts/examples/{tagged}/1.0/image-tagged.json",
        f"services/{service}/README.md",
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
    check_code(checkout)


REJECTED = "collections.imaging.image-rejected"


@pytest.mark.scheduled
def test_the_next_major_retires_the_one_before(checkout: Path) -> None:
    before = contents(checkout)
    result = add(
        checkout,
        "imaging",
        "image-rejected",
        "--major",
        "--field",
        "at:datetime",
        "--field",
        "note:str?",
        "--consumer",
        "ingest",
    )
    assert result.exit_code == 0, result.output
    assert "say what old events meant in image_rejected_v1" in result.output
    assert changed(checkout, before) == {
        f"contracts/examples/{REJECTED}.v2/2.0/image-rejected.json",
        f"contracts/schemas/{REJECTED}.v2/2.0.json",
        f"contracts/schemas/{REJECTED}.v2/2.0.producer.json",
        "contracts/src/contracts/imaging.py",
        "contracts/src/contracts/retired.py",
        "contracts/src/contracts/upcasters/__init__.py",
        "contracts/src/contracts/upcasters/imaging.py",
        *(f"services/{name}/README.md" for name in ("analysis", "imaging", "ingest")),
        *(f"services/{name}/service.yaml" for name in ("analysis", "imaging", "ingest")),
        *(f"services/{name}/terraform/tests/service.tftest.hcl" for name in ("analysis", "ingest")),
    }  # fmt: skip
    assert f"  - {REJECTED}.v2\n" in (checkout / "services/imaging/service.yaml").read_text()
    assert f"{REJECTED}.v1" not in (checkout / "services/imaging/service.yaml").read_text()
    consumed = [f"  - {{event: {REJECTED}.v{major}, function: events}}\n" for major in (1, 2)]
    manifest = (checkout / "services/ingest/service.yaml").read_text()
    assert "".join(consumed) in manifest
    assert manifest.count(f"{REJECTED}.v2") == 1
    read_old = (
        "import json, pathlib; from contracts import REGISTRY; from contracts.imaging import ImageRejected\n"
        f"old = json.loads(pathlib.Path('contracts/examples/{REJECTED}.v1/1.0/truncated.json').read_text())\n"
        "event = REGISTRY.proven().read(old)\n"
        "assert type(event.data) is ImageRejected, event.data\n"
        "assert (event.data.at.year, event.data.note, event.data.detail) == (2026, None, old['data']['detail'])\n"
    )
    run_there(checkout, "-c", read_old)
    run_there(checkout, "-m", "contracts.export", "contracts/schemas", "--check")
    check_code(checkout)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["imaging", "image-lost", "--major"], "imaging.image-lost is not published"),
        (["imaging", "image-rejected", "--major", "--field", "reason:str"], "has a field reason already"),
        (["imaging", "image-rejected"], "exists; add an optional field"),
    ],
    ids=["unknown", "taken", "no major"],
)
def test_a_major_that_cannot_be(checkout: Path, arguments: list[str], reason: str) -> None:
    before = contents(checkout)
    result = add(checkout, *arguments)
    assert (result.exit_code, reason in result.stderr) == (2, True), result.output
    assert changed(checkout, before) == set()


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
    text = manifest.read_text()
    published = "publishes:\n  - collections.search.tenant-erased.v1\n"
    assert published in text
    manifest.write_text(text.replace(published, ""))
    assert "the service publishes nothing" in add(checkout, "search", "index-built").stderr
    manifest.write_text(text.replace(published, "publishes: [collections.search.index-built.v1]\n"))
    assert "`publishes` is not a list of lines" in add(checkout, "search", "index-built").stderr
    manifest.write_text(text.replace(published, "").replace("    publish: true\n", ""))
    assert "no function of search has `publish: true`" in add(checkout, "search", "index-built").stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody", "image-tagged"], "no service 'nobody'"),
        (["imaging", "ImageTagged"], "not a valid event name"),
        (["imaging", "image_tagged"], "not a valid event name"),
        (["imaging", "image-processed"], "exists; add an optional field"),
        (["imaging", "../../etc"], "not a valid event name"),
        (["imaging", "rendition"], "has a class Rendition already"),
        (["imaging", "image-tagged", "--field", "tag"], "is not a field"),
        (["imaging", "image-tagged", "--field", "tag:text"], "is not a field"),
        (["imaging", "image-tagged", "--field", "a:str", "--field", "a:int"], "named once: a"),
        (["imaging", "image-tagged", "--field", "class:str"], "is not a field"),
        (["imaging", "image-tagged", "--field", "cause:str"], "is not a field"),
        (["imaging", "image-tagged", "--field", "copy:str"], "is not a field"),
        (["imaging", "image-tagged", "--field", "new_event:str"], "is not a field"),
        (["imaging", "image-tagged", "--consumer", "nobody"], "no service 'nobody'"),
        (["imaging", "image-tagged", "--consumer", "chat", "--consumer", "chat"], "named once: chat"),
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


SERVICES = ["analysis", "chat", "embedding", "imaging", "ingest", "search", "sessions"]


@pytest.mark.scheduled
def test_the_other_side_at_every_service(checkout: Path) -> None:
    before = contents(checkout)
    options = [option for name in SERVICES for option in ("--consumer", name)]
    result = add(checkout, "imaging", "image-tagged", "--field", "at:datetime", *options)
    assert result.exit_code == 0, result.output
    files = (
        "README.md",
        "service.yaml",
        "src/{0}/consumers.py",
        "src/{0}/reactions.py",
        "tests/test_{0}_consumes_image_tagged.py",
    )
    assert {path for path in changed(checkout, before) if not path.startswith("contracts/")} == {
        "README.md",
        "services/imaging/src/imaging/image_tagged.py",
        "services/imaging/tests/test_imaging_image_tagged.py",
        *(f"services/{name}/{file.format(name)}" for name in SERVICES for file in files),
    }
    consumption = f"  - {{event: {TAGGED}, function: events}}"
    for name in SERVICES:
        publication = [f"  - {TAGGED}"] if name == "imaging" else []
        assert added_lines(checkout, before, f"services/{name}/service.yaml") == [*publication, consumption]
        consumers = (checkout / "services" / name / "src" / name / "consumers.py").read_text()
        assert consumers.count("on(ImageTagged, ") == 1
        recorded = ["    imaging --> image_tagged([imaging.image-tagged])"] if name == "imaging" else []
        arrows = [*recorded, "    image_tagged([imaging.image-tagged]) --> events"]
        readme = (checkout / "services" / name / "README.md").read_text()
        assert set(arrows) <= set(readme.splitlines())
        assert re.search(r"^\| \*\*Consumes\*\* \| .*`imaging.image-tagged.v1`", readme, re.M)
    drawn = (checkout / "README.md").read_text()
    assert all(
        re.search(rf"imaging -->.*image-tagged.* {name}$", drawn, re.M) for name in SERVICES if name != "imaging"
    )
    check_code(checkout)


@pytest.mark.scheduled
def test_a_second_event_finds_the_first_ones_place(checkout: Path) -> None:
    for event in ("image-tagged", "image-untagged"):
        assert add(checkout, "imaging", event, "--consumer", "search").exit_code == 0
    reactions = (checkout / "services/search/src/search/reactions.py").read_text()
    assert reactions.count("def count_image_") == 2
    assert "from contracts.imaging import ImageTagged, ImageUntagged\n" in reactions
    check_code(checkout)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (("src/search/handler.py", 'on_events="search.consumers:on_events",', ""), "names no builder for on_events"),
        (("src/search/consumers.py", "EventConsumer(", "build_consumer("), "gives no list to EventConsumer"),
        (("src/search/consumers.py", "def on_events", "def consume"), "there is no function on_events"),
        (("service.yaml", "consumes:\n", "consumes: []\nsubscribes:\n"), "subscribes: Extra inputs"),
    ],
)
def test_a_consumer_of_another_shape_is_left_alone(checkout: Path, break_it: tuple[str, str, str], reason: str) -> None:
    place, old, new = break_it
    file = checkout / "services/search" / place
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    before = contents(checkout)
    result = add(checkout, "imaging", "image-tagged", "--consumer", "search")
    assert (result.exit_code, contents(checkout)) == (2, before)
    assert reason in result.stderr


@pytest.mark.scheduled
def test_a_rehearsal_lists_the_files_and_writes_none(checkout: Path) -> None:
    before = contents(checkout)
    rehearsed = add(checkout, "imaging", "image-tagged", "--consumer", "search", "--dry-run", "--json")
    assert contents(checkout) == before
    found = json.loads(rehearsed.output)
    assert found["written"] is False
    listed = add(checkout, "imaging", "image-tagged", "--consumer", "search", "--dry-run").output.splitlines()
    assert listed == [*(f"would write {path}" for path in found["files"]), f"next: {found['next']}"]
    written = json.loads(add(checkout, "imaging", "image-tagged", "--consumer", "search", "--json").output)
    assert written == {**found, "written": True}
    assert changed(checkout, before) == set(found["files"])


def test_a_manifest_that_would_not_say_it_leaves_nothing_behind(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(checkout)
    monkeypatch.setattr(events, "with_publication", lambda text, _: text)
    result = add(checkout, "imaging", "image-tagged")
    assert (result.exit_code, contents(checkout)) == (2, before)
    assert "services/imaging/service.yaml cannot be added to as text" in result.stderr


def test_what_cannot_be_written_leaves_nothing_behind(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, write = contents(checkout), Path.write_bytes

    def fail_late(path: Path, content: bytes) -> int:
        if path == checkout / "services/imaging/src/imaging/image_tagged.py" and content:
            raise OSError(28, "No space left on device", str(path))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail_late)
    result = add(checkout, "imaging", "image-tagged")
    assert result.exit_code == 2
    assert "image_tagged.py: No space left on device" in result.stderr
    assert contents(checkout) == before


@pytest.mark.parametrize(
    "service", [name if name == "ingest" else pytest.param(name, marks=pytest.mark.scheduled) for name in SERVICES]
)
def test_a_route_with_a_body(checkout: Path, service: str) -> None:
    before = contents(checkout)
    fields = ["--field", "tag:str", "--field", "at:datetime?", "--field", "words:list"]
    result = add_route(checkout, service, "post", "/things/{id}/tags", "--summary", 'Tag a "thing"', *fields)
    assert result.exit_code == 0, result.output
    home = f"services/{service}"
    assert changed(checkout, before) == {
        f"{home}/README.md",
        f"{home}/service.yaml",
        f"{home}/src/{service}/api.py",
        f"{home}/tests/test_{service}_post_things_tags.py",
        "services/ingest/src/ingest/openapi.json",
    }
    assert added_lines(checkout, before, f"{home}/service.yaml") == [
        "      - {method: POST, path: '/things/{id}/tags'}"
    ]
    paths = json.loads((checkout / "services/ingest/src/ingest/openapi.json").read_text())["paths"]
    operation = paths["/things/{id}/tags"]["post"]
    assert operation["summary"] == "Tag a 'thing'"
    assert "501" in operation["responses"], "the document says that it does nothing yet"
    assert "def post_things_tags(thing_id: str, body: PostThingsTagsRequest" in (
        (checkout / home / "src" / service / "api.py").read_text()
    )
    check_code(checkout)


@pytest.mark.parametrize("service", SERVICES)
def test_a_route_finds_the_settings_of_every_service(service: str) -> None:
    source = (ROOT / f"services/{service}/src/{service}/settings.py").read_text()
    assert routes.settings_class(source).startswith(service.capitalize())


@pytest.mark.scheduled
def test_a_public_route_without_a_body(checkout: Path) -> None:
    before = contents(checkout)
    assert add_route(checkout, "ingest", "GET", "/motd", "--public").exit_code == 0
    assert added_lines(checkout, before, "services/ingest/service.yaml") == [
        "      - {method: GET, path: /motd, auth: none}"
    ]
    assert "def get_motd() -> None:" in (checkout / "services/ingest/src/ingest/api.py").read_text()
    assert "needs_a_token" not in (checkout / "services/ingest/tests/test_ingest_get_motd.py").read_text()
    check_code(checkout)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody", "GET", "/things"], "no service 'nobody'"),
        (["ingest", "FETCH", "/things"], "FETCH /things is not a route: method"),
        (["ingest", "GET", "things"], "GET things is not a route: path"),
        (["ingest", "GET", "/items"], "GET /items is already ingest"),
        (["search", "GET", "/items/{name}"], "GET /items/{name} is already ingest"),
        (["ingest", "GET", "/things", "--field", "a:str"], "GET have no body"),
        (["ingest", "POST", "/things", "--field", "a:text"], "is not a field"),
        (["ingest", "POST", "/things", "--field", "copy:str"], "is not a field"),
        (["ingest", "GET", "/things/{caller}"], "cannot be called caller"),
        (["ingest", "GET", "/things/{class}/{body}"], "cannot be called body, class"),
        (["ingest", "GET", "/item/events"], "api.py has get_item_events already"),
    ],
)
def test_an_invalid_route_leaves_nothing_behind(checkout: Path, arguments: list[str], reason: str) -> None:
    before = contents(checkout)
    result = add_route(checkout, *arguments)
    assert (result.exit_code, contents(checkout)) == (2, before), result.output
    assert reason in result.stderr
    assert result.stderr.startswith("mesh new: ")


@pytest.mark.scheduled
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
