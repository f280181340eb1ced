"""`packages.json`: the zip of each function, read by Terraform."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from manifests import Manifests
from mesh.packaging.building import BuiltPackage, exclusive, sha256_of

INDEX: Final = "packages.json"


def index_packages(manifests: Manifests, built: Sequence[BuiltPackage], output: Path) -> Path:
    """Write the entries of these functions; other entries stay while their zip and function exist.

    Each function has `file`, `sha256` (base64, as Lambda reports it), `size`, and for information `package`,
    `unzipped` and `compiled_by`: the Python that compiled its modules, or null.
    """
    path = output / INDEX
    with exclusive(output):
        known = {f"{ref.service.service}.{ref.name}" for ref in manifests.functions}
        kept = {key: entry for key, entry in _read(path).items() if key in known and _still_there(entry)}
        fresh = {key: _entry(package) for package in built for key in package.planned.keys}
        document = dict(sorted((kept | fresh).items()))
        new = path.with_suffix(".new")
        new.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        new.replace(path)
    return path


def _entry(package: BuiltPackage) -> dict[str, Any]:
    return {
        "file": str(package.file.resolve()),
        "sha256": package.code_sha256,
        "size": package.size,
        "package": package.planned.name,
        "unzipped": package.unzipped,
        "compiled_by": package.compiled_by,
    }


def _still_there(entry: dict[str, Any]) -> bool:
    file = Path(entry["file"])
    return file.is_file() and base64.b64encode(bytes.fromhex(sha256_of(file))).decode() == entry.get("sha256")


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {key: entry for key, entry in document.items() if isinstance(entry["file"], str)}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}  # missing, or not ours: it is written from scratch
