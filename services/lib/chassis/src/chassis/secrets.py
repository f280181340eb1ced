"""Secrets from SSM Parameter Store, read at run time and kept for some minutes."""

import time
from functools import cached_property
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import ConfigurationError, TransientError
from chassis.observability import logger

if TYPE_CHECKING:
    from chassis.aws import Aws

__all__ = [
    "MAX_AGE_S",
    "Secrets",
]

MAX_AGE_S = 300
_NOT_FOUND: Final = "ParameterNotFound"
_PASSING: Final = {"ThrottlingException", "InternalServerError", "RequestTimeout", "ServiceUnavailable"}
_REST_S: Final = 30


class Secrets:
    """The secrets below one prefix of Parameter Store; each is read again after `max_age_s` seconds."""

    def __init__(self, aws: "Aws", prefix: str, *, max_age_s: int = MAX_AGE_S) -> None:
        self._aws = aws
        self._prefix = prefix
        self._max_age_s = max_age_s
        # Values as they were read last, for when they cannot be read again, and until when they are cached.
        self._last: dict[str, str] = {}
        self._resting: dict[str, float] = {}
        # Optional secrets that were absent, and until when that is cached.
        self._absent: dict[str, float] = {}

    def get(self, name: str) -> str:
        """The value of `<prefix>/<name>`.

        Raises:
            ConfigurationError: it does not exist or may not be read. The message names the parameter, never its value.
            TransientError: Parameter Store does not answer or throttles, and the value was never read.
        """
        path = f"{self._prefix}/{name}"
        if self._resting.get(path, 0) > time.monotonic():
            return self._last[path]
        try:
            self._last[path] = str(self._provider.get(path, max_age=self._max_age_s, decrypt=True))
        except GetParameterError as error:
            cause = error.__context__
            code = _code(cause)
            if code not in _PASSING and not isinstance(cause, BotoCoreError):
                raise ConfigurationError(f"secret {path} cannot be read: {code}") from error
            if path not in self._last:
                raise TransientError(f"secret {path}: {code}") from error
            logger.warning("a secret could not be read again", extra={"parameter": path, "error": code})
            self._resting[path] = time.monotonic() + _REST_S
        return self._last[path]

    def find(self, name: str) -> str | None:
        """Like `get`, but None where the parameter does not exist, which is cached as long as a value would be."""
        if self._absent.get(name, 0) > time.monotonic():
            return None
        try:
            return self.get(name) or None
        except ConfigurationError as error:
            if not str(error).endswith(_NOT_FOUND):
                raise
            self._absent[name] = time.monotonic() + self._max_age_s
            return None

    @cached_property
    def _provider(self) -> SSMProvider:
        return SSMProvider(boto3_client=self._aws.ssm)


def _code(cause: BaseException | None) -> str:
    if isinstance(cause, ClientError):
        return str(cause.response.get("Error", {}).get("Code", "ClientError"))
    return type(cause).__name__
