"""What an environment's Terraform reads that is made here: the build's name, packages, contracts."""

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

Say = Callable[[str], None]
_SCHEMAS: Final = "eventbridge"


def prepare_inputs(
    workspace: Workspace, say: Say, *, package: bool = True, destroying: bool = False
) -> dict[str, object]:
    """Make what the environment declares variables for; the values of those variables. Without `package` packages are
    taken as they are.

    Raises PrerequisiteError.
    """
    declared = workspace.variables
    values = {name: value for name, value in _mesh().items() if name in declared} if workspace.is_local else {}
    if "artifacts" in declared:
        build = _build(workspace, say)
        packages = _empty_packages(workspace) if destroying else _packages(workspace, say, make=package)
        schemas = _contracts(workspace, say)
        values["artifacts"] = {"build": build, "packages_file": str(packages), "schemas_folder": str(schemas)}
    return values


def _mesh() -> dict[str, object]:
    """The mesh on this machine, as the local environment wants to know it."""
    settings = MeshSettings()
    return {
        "region": settings.region,
        "endpoint": settings.emulator_url,
        "providers_url": settings.providers_url,
        "real_providers": [provider.name for provider in settings.providers if provider.real],
        "database": {"host": settings.host, "port": settings.postgres_port},
    }


def _build(workspace: Workspace, say: Say) -> dict[str, str]:
    if is_dirty(workspace.root):
        say("the working tree is not clean: what goes out is not what any commit says")
    return asdict(build_here(workspace.root))


def _packages(workspace: Workspace, say: Say, *, make: bool) -> Path:
    """`mesh package` knows by itself which packages are as they would be made."""
    file = workspace.packages_file
    if make:
        say("packages: mesh package")
        sys.stdout.flush()
        command = [sys.executable, "-m", "mesh.cli", "package", *(["--env", LOCAL] if workspace.is_local else [])]
        done = subprocess.run(command, cwd=workspace.root, stdout=sys.stderr, check=False)
        if done.returncode:
            raise PrerequisiteError("the functions' packages could not be made: `mesh package` failed, see above")
    if not file.is_file():
        raise PrerequisiteError(f"there is no {file}: `mesh package` makes it")
    return file


def _empty_packages(workspace: Workspace) -> Path:
    """Terraform reads packages even when all that uses them goes."""
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


def _contracts(workspace: Workspace, say: Say) -> Path:
    """Files that are right already stay untouched: another plan may be reading them."""
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
    # A contract that was renamed would be published under both names.
    for gone in {file.relative_to(workspace.contracts) for file in schemas.iterdir()} - set(files):
        (workspace.contracts / gone).unlink()
    say(f"contracts: {schemas}")
    return schemas


def _settle(fresh: Path, file: Path) -> None:
    if not file.is_file() or file.read_bytes() != fresh.read_bytes():
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(file)
