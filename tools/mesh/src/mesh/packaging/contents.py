"""Contents of a package: our own code, and the parts of third-party packages that a function may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mesh.packaging.dependencies import Dependencies

#: The botocore service descriptions to keep: our clients', and sts for the credentials of roles.
AWS_SERVICES: Final = frozenset({"cognito-idp", "dynamodb", "events", "rds", "s3", "sqs", "ssm", "sts"})
#: Folders that nothing imports at run time. hf_xet speeds up model downloads, of which there are none here.
_UNUSED_FOLDERS: Final = frozenset({"tests", "bin", "__pycache__", "hf_xet"})
_UNUSED_SUFFIXES: Final = frozenset({".pyi", ".pyx", ".pxd", ".c", ".h"})


def own_files(source: Path) -> Iterator[Path]:
    """Files of our own code that belong into packages, sorted."""
    for path in sorted(source.rglob("*")):
        leftover = any(part == "__pycache__" or part.endswith(".egg-info") for part in path.relative_to(source).parts)
        if path.is_file() and not leftover:
            yield path


def add_own_code(dependencies: Dependencies, folder: Path) -> None:
    """Copy our own code into the package."""
    for source in dependencies.own:
        for file in own_files(source):
            copy = folder / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


def trim(folder: Path) -> int:
    """Remove what no function uses; returns the number of bytes removed."""
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


def settle_records(folder: Path) -> None:
    """Reduce each package's RECORD to the files that exist.

    RECORD also lists programs, with a hash that depends on the path of the installing Python.
    """
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines()
        kept = sorted(line for line in lines if (folder / _file_of(line)).is_file())
        record.unlink()  # never written in place: it may be a link into uv's cache
        record.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _file_of(line: str) -> str:
    """The path in a line of RECORD, `path,hash,size`, where a path with a comma is quoted."""
    path = line.rsplit(",", 2)[0]
    return path[1:-1].replace('""', '"') if path.startswith('"') else path


def size_of(folder: Path) -> int:
    """Total bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
