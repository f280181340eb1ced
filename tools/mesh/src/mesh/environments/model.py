"""An environment as commands see it: names and addresses, nothing secret."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from botocore.config import Config
from pydantic import BaseModel, ConfigDict

from chassis.aws import Aws, Credentials
from manifests import Names
from mesh.environments.errors import OtherAccountError


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class DatabaseAccess(_Model):
    """Postgres' address and sign-in. `administrator_secret` is the ARN of the initial password, in AWS only."""

    host: str
    port: int
    name: str
    auth: Literal["password", "iam"]
    sslmode: str
    administrator: str
    administrator_secret: str | None = None
    resource_id: str | None = None


class DeployedFunction(_Model):
    """A function and its resources; only consumers have queues."""

    name: str
    log_group: str
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    invoke_url: str | None = None  # of the container that runs it; None: Lambda


class Environment(_Model):
    """One environment. Functions are keyed `<service>.<function>`; `endpoint_url` is an emulator's, None is AWS."""

    environment: str
    region: str
    account: str
    api_url: str
    user_pool_id: str
    client_id: str
    issuer: str
    event_bus: str
    archive: str
    images_bucket: str
    packages_bucket: str | None = None
    tables: dict[str, str]
    functions: dict[str, DeployedFunction]
    database: DatabaseAccess
    endpoint_url: str | None = None

    @property
    def names(self) -> Names:
        """Names of the environment's resources."""
        return Names(self.environment, self.region, self.account)

    @cached_property
    def aws(self) -> Aws:
        """AWS clients, as in the services, with boto3's default credentials; an emulator accepts any."""
        emulated = Credentials("test", "test") if self.endpoint_url else None
        return Aws(self.endpoint_url, self.region, emulated)

    def check_account(self) -> None:
        """Check that the credentials are of the environment's account, because names are the same in every account.

        Raises OtherAccountError, and botocore's errors when AWS cannot be asked.
        """
        if self.endpoint_url is not None:
            return
        actual = self.client("sts").get_caller_identity()["Account"]
        if actual != self.account:
            raise OtherAccountError(
                f"{self.environment} is in account {self.account}, but your credentials are for {actual}: "
                "choose others (AWS_PROFILE)"
            )

    def client(self, service: str, endpoint_url: str | None = None, **settings: Any) -> Any:  # noqa: ANN401 - the stubs know a client by a literal name
        """A boto3 client of that AWS service; `settings` are those of `botocore.config.Config`."""
        retries = {"mode": "standard", "total_max_attempts": 3}
        config = Config(**{"retries": retries, "connect_timeout": 5, **settings})
        make: Any = self.aws.session.client
        return make(service, endpoint_url=endpoint_url or self.endpoint_url, config=config)
