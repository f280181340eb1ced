"""Builds packages, several at a time, and skips those that are up to date."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from mesh.packaging.compiling import Interpreter, compile_modules, require_compiled
from mesh.packaging.contents import add_own_code, own_files, settle_records, size_of, trim
from mesh.packaging.dependencies import Dependencies, dependencies_of, install
from mesh.packaging.fingerprints import fingerprint_of
from mesh.packaging.planning import PlannedPackage
from mesh.packaging.target import LIMIT_BYTES, Target
from mesh.packaging.zipping import write_zip
from workspace import REPOSITORY

_WORK: Final = ".work-"
_AT_ONCE: Final = max(1, min(4, os.cpu_count() or 1))


class Record(BaseModel):
    """The file beside a package: its inputs' fingerprint, and its results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    sha256: str
    size: int
    unzipped: int
    compiled_by: str | None


@dataclass(frozen=True, slots=True)
class BuiltPackage:
    """A package on disk; `compiled_by` is the Python that compiled its modules, None without compiled modules."""

    planned: PlannedPackage
    file: Path
    sha256_hex: str
    size: int
    unzipped: int
    compiled_by: str | None
    is_new: bool
    seconds: float

    @property
    def code_sha256(self) -> str:
        """The hash as Lambda reports it: in base64."""
        return base64.b64encode(bytes.fromhex(self.sha256_hex)).decode()

    @property
    def fits(self) -> bool:
        """Whether it is within Lambda's limit."""
        return self.unzipped <= LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """Output folder and target of packages; the last two resolve and install dependencies."""

    output: Path
    target: Target
    python: Interpreter | None
    root: Path = REPOSITORY
    resolve: Callable[[str, Sequence[str], Path], Dependencies] = dependencies_of
    install: Callable[[Dependencies, Path, Target], None] = install


def build_packages(
    settings: BuildSettings, planned: Sequence[PlannedPackage], report: Callable[[str], None], *, force: bool = False
) -> tuple[BuiltPackage, ...]:
    """Build the packages that are not up to date; `force` rebuilds all. Raises PackagingError."""

    def build(package: PlannedPackage) -> BuiltPackage:
        built = _build(settings, package, force=force)
        report(f"{package.name}: {f'built in {built.seconds:.1f} s' if built.is_new else 'unchanged'}")
        return built

    with exclusive(settings.output), ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(build, planned))


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold the lock for building packages in the folder; other processes wait."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for leftover in folder.glob(f"{_WORK}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _build(settings: BuildSettings, package: PlannedPackage, *, force: bool) -> BuiltPackage:
    begun = time.monotonic()
    file = settings.output / f"{package.name}.zip"
    beside = file.with_suffix(".json")
    dependencies = settings.resolve(package.service, package.extras, settings.root)
    fingerprint = fingerprint_of(dependencies, settings.target, settings.python)
    record = None if force else _up_to_date(file, beside, fingerprint)
    is_new = record is None
    if record is None:
        with tempfile.TemporaryDirectory(prefix=_WORK, dir=settings.output) as folder:
            record = _make(settings, dependencies, Path(folder), fingerprint)
            beside.unlink(missing_ok=True)  # a record must never be beside another package
            (Path(folder) / "package.zip").replace(file)
            fresh = Path(folder) / "record.json"
            fresh.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
            fresh.replace(beside)
    return BuiltPackage(
        package,
        file,
        record.sha256,
        record.size,
        record.unzipped,
        record.compiled_by,
        is_new,
        time.monotonic() - begun,
    )


def _up_to_date(file: Path, beside: Path, fingerprint: str) -> Record | None:
    """The record of an up-to-date package; None when it has to be built."""
    try:
        record = Record.model_validate_json(beside.read_bytes())
        whole = record.fingerprint == fingerprint and sha256_of(file) == record.sha256
    except (OSError, ValidationError):
        return None
    return record if whole else None


def _make(settings: BuildSettings, dependencies: Dependencies, folder: Path, fingerprint: str) -> Record:
    contents = folder / "contents"
    settings.install(dependencies, contents, settings.target)
    trim(contents)
    settle_records(contents)
    add_own_code(dependencies, contents)
    if settings.python:
        compile_modules(contents, settings.python)
        own = (contents / file.relative_to(source) for source in dependencies.own for file in own_files(source))
        require_compiled((file for file in own if file.suffix == ".py"), settings.python)
    size = write_zip(contents, folder / "package.zip")
    return Record(
        fingerprint=fingerprint,
        sha256=sha256_of(folder / "package.zip"),
        size=size,
        unzipped=size_of(contents),
        compiled_by=settings.python.version if settings.python else None,
    )
