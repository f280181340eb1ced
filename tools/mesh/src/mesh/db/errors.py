"""What can go wrong with an environment's database; the package's docstring draws the tree."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from workspace import OperatorError


class DatabaseUnusableError(OperatorError):
    """Base of what `mesh db` raises on purpose; the message is one line."""


class SignInError(DatabaseUnusableError):
    """The server cannot be reached, or refuses who asks."""


class MigrationStoppedError(DatabaseUnusableError):
    """A service's migrations could not all be applied; what was applied stays recorded."""


def one_line(error: Exception) -> str:
    """The message of an error without its line breaks."""
    return " ".join(str(error).split())


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """An error of the server in the block becomes a DatabaseUnusableError."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseUnusableError(f"the database: {one_line(error)}") from error
