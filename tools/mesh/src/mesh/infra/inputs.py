"""Builds the inputs of an environment's Terraform: the build's name, packages, contracts."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Final

from localmesh.config import MeshSettings
from manifests import load_manifests
from mesh.builds import build_here, is_dirty
from mesh.environments import LOCAL
from mesh.infra.errors import PrerequisiteError
from mesh.infra.workspace import Workspace
from registry.errors import RegistryError
from registry.export import export

Report = Callable[[str], None]
_SCHEMAS: Final = "eventbridge"


def prepare_inputs(
    workspace: Workspace, report: Report, *, package: bool = True, destroying: bool = False
) -> dict[str, object]:
    """Build what the environment declares variables for; returns their values. Without `package` existing packages are
    used.

    Raises PrerequisiteError.
    """
    declared = workspace.variables
    values = {name: value for name, value in _mesh().items() if name in declared} if workspace.is_local else {}
    if "artifacts" in declared:
        build = _build(workspace, report)
        packages = _empty_packages(workspace) if destroying else _packages(workspace, report, make=package)
        schemas = _contracts(workspace, report)
        values["artifacts"] = {"build": build, "packages_file": str(packages), "schemas_folder": str(schemas)}
    return values


def _mesh() -> dict[str, object]:
    """The mesh on this machine, as values of the local environment's variables."""
    settings = MeshSettings()
    return {
        "region": settings.region,
        "endpoint": settings.emulator_url,
        "providers_url": settings.providers_url,
        "real_providers": [provider.name for provider in settings.providers if provider.real],
        "database": {"host": settings.host, "port": settings.postgres_port},
    }


def _build(workspace: Workspace, report: Report) -> dict[str, str]:
    if is_dirty(workspace.root):
        report("the working tree is dirty: the deployed code is not that of any commit")
    return asdict(build_here(workspace.root))


def _packages(workspace: Workspace, report: Report, *, make: bool) -> Path:
    """Run `mesh package`, which skips packages that are up to date."""
    file = workspace.packages_file
    if make:
        report("packages: mesh package")
        sys.stdout.flush()
        command = [sys.executable, "-m", "mesh.cli", "package", *(["--env", LOCAL] if workspace.is_local else [])]
        done = subprocess.run(command, cwd=workspace.root, stdout=sys.stderr, check=False)
        if done.returncode:
            raise PrerequisiteError("the functions' packages could not be built: `mesh package` failed, see above")
    if not file.is_file():
        raise PrerequisiteError(f"{file} does not exist: run `mesh package`")
    return file


def _empty_packages(workspace: Workspace) -> Path:
    """Placeholders: Terraform reads packages even to destroy their users."""
    folder = workspace.build / "terraform"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    empty = folder / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    package = {
        "file": str(empty),
        "sha256": base64.b64encode(hashlib.sha256(empty.read_bytes()).digest()).decode("ascii"),
        "size": empty.stat().st_size,
    }
    functions = load_manifests(workspace.root).functions
    file = folder / "empty-packages.json"
    file.write_text(json.dumps({f"{ref.service.service}.{ref.name}": package for ref in functions}), encoding="utf-8")
    return file


def _contracts(workspace: Workspace, report: Report) -> Path:
    """Export the contracts. Files that are up to date stay untouched, because another plan may be reading them."""
    schemas = workspace.contracts / _SCHEMAS
    beside = workspace.contracts.parent
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".contracts-", dir=beside) as folder:
        fresh = Path(folder)
        try:
            with redirect_stdout(io.StringIO()):
                export(workspace.root, fresh)
        except RegistryError as error:
            raise PrerequisiteError(f"the contracts could not be exported: {error}") from error
        files = [file.relative_to(fresh) for file in fresh.rglob("*") if file.is_file()]
        for file in files:
            _settle(fresh / file, workspace.contracts / file)
    # A renamed contract would otherwise be published under both names.
    for gone in {file.relative_to(workspace.contracts) for file in schemas.iterdir()} - set(files):
        (workspace.contracts / gone).unlink()
    report(f"contracts: {schemas}")
    return schemas


def _settle(fresh: Path, file: Path) -> None:
    if not file.is_file() or file.read_bytes() != fresh.read_bytes():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(file)
