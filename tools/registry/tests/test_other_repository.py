"""The registry serves a repository that has only schemas and small manifests, under its own prefix and folders."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from registry.asyncapi import asyncapi
from registry.catalogue import Catalogue
from registry.commands import app
from registry.errors import NoRegistryError
from registry.layout import Layout, find_layout
from registry.scaffolding.manifest_text import with_line_beside
from registry.topology import Topology

Json = dict[str, Any]
FILES = {
    "pyproject.toml": """\
        [project]
        name = "bookshop"

        [tool.contracts]
        title = "Bookshop"
        prefix = "org.example.books"
        schemas = "events/schemas"
        examples = "events/examples"
        manifests = "apps/*/events.yaml"
        acknowledged = "events/acknowledged.yaml"
        deployments = "ops/deployed"
        """,
    "apps/till/events.yaml": "summary: Sells books.\n",
    "apps/letters/events.yaml": "consumes:\n  - org.example.books.till.book-sold.v1\n",
}
SOLD = "org.example.books.till.book-sold.v1"


class Bookshop:
    """A repository outside of this one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, "\n".join(line.removeprefix("        ") for line in text.split("\n")))
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def read(self, name: str) -> Json:
        document: Json = json.loads((self.root / name).read_text())
        return document

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a change")

    def run(self, *arguments: str, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(app, [*arguments, f"--root={self.root}"], catch_exceptions=False)
        assert result.exit_code == exit_code, result.output
        return result


@pytest.fixture
def bookshop(tmp_path: Path) -> Bookshop:
    return Bookshop(tmp_path / "bookshop")


@pytest.fixture
def selling(bookshop: Bookshop) -> Bookshop:
    """With an event that is published."""
    fields = ["--field=title:str", "--field=price:float", "--field=at:datetime", "--field=tags:list?"]
    bookshop.run("new", "till", "book-sold", "--summary=A book was sold", *fields)
    bookshop.commit()
    return bookshop


def test_a_new_event_is_schemas_an_example_and_a_manifest_entry(bookshop: Bookshop) -> None:
    bookshop.write("apps/letters/events.yaml", "summary: Writes to readers.\n")
    fields = ["--field=title:str", "--field=copies:int?"]
    result = bookshop.run("new", "till", "book-sold", "--summary=A book was sold", "--consumer=letters", *fields)
    assert result.stdout.splitlines()[:-1] == [
        "wrote apps/letters/events.yaml",
        "wrote apps/till/events.yaml",
        f"wrote events/examples/{SOLD}/1.0/book-sold.json",
        f"wrote events/schemas/{SOLD}/1.0.json",
        f"wrote events/schemas/{SOLD}/1.0.producer.json",
    ]
    schema = bookshop.read(f"events/schemas/{SOLD}/1.0.json")
    assert (schema["$id"], schema["title"]) == ("urn:org.example.books:contract:till.book-sold:1.0", "BookSold")
    assert schema["required"] == ["title"]
    example = bookshop.read(f"events/examples/{SOLD}/1.0/book-sold.json")
    assert (example["source"], example["data"]) == ("org.example.books.till", {"title": "text", "copies": 1})
    Draft202012Validator(bookshop.read(f"events/schemas/{SOLD}/1.0.producer.json")).validate(example["data"])
    assert f"{SOLD} 1.0 (new)\n  published by till; consumed by letters" in bookshop.run("check").stdout


@pytest.mark.parametrize("options", [["--base=HEAD"], ["--no-base"]], ids=["with a base", "without"])
def test_a_repository_without_contracts_is_not_called_compatible(bookshop: Bookshop, options: list[str]) -> None:
    (line,) = bookshop.run("check", *options, exit_code=2).stderr.splitlines()
    assert line.endswith("/events/schemas, so there is nothing to check")


def test_all_schemas_are_missed_when_their_folder_is_gone(selling: Bookshop) -> None:
    shutil.rmtree(selling.root / "events")
    assert "BREAK [version-deleted]" in selling.run("check", "--base=HEAD", exit_code=1).stdout


def test_settings_that_are_all_defaults_are_settings(bookshop: Bookshop) -> None:
    bookshop.write("pyproject.toml", "[tool.contracts]\n")
    assert find_layout(bookshop.root / "apps/till") == Layout(root=bookshop.root, declared=True)
    bookshop.write("pyproject.toml", "[tool.other]\n")
    with pytest.raises(NoRegistryError, match=r"no \[tool\.contracts\] in pyproject\.toml"):
        find_layout(bookshop.root)


def test_nothing_is_written_in_a_dry_run_nor_where_something_is_wrong(selling: Bookshop) -> None:
    assert "would write" in selling.run("new", "till", "book-returned", "--dry-run").stdout
    for arguments, reason in {
        ("till", "book-sold"): "exists; add an optional field",
        ("cellar", "book-sold"): "there is no service 'cellar': letters, till",
        ("till", "BookSold"): "not a valid event name",
        ("till", "book-lost", "--major"): "org.example.books.till.book-lost is not published",
        ("till", "book-sold", "--major", "--field=title:int"): "has a field title already",
    }.items():
        assert reason in selling.run("new", *arguments, exit_code=2).stderr
    assert subprocess.run(["git", "status", "--porcelain"], cwd=selling.root, capture_output=True).stdout == b""


def test_events_are_listed_shown_and_compared(selling: Bookshop) -> None:
    assert json.loads(selling.run("list", "--json").stdout) == [
        {"type": SOLD, "version": "1.0", "fields": 4, "producers": ["till"], "consumers": ["letters"]}
    ]
    for name in (SOLD, "till.book-sold", "book-sold"):
        assert f"{SOLD} 1.0\nA book was sold." in selling.run("show", name).stdout
    assert "is the first version" in selling.run("diff", "book-sold").stdout


def test_the_gate_stands_there_too(selling: Bookshop) -> None:
    path = f"events/schemas/{SOLD}/1.0.json"
    schema = selling.read(path)
    del schema["properties"]["title"]
    selling.write(path, json.dumps(schema))
    text = selling.run("check", "--base=HEAD", exit_code=1).stdout
    assert "BREAK [changed-without-version]" in text
    assert "consumed by letters" in text
    selling.write(path, "{}")
    selling.write("events/schemas/collections.till.book-sold.v1/1.0.json", "{}")
    assert "is no org.example.books.<service>" in selling.run("check", "--base=HEAD", exit_code=2).stderr


def test_the_next_major_begins_as_the_one_before(selling: Bookshop) -> None:
    second = SOLD.replace(".v1", ".v2")
    result = selling.run("new", "till", "book-sold", "--major", "--summary=A book was sold", "--field=till:int")
    assert f"next: write the upcaster from {SOLD}" in result.stdout
    schema = selling.read(f"events/schemas/{second}/2.0.json")
    assert (schema["$id"], schema["required"]) == (
        "urn:org.example.books:contract:till.book-sold:2.0",
        ["title", "price", "at", "till"],
    )
    assert selling.read(f"events/examples/{second}/2.0/book-sold.json")["data"]["till"] == 1
    [row, new] = json.loads(selling.run("list", "--json").stdout)
    assert (row["producers"], row["consumers"]) == ([], ["letters"])
    assert (new["producers"], new["consumers"]) == (["till"], ["letters"])
    selling.run("check", "--base=HEAD")


NEXT = "org.example.books.till.book-lost.v1"
SECOND = SOLD.replace(".v1", ".v2")


@pytest.mark.parametrize(
    ("manifest", "added"),
    [
        ("publishes:\n- old.one # kept\nsummary: x\n", "publishes:\n- old.one # kept\n- {0}\nsummary: x\n"),
        ("publishes:\n    - old.one\n    # kept\n", "publishes:\n    - old.one\n    - {0}\n    # kept\n"),
        ("publishes: []\nsummary: x\n", "publishes:\n  - {0}\nsummary: x\n"),
        ("publishes: [] # none yet\nsummary: x\n", "publishes: # none yet\n  - {0}\nsummary: x\n"),
        ("summary: >\n  x\n  y\n\nother: 1\n", "summary: >\n  x\n  y\npublishes:\n  - {0}\n\nother: 1\n"),
        ("summary: x", "summary: x\npublishes:\n  - {0}\n"),
        ("other: 1\n", "other: 1\npublishes:\n  - {0}\n"),
        ("summary: x\r\npublishes:\r\n  - a.b\r\n", "summary: x\r\npublishes:\r\n  - a.b\r\n  - {0}\r\n"),
    ],
    ids=["column 0", "four deep", "empty", "empty with a comment", "folded", "unfinished", "no head", "crlf"],
)
def test_a_manifest_keeps_its_form(bookshop: Bookshop, manifest: str, added: str) -> None:
    (bookshop.root / "apps/till/events.yaml").write_bytes(manifest.encode())
    bookshop.run("new", "till", "book-lost", "--summary=A book was lost")
    assert (bookshop.root / "apps/till/events.yaml").read_bytes().decode() == added.format(NEXT)


@pytest.mark.parametrize(
    ("manifest", "added"),
    [
        ("consumes:\n- a.b\n", "consumes:\n- a.b\n- {{event: {0}}}\n"),
        ("consumes: []\nother: 1\n", "consumes:\n  - {{event: {0}}}\nother: 1\n"),
    ],
    ids=["column 0", "empty"],
)
def test_a_consumers_manifest_keeps_its_form(bookshop: Bookshop, manifest: str, added: str) -> None:
    bookshop.write("apps/letters/events.yaml", manifest)
    bookshop.run("new", "till", "book-lost", "--summary=A book was lost", "--consumer=letters")
    assert (bookshop.root / "apps/letters/events.yaml").read_text() == added.format(NEXT)


@pytest.mark.parametrize(
    "manifest",
    [
        "{summary: x, publishes: []}\n",
        "publishes: [a.b]\n",
        "other: 1\n...\n",
        "publishes: &known\n  - a.b\nconsumes: *known\n",
    ],
    ids=["flow", "flow list", "document's end", "alias"],
)
def test_a_manifest_that_would_say_something_else_is_left_alone(bookshop: Bookshop, manifest: str) -> None:
    bookshop.write("apps/till/events.yaml", manifest)
    bookshop.commit()
    assert "by hand" in bookshop.run("new", "till", "book-lost", "--summary=Lost", exit_code=2).stderr
    assert subprocess.run(["git", "status", "--porcelain"], cwd=bookshop.root, capture_output=True).stdout == b""


@pytest.mark.parametrize(
    ("entry", "copy"),
    [
        ("- {0} # first\n", "- {1}\n"),
        ("- {{event: {0}, function: events}} # first\n", "- {{event: {1}, function: events}}\n"),
        (
            "- event: '{0}' # of v1\n  # by now\n  function: events\n  note: |\n    # kept\n",
            "- event: '{1}'\n  function: events\n  note: |\n    # kept\n",
        ),
        ("-\n  function: events\n  event: {0}\n", "-\n  function: events\n  event: {1}\n"),
    ],
    ids=["type", "flow", "block", "dash alone"],
)
def test_the_next_major_repeats_whole_entries(selling: Bookshop, entry: str, copy: str) -> None:
    tail = "# other\n- a.b\n"
    selling.write("apps/letters/events.yaml", f"consumes:\n{entry.format(SOLD)}{tail}")
    selling.run("new", "till", "book-sold", "--major")
    text = (selling.root / "apps/letters/events.yaml").read_text()
    assert text == f"consumes:\n{entry.format(SOLD)}{copy.format(SOLD, SECOND)}{tail}"


@pytest.mark.parametrize(
    "manifest",
    ["", "# Nothing yet.\n", "consumes:\n", "publishes:\nconsumes: []\n"],
    ids=["empty", "a comment", "no value", "empty list"],
)
def test_a_manifest_may_say_nothing_yet(bookshop: Bookshop, manifest: str) -> None:
    bookshop.write("apps/letters/events.yaml", manifest)
    bookshop.run("new", "till", "book-sold", "--consumer=letters")
    assert "published by till; consumed by letters" in bookshop.run("check").stdout


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("[]\n", "apps/letters/events.yaml: Input should be a valid dictionary or instance of Member"),
        ("consumes: {\n", "apps/letters/events.yaml: not YAML: while parsing a flow node"),
        ("{}\n", "by hand: apps/letters/events.yaml: not YAML: expected '<document start>'"),
    ],
    ids=["a list", "no yaml", "an empty flow"],
)
def test_a_manifest_that_cannot_be_added_to_is_told_in_one_line(bookshop: Bookshop, manifest: str, reason: str) -> None:
    bookshop.write("apps/letters/events.yaml", manifest)
    (line,) = bookshop.run("new", "till", "book-sold", "--consumer=letters", exit_code=2).stderr.splitlines()
    assert reason in line
    assert (bookshop.root / "apps/letters/events.yaml").read_text() == manifest


