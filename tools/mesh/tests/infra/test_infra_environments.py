"""The life cycle of an environment: real Terraform, its state in a bucket of the AWS emulator."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from localmesh.emulator import Emulator
from mesh.environments import load_outputs
from mesh.infra import summary
from testkit import eventually
from testkit.operator.projects import ACCOUNT, BUCKET, OUTPUTS, Project

pytestmark = pytest.mark.integration
#: On a push the life cycle and what keeps operators from destroying things are tried; a run of Terraform takes seconds.
scheduled = pytest.mark.scheduled


def test_from_nothing_to_nothing(dev: Project) -> None:
    """The whole life cycle of an environment, from its operator's view."""
    printed = dev.done("plan")
    assert f"AWS account {ACCOUNT} in us-east-1 as arn:aws:iam::{ACCOUNT}:root" in printed
    assert f"state: s3://{BUCKET}/infra/terraform.tfstate" in printed
    assert "terraform_data.one will be created" in printed
    assert dev.things() == set()
    plan = dev.root / "build/terraform/infra.tfplan"
    assert plan.stat().st_mode & 0o777 == 0o600
    assert dev.run("diff").code == 4

    ran = dev.run("apply", typed="y\n")
    assert ran.code == 0, ran
    assert f"Change infra in account {ACCOUNT} (1 create)?" in ran.err
    printed = ran.out
    assert "infra: 1 create, done" in printed
    assert dev.things() == {"one"}
    assert load_outputs("infra", dev.saved.parent).api_url == "https://api.example.org"
    assert dev.plans() == {"infra.tfplan"}, "the applied plan and that of diff are gone"
    assert dev.run("diff").code == 0

    dev.write("one", "two")
    different = dev.run("diff", "--json")
    assert different.code == 4
    assert json.loads(different.out)["counts"] == {"create": 1, "change": 0, "replace": 0, "destroy": 0}

    assert "2 destroy" not in dev.failed("destroy", typed="dev\n")
    assert dev.things() == {"one"}
    printed = dev.done("destroy", typed="infra\n")
    assert "infra: 1 destroy, done" in printed
    assert dev.things() == set()
    assert not dev.saved.exists()
    assert "nothing is left to destroy" in dev.done("destroy")


class Hesitating(io.StringIO):
    """An operator who answers after something else has happened."""

    def __init__(self, answer: str, meanwhile: Callable[[], None]) -> None:
        super().__init__(answer)
        self._meanwhile = meanwhile

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        self._meanwhile()
        return super().readline(-1 if size is None else size)


def test_the_shown_plan_is_applied(dev: Project) -> None:
    """A file that changes between plan and confirmation only affects the next plan."""
    ran = dev.run("apply", typed=Hesitating("y\n", lambda: dev.write("other")))
    assert ran.code == 0, ran
    assert "terraform_data.one will be created" in ran.out
    assert "other" in dev.file.read_text(), "the file did change before the answer"
    assert dev.things() == {"one"}


@scheduled
def test_a_stale_plan_is_not_applied(dev: Project) -> None:
    """Another apply between plan and confirmation makes the plan stale, and is kept."""

    def somebody_else() -> None:
        dev.write("theirs")
        dev.done("apply", "--yes")

    ran = dev.run("apply", typed=Hesitating("y\n", somebody_else))
    assert ran.code == 1
    assert "Saved plan is stale" in ran.err
    assert dev.things() == {"theirs"}


@pytest.mark.parametrize(("typed", "why"), [("n\n", "not confirmed"), ("", "without a terminal: --yes")])
@scheduled
def test_without_a_yes_nothing_changes(dev: Project, typed: str, why: str) -> None:
    assert why in dev.failed("apply", typed=typed)
    assert dev.things() == set()
    assert not dev.saved.exists()
    assert dev.plans() == set()


@scheduled
def test_yes_skips_the_question(dev: Project) -> None:
    dev.done("apply", "--yes")
    assert dev.things() == {"one"}


@scheduled
def test_an_apply_that_finds_nothing_to_do_saves_the_outputs(dev: Project) -> None:
    dev.done("apply", "--yes")
    dev.saved.unlink()
    assert "infra: no differences" in dev.done("apply")
    assert dev.saved.exists()


@scheduled
def test_production_requires_its_name(prod: Project) -> None:
    assert "without a terminal: --confirm prod" in prod.failed("apply", "--yes")
    assert "'y' is not 'prod'" in prod.failed("apply", typed="y\n")
    assert "'dev' is not 'prod'" in prod.failed("apply", "--confirm", "dev")
    assert prod.things() == set()
    prod.done("apply", "--confirm", "prod")
    assert prod.things() == {"one"}
    prod.write("one", "two")
    prod.done("apply", typed="prod\n")
    assert prod.things() == {"one", "two"}


