"""Properties of every environment: dead letters, alarms, encryption, retention, no secrets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localmesh.paths import REPOSITORY
from mesh.auditing.estate import Estate
from mesh.auditing.rules import RULES, Rule
from mesh.auditing.rules.secrecy import secret_values
from mesh.auditing.terraform import Resource, environments_of, resources_of_plan

ENVIRONMENTS = ("dev", "local", "prod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.check.__name__)
def test_an_environment_keeps_the_rules(rule: Rule, estate: Estate, environment: str) -> None:
    assert list(rule.check(estate)) == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_every_contract_is_published(plan: dict[str, Any], environment: str) -> None:
    found = [item["name"] for item in resources_of_plan(plan) if item.type == "aws_schemas_schema"]
    assert sorted(found) == sorted(path.name for path in (REPOSITORY / "contracts" / "schemas").iterdir())


@pytest.mark.parametrize("environment", environments_of(REPOSITORY))
def test_nothing_secret_is_in_a_plan(plan: dict[str, Any], canaries: dict[str, str], environment: str) -> None:
    found = [
        f"{resource.address}: {path}" for resource in resources_of_plan(plan) for path, _ in secret_values(resource)
    ]
    assert found == []
    text = json.dumps(plan)
    assert not [name for name, value in canaries.items() if value in text]


@pytest.mark.parametrize("root", ["bootstrap", *(f"environments/{name}" for name in environments_of(REPOSITORY))])
def test_nobody_is_asked_for_a_secret(root: str) -> None:
    """Values of variables are in every plan, whatever becomes of them."""
    text = (REPOSITORY / "terraform" / root / "variables.tf").read_text(encoding="utf-8")
    asked = re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
    assert asked
    given = Resource("var", "var", dict.fromkeys(asked, "given"))
    assert [path for path, _ in secret_values(given)] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_secret_is_in_a_state(estate: Estate, copy: Path, canaries: dict[str, str], environment: str) -> None:
    """In what Terraform tells of it, and in the files that it leaves."""
    folder = copy / "terraform" / "environments" / environment
    files = [file for file in folder.glob("*") if file.is_file()]
    assert any(file.name.endswith(".tfstate") for file in files)
    for file in files:
        content = file.read_bytes()
        assert not [name for name, value in canaries.items() if value.encode() in content], file
