"""The errors of provisioning.

ProvisionError
    ImmutableError    a resource differs in something that AWS cannot change
    NotReadyError     a function or a mapping did not become ready in time
    PackageError      a folder of code that a function needs is missing
"""

from localmesh.errors import LocalMeshError


class ProvisionError(LocalMeshError):
    """Root of provisioning's errors."""


class ImmutableError(ProvisionError):
    """A resource differs from what is declared in something that AWS cannot change; it has to be removed first."""


class NotReadyError(ProvisionError):
    """A function or a mapping did not become ready in time."""


class PackageError(ProvisionError):
    """A folder of code that a function needs is missing."""
