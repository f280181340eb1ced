"""What can be wrong with a command of `mesh contracts`; each message is one for people.

RegistryError (an OperatorError)   exit code 2
    NoRegistryError           no repository with contracts here
    UnknownTypeError          no contract of that type; similar ones are named
    UnknownVersionError       the type has no such version
    UnknownRevisionError      git knows no such revision
    GitError                  git is missing, failed, or this is no checkout
    UnusableFileError         a file cannot be read, is too large or is not what it should be
    ScaffoldError             the event cannot be added; nothing has been written
"""

from collections.abc import Iterable
from difflib import get_close_matches

from workspace import OperatorError


class RegistryError(OperatorError):
    """Root of what the commands raise on purpose."""


class NoRegistryError(RegistryError):
    """No repository with contracts here."""


class UnknownTypeError(RegistryError):
    """No contract of that type; the message names similar ones."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        # People type `image-procesed`, not the whole type: compare with the fact too.
        by_name = {
            candidate: event_type for event_type in known for candidate in (event_type, event_type.split(".")[2])
        }
        near = dict.fromkeys(by_name[match] for match in get_close_matches(name, by_name, n=3, cutoff=0.5))
        hint = f"; did you mean {' or '.join(near)}?" if near else "; `mesh contracts list` shows all"
        super().__init__(f"no contract is called {name!r}{hint}")


class UnknownVersionError(RegistryError):
    """The type has no such version."""


class UnknownRevisionError(RegistryError):
    """Git knows no such revision."""


class GitError(RegistryError):
    """Git is missing, failed, or this is no checkout."""


class UnusableFileError(RegistryError):
    """A file cannot be read, is too large or is not what it should be."""


class ScaffoldError(RegistryError):
    """The event cannot be added; nothing has been written."""
