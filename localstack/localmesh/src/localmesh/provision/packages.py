"""Function packages: our own code of one service, nothing else, and the same bytes for the same files.

Third-party packages are not in them: functions on this machine import those from the environment the emulator runs in.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from localmesh.provision.errors import PackageError
from manifests import Service

_SHARED = ("contracts/src", "services/lib/chassis/src")
_RETRIEVAL = "services/lib/retrieval/src"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file, and its hash as Lambda reports it."""

    content: bytes

    @property
    def code_sha256(self) -> str:
        """Base64 of the SHA-256."""
        return base64.b64encode(hashlib.sha256(self.content).digest()).decode()


def build_package(root: Path, service: Service) -> Package:
    """Zip the code of a service and of the libraries it uses. Raises PackageError when a folder is missing."""
    folders = [f"services/{service.service}/src", *_SHARED, *([_RETRIEVAL] if service.retrieval else [])]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for folder in folders:
            source = root / folder
            if not source.is_dir():
                raise PackageError(f"the code of {service.service} needs {source}, which does not exist")
            for file in _files(source):
                entry = zipfile.ZipInfo(file.relative_to(source).as_posix(), _EPOCH)
                entry.external_attr = _READABLE
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    return Package(buffer.getvalue())


def _files(source: Path) -> list[Path]:
    return sorted(
        file
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.parts[-2].endswith(".egg-info")
    )
