"""What can go wrong with infrastructure; the package's docstring draws the tree."""

from workspace import OperatorError


class InfraError(OperatorError):
    """Base of what `mesh infra` raises on purpose; the message says what would help."""


class PrerequisiteError(InfraError):
    """Something is missing before Terraform can be asked."""


class TerraformMissingError(PrerequisiteError):
    """Terraform is not installed, or too old."""


class CredentialsError(PrerequisiteError):
    """AWS does not know who asks."""


class WrongAccountError(PrerequisiteError):
    """The credentials belong to another account than the environment's."""


class StateBucketError(PrerequisiteError):
    """There is no bucket for Terraform's state, or it cannot be read."""


class UnknownEnvironmentError(PrerequisiteError):
    """No folder describes that environment."""


class MeshNotUpError(PrerequisiteError):
    """The local environment's emulator does not answer."""


class TerraformFailedError(InfraError):
    """A Terraform command failed."""


class ProtectedError(InfraError):
    """Something is protected from deletion; nothing was changed."""


class StateInUseError(InfraError):
    """The state bucket still describes something that exists."""


class OutputsError(InfraError):
    """The outputs are not those of the environment."""
