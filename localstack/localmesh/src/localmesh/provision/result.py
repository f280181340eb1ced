"""The result of provisioning: addresses and names, stored with the mesh's state for its clients."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from localmesh.config import API_ID, MeshSettings, Mode
from localmesh.container_names import container_of, management_port
from localmesh.provision.context import Context
from localmesh.provision.identity import IdentityPool
from manifests import FunctionRef, Manifests


class ProvisionedFunction(BaseModel):
    """A function and its resources; only consumers have queues."""

    model_config = ConfigDict(frozen=True)

    name: str
    trigger: str
    log_group: str
    queue: str | None = None
    queue_url: str | None = None
    dead_letter_queue: str | None = None
    dead_letter_queue_url: str | None = None
    invoke_url: str | None = None  # where a container takes its invocations; None: Lambda


class Provisioned(BaseModel):
    """The provisioned resources; stored as `provisioned.json` in the state folder."""

    model_config = ConfigDict(frozen=True)

    mode: Mode = Mode.LAMBDA
    environment: str
    region: str
    account: str
    emulator_url: str
    api_url: str
    api_id: str
    user_pool_id: str
    client_id: str
    issuer: str
    event_bus: str
    archive: str
    images_bucket: str
    tables: dict[str, str]
    functions: dict[str, ProvisionedFunction]
    changes: tuple[str, ...]
    seconds: float


def load_provisioned(settings: MeshSettings) -> Provisioned:
    """The result of the last run. Raises FileNotFoundError before the first."""
    return Provisioned.model_validate_json(settings.paths.provisioned.read_text(encoding="utf-8"))


def keep_result(settings: MeshSettings, result: Provisioned) -> None:
    """Store the result for `load_provisioned`."""
    text = result.model_dump_json(indent=2) + "\n"
    settings.paths.provisioned.write_text(text, encoding="utf-8")


def describe(context: Context, identity: IdentityPool, seconds: float) -> Provisioned:
    """The result of a run that took so many seconds."""
    settings, names = context.settings, context.names
    return Provisioned(
        mode=settings.mode,
        environment=names.environment,
        region=names.region,
        account=names.account,
        emulator_url=settings.emulator_url,
        api_url=settings.api_url,
        api_id=API_ID,
        user_pool_id=identity.user_pool_id,
        client_id=identity.client_id,
        issuer=identity.issuer,
        event_bus=names.bus,
        archive=names.bus,
        images_bucket=names.images_bucket,
        tables={table: names.table(table) for table in _table_names(context.manifests)},
        functions=_functions(context),
        changes=tuple(str(change) for change in context.changes),
        seconds=round(seconds, 3),
    )


def _functions(context: Context) -> dict[str, ProvisionedFunction]:
    names, functions_by_key = context.names, {}
    for ref in context.manifests.functions:
        queue = names.function(ref) if ref.function.queue else None
        dead = names.dead_letter_queue(ref) if ref.function.queue else None
        functions_by_key[f"{ref.service.service}.{ref.name}"] = ProvisionedFunction(
            name=names.function(ref),
            trigger=ref.function.trigger,
            log_group=names.log_group(ref),
            queue=queue,
            queue_url=context.deployment.queue_url(queue) if queue else None,
            dead_letter_queue=dead,
            dead_letter_queue_url=context.deployment.queue_url(dead) if dead else None,
            invoke_url=_invoke_url(context, ref) if context.settings.mode is Mode.CONTAINERS else None,
        )
    return functions_by_key


def _invoke_url(context: Context, ref: FunctionRef) -> str:
    name = container_of(ref.service.service, has_routes=bool(ref.function.routes))
    settings = context.settings
    return f"http://{settings.host}:{management_port(settings, context.manifests, name)}"


def _table_names(manifests: Manifests) -> list[str]:
    return [table for service in manifests.services.values() for table in service.tables]
