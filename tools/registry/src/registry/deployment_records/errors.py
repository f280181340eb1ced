"""What can be wrong with deployments; each message is one for people and ends with exit code 2.

DeploymentsError
    UnknownServiceError          there is no such service at that commit
    UnknownEnvironmentError      nothing was ever recorded for the environment
    RecordUnusableError          the file of the environment is not what this program wrote, or of another format
    ContractMissingError         the manifest names a contract that the registry does not hold at that commit
"""

from registry.errors import RegistryError


class DeploymentsError(RegistryError):
    """Root of what can go wrong here."""


class UnknownServiceError(DeploymentsError):
    """There is no such service at that commit."""


class UnknownEnvironmentError(DeploymentsError):
    """Nothing was ever recorded for the environment."""


class RecordUnusableError(DeploymentsError):
    """The file of the environment is not what this program wrote, or of another format."""


class ContractMissingError(DeploymentsError):
    """The manifest names a contract that the registry does not hold at that commit."""
