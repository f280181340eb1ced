"""Log lines of functions (from CloudWatch Logs, AWS's or the emulator's) and of processes (from their files)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from localmesh.errors import LocalMeshError

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_POLL_S: Final = 0.7
_PLATFORM: Final = (
    "START RequestId:", "END RequestId:", "REPORT RequestId:", "INIT_START ", "INIT_REPORT ", "XRAY TraceId:",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask for new lines, and how far to look back each time for those that come late."""

    poll_s: float
    overlap: timedelta


#: It gives all lines of an invocation the time of its end, and writes them a little later.
EMULATOR: Final = Pace(_POLL_S, timedelta(seconds=10))
#: CloudWatch takes in lines late, and few requests a second.
CLOUDWATCH: Final = Pace(2, timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a function: `function` without the mesh's prefix, e.g. `imaging-events`."""

    time: datetime
    function: str
    message: str

    @property
    def is_platform(self) -> bool:
        """Whether the platform wrote it rather than the function."""
        return self.message.startswith(_PLATFORM)

    @property
    def is_metric(self) -> bool:
        """Whether it is a measurement in CloudWatch's embedded format, which is not meant for readers of the log."""
        return '"CloudWatchMetrics"' in self.message

    def as_json(self) -> dict[str, object]:
        """The line as an object: what the function logged, or its text, with time and function."""
        try:
            logged = json.loads(self.message)
        except ValueError:
            logged = None
        body = logged if isinstance(logged, dict) else {"message": self.message}
        return {"time": self.time.isoformat(), "function": self.function, **body}


def function_lines(
    logs: CloudWatchLogsClient,
    prefix: str,
    service: str,
    *,
    function: str | None = None,
    since: timedelta,
    follow: bool = False,
    pace: Pace = EMULATOR,
) -> Iterator[LogLine]:
    """The lines of a service's functions in order of time; with `follow` it never ends. `prefix` is what the names of
    functions start with.

    `LocalMeshError` when there is no such service or function.
    """
    start = datetime.now(UTC) - since
    groups = _groups(logs, prefix, service, function)
    seen: set[str] = set()
    while True:
        batch: list[tuple[str, LogLine]] = []
        asked = datetime.now(UTC)
        for group in groups:
            batch += _read(logs, prefix, group, start)
        fresh = [(key, line) for key, line in sorted(batch, key=lambda pair: pair[1].time) if key not in seen]
        seen = {key for key, _ in batch}
        yield from (line for _, line in fresh)
        if not follow:
            return
        start = max(start, asked - pace.overlap)
        time.sleep(pace.poll_s)


def _groups(logs: CloudWatchLogsClient, prefix: str, service: str, function: str | None) -> Sequence[str]:
    start = f"/aws/lambda/{prefix}"
    wanted = f"{start}{service}-{function}" if function else f"{start}{service}-"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=start)
    known = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    found = [name for name in known if (name == wanted if function else name.startswith(wanted))]
    if not found:
        names = sorted({name.removeprefix(start).rpartition("-")[0] for name in known})
        what = f"{service} {function}" if function else service
        raise LocalMeshError(f"{what} has no log; there are: {', '.join(names) or 'none'}")
    return found


def _read(logs: CloudWatchLogsClient, prefix: str, group: str, start: datetime) -> Iterator[tuple[str, LogLine]]:
    name = group.removeprefix(f"/aws/lambda/{prefix}")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=int(start.timestamp() * 1000)
    )
    for page in pages:
        for place, event in enumerate(page["events"]):
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            key = event.get("eventId") or f"{event.get('logStreamName')}/{event['timestamp']}/{place}"
            yield key, LogLine(at, name, event["message"].rstrip("\n"))


def process_lines(log: Path, *, lines: int = 200, follow: bool = False) -> Iterator[str]:
    """The last lines of a process' log; with `follow` what is added, also after the log was rotated."""
    if not log.exists():
        raise LocalMeshError(f"{log} does not exist: this process has not run yet")
    with log.open(encoding="utf-8", errors="replace") as file:
        yield from file.read().splitlines()[-lines:]
        inode = log.stat().st_ino
        while follow:
            text = file.readline()
            if text:
                yield text.rstrip("\n")
            elif log.exists() and log.stat().st_ino != inode:
                yield from process_lines(log, lines=lines, follow=True)
                return
            else:
                time.sleep(_POLL_S)
