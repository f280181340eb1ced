"""Packages for the local mesh: our own code alone, the same that `mesh up` installs.

Functions on this machine import third-party packages from the environment that the emulator runs in.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

from localmesh.provision.packages import build_package
from manifests import Manifests
from mesh.packaging.building import BuiltPackage, exclusive, sha256_of
from mesh.packaging.planning import PlannedPackage


def build_code_only(manifests: Manifests, planned: Sequence[PlannedPackage], output: Path) -> tuple[BuiltPackage, ...]:
    """Build the packages; one with the same bytes is left untouched. Raises localmesh's PackageError."""
    with exclusive(output):
        return tuple(_build(manifests, package, output) for package in planned)


def _build(manifests: Manifests, package: PlannedPackage, output: Path) -> BuiltPackage:
    begun = time.monotonic()
    content = build_package(manifests.root, manifests.services[package.service]).content
    sha256 = hashlib.sha256(content).hexdigest()
    file = output / f"{package.name}.zip"
    is_new = not file.exists() or sha256_of(file) != sha256
    if is_new:
        fresh = file.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(file)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unzipped = sum(entry.file_size for entry in archive.infolist())
    return BuiltPackage(package, file, sha256, len(content), unzipped, None, is_new, time.monotonic() - begun)
