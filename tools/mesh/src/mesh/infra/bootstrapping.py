"""The bucket for Terraform's state, a prerequisite of every environment.

Its own state is a file beside its Terraform code, with a copy in the bucket for other checkouts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer
from botocore.exceptions import ClientError

from mesh.infra.errors import ProtectedError, StateInUseError
from mesh.infra.identity import Identity, StateBucket, check_state_bucket, find_state_bucket, whoami
from mesh.infra.running import console
from mesh.infra.showing import in_words, print_summary
from mesh.infra.summary import summarize
from mesh.infra.terraform import Terraform, check_version
from mesh.infra.workspace import BOOTSTRAP, declared_variables, state_bucket, state_key
from mesh.prompts import confirm, confirm_name

_KEY: Final = state_key("bootstrap")
_STATE: Final = "terraform.tfstate"
_BATCH: Final = 1000  # limit of one DeleteObjects call


def bootstrap(root: Path, *, yes: bool) -> None:
    """Create or update the bucket and the account's other one-time resources.

    Raises InfraError, NotConfirmedError.
    """
    typer.echo(f"terraform {check_version()}")
    identity = whoami()
    typer.echo(str(identity))
    folder = root / BOOTSTRAP
    state = folder / _STATE
    bucket = find_state_bucket(identity)
    if bucket and not _fetch(identity, bucket, state) and not _describes(state, bucket.name):
        typer.echo(f"{bucket.name} exists and is not managed here: it is used unchanged")
        _prepare_rds(identity)
        return
    if bucket is None and state.is_file():
        state.replace(state.with_name(f"{_STATE}.gone"))  # of another account, or of a bucket that was deleted
    terraform = Terraform(folder)
    terraform.init({})
    values = {"account": identity.account, "region": bucket.region if bucket else identity.region}
    plan = root / "build" / "terraform" / "bootstrap.tfplan"
    try:
        differs = terraform.plan(plan, {name: values[name] for name in declared_variables(folder) if name in values})
        summary = summarize(terraform.show(plan), differs=differs)
        print_summary(console(), summary)
        if summary.losses:
            raise ProtectedError("the bucket would be replaced and every state lost: nothing was changed")
        if differs:
            confirm(f"Change account {identity.account} ({in_words(summary)})?", yes=yes)
            terraform.apply(plan)
    finally:
        plan.unlink(missing_ok=True)
    ready = check_state_bucket(identity)
    identity.client("s3").put_object(Bucket=ready.name, Key=_KEY, Body=state.read_bytes())
    _prepare_rds(identity)
    typer.echo(f"{ready.name} is ready; next: make infra-plan ENV=dev")


def _prepare_rds(identity: Identity) -> None:
    """Create RDS's service-linked role. RDS would create it with the first database, but fails that first request."""
    try:
        identity.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    except ClientError as error:
        fault = error.response.get("Error", {})
        there_is_one = fault.get("Code") == "EntityAlreadyExists" or "has been taken" in str(fault.get("Message"))
        if not there_is_one:
            typer.echo(
                f"AWS refuses to create the service-linked role of RDS ({fault.get('Code')}): should the first database"
            )
            typer.echo(
                "be refused, apply again, or `aws iam create-service-linked-role --aws-service-name rds.amazonaws.com`"
            )
        return
    typer.echo("the account's role for RDS is created")


def unbootstrap(root: Path, *, account: str | None) -> None:
    """Delete the bucket with all its contents, unless a state in it still has resources.

    Raises InfraError, NotConfirmedError.
    """
    identity = whoami()
    typer.echo(str(identity))
    bucket = find_state_bucket(identity)
    if bucket is None:
        typer.echo(f"{state_bucket(identity.account)} does not exist: nothing to destroy")
        return
    used = sorted(_in_use(identity, bucket))
    if used:
        raise StateInUseError(f"{bucket.name} is still in use: {'; '.join(used)}")
    confirm_name(f"{bucket.name} will be deleted with every state in it.", identity.account, given=account)
    _empty(identity, bucket)
    identity.client("s3").delete_bucket(Bucket=bucket.name, ExpectedBucketOwner=identity.account)
    (root / BOOTSTRAP / _STATE).unlink(missing_ok=True)
    typer.echo(f"{bucket.name} is deleted")


def _fetch(identity: Identity, bucket: StateBucket, file: Path) -> bool:
    try:
        answer = identity.client("s3").get_object(Bucket=bucket.name, Key=_KEY)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return False
        raise
    file.write_bytes(answer["Body"].read())
    return True


def _describes(file: Path, bucket: str) -> bool:
    """Whether it is that bucket's state: a bootstrap may have stopped between creating the bucket and filling it."""
    try:
        return bucket in file.read_text(encoding="utf-8")
    except OSError:
        return False


def _in_use(identity: Identity, bucket: StateBucket) -> Iterator[str]:
    s3 = identity.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket.name):
        for key in (found["Key"] for found in page.get("Contents", ())):
            environment = key.partition("/")[0]
            if key.endswith(".tflock"):
                yield f"{environment} is locked by a running command, or needs `terraform force-unlock`"
            elif key != _KEY:
                count = _resources(s3.get_object(Bucket=bucket.name, Key=key)["Body"].read())
                if count is None:
                    yield f"{key} is not a Terraform state"
                elif count:
                    yield f"{environment} has {count} resources (`make infra-destroy ENV={environment}`)"


def _resources(state: bytes) -> int | None:
    """The number of resources in a state; None if it is not one."""
    try:
        modes = [resource["mode"] for resource in json.loads(state).get("resources", ())]
    except (ValueError, AttributeError, TypeError, KeyError):
        return None
    return modes.count("managed")


def _empty(identity: Identity, bucket: StateBucket) -> None:
    """Delete every version of every object."""
    s3 = identity.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, PaginationConfig={"PageSize": _BATCH}
    ):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        named = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
        if named:
            s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named, "Quiet": True})
