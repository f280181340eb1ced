"""Errors of infrastructure commands; the package's docstring draws the tree."""

from workspace import OperatorError


class InfraError(OperatorError):
    """Base of all errors of `mesh infra`; the message has the remedy."""


class PrerequisiteError(InfraError):
    """A prerequisite of Terraform is missing."""


class TerraformMissingError(PrerequisiteError):
    """Terraform is not installed, or too old."""


class CredentialsError(PrerequisiteError):
    """AWS does not accept the credentials."""


class WrongAccountError(PrerequisiteError):
    """The credentials belong to another account than the environment's."""


class StateBucketError(PrerequisiteError):
    """The bucket for Terraform's state is missing or cannot be read."""


class UnknownEnvironmentError(PrerequisiteError):
    """There is no folder for that environment."""


class MeshNotUpError(PrerequisiteError):
    """The local environment's emulator does not answer."""


class TerraformFailedError(InfraError):
    """A Terraform command failed."""


class ProtectedError(InfraError):
    """A resource is protected from deletion; nothing was changed."""


class StateInUseError(InfraError):
    """A state in the bucket still has resources."""


class OutputsError(InfraError):
    """The outputs are not those of the environment."""
