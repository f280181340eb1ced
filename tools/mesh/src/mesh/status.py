"""`mesh status`: as tables, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from rich.console import Console
from rich.table import Table

from localmesh.config import MeshSettings
from localmesh.inspection import read_status
from localmesh.status import MeshStatus
from mesh.run import NOT_UP


def show(*, as_json: bool) -> None:
    """Print the status; exit code 3 when a process is not running or does not answer."""
    status = read_status(MeshSettings())
    if as_json:
        typer.echo(status.model_dump_json(indent=2))
    else:
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 160  # output to a pipe is not cut to a width
        _print(status, console)
    if not status.is_up:
        raise typer.Exit(NOT_UP)


def _print(status: MeshStatus, console: Console) -> None:
    console.print(f"Mesh in {status.state_dir}: {status.api_url}", markup=False, soft_wrap=True)
    if status.storage_fault:
        console.print(f"nothing can be stored: {status.storage_fault}; make room, it goes on by itself", style="red")
    console.print(_processes(status))
    for text in advice(status):
        console.print(text, style="red", markup=False, soft_wrap=True)
    if status.functions is not None:
        console.print(_functions(status))
    if status.queues is not None:
        console.print(_queues(status))
    if any(queue.dead_letters for queue in status.queues or ()):
        console.print(
            "dead letters: `mesh dlq list` says why, `mesh dlq redrive` sends them back", style="red", markup=False
        )
    if text := parked(status):
        console.print(text, style="red", markup=False, soft_wrap=True)
    if status.functions is not None and not status.errors:
        console.print("no errors in the logs of the last hour")
    for line in status.errors:
        console.print(f"{line.time} {line.source}: {line.message}", style="red", markup=False, soft_wrap=True)


def advice(status: MeshStatus) -> Iterator[str]:
    """What died in the last hour, when, why, and what to do about what does not run."""
    for death in status.deaths:
        then = (
            f"started again after {death.delay_s:g} s"
            if death.delay_s is not None
            else "not started again, because it died too often"
        )
        yield f"{death.time} {death.name} died after {duration(death.lived_s)}: {death.reason}; {then}"
    last = {death.name: death for death in status.deaths}
    for process in status.processes:
        if process.state == "stopped" and process.name in last:
            yield f"the end of {last[process.name].log_file}:"
            yield from (f"  {line}" for line in last[process.name].log)
        if process.state == "stopped":
            yield f"{process.name} does not run: `make up` starts it"
        elif process.state == "silent":
            yield f"{process.name} runs and does not answer: if it stays so, `make up` starts it again"
        elif process.state == "running" and not process.is_watched:
            yield (
                f"nothing watches {process.name}, whose keeper was killed: if it dies, it stays dead; if this line"
                " stays, `make up` puts it right (and starts it again)"
            )


def parked(status: MeshStatus) -> str:
    """How many events the bus has refused, and what to do about them; empty where there are none."""
    if status.parked is None:
        return "parked events: unknown, the database cannot be asked" if status.functions else ""
    counts = ", ".join(f"{count} of {service}" for service, count in status.parked.items())
    return counts and f"parked events, which the bus has refused: {counts}; `mesh outbox list` says why"


def _processes(status: MeshStatus) -> Table:
    table = _table("process", "state", "port", "pid", "up", "children", "memory")
    for process in status.processes:
        memory = "" if process.memory_bytes is None else f"{process.memory_bytes / 1e6:.0f} MB"
        up = "" if process.uptime_s is None else duration(process.uptime_s)
        style = None if process.state == "running" else "red"
        pid = "" if process.pid is None else str(process.pid)
        table.add_row(
            process.name, process.state, str(process.port), pid, up, str(process.children), memory, style=style
        )
    return table


def _functions(status: MeshStatus) -> Table:
    table = _table("function", "state", "changed", "calls 1 h", "errors 1 h")
    for function in status.functions or ():
        style = "red" if function.errors or function.state != "Active" else None
        changed = function.last_modified[:19].replace("T", " ")
        counts = [_or_dash(function.invocations), _or_dash(function.errors)]
        table.add_row(function.short_name, function.state, changed, *counts, style=style)
    return table


def _queues(status: MeshStatus) -> Table:
    table = _table("queue", "waiting", "in flight", "delayed", "dead letters")
    for queue in status.queues or ():
        style = "red" if queue.dead_letters else None
        numbers = [queue.waiting, queue.in_flight, queue.delayed, queue.dead_letters]
        table.add_row(queue.short_name, *map(str, numbers), style=style)
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="left" if name in {"state", "changed"} else "right", no_wrap=True)
    return table


def _or_dash(count: int | None) -> str:
    return "-" if count is None else str(count)


def duration(seconds: float) -> str:
    """`42 s`, `5 min`, `3 h 20 min`, `2 d 4 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86400
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
