"""Opens an environment by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from localmesh.config import MeshSettings
from localmesh.provision.result import load_provisioned
from manifests import load_manifests
from mesh.environments.errors import EnvironmentUnknownError, OutputsMalformedError
from mesh.environments.model import DatabaseAccess, DeployedFunction, Environment
from mesh.environments.outputs import OUTPUTS_FOLDER, load_outputs
from workspace import REPOSITORY

LOCAL: Final = "local"


def open_environment(name: str, folder: Path = OUTPUTS_FOLDER) -> Environment:
    """Open the local mesh of this checkout's settings (`local`), or an environment whose outputs are saved.

    The credentials must be of the environment's account, because most names are the same in every account.
    Raises EnvironmentUnusableError, and botocore's errors when AWS does not identify the credentials.
    """
    if name == LOCAL:
        return local_environment(MeshSettings())
    environment = load_outputs(name, folder)
    environment.check_account()
    return environment


def local_environment(settings: MeshSettings) -> Environment:
    """A mesh on this machine. Raises EnvironmentUnknownError when it was never provisioned, OutputsMalformedError."""
    try:
        provisioned = load_provisioned(settings)
    except FileNotFoundError:
        raise EnvironmentUnknownError("the local mesh was never started: run `make up`") from None
    except ValidationError as error:
        raise OutputsMalformedError(f"the state in {settings.state_dir} is corrupt: run `make up` again") from error
    functions = {
        key: DeployedFunction(
            name=function.name,
            log_group=function.log_group,
            queue_url=function.queue_url,
            dead_letter_queue_url=function.dead_letter_queue_url,
            invoke_url=function.invoke_url,
        )
        for key, function in provisioned.functions.items()
    }
    return Environment(
        **provisioned.model_dump(include=_SHARED),
        functions=functions,
        database=DatabaseAccess(
            host=settings.host,
            port=settings.postgres_port,
            name=load_manifests(REPOSITORY).platform.database.name,
            auth="password",
            sslmode="disable",
            administrator="postgres",
        ),
        endpoint_url=provisioned.emulator_url,
    )


_SHARED: Final = {
    "environment", "region", "account", "api_url", "user_pool_id", "client_id", "issuer", "event_bus", "archive",
    "images_bucket", "tables",
}  # fmt: skip
