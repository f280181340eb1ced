"""The environment variables of a function: plain settings, never a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from manifests.catalogue import FunctionRef, Manifests
from manifests.naming import Names

VISIBILITY_FACTOR = 6
# Where Lambda unpacks the root certificates of RDS that come with the chassis.
ROOT_CERTIFICATES = "/var/task/chassis/rds-ca.pem"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is and how a function authenticates; `resource_id` is that of the RDS instance."""

    host: str
    port: int
    auth: Literal["password", "iam"]
    sslmode: str
    resource_id: str = "*"


@dataclass(frozen=True, slots=True)
class Build:
    """What was built, for `/version`, logs and traces."""

    git_sha: str = "unknown"
    git_tag: str = ""
    git_branch: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the functions run. `extra` holds variables of this deployment only, such as emulators' addresses."""

    names: Names
    database: DatabaseAddress
    queue_url_base: str
    build: Build = Build()
    extra: Mapping[str, str] = field(default_factory=dict)

    def queue_url(self, queue: str) -> str:
        """The URL of a queue of this account."""
        return f"{self.queue_url_base}/{self.names.account}/{queue}"


def queue_visibility_s(ref: FunctionRef) -> int:
    """Visibility timeout in seconds: six times the timeout of the function, as AWS recommends."""
    return VISIBILITY_FACTOR * ref.function.timeout_s


def function_environment(manifests: Manifests, deployment: Deployment, ref: FunctionRef) -> dict[str, str]:
    """All variables of a function, sorted by name; the manifest's `configuration` overrides derived values."""
    names = deployment.names
    variables = {
        "SERVICE": ref.service.service,
        "FUNCTION": ref.name,
        "ENVIRONMENT": names.environment,
        "EVENT_BUS": names.bus,
        "IMAGES_BUCKET": names.images_bucket,
        "PARAMETER_PREFIX": names.parameter_prefix,
        "POWERTOOLS_SERVICE_NAME": ref.service.service,
        "POWERTOOLS_METRICS_NAMESPACE": "Collections",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "GIT_SHA": deployment.build.git_sha,
        "GIT_TAG": deployment.build.git_tag,
        "GIT_BRANCH": deployment.build.git_branch,
        "BUILD_TIMESTAMP": deployment.build.timestamp,
    }
    if ref.service.database:
        variables |= _database(manifests, deployment, ref)
    if ref.function.queue:
        variables["QUEUE_URL"] = deployment.queue_url(names.function(ref))
        variables["DEAD_LETTER_QUEUE_URL"] = deployment.queue_url(names.dead_letter_queue(ref))
        variables["MAX_RECEIVES"] = str(ref.function.queue.max_receives)
    if ref.function.backlog_of:
        variables["BACKLOG_QUEUE_URL"] = deployment.queue_url(names.function(ref.sibling(ref.function.backlog_of)))
    for table in ref.function.tables:
        variables[f"TABLE_{table.upper().replace('-', '_')}"] = names.table(table)
    variables |= dict(deployment.extra) | ref.function.configuration
    return dict(sorted(variables.items()))


def _database(manifests: Manifests, deployment: Deployment, ref: FunctionRef) -> dict[str, str]:
    address = deployment.database
    verified = {"DATABASE_SSLROOTCERT": ROOT_CERTIFICATES} if address.sslmode == "verify-full" else {}
    return verified | {
        "DATABASE_HOST": address.host,
        "DATABASE_PORT": str(address.port),
        "DATABASE_NAME": manifests.platform.database.name,
        "DATABASE_ROLE": ref.service.service,
        "DATABASE_SCHEMA": ref.service.service,
        "DATABASE_AUTH": address.auth,
        "DATABASE_SSLMODE": address.sslmode,
    }