@pytest.mark.parametrize("major", [False, True], ids=["named before it was made", "goes on with the next major"])
def test_a_consumer_that_has_the_event_is_not_entered_again(bookshop: Bookshop, major: bool) -> None:
    bookshop.run("new", "till", "book-sold", "--consumer=letters")
    if major:
        bookshop.run("new", "till", "book-sold", "--major", "--consumer=letters")
    consumed = [SOLD, SECOND] if major else [SOLD]
    assert (bookshop.root / "apps/letters/events.yaml").read_text() == "consumes:\n" + "".join(
        f"  - {event_type}\n" for event_type in consumed
    )


def test_the_next_major_of_a_flow_list_is_left_alone(selling: Bookshop) -> None:
    selling.write("apps/letters/events.yaml", f"consumes: [{SOLD}]\n")
    assert "by hand" in selling.run("new", "till", "book-sold", "--major", exit_code=2).stderr


def test_the_next_major_names_itself_in_its_schema(selling: Bookshop) -> None:
    for path in (selling.root / f"events/schemas/{SOLD}").iterdir():
        path.write_text(json.dumps({**json.loads(path.read_text()), "x-event-type": SOLD}))
    selling.run("new", "till", "book-sold", "--major")
    for name in ("2.0.json", "2.0.producer.json"):
        assert selling.read(f"events/schemas/{SECOND}/{name}")["x-event-type"] == SECOND


