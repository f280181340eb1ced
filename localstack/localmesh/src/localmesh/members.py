"""The processes of a mesh: how each is started, its readiness check, and the signal that ends it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from localmesh import emulator, hostmode
from localmesh.config import Backend, MeshSettings
from localmesh.emulator.launch import environment as emulator_environment
from localmesh.postgres import Postgres

NAMES: Final = ("postgres", "emulator", "companion", "providers")
_KEEP_CODE_S: Final = 7 * 24 * 3600
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Member:
    """One process: `prepare` does what is needed before each start, `command` is what is then executed."""

    name: str
    host: str
    port: int
    port_setting: str
    command: Callable[[], list[str]]
    prepare: Callable[[], None]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals
    stop_grace_s: float
    start_timeout_s: float = 90.0


def members_of(settings: MeshSettings, *, all_of_them: bool = False) -> tuple[Member, ...]:
    """The processes that these settings ask for; the provider emulator only while some provider is emulated."""
    emulated = any(provider.environment for provider in settings.providers)
    providers = (_providers(settings),) if emulated or all_of_them else ()
    needs = (settings.postgres_port, *((settings.providers_port,) if emulated else ()))
    if settings.backend is Backend.LOCALSTACK:
        return (_postgres(settings), _localstack(settings), _companion(settings), *providers)
    return (_postgres(settings), _emulator(settings, needs), *providers)


def plain_environment() -> dict[str, str]:
    """Nothing of the developer's shell but where programs are and how this mesh is configured."""
    mesh = {name: value for name, value in os.environ.items() if name.startswith("MESH_")}
    plain = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8"}
    return {**mesh, **plain, "TZ": "UTC", "PYTHONUNBUFFERED": "1"}


def answers(url: str) -> bool:
    """Whether something answers there now, and not with an error of its own."""
    try:
        with _direct.open(url, timeout=2):
            return True
    except HTTPError as answer:
        return answer.code < 500
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException):
        return False


def _postgres(settings: MeshSettings) -> Member:
    server = Postgres(settings.paths.postgres, settings.postgres_port, host=settings.host)

    return Member(
        name="postgres",
        host=settings.host,
        port=settings.postgres_port,
        port_setting="MESH_POSTGRES_PORT",
        command=server.command,
        prepare=server.prepare,
        environment=plain_environment(),
        is_ready=server.is_ready,
        stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back, sessions ended
        stop_grace_s=15.0,
    )


def _emulator(settings: MeshSettings, needs: tuple[int, ...]) -> Member:
    return _ministack(settings, "emulator", settings.emulator_port, iam=settings.iam, needs=needs)


def _companion(settings: MeshSettings) -> Member:
    """LocalStack has signed what it hands on, with credentials that only it knows: policies cannot be enforced."""
    return _ministack(settings, "companion", settings.companion_port, functions_url=settings.emulator_url)


def _ministack(
    settings: MeshSettings,
    name: str,
    port: int,
    *,
    iam: bool = False,
    needs: tuple[int, ...] = (),
    functions_url: str = "",
) -> Member:
    paths = settings.paths
    options = emulator.EmulatorOptions(
        port=port,
        state_dir=paths.emulator,
        objects_dir=paths.objects,
        temporary_dir=paths.temporary,
        host=settings.host,
        region=settings.region,
        iam=iam,
        outward=_is_outward(settings),
        needs=needs,
        functions_url=functions_url,
    )

    return Member(
        name=name,
        host=settings.host,
        port=port,
        port_setting=f"MESH_{name.upper()}_PORT",
        command=lambda: emulator.command(options),
        prepare=lambda: _clear_temporary(paths.temporary),
        environment=emulator_environment(options, os.environ),
        is_ready=partial(emulator.is_ready, options.url),
        stop_signal=signal.SIGTERM,
        stop_grace_s=25.0,  # it writes its state
    )


def _localstack(settings: MeshSettings) -> Member:
    options = hostmode.HostModeOptions(
        port=settings.emulator_port,
        folder=settings.paths.localstack,
        companion_url=settings.companion_url,
        host=settings.host,
        region=settings.region,
        outward=_is_outward(settings),
    )
    return Member(
        name="emulator",
        host=settings.host,
        port=settings.emulator_port,
        port_setting="MESH_EMULATOR_PORT",
        command=hostmode.command,
        prepare=lambda: _clear_temporary(options.folder),
        environment=hostmode.environment(options, os.environ),
        is_ready=partial(hostmode.is_ready, settings.emulator_url),
        # Asked to end, it takes up to twenty seconds for threads of its own; it keeps nothing that could be lost.
        stop_signal=signal.SIGKILL,
        stop_grace_s=5.0,
    )


def _is_outward(settings: MeshSettings) -> bool:
    return any(provider.real for provider in settings.providers)


def _providers(settings: MeshSettings) -> Member:
    command = [
        sys.executable, "-m", "provider_emulator",
        "--host", settings.host, "--port", str(settings.providers_port), "--models-dir", str(settings.paths.models),
    ]  # fmt: skip
    return Member(
        name="providers",
        host=settings.host,
        port=settings.providers_port,
        port_setting="MESH_PROVIDERS_PORT",
        command=lambda: command,
        prepare=lambda: None,
        environment=plain_environment(),
        is_ready=partial(answers, f"{settings.providers_url}/_health"),
        stop_signal=signal.SIGTERM,
        stop_grace_s=10.0,
    )


def _clear_temporary(folder: Path) -> None:
    """Delete what workers of a killed emulator left, and code packages that were not built for a week."""
    code = folder / "code"
    for path in folder.iterdir():
        if path != code:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for package in code.iterdir() if code.is_dir() else ():
        if time.time() - package.stat().st_mtime > _KEEP_CODE_S or package.suffix == ".new":
            shutil.rmtree(package)
