"""Reads the status of a mesh: its processes, and what runs in its emulator."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

import psutil

from localmesh.config import MeshSettings, Mode
from localmesh.container_names import container_names
from localmesh.containers import containers_of
from localmesh.emulator.disk import Disk
from localmesh.members import NAMES, Member, members_of
from localmesh.records import Deaths, Records
from localmesh.status import MeshStatus, ProcessDeath, ProcessStatus
from manifests import load_manifests
from workspace import REPOSITORY

_STOPPED: Final = "stopped"
_WINDOW: Final = timedelta(hours=1)


def read_status(settings: MeshSettings) -> MeshStatus:
    """The status of everything that answers now."""
    settings = settings.as_running()
    containers = containers_of(settings) if settings.mode is Mode.CONTAINERS else ()
    processes = tuple(_process(settings, member) for member in (*members_of(settings), *containers))
    answers = {process.name for process in processes if process.state == "running"}
    base = MeshStatus(
        state_dir=str(settings.state_dir),
        api_url=settings.api_url,
        processes=processes,
        deaths=read_deaths(settings),
        storage_fault=Disk(settings.state_dir).fault() if settings.state_dir.is_dir() else None,
    )
    if "postgres" in answers:
        base = base.model_copy(update={"parked": read_parked(settings.postgres_dsn(_database()))})
    if "emulator" not in answers:
        return base
    from localmesh import inventory  # boto3 takes a while, and is not needed for a mesh that is down

    clients = inventory.clients_of(settings)
    return base.model_copy(
        update={
            "functions": inventory.read_functions(clients, settings),
            "queues": inventory.read_queues(clients, settings),
            "errors": inventory.read_errors(clients, settings),
            "storage_fault": base.storage_fault or inventory.read_storage_fault(clients, settings),
        }
    )


def read_deaths(settings: MeshSettings) -> tuple[ProcessDeath, ...]:
    """Processes that died in the last hour, oldest first."""
    since = (datetime.now(UTC) - _WINDOW).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = [
        ProcessDeath(**asdict(death), log_file=str(settings.paths.log(name)))
        for name in (*NAMES, *container_names(load_manifests(REPOSITORY)))
        for death in Deaths(settings.paths.run).of(name)
        if death.time >= since
    ]
    return tuple(sorted(found, key=lambda death: death.time))


def read_parked(dsn: str) -> dict[str, int] | None:
    """How many events each service has parked, of those that have any; None when the database cannot be asked."""
    import psycopg  # takes a while too
    from psycopg import sql

    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=3) as connection:
            schemas = connection.execute(
                "SELECT table_schema FROM information_schema.columns"
                " WHERE table_name = 'outbox' AND column_name = 'parked_at' ORDER BY table_schema"
            ).fetchall()
            counting = [
                sql.SQL("SELECT {}, count(*) FROM {} WHERE parked_at IS NOT NULL HAVING count(*) > 0").format(
                    str(schema), sql.Identifier(str(schema), "outbox")
                )
                for (schema,) in schemas
            ]
            found = connection.execute(sql.SQL(" UNION ALL ").join(counting)).fetchall() if counting else []
    except psycopg.OperationalError:
        return None
    return dict(found)


def _database() -> str:
    return load_manifests(REPOSITORY).platform.database.name


def _process(settings: MeshSettings, member: Member) -> ProcessStatus:
    record = Records(settings.paths.run).read(member.name)
    process = record.ref.find() if record is not None else None
    kept = record is not None and record.keeper is not None and record.keeper.find() is not None
    if process is None:
        return ProcessStatus(name=member.name, state="restarting" if kept else _STOPPED, port=member.port)
    children = process.children(recursive=True)
    return ProcessStatus(
        name=member.name,
        state="running" if member.is_ready() else "silent",
        port=member.port,
        pid=process.pid,
        uptime_s=round(time.time() - process.create_time(), 1),
        memory_bytes=sum(map(_resident, [process, *children])),
        children=len(children),
        is_watched=kept,
    )


def _resident(process: psutil.Process) -> int:
    """Resident memory; where the system reports it (Linux), pages shared by several processes count in proportion."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    return 0
