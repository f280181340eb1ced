"""Settings of a container, from its environment. Names and addresses of everything else follow from them."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from manifests import Build, DatabaseAddress, Deployment, Names

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Environment variables of the same names in capitals.

    Raises:
        pydantic.ValidationError: a variable is missing or malformed; the message names it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: str = Field(pattern=r"^[a-z][a-z0-9-]{0,15}$")
    aws_region: str
    aws_account_id: str = Field(pattern=r"^\d{12}$")

    database_host: str
    database_port: int = 5432
    database_auth: Literal["password", "iam"] = "iam"
    database_sslmode: str = "verify-full"

    #: Where `services/*/service.yaml` are.
    manifests_root: Path = Path()
    #: An emulator's; in AWS it follows from the region.
    queue_url_base: str = ""

    #: The issuer of users' tokens, `https://cognito-idp.<region>.amazonaws.com/<pool>`, and the client they are for.
    jwt_issuer: str = Field(default="", pattern=r"^(https?://.+)?$")
    jwt_audience: str = ""
    #: Where the issuer's keys are, if not at `<issuer>/.well-known/jwks.json`.
    jwks_url: str = ""

    host: str = "0.0.0.0"  # noqa: S104 - in a container
    #: Public: the routes of the manifests, and nothing else.
    port: int = 8080
    #: For probes and metrics; not to be reached from outside.
    management_port: int = 9090
    #: Whether the management port also takes direct invocations, as operators' commands make them.
    invocations: bool = False

    #: Seconds for a drain after SIGTERM: at least the longest timeout of the functions, or messages come back late.
    drain_s: float = Field(default=60.0, gt=0)
    #: Seconds that SQS holds a request for messages open.
    poll_wait_s: int = Field(default=10, ge=0, le=20)
    #: At most so many batches of a queue at once; 0: as many as the manifest says.
    concurrency: int = Field(default=0, ge=0)
    #: Requests that one function handles at once, each in a process.
    http_processes: int = Field(default=4, ge=1)
    #: Seconds after which an idle process is ended.
    idle_s: float = Field(default=300.0, gt=0)
    #: Handle with the role of each function instead of the container's own, which the roles must trust.
    assume_function_roles: bool = False

    git_sha: str = "unknown"
    git_tag: str = ""
    git_branch: str = ""
    build_timestamp: str = ""

    def deployment(self) -> Deployment:
        """The deployment, from which the manifests derive names and variables."""
        base = self.queue_url_base or f"https://sqs.{self.aws_region}.amazonaws.com"
        return Deployment(
            names=Names(self.environment, self.aws_region, self.aws_account_id),
            database=DatabaseAddress(
                self.database_host, self.database_port, auth=self.database_auth, sslmode=self.database_sslmode
            ),
            queue_url_base=base,
            build=Build(self.git_sha, self.git_tag, self.git_branch, self.build_timestamp),
        )
