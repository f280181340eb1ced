"""Errors of packaging; the package's docstring draws the tree."""

from workspace import OperatorError


class PackagingError(OperatorError):
    """Base of all errors of packaging."""


class UvError(PackagingError):
    """uv is missing or failed."""


class RegistryError(PackagingError):
    """The package registry cannot be reached."""


class CompilationError(PackagingError):
    """Our own code could not be compiled."""


class ServiceUnknownError(PackagingError):
    """The service does not exist."""
