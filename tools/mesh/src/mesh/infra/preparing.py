"""Checks the prerequisites of Terraform, and reports each in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from localmesh.config import MeshSettings
from localmesh.processes import is_listening
from mesh.infra.errors import MeshNotUpError
from mesh.infra.identity import Identity, check_place, check_state_bucket, whoami
from mesh.infra.inputs import Report, prepare_inputs
from mesh.infra.terraform import Terraform, check_version
from mesh.infra.workspace import Workspace, state_key

_S3: Final = "s3"


@dataclass(frozen=True, slots=True)
class Ready:
    """Terraform with the environment's state open. `identity` is None for the local mesh, `inputs` are the
    values of variables built here."""

    workspace: Workspace
    terraform: Terraform
    identity: Identity | None
    inputs: dict[str, object]


def prepare(
    workspace: Workspace,
    report: Report,
    *,
    quiet: bool = False,
    inputs: bool = True,
    package: bool = True,
    destroying: bool = False,
) -> Ready:
    """Check prerequisites, build inputs, open the state. `quiet` keeps Terraform off the terminal; without `inputs`
    nothing is built or planned. Raises PrerequisiteError, TerraformFailedError."""
    workspace.check()
    report(f"terraform {check_version()}")
    variables: dict[str, str] = {}
    if workspace.is_local:
        identity = None
        _check_mesh(report)
        workspace.state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        variables["TF_DATA_DIR"] = str(workspace.state_folder / "data")
    else:
        identity = _identity(workspace, report)
    backend = _backend(workspace, identity, report)
    values = prepare_inputs(workspace, report, package=package, destroying=destroying) if inputs else {}
    if identity and inputs and "account" in workspace.variables:
        # Terraform resolves credentials by itself: it must use those that were reported.
        values["account"] = identity.account
    terraform = Terraform(workspace.folder, variables=variables, quiet=quiet)
    terraform.init(backend)
    return Ready(workspace, terraform, identity, values)


def _identity(workspace: Workspace, report: Report) -> Identity:
    identity = whoami(workspace.region)
    report(str(identity))
    check_place(workspace, identity)
    return identity


def _backend(workspace: Workspace, identity: Identity | None, report: Report) -> dict[str, str]:
    """The settings that the environment's backend block does not have."""
    if identity is None:
        return {"path": str(workspace.state_folder / "terraform.tfstate")} if workspace.backend == "local" else {}
    if workspace.backend != _S3:
        return {}
    bucket = check_state_bucket(identity)
    key = state_key(workspace.environment)
    report(f"state: s3://{bucket.name}/{key}")
    return {"bucket": bucket.name, "key": key, "region": bucket.region, "use_lockfile": "true"}


def _check_mesh(report: Report) -> None:
    settings = MeshSettings()
    if not is_listening(settings.host, settings.emulator_port):
        raise MeshNotUpError(f"the local mesh is not up: nothing listens at {settings.emulator_url}; run `make up`")
    report(f"the emulator at {settings.emulator_url}")
