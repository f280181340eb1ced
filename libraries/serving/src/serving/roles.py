"""Whose credentials functions and pollers use: the container's own, or those of each function's role.

With roles assumed, a container can do for a function what Lambda could, and no more. The roles must trust the identity
of the container; see docs/containers.md.
"""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.session import get_session

from serving.aws_errors import AWS_ERRORS
from serving.environments import Variables, inherited
from serving.errors import InitError
from serving.plan import FunctionPlan

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: What finds credentials for the container must not reach a function that has a role of its own.
_OWN: Final = frozenset({
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
})  # fmt: skip
#: An environment is replaced so long before its credentials expire: longer than any timeout.
_MARGIN_S: Final = 1000
#: The role is assumed again so long before that: otherwise new environments would get what is about to be replaced.
_EARLIER_S: Final = 300


class Identities:
    """Variables and SQS clients for functions; `assume` their roles, or use what the container has."""

    def __init__(self, region: str, *, assume: bool) -> None:
        self._region = region
        self._assume = assume
        self._fetchers: dict[str, AssumeRoleCredentialFetcher] = {}

    def variables(self, function: FunctionPlan) -> Variables:
        """What a new environment of the function starts with. Raises InitError where STS gives no credentials."""
        own = inherited()
        expire_at = None
        if self._assume:
            fetched = self._fetch(function)
            own = {name: value for name, value in own.items() if name not in _OWN} | {
                "AWS_ACCESS_KEY_ID": fetched["access_key"],
                "AWS_SECRET_ACCESS_KEY": fetched["secret_key"],
                "AWS_SESSION_TOKEN": fetched["token"],
            }
            expire_at = _epoch(fetched["expiry_time"]) - _MARGIN_S
        lambdas = {
            "AWS_REGION": self._region,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "TZ": "UTC",
        }
        return Variables({**own, **lambdas, **function.variables}, expire_at)

    def sqs(self, function: FunctionPlan, wait_s: int) -> SQSClient:
        """A client with the function's permissions, for requests that SQS holds open for `wait_s`."""
        session = get_session()
        # What botocore reads of AWS's services takes 10 MB and a second: once is enough.
        session.register_component("data_loader", self._session.get_component("data_loader"))
        if self._assume:
            # botocore has no stubs of its own credentials.
            session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
                method="assume-role", refresh_using=self._fetcher(function).fetch_credentials
            )
        config = Config(
            connect_timeout=3,
            read_timeout=wait_s + 10,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=50,
        )
        return boto3.Session(botocore_session=session, region_name=self._region).client("sqs", config=config)

    def _fetch(self, function: FunctionPlan) -> dict[str, Any]:
        try:
            fetched: dict[str, Any] = self._fetcher(function).fetch_credentials()
        except AWS_ERRORS as error:
            raise InitError(type(error).__name__, f"{function.role_arn} cannot be assumed: {error}") from error
        return fetched

    def _fetcher(self, function: FunctionPlan) -> AssumeRoleCredentialFetcher:
        """One for each role: it keeps what it has fetched until that is about to expire."""
        if function.role_arn not in self._fetchers:
            session = self._session
            self._fetchers[function.role_arn] = AssumeRoleCredentialFetcher(
                client_creator=session.create_client,
                source_credentials=session.get_credentials(),
                role_arn=function.role_arn,
                extra_args={"RoleSessionName": function.name},
                expiry_window_seconds=_MARGIN_S + _EARLIER_S,
            )
        return self._fetchers[function.role_arn]

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - botocore is untyped
        session = get_session()
        session.set_config_variable("region", self._region)
        return session


def _epoch(expiry: str) -> float:
    return datetime.fromisoformat(expiry).timestamp()
