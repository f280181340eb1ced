"""The record of an environment: one JSON document, `<folder>/<environment>.json`.

Each release has the schemas that it publishes and understands, so that a decision needs neither the deployed commits
nor a network. Writers are serialized, and a reader never sees a partial document.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from registry.deployment_records.errors import RecordUnusableError, UnknownEnvironmentError


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ContractVersion(_Model):
    """A version of an event type, with the relevant schema: closed when published, tolerant when consumed."""

    event: str
    version: str
    schema_: dict[str, Any]

    @property
    def fact(self) -> str:
        """The type without its major."""
        return self.event.rpartition(".v")[0]

    def __str__(self) -> str:
        return f"{self.event} {self.version}"


class Release(_Model):
    """A service at a commit."""

    service: str
    git_sha: str
    publishes: tuple[ContractVersion, ...] = ()
    understands: tuple[ContractVersion, ...] = ()


class Deployed(_Model):
    """A release and when it was recorded."""

    release: Release
    recorded_at: datetime


class Environment(_Model):
    """The releases deployed in one environment, by service."""

    format: Literal[1] = 1
    environment: str
    services: dict[str, Deployed] = {}


def read(folder: Path, environment: str) -> Environment:
    """The record of an environment.

    Raises:
        UnknownEnvironmentError: there is none.
        RecordUnusableError: it cannot be read.
    """
    path = _path(folder, environment)
    try:
        found = Environment.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json"))) or "none"
        raise UnknownEnvironmentError(
            f"nothing is recorded for {environment!r} in {folder} (known: {known}); "
            "use --first if nothing is deployed there yet"
        ) from None
    except (OSError, ValidationError) as error:
        raise RecordUnusableError(f"{path}: {_sentence(error)}") from error
    if found.environment != environment:
        raise RecordUnusableError(f"{path} is the record of {found.environment!r}")
    return found


def read_all(folder: Path) -> tuple[Environment, ...]:
    """Every environment's record, by name; none where the folder is missing. Raises RecordUnusableError."""
    return tuple(read(folder, file.stem) for file in sorted(folder.glob("*.json")))


def note(folder: Path, environment: str, release: Release, *, at: datetime) -> Environment:
    """Replace a service's release; returns what is deployed now. Raises RecordUnusableError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _path(folder, environment)
    with _exclusive(folder):
        before = read(folder, environment) if path.exists() else Environment(environment=environment)
        services = before.services | {release.service: Deployed(release=release, recorded_at=at)}
        after = before.model_copy(update={"services": dict(sorted(services.items()))})
        fresh = path.with_suffix(".new")
        fresh.write_text(after.model_dump_json(indent=1) + "\n", encoding="utf-8")
        fresh.replace(path)
    return after


def _path(folder: Path, environment: str) -> Path:
    return folder / f"{environment}.json"


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    # Lock the folder itself, so that no lock file stays beside the records.
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'/'.join(str(step) for step in first['loc']) or 'document'}: {first['msg']}"
    return str(error)
