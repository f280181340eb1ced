"""Projects whose Terraform is real, with their state in a bucket of the AWS emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from localmesh.emulator import Emulator
from policy_checks.terraform.finding import find_program
from policy_checks.terraform.skipping import terraform_or_skip
from testkit.operator.projects import BUCKET, Project, make_project


@pytest.fixture(scope="session")
def terraform_program() -> Path:
    """Terraform itself; these projects need no provider."""
    return terraform_or_skip(find_program)


@pytest.fixture
def state(aws_environment: None, emulator: Emulator) -> Iterator[str]:
    """The state bucket of the account, with versions; deleted afterwards."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield BUCKET
    bucket = boto3.resource("s3").Bucket(BUCKET)
    try:
        bucket.object_versions.delete()
        bucket.delete()
    except s3.exceptions.NoSuchBucket:
        return


@pytest.fixture
def make(
    terraform_program: Path,
    tmp_path: Path,
    aws_environment: None,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Project]:
    """Create a project with an environment of that name, which has the resource `one`."""

    return lambda environment: make_project(tmp_path, environment, capfd, monkeypatch)


@pytest.fixture
def dev(make: Callable[[str], Project], state: str) -> Project:
    """An environment like any other, not applied yet."""
    return make("infra")


@pytest.fixture
def prod(make: Callable[[str], Project], state: str) -> Project:
    """The environment whose name must be typed."""
    return make("prod")
