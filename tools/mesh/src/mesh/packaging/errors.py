"""What can go wrong while packages are made; the package's docstring draws the tree."""

from workspace import OperatorError


class PackagingError(OperatorError):
    """Base of what goes wrong while a package is made."""


class UvError(PackagingError):
    """uv is missing or failed."""


class RegistryError(PackagingError):
    """The package registry cannot be reached."""


class CompilationError(PackagingError):
    """Our own code could not be compiled."""


class ServiceUnknownError(PackagingError):
    """There is no such service."""
