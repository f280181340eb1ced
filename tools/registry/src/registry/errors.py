"""Errors of `mesh contracts` and `mesh new`; each message is a sentence for the user.

RegistryError (an OperatorError)   exit code 2
    NoRegistryError           no repository with contracts was found
    UnknownTypeError          no contract of that type; similar ones are named
    UnknownVersionError       the type has no such version
    UnknownRevisionError      git has no such revision
    NoBaseError               what is published is not in this clone, so that nothing can be said
    GitError                  git is missing, failed, or this is not a checkout
    UnusableFileError         a file cannot be read, is too large or is malformed
    UnusableContractsError    the code of the contracts cannot be imported
    ScaffoldError             the event or route cannot be added; nothing has been written
"""

from collections.abc import Iterable
from difflib import get_close_matches

from workspace import OperatorError


class RegistryError(OperatorError):
    """Base of all errors of the commands."""


def in_one_line(error: Exception) -> str:
    """What an error says, which parsers tell in several lines."""
    return " ".join(str(error).split())[:300]


class NoRegistryError(RegistryError):
    """No repository with contracts was found."""


class UnknownTypeError(RegistryError):
    """No contract of that type; the message names similar ones."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        # Users mistype short names (`image-procesed`) too: compare with the fact as well as the type.
        by_name = {
            candidate: event_type for event_type in known for candidate in (event_type, event_type.split(".")[2])
        }
        near = dict.fromkeys(by_name[match] for match in get_close_matches(name, by_name, n=3, cutoff=0.5))
        hint = f"; did you mean {' or '.join(near)}?" if near else "; `mesh contracts list` shows all"
        super().__init__(f"there is no contract {name!r}{hint}")


class UnknownVersionError(RegistryError):
    """The type has no such version."""


class UnknownRevisionError(RegistryError):
    """Git has no such revision."""


class NoBaseError(RegistryError):
    """What is published is not in this clone, so that nothing can be said of changes."""

    def __init__(self, reason: str, *, shallow: bool) -> None:
        deeper = "--unshallow " if shallow else ""
        fetch = f"git fetch {deeper}origin main:refs/remotes/origin/main"
        super().__init__(
            f"{reason}: {fetch}, or name a revision with --base; --no-base compares versions with each other only"
        )


class GitError(RegistryError):
    """Git is missing, failed, or this is not a checkout."""


class UnusableFileError(RegistryError):
    """A file cannot be read, is too large or is malformed."""


class UnusableContractsError(RegistryError):
    """The code of the contracts cannot be imported; the message has the file and the line."""


class ScaffoldError(RegistryError):
    """The event or route cannot be added; nothing has been written."""
