"""Secrets of an environment: between a `.env` file and Parameter Store. Which there are, the manifests say.

A value is a `SecretStr` from where it is read to where it is written, so that nothing prints it by accident.

SecretsUnusableError
├── DotenvError             the file is not there, or cannot hold a value
└── ParameterRefusedError   Parameter Store does not take a value
"""

from mesh.parameters.comparing import Change, Comparison, compare_for_pull, compare_for_push, variable_of
from mesh.parameters.dotenv import read_dotenv, update_dotenv
from mesh.parameters.errors import DotenvError, ParameterRefusedError, SecretsUnusableError
from mesh.parameters.store import Parameter, ParameterStore

__all__ = [
    "Change",
    "Comparison",
    "DotenvError",
    "Parameter",
    "ParameterRefusedError",
    "ParameterStore",
    "SecretsUnusableError",
    "compare_for_pull",
    "compare_for_push",
    "read_dotenv",
    "update_dotenv",
    "variable_of",
]