def test_a_schema_without_its_type_gets_none(selling: Bookshop) -> None:
    selling.run("new", "till", "book-sold", "--major")
    assert "x-event-type" not in selling.read(f"events/schemas/{SECOND}/2.0.json")


def test_a_notice_stands_at_the_schema(bookshop: Bookshop) -> None:
    bookshop.run("new", "till", "book-sold", "--consumer=letters")
    notice, _ = bookshop.run("check", "--base=HEAD", "--output=github").stdout.splitlines()
    assert notice.startswith(f"::notice file=events/schemas/{SOLD}/1.0.json,line=1,title={SOLD} 1.0::compatible. ")


def test_there_is_no_next_major_of_what_nobody_publishes(selling: Bookshop) -> None:
    selling.write("apps/till/events.yaml", "summary: Sells books.\n")
    selling.commit()
    refused = selling.run("new", "till", "book-sold", "--major", exit_code=2)
    assert f"no manifest publishes {SOLD}" in refused.stderr
    assert subprocess.run(["git", "status", "--porcelain"], cwd=selling.root, capture_output=True).stdout == b""


@pytest.mark.parametrize(("line", "version"), [("", "1.0.0"), ('version = "3.1.4"', "3.1.4")], ids=["none", "its own"])
def test_the_export_has_the_version_of_its_repository(
    selling: Bookshop, tmp_path: Path, line: str, version: str
) -> None:
    settings = (selling.root / "pyproject.toml").read_text()
    selling.write("pyproject.toml", settings.replace("[project]", f"[project]\n{line}"))
    selling.run("export", str(tmp_path / "out"))
    assert json.loads((tmp_path / "out/asyncapi.json").read_text())["info"]["version"] == version