@scheduled
def test_losing_data_requires_the_name_too(dev: Project) -> None:
    dev.done("apply", "--yes")
    dev.write("two")
    dev.monkeypatch.setitem(summary.STATEFUL, "terraform_data", "everything")
    ran = dev.run("apply", "--yes")
    assert ran.code == 1
    assert "DATA LOSS: destroy: terraform_data.one: everything" in ran.out
    assert "--confirm infra" in ran.err
    assert dev.things() == {"one"}
    dev.done("apply", "--confirm", "infra")
    assert dev.things() == {"two"}


@scheduled
def test_destroy_has_no_yes(dev: Project) -> None:
    dev.done("apply", "--yes")
    with pytest.raises(Exception, match="No such option"):
        dev.run("destroy", "--yes")
    assert "without a terminal: --confirm infra" in dev.failed("destroy")
    assert "'y' is not 'infra'" in dev.failed("destroy", typed="y\n")
    assert dev.things() == {"one"}
    dev.done("destroy", "--confirm", "infra")
    assert dev.things() == set()


@scheduled
def test_destroy_removes_leftovers(dev: Project) -> None:
    """Secrets and log groups of this environment are deleted; those of an environment with the same prefix stay."""
    ssm, logs = boto3.client("ssm"), boto3.client("logs")
    ours = {f"/collections/infra/{name}" for name in ("anthropic-api-key", "database/shop")}
    theirs = "/collections/infra-2/anthropic-api-key"
    for name in (*ours, theirs):
        ssm.put_parameter(Name=name, Value="a secret", Type="SecureString")
    groups = {
        "/aws/lambda/collections-infra-shop-relay",
        "/aws/lambda/collections-infra-shop-gone",
        "/aws/rds/instance/collections-infra/postgresql",
    }
    their_group = "/aws/lambda/collections-infra-2-shop-relay"
    for group in (*groups, their_group):
        logs.create_log_group(logGroupName=group)
    dev.done("apply", "--yes")

    ran = dev.run("destroy", typed="no\n")
    assert ran.code == 1
    assert all(f"parameter {name}" in ran.out for name in ours)
    assert all(f"log group {group}" in ran.out for group in groups)
    assert "a secret" not in ran.out + ran.err

    assert theirs not in dev.done("destroy", "--confirm", "infra")
    left = {
        parameter["Name"]
        for page in ssm.get_paginator("describe_parameters").paginate()
        for parameter in page["Parameters"]
    }
    assert left & {*ours, theirs} == {theirs}
    left = {
        group["logGroupName"]
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/collections-infra")["logGroups"]
    }
    assert left == {their_group}
    assert not logs.describe_log_groups(logGroupNamePrefix="/aws/rds/instance/collections-infra/")["logGroups"]


@pytest.mark.parametrize(
    "command", [("plan",), ("apply", "--yes"), ("diff",), ("destroy", "--confirm", "infra"), ("outputs",)]
)
@scheduled
def test_another_account_is_refused(dev: Project, command: tuple[str, ...]) -> None:
    dev.saved.parent.mkdir()
    dev.saved.write_text(json.dumps({**OUTPUTS, "environment": "infra", "account": "123456789012"}))
    printed = dev.failed(*command)
    assert (
        f"infra is in account 123456789012, us-east-1, but the credentials are for account {ACCOUNT}, us-east-1"
        in printed
    )
    assert not (dev.file.parent / ".terraform").exists()


@scheduled
def test_without_a_state_bucket_its_target_is_named(make: Callable[[str], Project]) -> None:
    printed = make("infra").failed("plan")
    assert f"the bucket {BUCKET} for Terraform's state does not exist: run `make infra-bootstrap`" in printed


@scheduled
def test_outputs_come_from_the_state(dev: Project) -> None:
    assert "has no outputs: run `make infra-apply ENV=infra`" in dev.failed("outputs")
    dev.done("apply", "--yes")
    dev.saved.unlink()
    ran = dev.run("outputs", "--json")
    assert json.loads(ran.out)["tables"] == OUTPUTS["tables"]
    assert json.loads(dev.saved.read_text()) == json.loads(ran.out)
    rows = dict(line.split() for line in dev.done("outputs").splitlines() if line.startswith(("api_", "tables")))
    assert rows == {"api_url": "https://api.example.org", "tables.sessions": "collections-dev-sessions"}


@scheduled
def test_sensitive_outputs_are_neither_saved_nor_shown(dev: Project) -> None:
    with dev.file.open("a") as file:
        file.write('output "password" {\n  value     = "hunter2"\n  sensitive = true\n}\n')
    printed = dev.done("apply", "--yes") + dev.done("outputs") + dev.done("outputs", "--json")
    assert "hunter2" not in printed + dev.saved.read_text()
    dev.file.write_text(dev.file.read_text().replace('"environment" {', '"environment" {\n  sensitive = true', 1))
    assert "has no outputs" in dev.failed("apply", "--yes")


@scheduled
def test_outputs_of_another_environment_are_not_saved(dev: Project) -> None:
    dev.write("one", environment="staging")
    assert "has the outputs of 'staging': nothing is saved" in dev.failed("apply", "--yes")
    assert not dev.saved.parent.exists()


