"""Secrets from SSM Parameter Store, read at run time and cached for five minutes."""

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from chassis.config import Settings
from chassis.errors import ConfigurationError

MAX_AGE_S = 300


def secret(settings: Settings, name: str) -> str:
    """The value of `<parameter_prefix>/<name>`.

    Raises:
        ConfigurationError: it does not exist or may not be read. The message names the parameter, never its value.
    """
    path = f"{settings.parameter_prefix}/{name}"
    try:
        return parameters.get_parameter(path, decrypt=True, max_age=MAX_AGE_S)
    except GetParameterError as error:
        raise ConfigurationError(f"secret {path} cannot be read: {type(error.__cause__ or error).__name__}") from error


def optional_secret(settings: Settings, name: str) -> str | None:
    """Like `secret`, but None where the parameter does not exist or is empty."""
    try:
        return secret(settings, name) or None
    except ConfigurationError as error:
        if "ParameterNotFound" in repr(error.__cause__):
            return None
        raise
