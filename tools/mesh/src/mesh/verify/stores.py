"""Checks of what is kept: database, parameters, images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from manifests import Manifests
from mesh.db.planning import make_plan
from mesh.verify.errors import CheckFailedError
from mesh.verify.probe import Probe
from mesh.verify.waiting import until


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a secret is for, as what fails or is missing without it."""

    required: bool
    without: str


MEANINGS: Final[dict[str, Meaning]] = {
    "anthropic-api-key": Meaning(True, "no chat and no answers, and descriptions only by OpenAI"),
    "voyage-api-key": Meaning(True, "no vectors: items never become searchable, and chat cannot search"),
    "openai-api-key": Meaning(False, "nobody describes pictures while Anthropic does not answer"),
    "tavily-api-key": Meaning(False, "chat does not search the web"),
    "langsmith-api-key": Meaning(False, "model calls are not traced"),
}


def database(probe: Probe) -> str:
    """Sign in, look for what services take for granted, and whether every migration is applied."""
    manifests, name = probe.manifests, probe.environment.database.name
    services = [service for service in manifests.services.values() if service.database]
    plan = make_plan(probe.access, manifests, services, name)
    if plan.lacking:
        raise CheckFailedError(f"the database lacks {', '.join(plan.lacking)}: `mesh db migrate` makes it")
    for each in plan.services:
        if each.status.pending:
            pending = ", ".join(each.status.pending)
            raise CheckFailedError(f"{each.service} lacks {pending}: `mesh db migrate` applies it")
    with probe.access.administrator(name, changing=False) as connection:
        version = connection.info.parameter_status("server_version") or "of an unknown version"
        found = {row[0]: row[1] for row in connection.execute("SELECT extname, extversion FROM pg_extension")}
        encrypted = connection.execute(
            "SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"
        ).fetchone()
    if probe.environment.database.sslmode != "disable" and encrypted is None:
        raise CheckFailedError("the connection is not encrypted")
    told = [
        f"PostgreSQL {version.partition(' ')[0]}",
        *(f"{extension} {found[extension]}" for extension in manifests.platform.database.extensions),
        f"schemas of {len(services)} services up to date",
        str(encrypted[0]) if encrypted else "no TLS (this machine only)",
    ]
    return ", ".join(told)


def parameters(probe: Probe) -> str:
    """Every secret that a manifest names: there, encrypted and readable; or not there, and what that means."""
    ssm, names = probe.environment.client("ssm"), probe.environment.names
    absent = [secret for secret in probe.manifests.secrets if not _is_set(ssm, names.parameter(secret))]
    missing = [secret for secret in absent if _meaning(probe.manifests, secret).required]
    told = [f"without {secret}: {_meaning(probe.manifests, secret).without}" for secret in absent]
    if missing:
        raise CheckFailedError(f"{names.parameter_prefix} lacks {', '.join(missing)}; {'; '.join(told)}")
    if probe.environment.database.auth == "password":
        services = [service.service for service in probe.manifests.services.values() if service.database]
        if unset := [name for name in services if not _is_set(ssm, names.database_password(name))]:
            raise CheckFailedError(f"there is no database password of {', '.join(unset)}")
    present = [secret for secret in probe.manifests.secrets if secret not in absent]
    return "; ".join([f"readable: {', '.join(present)}", *told])


def _meaning(manifests: Manifests, secret: str) -> Meaning:
    """Of a secret that has no entry all that is known is who reads it."""
    readers = [f"{ref.service.service}.{ref.name}" for ref in manifests.functions if secret in ref.function.secrets]
    return MEANINGS.get(secret) or Meaning(True, f"{', '.join(readers)} read it")


def _is_set(ssm: Any, name: str) -> bool:  # noqa: ANN401 - a boto3 client
    """Whether the parameter has a value. Raises CheckFailedError when it may not be read or is not encrypted."""
    try:
        parameter = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ParameterNotFound":
            return False
        raise CheckFailedError(f"{name} cannot be read: {code}") from error
    if parameter["Type"] != "SecureString":
        raise CheckFailedError(f"{name} is kept in the clear, as {parameter['Type']} instead of SecureString")
    return bool(parameter["Value"].strip())


def bucket(probe: Probe) -> str:
    """Put, get and delete an object that no rule is about, and see that the bucket tells EventBridge of its objects."""
    s3, name = probe.environment.client("s3"), probe.environment.images_bucket
    where = {"Bucket": name, "Key": f"verify/{probe.mark}"}
    content = probe.mark.encode()
    probe.cleanup.add(f"s3://{name}/{where['Key']}", lambda: remove_versions(s3, name, where["Key"]))
    s3.put_object(**where, Body=content, ContentType="text/plain")
    if s3.get_object(**where)["Body"].read() != content:
        raise CheckFailedError(f"an object of {name} does not come back as it was put")
    s3.delete_object(**where)
    until(lambda: None if _keys(s3, name, where["Key"]) else True, "a deleted object to be gone", timeout_s=10)
    if "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=name):
        raise CheckFailedError(f"{name} does not tell EventBridge of its objects: direct uploads never become items")
    return f"{len(content)} bytes put, got and deleted in {name}; it tells EventBridge"


def _keys(s3: Any, bucket_name: str, prefix: str) -> list[str]:  # noqa: ANN401 - a boto3 client
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket_name, Prefix=prefix).get("Contents", ())]


def wait_until_empty(s3: Any, bucket_name: str, prefix: str, *, timeout_s: float) -> None:  # noqa: ANN401
    """Wait until nothing is below the prefix. Raises CheckFailedError."""
    awaited = f"the objects below {prefix} to be deleted"
    until(lambda: None if _keys(s3, bucket_name, prefix) else True, awaited, timeout_s=timeout_s)


def remove_versions(s3: Any, bucket_name: str, prefix: str) -> None:  # noqa: ANN401 - a boto3 client
    """Remove every version of every object below the prefix, for good."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket_name, Prefix=prefix)
    for page in pages:
        versions: Iterable[dict[str, Any]] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        found = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in versions]
        if not found:
            continue
        answer = s3.delete_objects(Bucket=bucket_name, Delete={"Objects": found, "Quiet": True})
        if faults := answer.get("Errors"):
            raise CheckFailedError(f"{len(faults)} versions of objects stay: {faults[0].get('Code')}")
