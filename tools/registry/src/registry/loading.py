"""Imports the contracts, whose code is what the commands examine: a mistake in it has a file and a line."""

import traceback
from importlib.util import find_spec
from pathlib import Path

from registry.errors import UnusableContractsError, in_one_line


def load_contracts() -> None:
    """Import the contracts and their registry.

    Raises:
        UnusableContractsError: that failed.
    """
    try:
        import contracts.registry  # noqa: F401  # for what importing it may say
    except Exception as error:  # whatever the code of a contract does
        raise UnusableContractsError(f"{_place(error)}: {type(error).__name__}: {_message(error)}") from error


def _place(error: Exception) -> str:
    """File and line in the contracts where it happened."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    spec = find_spec("contracts")
    folders = [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(Path(frame.filename).is_relative_to(folder) for folder in folders)
    ]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "contracts"


def _message(error: Exception) -> str:
    return error.msg if isinstance(error, SyntaxError) else in_one_line(error)
