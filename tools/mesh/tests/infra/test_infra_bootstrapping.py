"""One-time resources of an account: the state bucket, and the service-linked role of RDS."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from testkit.operator.projects import ACCOUNT, BUCKET, Project

pytestmark = pytest.mark.integration

BOOTSTRAP = """\
variable "account" {
  type = string
}
resource "terraform_data" "bucket" {
  input = "collections-terraform-state-${var.account}"
  provisioner "local-exec" {
    command = "%s -c \\"import boto3; boto3.client('s3').create_bucket(Bucket='${self.input}')\\""
  }
}
"""


@pytest.fixture
def account(make: Callable[[str], Project]) -> Iterator[Project]:
    """An account without a state bucket."""
    made = make("infra")
    (made.root / "terraform/bootstrap").mkdir()
    (made.root / "terraform/bootstrap/main.tf").write_text(BOOTSTRAP % sys.executable)
    yield made
    iam = boto3.client("iam")
    for role in iam.list_roles(PathPrefix="/aws-service-role/rds.amazonaws.com/")["Roles"]:
        iam.delete_service_linked_role(RoleName=role["RoleName"])
    bucket = boto3.resource("s3").Bucket(BUCKET)
    if bucket.creation_date:
        bucket.object_versions.delete()
        bucket.delete()


@pytest.mark.scheduled
def test_the_state_bucket_is_created_once_and_deleted_last(account: Project) -> None:
    assert "not confirmed" in account.failed("bootstrap", typed="n\n")
    made = account.done("bootstrap", "--yes")
    assert "is ready" in made
    assert "role for RDS is created" in made
    (account.root / "terraform/bootstrap/terraform.tfstate").unlink()  # another checkout
    again = account.done("bootstrap")
    assert "no differences" in again
    assert "is ready" in again
    assert "RDS" not in again

    account.done("apply", "--yes")
    printed = account.failed("bootstrap", "--destroy", "--confirm", ACCOUNT)
    assert "infra has 1 resources (`make infra-destroy ENV=infra`)" in printed
    account.done("destroy", "--confirm", "infra")
    boto3.client("s3").put_object(Bucket=BUCKET, Key="notes.txt", Body=b"keep me")
    assert "notes.txt is not a Terraform state" in account.failed("bootstrap", "--destroy", "--confirm", ACCOUNT)
    boto3.client("s3").delete_object(Bucket=BUCKET, Key="notes.txt")
    assert f"'1' is not '{ACCOUNT}'" in account.failed("bootstrap", "--destroy", typed="1\n")
    assert "is deleted" in account.done("bootstrap", "--destroy", typed=f"{ACCOUNT}\n")
    assert "nothing to destroy" in account.done("bootstrap", "--destroy")
    assert "is ready" in account.done("bootstrap", "--yes"), "and it can be made again"


def test_an_existing_bucket_is_used_unchanged(account: Project, state: str) -> None:
    assert "it is used unchanged" in account.done("bootstrap")
    account.done("apply", "--yes")
    assert account.things() == {"one"}


def test_the_bucket_is_created_although_the_role_of_rds_is_refused(
    account: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = vars(BaseClient)["_make_api_call"]

    def refuse(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "CreateServiceLinkedRole":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    printed = account.done("bootstrap", "--yes")
    assert "create the service-linked role of RDS (AccessDenied)" in printed
    assert "is ready" in printed
    keys = [found["Key"] for found in boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
    assert keys == ["bootstrap/terraform.tfstate"], "the state is kept"
