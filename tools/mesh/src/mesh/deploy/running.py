"""Runs a deployment: uploads zips to the bucket, then updates the functions, several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from localmesh.provision.context import error_code
from mesh.deploy.errors import DeploymentFailedError
from mesh.deploy.planning import AT_ONCE, Deployment, Step
from mesh.packaging.building import BuiltPackage

Report = Callable[[str], None]

_WAIT: Final = {"Delay": 1, "MaxAttempts": 120}


@dataclass(frozen=True, slots=True)
class Result:
    """An updated function, and how long that took."""

    step: Step
    seconds: float


class _UpdateError(Exception):
    """Lambda accepted an update and did not complete it."""


@dataclass
class _Progress:
    """The progress of one function, for the report of a failure."""

    step: Step
    code: str
    has_build: bool
    error: str = ""

    @property
    def is_done(self) -> bool:
        return self.code == self.step.package.code_sha256 and self.has_build

    def __str__(self) -> str:
        code = "the new code" if self.code == self.step.package.code_sha256 else "the old code"
        known = f"{code}, {self.code}" if self.code else "unknown code, see `aws lambda get-function`"
        build = "" if self.has_build or not self.code else ", and /version reports the previous build"
        return f"  {self.step.name}: {known}{build}" + (f" ({self.error})" if self.error else "")


def deploy(deployment: Deployment, report: Report) -> tuple[Result, ...]:
    """Run all steps and wait until every function is updated; nothing is rolled back when one fails.

    Raises DeploymentFailedError, which lists the code that each function runs.
    """
    environment = deployment.environment
    try:
        if deployment.bucket:
            _upload(environment.client("s3"), deployment.bucket, deployment.uploads, report)
    except (ClientError, BotoCoreError, Boto3Error, OSError) as error:
        raise DeploymentFailedError(f"no function was changed: a package could not be uploaded: {error}") from error
    client = environment.client("lambda", max_pool_connections=AT_ONCE, read_timeout=120)
    states = [_Progress(step, step.code_before, not step.variables) for step in deployment.to_do]

    def work(state: _Progress) -> Result:
        begun = time.monotonic()
        try:
            _update(client, deployment.bucket, state)
        except (ClientError, BotoCoreError, _UpdateError) as error:
            state.error = str(error)
        result = Result(state.step, time.monotonic() - begun)
        report(f"{state.step.name}: {'failed' if state.error else _done(state.step)} after {result.seconds:.1f} s")
        return result

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = tuple(pool.map(work, states))
    except KeyboardInterrupt:  # updates in progress have completed by now
        report("\n".join([f"functions in {environment.environment} run:", *map(str, states)]))
        raise KeyboardInterrupt("deploy again to resume") from None
    if any(state.error for state in states):
        untouched = [step for step in deployment.steps if not step.changes]
        lines = [*map(str, states), *(f"  {step.name}: the new code, as before" for step in untouched)]
        failed = sum(bool(state.error) for state in states)
        raise DeploymentFailedError(
            f"{failed} of {len(states)} functions in {environment.environment} could not be updated; they run:\n"
            + "\n".join(lines)
            + "\nDeploy again to resume."
        )
    return results


def key_in_bucket(package: BuiltPackage) -> str:
    """The key of a package, the same as Terraform's."""
    return f"functions/{package.sha256_hex}.zip"


def _done(step: Step) -> str:
    return " and ".join(
        [*(["new code"] if step.changes_code else []), *(["new build variables"] if step.variables else [])]
    )


def _upload(client: Any, bucket: str, packages: tuple[BuiltPackage, ...], report: Report) -> None:  # noqa: ANN401
    for package in packages:
        begun, key = time.monotonic(), key_in_bucket(package)
        if _is_there(client, bucket, key, package.size):
            report(f"{package.planned.name}.zip: in the bucket already")
            continue
        client.upload_file(str(package.file), bucket, key, ExtraArgs={"ContentType": "application/zip"})
        report(
            f"{package.planned.name}.zip: {package.size / 1024 / 1024:.1f} MiB up in {time.monotonic() - begun:.1f} s"
        )


def _is_there(client: Any, bucket: str, key: str, size: int) -> bool:  # noqa: ANN401
    try:
        return bool(client.head_object(Bucket=bucket, Key=key)["ContentLength"] == size)
    except ClientError as error:
        if error_code(error) in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise


def _update(client: Any, bucket: str | None, state: _Progress) -> None:  # noqa: ANN401
    step = state.step
    _wait_for_others(client, step.name)
    if step.changes_code:
        where = (
            {"S3Bucket": bucket, "S3Key": key_in_bucket(step.package)}
            if bucket
            else {"ZipFile": step.package.file.read_bytes()}
        )
        before, state.code = state.code, ""
        try:
            client.update_function_code(FunctionName=step.name, **where)
        except ClientError:  # refused: nothing has changed
            state.code = before
            raise
        state.code = _settle(client, step.name)
        if state.code != step.package.code_sha256:
            raise _UpdateError("its code is not the uploaded one: was there another deployment?")
    if step.variables:
        # Read again, because Terraform may have been applied since the confirmation.
        found = client.get_function_configuration(FunctionName=step.name)
        settings = found.get("Environment", {})
        if "Error" in settings:  # an update would delete every variable that cannot be read
            raise _UpdateError(f"its variables cannot be read: {settings['Error'].get('Message')}")
        variables = settings.get("Variables", {}) | step.variables
        client.update_function_configuration(
            FunctionName=step.name, Environment={"Variables": variables}, RevisionId=found["RevisionId"]
        )
        _settle(client, step.name)
        state.has_build = True


def _wait_for_others(client: Any, name: str) -> None:  # noqa: ANN401
    """Wait for an update in progress. A failed one is replaced by the new update."""
    try:
        _settle(client, name)
    except _UpdateError:
        if client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] != "Failed":
            raise


def _settle(client: Any, name: str) -> str:  # noqa: ANN401
    """Wait for an update in progress; returns the hash of the code that the function runs afterwards."""
    try:
        client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=_WAIT)
    except WaiterError as error:
        response: Any = error.last_response
        why = response.get("Configuration", {}).get("LastUpdateStatusReason") or error
        raise _UpdateError(f"an update failed: {why}") from error
    return str(client.get_function_configuration(FunctionName=name)["CodeSha256"])
