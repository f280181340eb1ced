"""The parameters of an environment, as SecureStrings below its prefix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError
from pydantic import SecretStr

from mesh.environments import Environment
from mesh.secrets.errors import ParameterRefusedError

# The limit of a standard parameter; larger ones cost money.
_LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Parameter:
    """A stored secret; `name` without the prefix."""

    name: str
    version: int
    last_modified: datetime


class ParameterStore:
    """Secrets by their names without the prefix. Deeper parameters (passwords of local database roles) are ignored.

    Raises botocore's errors when AWS cannot be reached or refuses the request.
    """

    def __init__(self, environment: Environment) -> None:
        self._names = environment.names
        self._ssm = environment.client("ssm")

    def parameters(self) -> list[Parameter]:
        """All secrets, without values."""
        return [
            Parameter(self._short(each["Name"]), each["Version"], each["LastModifiedDate"])
            for each in self._pages(WithDecryption=False)
        ]

    def values(self) -> dict[str, SecretStr]:
        """All secrets, with values."""
        return {self._short(each["Name"]): SecretStr(each["Value"]) for each in self._pages(WithDecryption=True)}

    def put(self, name: str, value: SecretStr) -> None:
        """Create or overwrite a secret. Raises ParameterRefusedError."""
        if len(value.get_secret_value().encode()) > _LIMIT:
            raise ParameterRefusedError(f"{name} is longer than the {_LIMIT} bytes of a standard parameter")
        path = self._names.parameter(name)
        try:
            self._ssm.put_parameter(Name=path, Value=value.get_secret_value(), Type="SecureString", Overwrite=True)
        except ClientError as error:  # whose message could quote the value
            raise ParameterRefusedError(f"Parameter Store refuses {path}: {_code(error)}") from None

    def delete(self, name: str) -> None:
        """Delete a secret."""
        self._ssm.delete_parameter(Name=self._names.parameter(name))

    def _pages(self, **settings: bool) -> Iterator[dict[str, Any]]:
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(
            Path=self._names.parameter_prefix, Recursive=False, **settings
        )
        for page in pages:
            yield from page["Parameters"]

    def _short(self, path: str) -> str:
        return path.removeprefix(f"{self._names.parameter_prefix}/")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown error"))
