"""`mesh contracts compat`: any two schema files, with exit codes that a script can rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

Json = dict[str, Any]
Registry = Any

TEXT: Json = {"type": "object", "properties": {"a": {"type": "string"}}}
NEEDS: Json = {**TEXT, "required": ["a"]}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "text.json").write_text(json.dumps(TEXT))
    (tmp_path / "needs.json").write_text(json.dumps(NEEDS))
    return tmp_path


@pytest.mark.parametrize(
    ("mode", "old", "new", "exit_code"),
    [
        ("BACKWARD", "needs", "text", 0),
        ("BACKWARD", "text", "needs", 1),
        ("FORWARD", "text", "needs", 0),
        ("FORWARD", "needs", "text", 1),
        ("FULL", "text", "text", 0),
        ("FULL", "text", "needs", 1),
        ("NONE", "text", "needs", 0),
    ],
)
def test_the_exit_code_is_the_verdict(
    registry: Registry, files: Path, mode: str, old: str, new: str, exit_code: int
) -> None:
    paths = [str(files / f"{name}.json") for name in (old, new)]
    result = registry.run("compat", "--mode", mode, *paths, exit_code=exit_code)
    assert result.stdout.splitlines()[-1] == f"{'not ' if exit_code else ''}compatible ({mode})"


def test_a_finding_has_its_rule_and_witness(registry: Registry, files: Path) -> None:
    paths = [str(files / "text.json"), str(files / "needs.json")]
    answer = json.loads(registry.run("compat", *paths, "--json", exit_code=1).stdout)
    assert (answer["mode"], answer["compatible"]) == ("BACKWARD", False)
    [finding] = answer["findings"]
    assert (finding["rule"], finding["witness"]) == ("required-property-added", {})


def test_transitive_modes_take_a_whole_history(registry: Registry, files: Path) -> None:
    paths = [str(files / name) for name in ("text.json", "needs.json", "needs.json")]
    registry.run("compat", "--mode", "BACKWARD", *paths)
    registry.run("compat", "--mode", "BACKWARD_TRANSITIVE", *paths, exit_code=1)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (None, "No such file"),
        (b"{", "not-json"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "not-a-schema"),
        (b'{"type": "word"}', "not-a-schema"),
        (b'{"$ref": "https://example.org/x.json"}', "remote-reference"),
        (b" " * 10_000_001, "are more than"),
    ],
)
def test_unusable_input_is_reported(registry: Registry, files: Path, contents: bytes | None, reason: str) -> None:
    path = files / "bad.json"
    if contents is not None:
        path.write_bytes(contents)
    for paths in ([path, files / "text.json"], [files / "text.json", path]):
        result = registry.run("compat", *map(str, paths), exit_code=2)
        assert reason in result.stderr
        assert "bad.json" in result.stderr
        assert result.stderr.count("\n") == 1


def test_a_folder_is_not_a_schema(registry: Registry, files: Path) -> None:
    assert str(files) in registry.run("compat", str(files), str(files / "text.json"), exit_code=2).stderr


def test_one_file_is_not_enough(registry: Registry, files: Path) -> None:
    assert "at least two files" in registry.run("compat", str(files / "text.json"), exit_code=2).stderr


def test_strict_names_what_means_nothing(registry: Registry, tmp_path: Path) -> None:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    known = {"$schema": dialect, "type": "object", "title": "A", "x-owner": "us", "properties": {"requird": {}}}
    odd = {**known, "requird": ["a"], "properties": {"a": {"format": "dat-time"}, "b": {"format": "date-time"}}}
    paths = [str(tmp_path / f"{name}.json") for name in ("known", "odd", "nameless")]
    for path, schema in zip(paths, (known, odd, {"type": "object"}), strict=True):
        Path(path).write_text(json.dumps(schema), "utf-8")
    registry.run("compat", "--strict", paths[0], paths[0])
    registry.run("compat", paths[0], paths[2])
    named = registry.run("compat", "--strict", paths[0], paths[1], exit_code=2).stderr
    assert "/requird is an unknown keyword; /properties/a/format is the unknown format 'dat-time'" in named
    assert named.count(" is ") == 2
    assert "$schema is missing" in registry.run("compat", "--strict", paths[2], paths[0], exit_code=2).stderr
    assert "--strict" in registry.run("compat", "--help").stdout
