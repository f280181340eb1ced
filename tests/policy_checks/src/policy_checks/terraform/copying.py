"""Copies everything that Terraform reads to a folder that it may write to."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path

from manifests import Manifests

# Modules read the manifests of the services and the published schemas of their events.
_FOLDERS = ("terraform", "services", "contracts")
# Without files left by Terraform, Python or an operator: a plan depends on the commit alone.
_LEFT_BEHIND = (
    ".terraform",
    ".terraform.lock.hcl",
    "*.tfstate*",
    "*.tfvars",
    "*.tfplan",
    "__pycache__",
    "*_override.tf",
)
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'


def copy_configuration(repository: Path, target: Path) -> None:
    """Copy all Terraform of a repository and what it reads; state is kept beside each configuration, not in S3."""
    for folder in _FOLDERS:
        shutil.copytree(repository / folder, target / folder, ignore=shutil.ignore_patterns(*_LEFT_BEHIND))
    for root in [target / "terraform" / "bootstrap", *(target / "terraform" / "environments").glob("*")]:
        (root / "state_override.tf").write_text(_LOCAL_STATE, encoding="utf-8")


def write_packages(manifests: Manifests, folder: Path) -> Path:
    """Write a small package for each function, and the file that lists them as `mesh package` does."""
    listed: dict[str, dict[str, object]] = {}
    for ref in manifests.functions:
        name = f"{ref.service.service}.{ref.name}"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("function.txt", (1980, 1, 1, 0, 0, 0)), name)
        file = folder / f"{name}.zip"
        file.write_bytes(buffer.getvalue())
        sha256 = base64.b64encode(hashlib.sha256(buffer.getvalue()).digest()).decode()
        listed[name] = {"file": str(file), "sha256": sha256, "size": len(buffer.getvalue())}
    index = folder / "packages.json"
    index.write_text(json.dumps(listed, indent=2), encoding="utf-8")
    return index
