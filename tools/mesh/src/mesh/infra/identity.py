"""Who asks AWS, and whether the state bucket of that account is there."""

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
    """An account, a region, and who asks."""

    account: str
    region: str
    arn: str

    @cached_property
    def session(self) -> boto3.Session:
        """The credentials that it was found with."""
        return boto3.Session(region_name=self.region)

    def client(self, service: str) -> Any:  # noqa: ANN401 - the stubs know a client by a literal name
        """A boto3 client of that AWS service."""
        make: Any = self.session.client
        return make(service, config=_CONFIG)

    def __str__(self) -> str:
        return f"AWS account {self.account} in {self.region} as {self.arn}"


@dataclass(frozen=True, slots=True)
class StateBucket:
    """Where Terraform's state is kept."""

    name: str
    region: str


def whoami(region: str | None = None) -> Identity:
    """The identity behind the credentials that boto3 finds; without `region` where the surroundings say.

    Raises CredentialsError.
    """
    try:
        # Terraform and the CLI know AWS_REGION too, boto3 AWS_DEFAULT_REGION alone.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        where = session.region_name or DEFAULT_REGION
        make: Any = session.client
        answer = make("sts", region_name=where, config=_CONFIG).get_caller_identity()
    except ClientError as error:
        said = error.response.get("Error", {})
        raise CredentialsError(f"AWS refuses the credentials ({said.get('Code')}): {_HELP}") from error
    except BotoCoreError as error:
        raise CredentialsError(f"no usable AWS credentials ({str(error).rstrip('.')}): {_HELP}") from error
    return Identity(answer["Account"], where, answer["Arn"])


def check_place(workspace: Workspace, identity: Identity) -> None:
    """Are account and region those where the environment was seen last? Raises WrongAccountError."""
    try:
        known = load_outputs(workspace.environment, workspace.outputs_folder)
    except EnvironmentUnknownError:
        return
    if (known.account, known.region) != (identity.account, identity.region):
        file = workspace.outputs_folder / f"{workspace.environment}.json"
        raise WrongAccountError(
            f"{workspace.environment} is in account {known.account}, {known.region}, and this would go to account "
            f"{identity.account}, {identity.region}: choose other credentials, or delete {file} if it has moved"
        )


def check_state_bucket(identity: Identity) -> StateBucket:
    """The state bucket. Raises StateBucketError when it is missing or closed."""
    bucket = find_state_bucket(identity)
    if bucket is None:
        name = state_bucket(identity.account)
        raise StateBucketError(f"there is no bucket {name} for Terraform's state: `make infra-bootstrap` makes it")
    return bucket


def find_state_bucket(identity: Identity) -> StateBucket | None:
    """The state bucket, if there is one. Raises StateBucketError when AWS does not say."""
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
