"""Secrets from SSM Parameter Store, read at run time and cached for five minutes."""

import time
from typing import Final

from aws_lambda_powertools.utilities.parameters import SSMProvider
from aws_lambda_powertools.utilities.parameters.constants import DEFAULT_PROVIDERS
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chassis.config import Settings
from chassis.errors import ConfigurationError, TransientError
from chassis.observability import logger

MAX_AGE_S = 300
_NOT_FOUND: Final = "ParameterNotFound"
# Every call is bounded: a function that answers people has 29 s in all.
_CLIENT: Final = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
_PASSING: Final = {"ThrottlingException", "InternalServerError", "RequestTimeout", "ServiceUnavailable"}
# Values as they were read last, for when they cannot be read again, and until when nobody asks again then.
_last: dict[str, str] = {}
_resting: dict[str, float] = {}
_REST_S: Final = 30
# Optional secrets that were not there, and until when that is believed.
_absent: dict[str, float] = {}


def secret(settings: Settings, name: str) -> str:
    """The value of `<parameter_prefix>/<name>`.

    Raises:
        ConfigurationError: it does not exist or may not be read. The message names the parameter, never its value.
        TransientError: Parameter Store does not answer, or was asked too often, and the value was never read before.
    """
    path = _path(settings, name)
    if _resting.get(path, 0) > time.monotonic():
        return _last[path]
    try:
        _last[path] = str(_provider().get(path, max_age=MAX_AGE_S, decrypt=True))
    except GetParameterError as error:
        cause = error.__context__
        code = _code(cause)
        if code not in _PASSING and not isinstance(cause, BotoCoreError):
            raise ConfigurationError(f"secret {path} cannot be read: {code}") from error
        if path not in _last:
            raise TransientError(f"secret {path}: {code}") from error
        logger.warning("a secret could not be read again", extra={"parameter": path, "error": code})
        _resting[path] = time.monotonic() + _REST_S
    return _last[path]


def optional_secret(settings: Settings, name: str) -> str | None:
    """Like `secret`, but None where the parameter does not exist, which is remembered as long as a value would be."""
    path = _path(settings, name)
    if _absent.get(path, 0) > time.monotonic():
        return None
    try:
        return secret(settings, name) or None
    except ConfigurationError as error:
        if not str(error).endswith(_NOT_FOUND):
            raise
        _absent[path] = time.monotonic() + MAX_AGE_S
        return None


def _provider() -> SSMProvider:
    """The one that Powertools would make, but for its patience."""
    made: SSMProvider = DEFAULT_PROVIDERS.get("ssm") or SSMProvider(boto_config=_CLIENT)
    DEFAULT_PROVIDERS["ssm"] = made
    return made


def _path(settings: Settings, name: str) -> str:
    return f"{settings.parameter_prefix}/{name}"


def _code(cause: BaseException | None) -> str:
    if isinstance(cause, ClientError):
        return str(cause.response.get("Error", {}).get("Code", "ClientError"))
    return type(cause).__name__
