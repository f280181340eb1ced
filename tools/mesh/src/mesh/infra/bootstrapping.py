"""The bucket for Terraform's state, which must be there before any environment.

Its own state is a file beside its Terraform, with a copy in the bucket: whoever comes later finds it there.
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
_BATCH: Final = 1000  # versions that one DeleteObjects call takes


def bootstrap(root: Path, *, yes: bool) -> None:
    """Make the bucket, or bring it to what the code says, and what else an account needs once.

    Raises InfraError, NotConfirmedError.
    """
    typer.echo(f"terraform {check_version()}")
    identity = whoami()
    typer.echo(str(identity))
    folder = root / BOOTSTRAP
    state = folder / _STATE
    bucket = find_state_bucket(identity)
    if bucket and not _fetch(identity, bucket, state) and not _describes(state, bucket.name):
        typer.echo(f"{bucket.name} is there, but not made here: it is used as it is")
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
            raise ProtectedError("the bucket would be made anew and every state lost: nothing was changed")
        if differs:
            confirm(f"Change account {identity.account} ({in_words(summary)})?", yes=yes)
            terraform.apply(plan)
    finally:
        plan.unlink(missing_ok=True)
    made = check_state_bucket(identity)
    identity.client("s3").put_object(Bucket=made.name, Key=_KEY, Body=state.read_bytes())
    _prepare_rds(identity)
    typer.echo(f"{made.name} is ready; next: make infra-plan ENV=dev")


def _prepare_rds(identity: Identity) -> None:
    """Make the role that RDS acts with. RDS itself makes it for the first database, and refuses that one meanwhile."""
    try:
        identity.client("iam").create_service_linked_role(AWSServiceName="rds.amazonaws.com")
    except ClientError as error:
        said = error.response.get("Error", {})
        there_is_one = said.get("Code") == "EntityAlreadyExists" or "has been taken" in str(said.get("Message"))
        if not there_is_one:
            typer.echo(
                f"AWS does not let us make the role that RDS acts with ({said.get('Code')}): should the first database"
            )
            typer.echo(
                "be refused, apply again, or `aws iam create-service-linked-role --aws-service-name rds.amazonaws.com`"
            )
        return
    typer.echo("the account's role for RDS is made")


def unbootstrap(root: Path, *, account: str | None) -> None:
    """Delete the bucket with all it has kept, unless a state in it still describes something.

    Raises InfraError, NotConfirmedError.
    """
    identity = whoami()
    typer.echo(str(identity))
    bucket = find_state_bucket(identity)
    if bucket is None:
        typer.echo(f"there is no {state_bucket(identity.account)}: nothing to destroy")
        return
    used = sorted(_in_use(identity, bucket))
    if used:
        raise StateInUseError(f"{bucket.name} still describes what exists: {'; '.join(used)}")
    confirm_name(f"{bucket.name} will be deleted with every state it has kept.", identity.account, given=account)
    _empty(identity, bucket)
    identity.client("s3").delete_bucket(Bucket=bucket.name, ExpectedBucketOwner=identity.account)
    (root / BOOTSTRAP / _STATE).unlink(missing_ok=True)
    typer.echo(f"{bucket.name} is gone")


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
    """Is it the state of that bucket? It is, when a bootstrap ended between making the bucket and filling it."""
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
                yield f"{environment} is locked by a command that runs, or `terraform force-unlock` is due"
            elif key != _KEY:
                count = _resources(s3.get_object(Bucket=bucket.name, Key=key)["Body"].read())
                if count is None:
                    yield f"{key} is no state of Terraform"
                elif count:
                    yield f"{environment} has {count} resources (`make infra-destroy ENV={environment}`)"


def _resources(state: bytes) -> int | None:
    """How many resources a state holds; None: it is none."""
    try:
        modes = [resource["mode"] for resource in json.loads(state).get("resources", ())]
    except (ValueError, AttributeError, TypeError, KeyError):
        return None
    return modes.count("managed")


def _empty(identity: Identity, bucket: StateBucket) -> None:
    """Every version of every object."""
    s3 = identity.client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket.name, PaginationConfig={"PageSize": _BATCH}
    ):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        named = [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in versions]
        if named:
            s3.delete_objects(Bucket=bucket.name, Delete={"Objects": named, "Quiet": True})
