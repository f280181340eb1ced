"""`mesh contracts check`: breaks, affected services, and the base of the comparison."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

Json = dict[str, Any]
ORDER = "collections.shop.order-placed.v1"
MANIFEST_OF_LETTERS = "service: letters\nconsumes: [collections.shop.order-placed.v2]\n"
# The class is in conftest.py, which is no module to import from.
Registry = Any


def problems(verdict: Json) -> list[str]:
    return [problem["rule"] for contract in verdict["contracts"] for problem in contract["problems"]]


def test_nothing_has_changed(registry: Registry) -> None:
    registry.git("checkout", "-q", "-b", "topic")
    assert "no contract has changed" in registry.run("check").stdout


def test_an_optional_field_in_a_minor_version_is_compatible(
    registry: Registry, order_schema: Json, order_data: Json
) -> None:
    order_schema["properties"]["voucher"] = {"type": "string"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", {**order_data, "voucher": "x"})
    [contract] = registry.check()["contracts"]
    assert contract["type"] == ORDER
    assert (contract["versions"], contract["compared_with"]) == (["1.1"], ["1.0"])
    assert (contract["producers"], contract["consumers"]) == (["shop"], ["billing"])
    assert contract["changes"] == [{"field": "voucher", "what": "added", "before": "", "after": "string, optional"}]
    assert contract["problems"] == []


def test_a_required_field_breaks_and_the_witness_proves_it(
    registry: Registry, order_schema: Json, order_data: Json
) -> None:
    order_schema["properties"]["voucher"] = {"type": "string"}
    order_schema["required"].append("voucher")
    new = registry.schema("1.1", order_schema)
    registry.example("1.1", {**order_data, "voucher": "x"})
    verdict = registry.check(exit_code=1)
    assert verdict["compatible"] is False
    [contract] = verdict["contracts"]
    found = [problem["finding"] for problem in contract["problems"] if problem["rule"] == "incompatible"]
    assert {(finding["rule"], finding["direction"]) for finding in found} == {("required-property-added", "backward")}
    old = new.with_name("1.0.producer.json")
    for finding in found:
        Draft202012Validator(json.loads(old.read_text())).validate(finding["witness"])
        assert not Draft202012Validator(json.loads(new.read_text())).is_valid(finding["witness"])
    text = registry.run("check", exit_code=1).stdout
    assert "consumed by billing" in text
    assert "BREAK [incompatible]" in text
    assert "witness: {" in text


def test_every_published_version_counts(registry: Registry, order_schema: Json, order_data: Json) -> None:
    order_schema["properties"]["voucher"] = {"type": "string"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    registry.commit()
    del order_schema["properties"]["voucher"]
    order_schema["properties"]["voucher"] = {"type": "integer"}
    registry.schema("1.2", order_schema)
    registry.example("1.2", order_data)
    [contract] = registry.check(exit_code=1)["contracts"]
    assert contract["compared_with"] == ["1.0", "1.1"]
    assert {problem["against"] for problem in contract["problems"]} == {"1.1"}


def test_a_published_schema_that_changes_is_a_break(registry: Registry, order_schema: Json) -> None:
    order_schema["properties"]["voucher"] = {"type": "string"}
    registry.schema("1.0", order_schema)
    assert problems(registry.check(exit_code=1)) == ["changed-without-version"]


def test_annotations_may_change(registry: Registry, order_schema: Json) -> None:
    order_schema["properties"]["quantity"]["description"] = "How many pieces."
    order_schema["x-note"] = "new"
    registry.schema("1.0", order_schema)
    [contract] = registry.check()["contracts"]
    assert contract["notes"] == ["1.0: only annotations changed (titles, descriptions, annotations)"]


def test_a_field_named_like_an_annotation_is_not_one(registry: Registry, order_schema: Json) -> None:
    order_schema["properties"]["description"] = {"type": "string"}
    registry.schema("1.0", order_schema)
    assert problems(registry.check(exit_code=1)) == ["changed-without-version"]


def test_a_producer_schema_alone_counts_too(registry: Registry) -> None:
    path = registry.root / f"contracts/schemas/{ORDER}/1.0.producer.json"
    schema = json.loads(path.read_text())
    del schema["properties"]["lines"]
    path.write_text(json.dumps(schema))
    assert problems(registry.check(exit_code=1)) == ["changed-without-version", "example-invalid"]


def _delete_version(registry: Registry) -> None:
    (registry.root / f"contracts/schemas/{ORDER}/1.0.json").unlink()


def _delete_example(registry: Registry) -> None:
    (registry.root / f"contracts/examples/{ORDER}/1.0/usual.json").unlink()


def _change_example(registry: Registry) -> None:
    registry.example("1.0", {"quantity": 3, "customer": "Ada"})


def _forget_example(registry: Registry) -> None:
    registry.schema("1.1", json.loads((registry.root / f"contracts/schemas/{ORDER}/1.0.json").read_text()))


def _delete_producers_schema(registry: Registry) -> None:
    (registry.root / f"contracts/schemas/{ORDER}/1.0.producer.json").unlink()


def _become_of_another_major(registry: Registry) -> None:
    schema = json.loads((registry.root / f"contracts/schemas/{ORDER}/1.0.json").read_text())
    registry.schema("2.0", schema)
    registry.example("2.0", {"quantity": 3, "customer": "Ada"})


def _go_below(registry: Registry) -> None:
    schema = json.loads((registry.root / f"contracts/schemas/{ORDER}/1.0.json").read_text())
    registry.schema("0.9", schema)
    registry.example("0.9", {"quantity": 3, "customer": "Ada"})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_delete_version, "version-deleted"),
        (_delete_example, "example-deleted"),
        (_change_example, "example-changed"),
        (_forget_example, "example-missing"),
        (_go_below, "version-order broken-registry"),
        (_delete_producers_schema, "version-deleted"),
        (_become_of_another_major, "broken-registry"),
    ],
)
def test_what_is_published_stays(registry: Registry, change: Callable[[Registry], None], rule: str) -> None:
    change(registry)
    assert problems(registry.check(exit_code=1)) == rule.split()


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "is empty"),
        ({"type": "collections.shop.order-paid.v1", "data": {"customer": "Ada"}}, f"is not of type {ORDER}"),
        ({"type": ORDER}, "has no data"),
        ({"type": ORDER, "data": {}}, "breaks required of its schema at data"),
        ({"type": ORDER, "data": {"customer": "Ada", "quantity": 0}},
         "breaks exclusiveMinimum of its schema at data.quantity"),
        ({"type": ORDER, "data": {"customer": "Ada", "colour": "red"}},
         "breaks additionalProperties of its schema at data"),
    ],
    ids=["empty", "another type", "no data", "a field is missing", "a value is wrong", "not declared"],
)  # fmt: skip
def test_an_example_that_is_none(registry: Registry, document: Json, reason: str) -> None:
    path = registry.example("1.0", {}, name="another")
    path.write_text(json.dumps(document))
    [contract] = registry.check(exit_code=1)["contracts"]
    [problem] = contract["problems"]
    assert (problem["rule"], problem["file"]) == ("example-invalid", path.relative_to(registry.root).as_posix())
    assert problem["message"].endswith(reason)
    assert "Ada" not in registry.run("check", exit_code=1).stdout


def test_an_example_without_a_byte_cannot_be_read(registry: Registry) -> None:
    registry.example("1.0", {}, name="another").write_text("")
    assert "another.json: not JSON" in registry.run("check", exit_code=2).stderr


def test_a_removed_event_names_the_services_that_had_it(
    registry: Registry, order_schema: Json, order_data: Json
) -> None:
    """Those of its own major, as the manifests were; the next major has others."""
    second = "collections.shop.order-placed.v2"
    order_schema["$id"] = "urn:collections:contract:shop.order-placed:2.0"
    registry.schema("2.0", order_schema, second)
    registry.example("2.0", order_data, event_type=second)
    shutil.rmtree(registry.root / f"contracts/schemas/{ORDER}")
    shop, billing = (registry.root / f"services/{name}/service.yaml" for name in ("shop", "billing"))
    shop.write_text(shop.read_text().replace(ORDER, second))
    (registry.root / "services/letters").mkdir()
    (registry.root / "services/letters/service.yaml").write_text(MANIFEST_OF_LETTERS)
    shutil.rmtree(billing.parent)
    first, new = registry.check(exit_code=1)["contracts"]
    assert (first["status"], first["producers"], first["consumers"]) == ("deleted", ["shop"], ["billing"])
    assert (new["status"], new["producers"], new["consumers"]) == ("new", ["shop"], ["letters"])
    assert f"{ORDER} (deleted)\n  published by shop; consumed by billing" in registry.run("check", exit_code=1).stdout


@pytest.mark.parametrize("adds", [False, True], ids=["alone", "beside a new one"])
def test_a_removed_minor_names_the_services_that_had_it(
    registry: Registry, order_schema: Json, order_data: Json, adds: bool
) -> None:
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    registry.commit("A minor version")
    registry.schema("1.1", order_schema).unlink()
    for name, text in (("billing", "service: billing\n"), ("mail", f"service: mail\nconsumes: [{ORDER}]\n")):
        (registry.root / "services" / name).mkdir(exist_ok=True)
        (registry.root / f"services/{name}/service.yaml").write_text(text)
    if adds:
        registry.schema("1.2", order_schema)
        registry.example("1.2", order_data)
    (contract,) = registry.check("--base=HEAD", exit_code=1)["contracts"]
    assert contract["producers"] == ["shop"]
    assert contract["consumers"] == (["billing", "mail"] if adds else ["billing"])


@pytest.mark.parametrize("text", ["consumes: [", "consumes: [{event: [1]}]", "publishes: everything"])
def test_a_broken_manifest_is_reported(registry: Registry, text: str) -> None:
    (registry.root / "services/billing/service.yaml").write_text(text)
    assert "services/billing/service.yaml: " in registry.run("check", exit_code=2).stderr


@pytest.mark.parametrize(
    ("before", "now"), [({"const": 1}, {"const": True}), ({"enum": [0, 1]}, {"enum": [False, True]})]
)
def test_true_is_not_one(registry: Registry, order_schema: Json, before: Json, now: Json) -> None:
    order_schema["properties"]["flag"] = before
    registry.schema("1.0", order_schema)
    registry.commit()
    order_schema["properties"]["flag"] = now
    registry.schema("1.0", order_schema)
    assert problems(registry.check("--base=HEAD", exit_code=1))[0] == "changed-without-version"


def test_a_field_that_an_annotation_names_is_one(registry: Registry, order_schema: Json) -> None:
    registry.schema("1.0", order_schema | {"dependentRequired": {"title": ["quantity"]}})
    registry.commit()
    registry.schema("1.0", order_schema)
    assert problems(registry.check("--base=HEAD", exit_code=1))[0] == "changed-without-version"


def test_folders_that_move_hide_nothing(registry: Registry, order_schema: Json) -> None:
    (registry.root / "contracts").rename(registry.root / "events")
    settings = '[tool.contracts]\nschemas = "events/schemas"\nexamples = "events/examples"\n'
    (registry.root / "pyproject.toml").write_text(settings)
    assert registry.check("--base=HEAD")["contracts"] == []
    del order_schema["properties"]["lines"]
    (registry.root / f"events/schemas/{ORDER}/1.0.json").write_text(json.dumps(order_schema))
    assert problems(registry.check("--base=HEAD", exit_code=1))[0] == "changed-without-version"


@pytest.mark.parametrize(
    "name",
    [
        f"schemas/{ORDER}/v1.1.json",
        f"schemas/{ORDER}/1.1.producer.json",
        f"examples/{ORDER}/1.7/usual.json",
        "examples/usual.json",
    ],
)
def test_files_that_nobody_looks_at_are_reported(registry: Registry, name: str) -> None:
    path = registry.root / "contracts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    assert f"contracts/{name}: no schema or example" in registry.run("check", exit_code=2).stderr


def test_a_new_contract_is_compatible(registry: Registry, order_schema: Json, order_data: Json) -> None:
    order_schema["$id"] = "urn:collections:contract:shop.order-paid:1.0"
    registry.schema("1.0", order_schema, "collections.shop.order-paid.v1")
    registry.example("1.0", order_data, event_type="collections.shop.order-paid.v1")
    [contract] = registry.check()["contracts"]
    assert (contract["status"], contract["producers"], contract["problems"]) == ("new", [], [])


def test_an_unusable_schema_is_a_break(registry: Registry, order_schema: Json, order_data: Json) -> None:
    order_schema["properties"]["quantity"] = {"type": "number of pieces"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    assert "unusable-schema" in problems(registry.check(exit_code=1))


@pytest.mark.parametrize("suffix", ["", ".producer"], ids=["the consumer's", "the producer's"])
def test_the_first_schema_of_a_contract_may_be_unusable(
    registry: Registry, order_schema: Json, order_data: Json, suffix: str
) -> None:
    paid = "collections.shop.order-paid.v1"
    path = registry.schema("1.0", order_schema, paid).with_name(f"1.0{suffix}.json")
    registry.example("1.0", order_data, event_type=paid)
    path.write_text(path.read_text().replace("#/$defs/Line", "#/$defs/Row"))
    assert problems(registry.check(exit_code=1)) == ["unusable-schema"]


@pytest.mark.parametrize("keyword", ["$defs", "description", "properties"])
@pytest.mark.parametrize(
    "arguments",
    [("docs", "site"), ("export", "site"), ("new", "shop", "order-placed", "--major")],
    ids=lambda arguments: arguments[0],
)
def test_nothing_is_made_from_a_schema_that_is_none(
    registry: Registry, order_schema: Json, arguments: tuple[str, ...], keyword: str
) -> None:
    path = registry.schema("1.1", order_schema)
    path.write_text(json.dumps({**json.loads(path.read_text()), keyword: [1]}))
    (line,) = registry.run(*arguments, exit_code=2).stderr.splitlines()
    assert line.startswith(f"mesh contracts: contracts/schemas/{ORDER}/1.1.json: not-a-schema: /{keyword}")
    path.with_name("1.1.producer.json").unlink()
    assert "unusable-schema" in problems(registry.check(exit_code=1))


def test_the_base_is_where_the_branch_left_main(registry: Registry, order_schema: Json, order_data: Json) -> None:
    registry.git("checkout", "-q", "-b", "topic")
    order_schema["properties"]["voucher"] = {"type": "string"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    registry.commit("Vouchers")
    registry.git("checkout", "-q", "main")
    _delete_example(registry)
    registry.commit("Main goes on")
    registry.git("checkout", "-q", "topic")
    verdict = registry.check()
    assert verdict["base"].endswith("Orders")
    assert [contract["versions"] for contract in verdict["contracts"]] == [["1.1"]]


def test_on_main_a_commit_is_compared_with_the_one_before(registry: Registry) -> None:
    _delete_example(registry)
    registry.commit("Careless")
    verdict = registry.check(exit_code=1)
    assert verdict["base"].endswith("Orders")
    assert problems(verdict) == ["example-deleted"]


def test_published_is_what_the_remote_main_has(registry: Registry, tmp_path: Path) -> None:
    clone = _clone(registry, tmp_path / "clone")
    _delete_example(clone)
    clone.commit("One commit")
    (clone.root / "another").write_text("")
    clone.commit("Two commits")
    verdict = clone.check(exit_code=1)
    assert verdict["base"].endswith("Orders")


def _topic_that_breaks(registry: Registry, order_schema: Json, order_data: Json) -> None:
    registry.git("checkout", "-q", "-b", "topic")
    order_schema["required"].append("lines")
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    registry.commit("Lines")


def test_without_main_nothing_can_be_said(
    registry: Registry, order_schema: Json, order_data: Json, tmp_path: Path
) -> None:
    _topic_that_breaks(registry, order_schema, order_data)
    clone = _clone(registry, tmp_path / "clone", "--depth=1", "--branch=topic")
    result = clone.run("check", exit_code=2)
    assert "compatible" not in result.stdout
    assert "origin/main is not in this clone: git fetch --unshallow origin main:" in result.stderr
    [fetch] = re.findall("git (fetch .*?),", result.stderr)
    clone.git(*fetch.split())
    assert problems(clone.check(exit_code=1)) == ["incompatible"]


def test_on_request_versions_are_compared_with_each_other(
    registry: Registry, order_schema: Json, order_data: Json, tmp_path: Path
) -> None:
    _topic_that_breaks(registry, order_schema, order_data)
    (registry.root / ".git").rename(tmp_path / "elsewhere")
    result = registry.run("check", "--no-base", exit_code=1)
    assert "no published revision" in result.stdout
    assert "required-property-added" in result.stdout
    assert "exclude each other" in registry.run("check", "--no-base", "--base=main", exit_code=2).stderr


def test_main_in_a_shallow_clone_has_no_commit_before(registry: Registry, tmp_path: Path) -> None:
    _delete_example(registry)
    registry.commit("Careless")
    clone = _clone(registry, tmp_path / "clone", "--depth=1")
    assert "the commit before main's last is not in this clone" in clone.run("check", exit_code=2).stderr


def test_histories_without_a_common_commit(registry: Registry) -> None:
    registry.git("checkout", "-q", "--orphan", "topic")
    registry.commit("Begun anew")
    assert "no common commit" in registry.run("check", exit_code=2).stderr


def test_before_the_first_commit_of_main_nothing_was_published(registry: Registry) -> None:
    assert "no published revision to compare with" in registry.run("check").stdout
    _delete_example(registry)
    assert problems(registry.check(exit_code=1)) == ["example-deleted"]


def test_a_base_without_contracts_is_told(registry: Registry) -> None:
    registry.git("rm", "-rq", "--cached", "contracts")
    registry.git("commit", "-q", "-m", "None yet")
    base = registry.git("rev-parse", "HEAD")
    result = registry.run("check", "--base", base)
    assert "has no contracts: all are new" in result.stderr
    assert f"{ORDER} 1.0 (new)" in result.stdout


def _clone(registry: Registry, path: Path, *options: str) -> Registry:
    subprocess.run(["git", "clone", "-q", *options, f"file://{registry.root}", str(path)], check=True)
    return type(registry)(path)


def test_any_revision_can_be_the_base(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    first = registry.git("rev-parse", "HEAD")
    _delete_example(registry)
    registry.commit()
    registry.git("commit", "-q", "--allow-empty", "-m", "Nothing")
    assert problems(registry.check()) == []
    assert problems(registry.check("--base", first, exit_code=1)) == ["example-deleted"]
    monkeypatch.setenv("CONTRACTS_BASE", first)
    assert problems(registry.check(exit_code=1)) == ["example-deleted"]


@pytest.mark.parametrize("revision", ["nowhere", "--help", "HEAD:services"])
def test_an_unknown_revision_is_reported(registry: Registry, revision: str) -> None:
    assert "has no revision" in registry.run("check", f"--base={revision}", exit_code=2).stderr


def test_no_checkout_is_reported(registry: Registry) -> None:
    (registry.root / ".git").rename(registry.root / "elsewhere")
    assert "git rev-parse" in registry.run("check", exit_code=2).stderr


def test_no_registry_is_reported(registry: Registry) -> None:
    (registry.root / "contracts").rename(registry.root / "elsewhere")
    assert "contracts/schemas" in registry.run("check", exit_code=2).stderr


def test_a_broken_file_is_reported(registry: Registry) -> None:
    (registry.root / f"contracts/schemas/{ORDER}/1.0.json").write_text("{")
    assert "1.0.json: not JSON" in registry.run("check", exit_code=2).stderr


def test_a_repository_may_be_a_folder_of_another(registry: Registry, tmp_path: Path) -> None:
    outer = type(registry)(tmp_path)
    (registry.root / ".git").rename(tmp_path / ".git")
    outer.commit("Everything one floor down")
    _delete_example(registry)
    assert problems(registry.check(exit_code=1)) == ["example-deleted"]


def test_annotations_for_github(registry: Registry, order_schema: Json, order_data: Json) -> None:
    order_schema["required"].append("lines")
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    lines = registry.run("check", "--output", "github", exit_code=1).stdout.splitlines()
    path = f"contracts/schemas/{ORDER}/1.1.json"
    assert lines[0].startswith(f"::error file={path},line=1,title={ORDER} [incompatible%3A required-property-added]::")
    assert "%0AWitness: {" in lines[0]
    assert lines[0].endswith("Published by shop; consumed by billing.")
    assert len(lines) == 2
