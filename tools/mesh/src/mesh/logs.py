"""`mesh logs`: log lines of a service's functions, or of a process of the mesh."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from localmesh.config import MeshSettings, Mode
from localmesh.container_names import container_names
from localmesh.logs import CLOUDWATCH, EMULATOR, LogLine, function_lines, process_lines
from localmesh.members import NAMES
from manifests import load_manifests
from workspace import REPOSITORY, OperatorError

# Not imported from mesh.environments, which is slow to import.
LOCAL: Final = "local"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_S: Final = 3650 * 86400
_STYLES: Final = {"ERROR": "red", "CRITICAL": "red", "WARNING": "yellow"}
# On every line of the logger; noise for a reader.
_QUIET: Final = frozenset({
    "level", "message", "timestamp", "time", "service", "function", "location", "cold_start", "function_name",
    "function_memory_size", "function_arn", "function_request_id", "xray_trace_id", "exception", "stack_trace",
    "exception_name", "sampling_rate",
})  # fmt: skip


def show(
    source: str, *, environment: str = LOCAL, function: str | None, since: str, follow: bool, as_json: bool
) -> None:
    """Print the lines. Raises OperatorError for a source that has never logged; the message names those that have."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if source in (*NAMES, *_containers(environment)):
        if environment != LOCAL:
            raise OperatorError(f"{source} is a process of the local mesh; {environment} does not have one")
        for text in process_lines(MeshSettings().paths.log(source), follow=follow):
            if source in NAMES:
                typer.echo(json.dumps({"process": source, "message": text}) if as_json else text)
            elif as_json:
                typer.echo(text)
            elif not (line := _of_container(source, text)).is_metric:
                console.print(render(line))
        return
    for line in _lines(source, environment, function, parse_duration(since), follow=follow):
        if as_json:
            if not line.is_platform:
                typer.echo(json.dumps(line.as_json(), ensure_ascii=False))
        elif not line.is_platform and not line.is_metric:
            console.print(render(line))


def _containers(environment: str) -> tuple[str, ...]:
    """The processes that run the services of the local mesh, where it is not Lambda."""
    settings = MeshSettings()
    if environment != LOCAL or settings.as_running().mode is not Mode.CONTAINERS:
        return ()
    return container_names(load_manifests(REPOSITORY))


def _of_container(name: str, text: str) -> LogLine:
    """A line of a container, which logs as its handlers do: one JSON object each."""
    try:
        time = datetime.fromisoformat(json.loads(text)["timestamp"])
    except (ValueError, KeyError, TypeError):
        time = datetime.now(UTC)  # what is not from a logger, such as the traceback of a crash
    return LogLine(time, name, text)


def _lines(
    service: str, environment: str, function: str | None, since: timedelta, *, follow: bool
) -> Iterator[LogLine]:
    if environment == LOCAL:  # from its settings, because it may be up and not provisioned
        from localmesh.inventory import clients_of, prefix_of

        settings = MeshSettings()
        return function_lines(
            clients_of(settings).logs, prefix_of(settings), service, function=function, since=since, follow=follow
        )
    from mesh.environments import open_environment

    opened = open_environment(environment)
    return function_lines(
        opened.client("logs"),
        opened.names.prefix,
        service,
        function=function,
        since=since,
        follow=follow,
        pace=EMULATOR if opened.endpoint_url else CLOUDWATCH,
    )


def parse_duration(text: str) -> timedelta:
    """Parse `30s`, `10m`, `2h` or `1d`, at most ten years. Raises OperatorError for anything else."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if match is None:
        raise OperatorError(f"{text} is not a duration; write it like 30s, 10m, 2h or 1d")
    return timedelta(seconds=min(int(match[1]) * _UNITS[match[2]], _LONGEST_S))


def render(line: LogLine) -> Text:
    """One line for display: time, function, level when it is not INFO, message, and the other fields."""
    at = line.time.astimezone().strftime("%H:%M:%S.%f")[:-3]
    head = Text.assemble((at, "dim"), " ", (line.function, "cyan"), " ")
    entry = line.as_json()
    if "level" not in entry:
        return head.append(str(entry.get("message", line.message)))
    level = str(entry["level"])
    if level != "INFO":
        head.append(f"{level} ", style=_STYLES.get(level, ""))
    message = entry.get("message")
    head.append(
        message if isinstance(message, str) else json.dumps(message, ensure_ascii=False), style=_STYLES.get(level, "")
    )
    for name, value in entry.items():
        if name not in _QUIET:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            head.append(f" {name}={shown}", style="dim")
    if "exception" in entry:
        head.append(f"\n{entry['exception']}", style="red")
    return head
