"""What can go wrong while provisioning.

ProvisionError
    NotReadyError     a function or a mapping did not become ready in time
    PackageError      a folder of code that a function needs is missing
"""

from localmesh.errors import LocalMeshError


class ProvisionError(LocalMeshError):
    """Root of what provisioning raises on purpose."""


class NotReadyError(ProvisionError):
    """A function or a mapping did not become ready in time."""


class PackageError(ProvisionError):
    """A folder of code that a function needs is missing."""
