"""Errors of deployment records; each message is a sentence for the user, the exit code is 2.

DeploymentRecordError
    UnknownServiceError          there is no such service at that commit
    UnknownEnvironmentError      nothing is recorded for the environment
    RecordUnusableError          the environment's file is malformed, or has another format
    ContractMissingError         the manifest names a contract that is not in the registry at that commit
"""

from registry.errors import RegistryError


class DeploymentRecordError(RegistryError):
    """Base of all errors of deployment records."""


class UnknownServiceError(DeploymentRecordError):
    """There is no such service at that commit."""


class UnknownEnvironmentError(DeploymentRecordError):
    """Nothing is recorded for the environment."""


class RecordUnusableError(DeploymentRecordError):
    """The environment's file is malformed, or has another format."""


class ContractMissingError(DeploymentRecordError):
    """The manifest names a contract that is not in the registry at that commit."""
