"""Properties of every environment: dead letters, alarms, encryption, retention, no secrets."""

import json
import re
from itertools import chain
from typing import Any

import pytest

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules import RULES, Rule
from policy_checks.rules.secrecy import secret_values
from policy_checks.terraform import Resource, Runner, completed, environments_of, resources_of_plan, resources_of_state
from workspace import REPOSITORY

# The environment for experiments has what production has, with other numbers.
ENVIRONMENTS = (pytest.param("dev", marks=pytest.mark.scheduled), "local", "prod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.check.__name__)
def test_an_environment_keeps_the_rules(rule: Rule, planned: PlannedEnvironment, environment: str) -> None:
    assert list(rule.check(planned)) == []


@pytest.mark.parametrize("environment", [pytest.param("dev", marks=pytest.mark.scheduled), "prod"])
def test_every_contract_is_published(plan: dict[str, Any], environment: str) -> None:
    found = [item["name"] for item in resources_of_plan(plan) if item.type == "aws_schemas_schema"]
    assert sorted(found) == sorted(path.name for path in (REPOSITORY / "contracts" / "schemas").iterdir())


@pytest.mark.parametrize(
    "root",
    ["bootstrap", "modules/environment", *(f"environments/{name}" for name in environments_of(REPOSITORY))],
)
def test_no_variable_takes_a_secret(root: str) -> None:
    """Values of variables are in every plan."""
    text = (REPOSITORY / "terraform" / root / "variables.tf").read_text(encoding="utf-8")
    # Variables, and attributes of those that are objects.
    names = re.findall(r'^variable "(\w+)"|(\w+) *= (?:optional|string|number|bool|any|list|map|object)\b', text, re.M)
    assert names
    given = Resource("var", "var", dict.fromkeys(filter(None, chain(*names)), "given"))
    assert [path for path, _ in secret_values(given)] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_key_of_an_operator_is_in_a_plan(
    planned: PlannedEnvironment, runner: Runner, canaries: dict[str, str], environment: str
) -> None:
    """Neither from the environment nor from .env; the rules find attributes named like a secret."""
    text = json.dumps(runner.known(environment))
    assert [name for name, value in canaries.items() if value in text] == []


@pytest.mark.scheduled
@pytest.mark.parametrize("environment", ["dev", "local", "prod"])
def test_an_apply_leaves_what_the_plan_promises(
    plan: dict[str, Any], planned: PlannedEnvironment, runner: Runner, canaries: dict[str, str], environment: str
) -> None:
    """All other tests read the plan; and no key of an operator is in a state, either."""
    state = runner.applied(environment)
    assert completed(resources_of_plan(plan), resources_of_state(state)) == list(planned.resources)
    assert state["outputs"]["environment"]["value"] == planned.outputs
    text = json.dumps(state)
    assert [name for name, value in canaries.items() if value in text] == []