@scheduled
def test_a_plan_as_json_is_all_that_stdout_has(dev: Project) -> None:
    ran = dev.run("plan", "--json")
    result = json.loads(ran.out)
    assert (result["environment"], result["account"], result["differs"]) == ("infra", ACCOUNT, True)
    assert [(change["address"], change["action"]) for change in result["changes"]] == [("terraform_data.one", "create")]
    assert "AWS account" in ran.err


@scheduled
def test_terraforms_errors_are_reported(dev: Project) -> None:
    with dev.file.open("a") as file:
        file.write('output "broken" {\n  value = terraform_data.nobody.id\n}\n')
    assert "terraform plan failed: exit code 1, its own message is above" in dev.failed("plan")
    assert "Reference to undeclared resource" in dev.failed("plan", "--json")


@scheduled
def test_a_plan_that_failed_leaves_no_file(dev: Project) -> None:
    """Terraform writes one, with mode 0644."""
    check = 'postcondition {\n condition = self.input == "two"\n error_message = "no"\n }'
    fails = f"lifecycle {{\n {check}\n }}"
    dev.file.write_text(dev.file.read_text().replace('input = "one"', f'input = "one"\n  {fails}'))
    ran = dev.run("plan")
    assert (ran.code, dev.plans()) == (1, set())
    assert "Resource postcondition failed" in ran.err


@scheduled
def test_a_locked_state_is_left_alone(dev: Project) -> None:
    lock = {"ID": "1", "Operation": "apply", "Who": "somebody", "Created": "2026-01-01T00:00:00Z", "Path": "p"}
    boto3.client("s3").put_object(Bucket=BUCKET, Key="infra/terraform.tfstate.tflock", Body=json.dumps(lock).encode())
    ran = dev.run("apply", "--yes")
    assert ran.code == 1
    assert "somebody" in ran.err
    assert dev.things() == set()


@scheduled
def test_ctrl_c_lets_terraform_shut_down_cleanly(dev: Project, tmp_path: Path) -> None:
    """Terminals signal both: Terraform saves its state and releases the lock, and the command waits for that."""
    started = tmp_path / "started"
    slow = f'provisioner "local-exec" {{\n    command = "touch {started} && sleep 60"\n  }}'
    dev.file.write_text(dev.file.read_text().replace('input = "one"', f'input = "one"\n  {slow}'))
    code = "from mesh.infra.commands import app; app()"
    command = [sys.executable, "-c", code, "apply", "--yes", "--env", "infra", "--root", str(dev.root)]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            eventually(started.exists)
            os.killpg(process.pid, signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, out
    assert out.strip().splitlines()[-1] == b"mesh: interrupted; terraform apply has shut down cleanly"
    keys = [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys == ["infra/terraform.tfstate"], "no lock is left"
    assert dev.things() == {"one"}, "tainted, but known"


@scheduled
def test_the_local_environment_keeps_its_state_beside_the_mesh(
    make: Callable[[str], Project], emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It needs no credentials, and other commands need no outputs of it."""
    monkeypatch.setenv("MESH_EMULATOR_PORT", emulator.url.rpartition(":")[2])
    monkeypatch.setenv("MESH_STATE_DIR", str(tmp_path / "mesh"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    local = make("local")
    local.file.write_text(local.file.read_text().replace('"s3"', '"local"').replace("use_path_style = true", ""))
    assert f"the emulator at {emulator.url}" in local.done("apply", "--yes")
    assert (tmp_path / "mesh/terraform/terraform.tfstate").is_file()
    assert [path.name for path in local.file.parent.iterdir()] == ["main.tf"]
    assert not local.saved.exists()
    assert "local: 1 destroy, done" in local.done("destroy", "--confirm", "local")


@scheduled
def test_terraform_is_restricted_to_the_confirmed_account(dev: Project) -> None:
    dev.write("one", account_given="${var.account}")
    with dev.file.open("a") as file:
        file.write('variable "account" {\n  type = string\n}\n')
    assert f"infra in account {ACCOUNT}" in dev.run("apply", typed="n\n").err
    dev.done("apply", "--yes")
    assert json.loads(dev.saved.read_text())["account"] == ACCOUNT


@scheduled
def test_an_environment_is_destroyed_although_its_operator_policy_is_attached(dev: Project) -> None:
    dev.done("apply", "--yes")
    iam = boto3.client("iam")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    )
    role = iam.create_role(RoleName="somebody", AssumeRolePolicyDocument=document)["Role"]["RoleName"]
    policy = iam.create_policy(PolicyName="collections-infra-secrets-operator", PolicyDocument=document)["Policy"][
        "Arn"
    ]
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    try:
        assert "nothing was changed" in dev.failed("destroy", typed="no\n")
        assert iam.list_entities_for_policy(PolicyArn=policy)["PolicyRoles"] != []
        printed = dev.done("destroy", "--confirm", "infra")
        assert "detach: collections-infra-secrets-operator from the role somebody" in printed
        assert iam.list_entities_for_policy(PolicyArn=policy)["PolicyRoles"] == []
    finally:
        iam.delete_policy(PolicyArn=policy)
        iam.delete_role(RoleName=role)
