"""A mesh as a whole: up, down, reset.

Progress is reported in lines of plain text. Errors are those of `localmesh.errors` and, from provisioning, its own.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from localmesh import hostmode
from localmesh.config import Backend, MeshSettings, Mode
from localmesh.errors import LocalMeshError
from localmesh.lock import mesh_lock
from localmesh.members import members_of
from localmesh.paths import StatePaths
from localmesh.preflight import check_machine
from localmesh.supervisor import Started, Supervisor

if TYPE_CHECKING:
    from localmesh.provision import Provisioned

Report = Callable[[str], None]
# Proof that a folder is ours to empty.
_MARK: Final = "CACHEDIR.TAG"
_MARK_TEXT: Final = (
    "Signature: 8a477f597d28d172789f06886806bc55\n# State of a local Collections mesh; `mesh reset` empties it.\n"
)
# Unpacked from packages and never different: not worth unpacking again.
_SURVIVES_RESET: Final = frozenset({"models", _MARK})


@dataclass(frozen=True, slots=True)
class Up:
    """A running mesh: its processes, what was provisioned (None when that was left out), and how long it took."""

    started: tuple[Started, ...]
    provisioned: Provisioned | None
    seconds: float


def up(settings: MeshSettings, report: Report, detail: Report | None = None, *, with_provisioning: bool = True) -> Up:
    """Start the processes and provision them; idempotent.

    `detail` gets a line for each resource that provisioning creates. When a process does not start, those that this
    call started are ended again; when provisioning fails they stay, and the next call continues from there.
    """
    begun = time.monotonic()
    check_machine(settings)
    if settings.backend is Backend.LOCALSTACK:
        hostmode.install(report)
    paths = make_state(settings)
    with mesh_lock(paths.run / "lock", report):
        started, provisioned = _start(settings, paths, report, detail or (lambda _: None), with_provisioning)
        if any(one.seconds is not None for one in started) or (provisioned is not None and provisioned.changes):
            paths.ready.touch()
    return Up(started, provisioned, time.monotonic() - begun)


def _start(
    settings: MeshSettings, paths: StatePaths, report: Report, detail: Report, with_provisioning: bool
) -> tuple[tuple[Started, ...], Provisioned | None]:
    """Provisioning needs the database and the emulator only: it goes on while the AI models are still loading."""
    supervisor = Supervisor(paths, report)
    members = members_of(settings)
    supervisor.check_ports(members)
    slow = [member for member in members if member.name == "providers"]
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(supervisor.start, slow)
        try:
            started = supervisor.start([member for member in members if member not in slow])
        except LocalMeshError:
            if loading.exception() is None:
                supervisor.undo(loading.result())
            raise
        if settings.mode is Mode.LAMBDA:
            _stop_containers(settings, supervisor)  # both would poll the same queues
        provisioned = _provision(settings, report, detail) if with_provisioning else None
        try:
            started = (*started, *loading.result())
        except LocalMeshError:
            supervisor.undo(started)
            raise
    if provisioned is not None and settings.mode is Mode.CONTAINERS:
        from localmesh.containers import containers_of

        started = (*started, *supervisor.start(containers_of(settings, provisioned)))
    return started, provisioned


def _stop_containers(settings: MeshSettings, supervisor: Supervisor) -> bool:
    from localmesh.containers import containers_of  # with what provisioning needs, which takes a while

    if not any(settings.paths.run.glob("*.json")):
        return False
    return supervisor.stop(containers_of(settings))


def down(settings: MeshSettings, report: Report) -> bool:
    """End the processes; the state stays. Returns whether anything ran."""
    if not settings.paths.run.is_dir():
        return False
    with mesh_lock(settings.paths.run / "lock", report):
        supervisor = Supervisor(settings.paths, report)
        # They finish what they handle, for which they need the others.
        had_containers = _stop_containers(settings, supervisor)
        return supervisor.stop(members_of(settings, all_of_them=True)) or had_containers


def reset(settings: MeshSettings, report: Report) -> None:
    """End the processes and delete everything that the mesh keeps."""
    root = settings.paths.root
    if not root.exists():
        return
    if not (root / _MARK).is_file():
        raise LocalMeshError(f"{root} was not created by a mesh (no {_MARK} in it), so it is not emptied")
    down(settings, report)
    for path in root.iterdir():
        if path.name not in _SURVIVES_RESET:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def make_state(settings: MeshSettings) -> StatePaths:
    """The folders of this mesh, created and marked."""
    paths = settings.paths
    paths.make()
    made_by = paths.backend
    if made_by is None:
        (paths.root / "backend").write_text(settings.backend, encoding="ascii")
    elif made_by != settings.backend:
        raise LocalMeshError(
            f"{paths.root} is the state of a mesh on {made_by}: set MESH_STATE_DIR to another folder,"
            " or `make reset` first"
        )
    mark = paths.root / _MARK
    if not mark.exists():
        mark.write_text(_MARK_TEXT, encoding="ascii")
    return paths


def _provision(settings: MeshSettings, report: Report, detail: Report) -> Provisioned:
    report("provisioning database, functions, queues, rules and API from the manifests")
    from localmesh.provision import provision  # boto3 and psycopg take a while: not before the servers have started

    result = provision(settings, detail)
    report(f"provisioned after {result.seconds:.1f} s: {len(result.changes) or 'no'} changes")
    return result
