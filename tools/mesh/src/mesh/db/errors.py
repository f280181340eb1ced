"""Errors of an environment's database; the package's docstring draws the tree."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from workspace import OperatorError


class DatabaseUnusableError(OperatorError):
    """Base of all errors of `mesh db`; the message is one line."""


class SignInError(DatabaseUnusableError):
    """The server cannot be reached, or refuses the sign-in."""


class MigrationStoppedError(DatabaseUnusableError):
    """A service's migrations could not all be applied; what was applied stays recorded."""


def one_line(error: Exception) -> str:
    """The message of an error without its line breaks."""
    return " ".join(str(error).split())


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn a server error in the block into a DatabaseUnusableError."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseUnusableError(f"the database: {one_line(error)}") from error
