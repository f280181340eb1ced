"""The services as containers would run them, here as plain processes: in place of Lambda functions and their mappings.

One process a service polls its queues and keeps its schedules; one, `web`, serves the routes of all. Each function is
handled with the variables and the role that Lambda would give it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from localmesh.config import MeshSettings
from localmesh.container_names import WEB, container_names, management_port
from localmesh.emulator.launch import OUTWARD
from localmesh.members import Member, answers, plain_environment
from manifests import Manifests, load_manifests
from workspace import REPOSITORY

if TYPE_CHECKING:
    from localmesh.provision.result import Provisioned

_DRAIN_S: Final = 30.0
_MORE_S: Final = 5.0


def containers_of(settings: MeshSettings, provisioned: Provisioned | None = None) -> tuple[Member, ...]:
    """The processes; without what was provisioned they can be found and ended, but not started."""
    manifests = load_manifests(REPOSITORY)
    environment = _environment(settings, provisioned) if provisioned is not None else {}
    return tuple(_member(settings, manifests, name, environment) for name in container_names(manifests))


def _member(
    settings: MeshSettings,
    manifests: Manifests,
    name: str,
    environment: dict[str, str],
) -> Member:
    port = management_port(settings, manifests, name)
    with_routes = sorted(
        key for key, one in manifests.services.items() if any(function.routes for function in one.functions.values())
    )
    services = with_routes if name == WEB else [name]
    variables = environment | {"MANAGEMENT_PORT": str(port)}

    def command() -> list[str]:
        return [
            sys.executable, "-m", "serving", WEB if name == WEB else "worker,schedule", *services,
            "--revision", _revision(manifests, services, variables),
        ]  # fmt: skip

    return Member(
        name=name,
        host=settings.host,
        port=port,
        port_setting="MESH_MANAGEMENT_PORT",
        command=command,
        prepare=lambda: None,
        environment=variables,
        is_ready=partial(answers, f"http://{settings.host}:{port}/healthz"),
        stop_signal=signal.SIGTERM,
        stop_grace_s=_DRAIN_S + _MORE_S,
    )


def _revision(manifests: Manifests, services: list[str], variables: dict[str, str]) -> str:
    """Changes with the code and with the settings, so that `mesh up` starts the process again."""
    from localmesh.provision.packages import build_package

    digest = hashlib.sha256(json.dumps(variables, sort_keys=True).encode())
    for service in services:
        digest.update(build_package(manifests.root, manifests.services[service]).content)
    return digest.hexdigest()[:12]


def _environment(settings: MeshSettings, provisioned: Provisioned) -> dict[str, str]:
    from localmesh.provision.place import deployment_of

    deployment = deployment_of(settings, REPOSITORY)
    database, build = deployment.database, deployment.build
    outward = any(provider.real for provider in settings.providers)
    proxies = {name: os.environ[name] for name in OUTWARD if outward and name in os.environ}
    # How the mesh is configured is no concern of what runs in it.
    plain = {name: value for name, value in plain_environment().items() if not name.startswith("MESH_")}
    return {
        **plain,
        **proxies,
        **deployment.extra,
        "TMPDIR": str(settings.paths.temporary),
        "ENVIRONMENT": settings.environment,
        "AWS_REGION": settings.region,
        "AWS_ACCOUNT_ID": settings.account,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ASSUME_FUNCTION_ROLES": str(settings.iam),
        "DATABASE_HOST": database.host,
        "DATABASE_PORT": str(database.port),
        "DATABASE_AUTH": database.auth,
        "DATABASE_SSLMODE": database.sslmode,
        "QUEUE_URL_BASE": deployment.queue_url_base,
        "JWT_ISSUER": provisioned.issuer,
        "JWT_AUDIENCE": provisioned.client_id,
        "JWKS_URL": settings.jwks_url(provisioned.user_pool_id),
        "MANIFESTS_ROOT": str(REPOSITORY),
        "HOST": settings.host,
        "PORT": str(settings.web_port),
        "INVOCATIONS": "true",
        "DRAIN_S": str(_DRAIN_S),
        "POLL_WAIT_S": "2",
        "IDLE_S": "120",
        "GIT_SHA": build.git_sha,
        "GIT_TAG": build.git_tag,
        "GIT_BRANCH": build.git_branch,
        "BUILD_TIMESTAMP": build.timestamp,
    }
