"""The error handling of every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer
from pydantic import ValidationError
from rich.console import Console

from localmesh.config import MeshSettings
from workspace import OperatorError

NOT_UP = 3
_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def guarded(command: Callable[[], None]) -> None:
    """Run a command; expected failures become one line on stderr and exit code 1 (3: the local mesh is not up)."""
    try:
        command()
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        _errors.print(f"mesh: invalid settings: {problems}", style="red")
        raise typer.Exit(1) from error
    except UnicodeDecodeError as error:
        if not _is_invalid_utf8(file := Path(str(MeshSettings.model_config.get("env_file")))):
            raise
        _errors.print(f"mesh: {file} is not UTF-8 text", style="red")
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        _errors.print("; ".join(["mesh: interrupted", *map(str, error.args)]))
        raise typer.Exit(130) from error
    except BrokenPipeError as error:  # the reader of our output has closed it
        raise typer.Exit(0) from error
    except _expected() as error:
        _errors.print(f"mesh: {error}", style="red")
        raise typer.Exit(1) from error
    except _foreign() as error:
        message, code = _message(error)
        _errors.print(f"mesh: {message}", style="red")
        raise typer.Exit(code) from error


def _expected() -> tuple[type[Exception], ...]:
    """Errors with a message for users; heavy packages are imported only after an error."""
    from chassis.migrations import MigrationError

    return OperatorError, MigrationError


def _foreign() -> tuple[type[Exception], ...]:
    """Errors of AWS, of the database and of this machine, such as unreadable files and full disks."""
    from botocore.exceptions import BotoCoreError, ClientError
    from psycopg import Error as DatabaseError

    return BotoCoreError, ClientError, DatabaseError, OSError


def _message(error: Exception) -> tuple[str, int]:
    """The error in one line, and the exit code."""
    from botocore.exceptions import EndpointConnectionError

    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", 1
    line = " ".join(str(error).split())
    if isinstance(error, EndpointConnectionError):
        emulator = MeshSettings().emulator_url
        if str(error.kwargs["endpoint_url"]).startswith(emulator):
            return f"the local mesh is not up: nothing answers at {emulator}; run `make up`", NOT_UP
    return line, 1


def _is_invalid_utf8(file: Path) -> bool:
    try:
        file.read_bytes().decode()
    except UnicodeDecodeError:
        return True
    except OSError:
        return False
    return False
