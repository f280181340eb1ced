"""The caller's AWS identity, and the state bucket of that account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mesh.environments import EnvironmentUnknownError, load_outputs
from mesh.infra.errors import CredentialsError, StateBucketError, WrongAccountError
from mesh.infra.workspace import Workspace, state_bucket

DEFAULT_REGION: Final = "us-east-1"
_HELP: Final = "`aws configure` or `aws sso login`, and AWS_PROFILE if it is not the default one"
_CONFIG: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True)
class Identity:
    """An account, a region and the caller."""

    account: str
    region: str
    arn: str

    @cached_property
    def session(self) -> boto3.Session:
        """A session with the credentials of this identity."""
        return boto3.Session(region_name=self.region)

    def client(self, service: str) -> Any:  # noqa: ANN401 - the stubs know a client by a literal name
        """A boto3 client of that AWS service."""
        make: Any = self.session.client
        return make(service, config=_CONFIG)

    def __str__(self) -> str:
        return f"AWS account {self.account} in {self.region} as {self.arn}"


@dataclass(frozen=True, slots=True)
class StateBucket:
    """The bucket of Terraform's state."""

    name: str
    region: str


def whoami(region: str | None = None) -> Identity:
    """The identity of boto3's default credentials; without `region` in the region of the process environment.

    Raises CredentialsError.
    """
    try:
        # Terraform and the CLI also read AWS_REGION, boto3 only AWS_DEFAULT_REGION.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        where = session.region_name or DEFAULT_REGION
        make: Any = session.client
        answer = make("sts", region_name=where, config=_CONFIG).get_caller_identity()
    except ClientError as error:
        fault = error.response.get("Error", {})
        raise CredentialsError(f"AWS refuses the credentials ({fault.get('Code')}): {_HELP}") from error
    except BotoCoreError as error:
        raise CredentialsError(f"no usable AWS credentials ({str(error).rstrip('.')}): {_HELP}") from error
    return Identity(answer["Account"], where, answer["Arn"])


def check_place(workspace: Workspace, identity: Identity) -> None:
    """Check account and region against the saved outputs. Raises WrongAccountError."""
    try:
        known = load_outputs(workspace.environment, workspace.outputs_folder)
    except EnvironmentUnknownError:
        return
    if (known.account, known.region) != (identity.account, identity.region):
        file = workspace.outputs_folder / f"{workspace.environment}.json"
        raise WrongAccountError(
            f"{workspace.environment} is in account {known.account}, {known.region}, but the credentials are for "
            f"account {identity.account}, {identity.region}: choose other credentials, or delete {file} if the "
            "environment has moved"
        )


def check_state_bucket(identity: Identity) -> StateBucket:
    """The state bucket. Raises StateBucketError when it is missing or not accessible."""
    bucket = find_state_bucket(identity)
    if bucket is None:
        name = state_bucket(identity.account)
        raise StateBucketError(f"the bucket {name} for Terraform's state does not exist: run `make infra-bootstrap`")
    return bucket


def find_state_bucket(identity: Identity) -> StateBucket | None:
    """The state bucket, if it exists. Raises StateBucketError when AWS does not answer."""
    name = state_bucket(identity.account)
    try:
        answer = identity.client("s3").head_bucket(Bucket=name, ExpectedBucketOwner=identity.account)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
            return None
        raise StateBucketError(f"the state bucket {name} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise StateBucketError(f"the state bucket {name} cannot be read: {str(error).rstrip('.')}") from error
    return StateBucket(name, answer.get("BucketRegion") or identity.region)