def test_this_repositorys_export_has_the_version_of_its_contracts() -> None:
    layout = find_layout(Path(__file__)).model_copy(update={"version": "another"})
    document = asyncapi(Catalogue({}), Topology({}, {}), layout)
    assert document["info"]["version"] == package_version("collections-contracts")


def test_a_line_beside_is_none_of_a_comment() -> None:
    lines = '# a.v1\n  // a.v1\n  "a.v1", # a.v1\n  "a.v10", "b.a.v1",\n'
    assert with_line_beside(lines, "a.v1", "a.v2") == lines.replace('# a.v1\n  "a', '# a.v1\n  "a.v2", # a.v2\n  "a')


def test_it_is_exported_without_models(selling: Bookshop, tmp_path: Path) -> None:
    selling.run("export", str(tmp_path / "out"))
    document = json.loads((tmp_path / "out/asyncapi.json").read_text())
    assert (document["info"]["title"], document["id"]) == ("Bookshop", "urn:org.example.books:mesh")
    assert {tag["name"]: tag["description"] for tag in document["info"]["tags"]} == {
        "letters": "",
        "till": "Sells books.",
    }
    assert sorted(document["operations"]) == ["letters.receive.till.book-sold.v1", "till.send.till.book-sold.v1"]
    assert not (tmp_path / "out/eventbridge").exists()


def test_deployments_are_recorded_and_asked(selling: Bookshop) -> None:
    selling.run("record-deployment", "letters", "--env=prod")
    assert (selling.root / "ops/deployed/prod.json").exists() or list((selling.root / "ops/deployed").iterdir())
    assert "may be deployed" in selling.run("can-deploy", "till", "--env=prod").stdout


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ('prefix = "Books!"', "tool.contracts.prefix"),
        ('schemas = "../elsewhere"', "tool.contracts.schemas"),
        ('manifests = "apps/*"', "tool.contracts.manifests"),
        ("prefixes = 1", "tool.contracts.prefixes"),
        ('version = "1.0"', "'version'"),
        ("prefix =", "pyproject.toml: "),
    ],
)
def test_malformed_settings_are_reported(selling: Bookshop, settings: str, place: str) -> None:
    selling.write("pyproject.toml", f"[tool.contracts]\n{settings}\n")
    assert place in selling.run("list", exit_code=2).stderr
