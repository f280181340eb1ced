"""Plans and states are read alike, copies are clean, and Terraform runs isolated from AWS."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from manifests import load_manifests
from policy_checks.errors import TerraformFailedError, TerraformUnusableError
from policy_checks.terraform import (
    UNKNOWN,
    Resource,
    Terraform,
    completed,
    copy_configuration,
    environments_of,
    find_terraform,
    fits,
    has_own_providers,
    resources_of_plan,
    resources_of_state,
    summarise,
    write_packages,
)
from policy_checks.terraform.computed_attributes import computed_attributes
from workspace import REPOSITORY


def planned(address: str, after: Any, unknown: Any, mode: str = "managed") -> dict[str, Any]:
    change = {"actions": ["create"], "after": after, "after_unknown": unknown, "after_sensitive": {}}
    return {"address": address, "type": address.split(".")[-2], "mode": mode, "change": change}


def test_what_a_plan_does_not_know_is_unknown_at_every_depth() -> None:
    after = {"name": "q", "tags": None, "block": [{"a": 1}, {"a": 2}], "map": {"x": "y"}}
    unknown = {"arn": True, "block": [{"b": True}, {}], "map": {}}
    data = planned("data.aws_region.r", {"name": "x"}, {}, "data")
    (resource,) = resources_of_plan({"resource_changes": [planned("aws_sqs_queue.q", after, unknown), data]})
    assert resource["arn"] is UNKNOWN
    assert resource["block"] == [{"a": 1, "b": UNKNOWN}, {"a": 2}]
    assert (resource["name"], resource["map"], resource["nothing"]) == ("q", {"x": "y"}, None)
    assert resource.block("block") == {"a": 1, "b": UNKNOWN}
    assert resource.block("nothing") == {}


def test_a_state_is_read_through_all_its_modules() -> None:
    def held(address: str, mode: str = "managed") -> dict[str, Any]:
        return {"address": address, "type": "aws_x", "mode": mode, "values": {"a": 1}, "sensitive_values": {"a": True}}

    root = {
        "resources": [held("aws_x.b"), held("data.aws_x.d", "data")],
        "child_modules": [{"child_modules": [{"resources": [held("module.m.module.n.aws_x.a")]}]}],
    }
    found = resources_of_state({"root_module": root})
    assert [resource.address for resource in found] == ["aws_x.b", "module.m.module.n.aws_x.a"]
    assert found[0].sensitive == {"a": True}


def test_a_plan_is_completed_with_values_known_after_apply() -> None:
    values = {
        "arn": UNKNOWN,
        "policy": UNKNOWN,
        "name": "q",
        "mode": "password",
        "set": [UNKNOWN, "b"],
        "block": [{"id": UNKNOWN, "days": 3, "class": None}],
        "unset": None,
    }
    state = {
        "arn": "arn:q",
        "policy": "x0y1z2w3",
        "name": "q",
        "mode": "password",
        "set": ["b", "a"],
        "block": [{"id": "i", "days": 3, "class": "standard"}],
        "unset": "s0m3th1n",
        "more": 1,
    }
    applied = Resource("m.aws_x.q", "aws_x", state, {"arn": True})
    (found,) = completed([Resource("m.aws_x.q", "aws_x", values)], [applied])
    assert found.values == {
        "arn": "arn:q",
        # A default value of the mocked provider.
        "policy": None,
        "name": "q",
        "mode": "password",
        "set": ["a", "b"],
        "block": [{"id": "i", "days": 3, "class": None}],
        "unset": None,
    }
    assert found.sensitive == {"arn": True}


@pytest.mark.parametrize(
    "state",
    [{"a": 2, "b": [{"c": 1}]}, {"a": 1, "b": [{"c": 2}]}, {"a": 1, "b": []}, {"a": 1, "b": [{"c": 1}, {"c": 1}]}, {}],
)
def test_a_state_that_differs_from_its_plan_is_an_error(state: dict[str, Any]) -> None:
    plan = Resource("aws_x.q", "aws_x", {"a": 1, "b": [{"c": 1}]})
    with pytest.raises(TerraformFailedError, match=r"aws_x\.q is not applied as it was planned"):
        completed([plan], [Resource("aws_x.q", "aws_x", state)])
    with pytest.raises(TerraformFailedError):
        completed([plan], [])


@pytest.mark.parametrize(
    ("planned", "other", "fitting"),
    [
        ({"a": 1, "b": None}, {"a": 1, "b": "default", "c": 2}, True),
        ({"a": 1}, {"a": UNKNOWN}, True),
        ({"a": UNKNOWN}, {"a": 1}, True),
        ('{"a": [1], "b": 2}', '{"b":2,"a":[1]}', True),
        ('{"a": [1]}', '{"a": [2]}', False),
        ('{"a": 1}', "{a", False),
        ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1, "b": 3}], True),
        ([{"a": 1}, {"a": 1}], [{"a": 1}, {"a": 2}], False),
        ([1], [1, 2], False),
        (True, "true", False),
    ],
)
def test_plans_are_compared(planned: Any, other: Any, fitting: bool) -> None:
    assert fits(planned, other) is fitting


def test_unknown_ids_are_computed_in_the_formats_of_aws() -> None:
    queue = Resource("m.aws_sqs_queue.q", "aws_sqs_queue", dict.fromkeys(("id", "arn", "url"), UNKNOWN) | {"name": "q"})
    url = "https://sqs.us-east-1.amazonaws.com/000000000000/q"
    assert computed_attributes(queue) == {"id": url, "url": url, "arn": "arn:aws:sqs:us-east-1:000000000000:q"}
    rule = {"id": UNKNOWN, "arn": UNKNOWN, "name": "r"}
    other_bus, default_bus = (
        Resource("aws_cloudwatch_event_rule.r", "aws_cloudwatch_event_rule", rule | {"event_bus_name": bus})
        for bus in ("b", None)
    )
    assert computed_attributes(other_bus)["arn"] == "arn:aws:events:us-east-1:000000000000:rule/b/r"
    assert computed_attributes(default_bus)["arn"] == "arn:aws:events:us-east-1:000000000000:rule/r"
    api = {"id": "fixed", "arn": UNKNOWN, "execution_arn": UNKNOWN, "api_endpoint": UNKNOWN}
    computed = computed_attributes(Resource("aws_apigatewayv2_api.a", "aws_apigatewayv2_api", api))
    assert computed["execution_arn"] == "arn:aws:execute-api:us-east-1:000000000000:fixed"
    assert "id" not in computed
    first, second = (computed_attributes(Resource(f"aws_new.{name}", "aws_new", {"id": UNKNOWN})) for name in "ab")
    assert first["id"] != second["id"]


def test_a_summary_has_a_line_for_each_resource() -> None:
    rule = {"event_pattern": '{"b": [1], "a": 2}', "schedule_expression": None}
    queue = {"visibility_timeout_seconds": 60, "message_retention_seconds": UNKNOWN, "arn": "arn:never shown"}
    pool = {"mfa_configuration": "OFF", "password_policy": [{"minimum_length": 10}]}
    resources = [
        Resource("module.environment.module.m.aws_sqs_queue.q", "aws_sqs_queue", queue),
        Resource("m.aws_cloudwatch_event_rule.r", "aws_cloudwatch_event_rule", rule),
        Resource("m.aws_cognito_user_pool.p", "aws_cognito_user_pool", pool),
        Resource("m.aws_other.o", "aws_other", {"a": "b"}),
    ]
    assert summarise(resources).splitlines() == [
        'm.aws_cloudwatch_event_rule.r event_pattern={"a":2,"b":[1]}',
        "m.aws_cognito_user_pool.p mfa_configuration=OFF password_policy.minimum_length=10",
        "m.aws_other.o",
        "m.aws_sqs_queue.q visibility_timeout_seconds=60 message_retention_seconds=(known after apply)",
    ]


def test_a_copy_has_the_committed_files_and_its_own_state(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    dev = source / "terraform" / "environments" / "dev"
    for folder in (dev / ".terraform", source / "terraform" / "bootstrap", source / "services", source / "contracts"):
        folder.mkdir(parents=True)
    for name in ("main.tf", "terraform.tfstate", "mine.tfvars", ".terraform.lock.hcl", "x_override.tf", ".terraform/a"):
        (dev / name).write_text("x")
    copy_configuration(source, target)
    copied = target / "terraform" / "environments" / "dev"
    assert sorted(path.name for path in copied.iterdir()) == ["main.tf", "state_override.tf"]
    assert "local" in (copied / "state_override.tf").read_text()
    assert (target / "terraform" / "bootstrap" / "state_override.tf").exists()
    assert environments_of(target) == ["dev"]


def test_packages_are_listed(tmp_path: Path) -> None:
    manifests = load_manifests(REPOSITORY)
    listed = json.loads(write_packages(manifests, tmp_path).read_text())
    assert set(listed) == {f"{ref.service.service}.{ref.name}" for ref in manifests.functions}
    for package in listed.values():
        content = Path(package["file"]).read_bytes()
        assert package["sha256"] == base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert package["size"] == len(content)


def program(folder: Path, script: str) -> Path:
    file = folder / "terraform"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_terraform_gets_dummy_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SESSION_TOKEN", "TF_VAR_region", "TF_WORKSPACE"):
        monkeypatch.setenv(name, "mine")
    terraform = Terraform(program(tmp_path, 'env > "$PWD/seen"; exit 0'), Path("/mirror")).with_variables({"MINE": "1"})
    terraform.init(tmp_path)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert not [name for name, value in seen.items() if value == "mine"]
    assert seen["AWS_ACCESS_KEY_ID"] == "dummy"
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert (seen["AWS_CONFIG_FILE"], seen["AWS_SHARED_CREDENTIALS_FILE"]) == (os.devnull, os.devnull)
    assert (seen["TF_CLI_CONFIG_FILE"], seen["MINE"]) == ("/mirror", "1")


def test_the_output_of_a_failed_command_is_in_the_error(tmp_path: Path) -> None:
    terraform = Terraform(program(tmp_path, "echo some; echo words >&2; exit 1"))
    with pytest.raises(TerraformFailedError, match=r"(?s)terraform init in .*some\nwords"):
        terraform.init(tmp_path)


def test_a_mocked_run_omits_schemas_and_reports_failures(tmp_path: Path) -> None:
    plan = {"@level": "info", "test_plan": {"resource_changes": [], "provider_schemas": {"large": 1}}}
    terraform = Terraform(program(tmp_path, f"echo '{json.dumps(plan)}'"))
    assert terraform.run_mocked(tmp_path, {"run": {}}, "test_plan") == {"resource_changes": []}
    assert json.loads((tmp_path / "mocked-runs" / "test_plan.tftest.json").read_text()) == {"run": {}}
    with pytest.raises(TerraformFailedError, match="resource_changes"):
        terraform.run_mocked(tmp_path, {}, "test_state")
    range_ = {"filename": "main.tf", "start": {"line": 3}}
    problem = {"severity": "error", "summary": "Bad", "detail": "Very.", "range": range_}
    program(tmp_path, f"echo '{json.dumps({'@level': 'error', 'diagnostic': problem})}'; exit 1")
    with pytest.raises(TerraformFailedError, match=r"error: main\.tf:3: Bad: Very\."):
        terraform.run_mocked(tmp_path, {}, "test_plan")


def test_validation_findings_have_a_location(tmp_path: Path) -> None:
    range_ = {"filename": "main.tf", "start": {"line": 3}}
    found = {"diagnostics": [{"severity": "error", "summary": "Bad", "detail": "Very.", "range": range_}]}
    terraform = Terraform(program(tmp_path, f"echo '{json.dumps(found)}'; exit 1"))
    assert terraform.validate(tmp_path) == ["error: main.tf:3: Bad: Very."]


def test_a_modules_tests_report_each_finding_once(tmp_path: Path) -> None:
    """Deprecations too, though the tests pass; each run of a test repeats them."""
    line = json.dumps({"@level": "warn", "diagnostic": {"severity": "warning", "summary": "Old", "detail": "Very."}})
    terraform = Terraform(program(tmp_path, f"echo '{line}'; echo '{line}'"))
    assert terraform.test(tmp_path) == ["warning: Old: Very."]
    program(tmp_path, "echo words; exit 1")
    with pytest.raises(TerraformFailedError, match="words"):
        terraform.test(tmp_path)


def test_a_missing_and_an_outdated_terraform_are_distinct_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TerraformUnusableError, match=r"install Terraform 1\.11"):
        find_terraform()
    program(tmp_path, """echo '{"terraform_version": "1.9.8"}'""")
    with pytest.raises(TerraformUnusableError, match=r"is Terraform 1\.9\.8: install 1\.11"):
        find_terraform()


def test_a_missing_cli_configuration_names_no_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(tmp_path / "terraformrc"))
    assert not has_own_providers()
    (tmp_path / "terraformrc").touch()
    assert has_own_providers()
    monkeypatch.delenv("TF_CLI_CONFIG_FILE")
    assert not has_own_providers()
