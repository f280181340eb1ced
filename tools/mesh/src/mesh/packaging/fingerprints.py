"""The fingerprint of a package's inputs: a package is rebuilt when it changes."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from mesh.packaging.compiling import Interpreter
from mesh.packaging.contents import own_files
from mesh.packaging.dependencies import Dependencies
from mesh.packaging.target import Target

#: The modules of this package that affect a zip's bytes.
_RECIPE: Final = ("building", "compiler", "compiling", "contents", "dependencies", "zipping")


def fingerprint_of(dependencies: Dependencies, target: Target, python: Interpreter | None) -> str:
    """Hash locked requirements, our own code, the target, compiler and compressor versions, and the build code."""
    digest = hashlib.sha256()
    for part in _parts(dependencies, target, python):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _parts(dependencies: Dependencies, target: Target, python: Interpreter | None) -> Iterator[bytes]:
    compiled_by = python.version if python else "none"
    yield from _recipe()
    yield f"{target.platform} {target.python} {compiled_by} {zlib.ZLIB_RUNTIME_VERSION}".encode()
    yield dependencies.requirements.encode()
    for source in dependencies.own:
        for file in own_files(source):
            yield file.relative_to(source).as_posix().encode()
            yield file.read_bytes()


@cache
def _recipe() -> tuple[bytes, ...]:
    return tuple(Path(__file__).with_name(f"{module}.py").read_bytes() for module in _RECIPE)
