"""Lambda packages: a service's locked third-party packages for the platform that runs them, and our own code.

All functions of a service share its package. boto3 is in it, although the managed runtime has one:
langgraph-checkpoint-aws needs a newer one than the runtime promises, and what was tested is what shall run. Its
descriptions of several hundred AWS services stay out but for those that we call, so it costs 8 MB and not 25. Compiled
modules are in it because the code's file system is read-only there: without them every cold start compiles again.

PackagingError
├── UvError             uv is missing, or could not do its part; its last words are in the message
└── RegistryError       the package registry cannot be reached, and what is needed is in no cache
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localmesh.paths import REPOSITORY

#: What Lambda takes, unzipped: 250 MiB.
LIMIT_BYTES: Final = 262_144_000
#: Amazon Linux 2023, on which the managed runtimes from Python 3.12 on stand, has glibc 2.34.
_PLATFORMS: Final[Mapping[str, str]] = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
#: The descriptions that botocore keeps for the services we make clients of; sts is what credentials of roles need.
AWS_SERVICES: Final = frozenset({"dynamodb", "events", "rds", "s3", "sqs", "ssm", "sts"})
#: Folders that nothing imports at run time. hf_xet speeds up downloads of models, which nothing here downloads.
_UNUSED_FOLDERS: Final = frozenset({"tests", "bin", "__pycache__", "hf_xet"})
_UNUSED_SUFFIXES: Final = frozenset({".pyi", ".pyx", ".pxd", ".c", ".h"})
_OFFLINE: Final = re.compile(
    r"error sending request|dns error|failed to lookup|connection refused|operation timed out|failed to fetch"
    r"|network (connectivity is disabled|is unreachable)",
    re.IGNORECASE,
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_READABLE: Final = 0o100644 << 16
_TASK_ROOT: Final = "/var/task"


class PackagingError(Exception):
    """Base of what goes wrong while a package is made."""


class UvError(PackagingError):
    """uv is missing or failed."""


class RegistryError(PackagingError):
    """The package registry cannot be reached."""


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that the package is for."""

    platform: str
    python: str

    @classmethod
    def of(cls, architecture: str, runtime: str) -> Target:
        """From what platform.yaml says: `arm64` and `python3.13`."""
        return cls(_PLATFORMS[architecture], runtime.removeprefix("python"))


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the lock file gives a service: folders of our own code, and pinned requirements with their hashes."""

    own: tuple[Path, ...]
    requirements: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """Bytes of the `.pyc` files, and the Python that made them (another minor version's cannot be shipped)."""

    size: int
    python: str


def dependencies_of(service: str, root: Path = REPOSITORY) -> Dependencies:
    """What `uv.lock` says that a service needs, at run time and nothing else. Raises UvError."""
    exported = _uv(
        ["export", "--project", str(root), "--package", f"collections-{service}", "--no-dev", "--frozen", "--no-header"]
    )
    lines = exported.splitlines()
    own = tuple(root / line.removeprefix("-e ") / "src" for line in lines if line.startswith("-e "))
    return Dependencies(own, "\n".join(line for line in lines if not line.startswith("-e ")) + "\n")


def install(dependencies: Dependencies, folder: Path, target: Target | None = None) -> None:
    """Install the third-party packages into a folder, for the target or else for this machine and this Python.

    The files may be hard links into uv's cache: they can be deleted, and must not be written to.
    Raises UvError, RegistryError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    requirements = folder.with_name(f"{folder.name}.requirements.txt")
    requirements.write_text(dependencies.requirements, encoding="utf-8")
    where = (
        ["--python-platform", target.platform, "--python-version", target.python, "--only-binary", ":all:"]
        if target
        else ["--python", sys.executable]
    )
    _uv(["pip", "install", "--target", str(folder), "--no-deps", "--require-hashes", "-r", str(requirements), *where])
    requirements.unlink()
    (folder / ".lock").unlink(missing_ok=True)


def add_own_code(dependencies: Dependencies, folder: Path) -> None:
    """Copy our own code into the package."""
    for source in dependencies.own:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))


def trim(folder: Path) -> int:
    """Remove what no function uses; returns how many bytes that were."""
    before = size_of(folder)
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and path.name in _UNUSED_FOLDERS:
            shutil.rmtree(path)
        elif path.is_file() and path.suffix in _UNUSED_SUFFIXES:
            path.unlink()
    for path in (folder / "botocore" / "data").glob("*"):
        if path.is_dir() and path.name not in AWS_SERVICES:
            shutil.rmtree(path)
    return before - size_of(folder)


def compile_modules(folder: Path, target: Target) -> Compiled:
    """Add `.pyc` files that are never checked against their sources, as in a file system that cannot change.

    Without an interpreter of the target's version this one makes them: good for their size, not for shipping.
    """
    python = find_python(target.python)
    subprocess.run(
        [
            python or sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash",
            "-s", str(folder), "-p", _TASK_ROOT, str(folder),
        ],
        stdout=subprocess.DEVNULL,  # files that are no Python for this version, such as templates
        check=False,
    )  # fmt: skip
    return Compiled(sum(file.stat().st_size for file in folder.rglob("*.pyc")), python or sys.executable)


def find_python(version: str) -> str | None:
    """An interpreter of that minor version (`3.13`) on this machine; None when there is none that runs."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return sys.executable
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *map(str, sorted(kept.glob(f"{version}.*/bin/python")))]
    for candidate in filter(None, candidates):
        said = subprocess.run([candidate, "-IS", "-c", "print('runs')"], capture_output=True, text=True, check=False)
        if said.stdout.strip() == "runs":  # a shim may be there for a version that is not
            return candidate
    return None


def write_zip(folder: Path, file: Path) -> int:
    """Zip the folder, the same bytes for the same files; returns the size of the zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.external_attr = _READABLE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    return file.stat().st_size


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _uv(arguments: list[str]) -> str:
    own = REPOSITORY / ".tools" / "uv" / "bin" / "uv"
    uv = str(own) if own.exists() else os.environ.get("UV") or shutil.which("uv")
    if not uv:
        raise UvError("uv is not here: run `make setup`, which fetches it")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    run = subprocess.run([uv, *arguments], capture_output=True, text=True, check=False, env=environment)
    if run.returncode == 0:
        return run.stdout
    said = run.stderr.strip()
    kind = RegistryError if _OFFLINE.search(said) else UvError
    raise kind(f"uv {arguments[0]} failed: {said[-2000:]}")
