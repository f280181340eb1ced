"""Checks of the data stores: database, parameters, images."""

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
    """The purpose of a secret, as what fails without it."""

    required: bool
    without: str


MEANINGS: Final[dict[str, Meaning]] = {
    "anthropic-api-key": Meaning(True, "no chat and no answers, and descriptions only from OpenAI"),
    "voyage-api-key": Meaning(True, "no vectors: items never become searchable, and chat cannot search"),
    "openai-api-key": Meaning(False, "no descriptions while Anthropic does not answer"),
    "tavily-api-key": Meaning(False, "chat does not search the web"),
    "langsmith-api-key": Meaning(False, "model calls are not traced"),
}


def database(probe: Probe) -> str:
    """Sign in, and check extensions, schemas, encryption and that every migration is applied."""
    manifests, name = probe.manifests, probe.environment.database.name
    services = [service for service in manifests.services.values() if service.database]
    plan = make_plan(probe.access, manifests, services, name)
    if plan.lacking:
        raise CheckFailedError(f"the database lacks {', '.join(plan.lacking)}: run `mesh db migrate`")
    for each in plan.services:
        if each.status.pending:
            pending = ", ".join(each.status.pending)
            raise CheckFailedError(f"{each.service} lacks {pending}: run `mesh db migrate`")
    with probe.access.administrator(name, changing=False) as connection:
        version = connection.info.parameter_status("server_version") or "of an unknown version"
        found = {row[0]: row[1] for row in connection.execute("SELECT extname, extversion FROM pg_extension")}
        encrypted = connection.execute(
            "SELECT version FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()"
        ).fetchone()
    if probe.environment.database.sslmode != "disable" and encrypted is None:
        raise CheckFailedError("the connection is not encrypted")
    facts = [
        f"PostgreSQL {version.partition(' ')[0]}",
        *(f"{extension} {found[extension]}" for extension in manifests.platform.database.extensions),
        f"schemas of {len(services)} services up to date",
        str(encrypted[0]) if encrypted else "no TLS (this machine only)",
    ]
    return ", ".join(facts)


def parameters(probe: Probe) -> str:
    """Every secret that a manifest names: set, encrypted and readable; or missing, and the effect of that."""
    ssm, names = probe.environment.client("ssm"), probe.environment.names
    absent = [secret for secret in probe.manifests.secrets if not _is_set(ssm, names.parameter(secret))]
    missing = [secret for secret in absent if _meaning(probe.manifests, secret).required]
    effects = [f"without {secret}: {_meaning(probe.manifests, secret).without}" for secret in absent]
    if missing:
        raise CheckFailedError(f"{names.parameter_prefix} lacks {', '.join(missing)}; {'; '.join(effects)}")
    if probe.environment.database.auth == "password":
        services = [service.service for service in probe.manifests.services.values() if service.database]
        if unset := [name for name in services if not _is_set(ssm, names.database_password(name))]:
            raise CheckFailedError(f"the database password is missing for {', '.join(unset)}")
    present = [secret for secret in probe.manifests.secrets if secret not in absent]
    return "; ".join([f"readable: {', '.join(present)}", *effects])


def _meaning(manifests: Manifests, secret: str) -> Meaning:
    """The meaning of a secret; without an entry, the list of its readers."""
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
        raise CheckFailedError(f"{name} is not encrypted: it is a {parameter['Type']} instead of a SecureString")
    return bool(parameter["Value"].strip())


def bucket(probe: Probe) -> str:
    """Put, get and delete an object that no rule matches, and check that the bucket sends events to EventBridge."""
    s3, name = probe.environment.client("s3"), probe.environment.images_bucket
    where = {"Bucket": name, "Key": f"verify/{probe.mark}"}
    content = probe.mark.encode()
    probe.cleanup.add(f"s3://{name}/{where['Key']}", lambda: remove_versions(s3, name, where["Key"]))
    s3.put_object(**where, Body=content, ContentType="text/plain")
    if s3.get_object(**where)["Body"].read() != content:
        raise CheckFailedError(f"an object in {name} is read back differently")
    s3.delete_object(**where)
    until(lambda: None if _keys(s3, name, where["Key"]) else True, "a deleted object to disappear", timeout_s=10)
    if "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket=name):
        raise CheckFailedError(f"{name} does not send events to EventBridge: direct uploads never become items")
    return f"{len(content)} bytes put, got and deleted in {name}; it sends events to EventBridge"


def _keys(s3: Any, bucket_name: str, prefix: str) -> list[str]:  # noqa: ANN401 - a boto3 client
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket_name, Prefix=prefix).get("Contents", ())]


def wait_until_empty(s3: Any, bucket_name: str, prefix: str, *, timeout_s: float) -> None:  # noqa: ANN401
    """Wait until nothing is below the prefix. Raises CheckFailedError."""
    awaited = f"the objects below {prefix} to be deleted"
    until(lambda: None if _keys(s3, bucket_name, prefix) else True, awaited, timeout_s=timeout_s)


def remove_versions(s3: Any, bucket_name: str, prefix: str) -> None:  # noqa: ANN401 - a boto3 client
    """Permanently remove every version of every object below the prefix."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket_name, Prefix=prefix)
    for page in pages:
        versions: Iterable[dict[str, Any]] = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        found = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in versions]
        if not found:
            continue
        answer = s3.delete_objects(Bucket=bucket_name, Delete={"Objects": found, "Quiet": True})
        if faults := answer.get("Errors"):
            raise CheckFailedError(f"{len(faults)} object versions remain: {faults[0].get('Code')}")
