"""What exists in the emulator: functions, queues and errors in logs, read through the AWS APIs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError

from localmesh.aws import open_session
from localmesh.config import MeshSettings, Mode
from localmesh.container_names import container_names
from localmesh.members import NAMES
from localmesh.processes import tail
from localmesh.status import ErrorLine, FunctionStatus, QueueStatus
from manifests import Names, load_manifests
from workspace import REPOSITORY

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

WINDOW: Final = timedelta(hours=1)
_MOST_ERRORS: Final = 10
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_SEVERE: Final = ("ERROR", "CRITICAL")
# `2026-11-22 22:12:44 ERROR [sqs] …`, `2026-11-22 22:12:44.123 UTC [12] FATAL:  …`, `ERROR:    …`
_LOG_LINE: Final = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)?\S*.*?\b(?P<level>ERROR|CRITICAL|FATAL|PANIC)\b:?\s*(?P<message>.*)$"
)


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients that the inventory needs."""

    lambdas: LambdaClient
    s3: S3Client
    sqs: SQSClient
    logs: CloudWatchLogsClient
    cloudwatch: Any  # the development stubs leave CloudWatch out


def clients_of(settings: MeshSettings) -> Clients:
    """Clients with the emulator's root credentials, that give up soon."""
    session = open_session(settings.emulator_url, settings.region)
    config = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 2}, max_pool_connections=8)
    return Clients(
        session.client("lambda", config=config),
        session.client("s3", config=config),
        session.client("sqs", config=config),
        session.client("logs", config=config),
        session.client("cloudwatch", config=config),
    )


def prefix_of(settings: MeshSettings) -> str:
    """What every name in this mesh starts with."""
    return f"collections-{settings.environment}-"


def read_functions(clients: Clients, settings: MeshSettings) -> tuple[FunctionStatus, ...]:
    """The functions of this mesh by name, with their counts of the last hour."""
    found = [
        function
        for page in clients.lambdas.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith(prefix_of(settings))
    ]
    names = sorted(function["FunctionName"] for function in found)
    counts = {metric: _sums(clients, metric, names) for metric in ("Invocations", "Errors")}
    by_name = {function["FunctionName"]: function for function in found}
    return tuple(
        FunctionStatus(
            name=name,
            short_name=name.removeprefix(prefix_of(settings)),
            state=by_name[name].get("State", "Active"),
            last_modified=by_name[name]["LastModified"],
            invocations=counts["Invocations"].get(name),
            errors=counts["Errors"].get(name),
        )
        for name in names
    )


def _sums(clients: Clients, metric: str, functions: list[str]) -> dict[str, int]:
    if not functions:
        return {}
    now = datetime.now(UTC)
    answer = clients.cloudwatch.get_metric_data(
        StartTime=now - WINDOW,
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {
                "Id": f"f{number}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": metric,
                        "Dimensions": [{"Name": "FunctionName", "Value": name}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for number, name in enumerate(functions)
        ],
    )
    return {functions[int(row["Id"][1:])]: int(sum(row["Values"])) for row in answer["MetricDataResults"]}


def read_queues(clients: Clients, settings: MeshSettings) -> tuple[QueueStatus, ...]:
    """The queues of this mesh by name, each with its dead letters; schedules have a dead-letter queue alone."""
    urls = [
        url
        for page in clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix_of(settings))
        for url in page.get("QueueUrls", [])
    ]
    with ThreadPoolExecutor(8) as pool:
        depths = pool.map(lambda url: _depth(clients, url), urls)
        counts = {url.rsplit("/", 1)[1]: depth for url, depth in zip(urls, depths, strict=True)}
    nothing = (0, 0, 0)
    return tuple(
        QueueStatus(
            name=name,
            short_name=name.removeprefix(prefix_of(settings)),
            waiting=counts.get(name, nothing)[0],
            in_flight=counts.get(name, nothing)[1],
            delayed=counts.get(name, nothing)[2],
            dead_letters=sum(counts.get(f"{name}-dlq", nothing)),
        )
        for name in sorted({name.removesuffix("-dlq") for name in counts})
    )


def _depth(clients: Clients, url: str) -> tuple[int, int, int]:
    counted = clients.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return (
        int(counted["ApproximateNumberOfMessages"]),
        int(counted["ApproximateNumberOfMessagesNotVisible"]),
        int(counted["ApproximateNumberOfMessagesDelayed"]),
    )


def read_storage_fault(clients: Clients, settings: MeshSettings) -> str | None:
    """Why S3 stores nothing; it says so about an object that does not exist."""
    bucket = Names(settings.environment, settings.region, settings.account).images_bucket
    try:
        clients.s3.get_object(Bucket=bucket, Key="health/images/none")
    except ClientError as error:
        return error.response["Error"]["Message"] if error.response["Error"]["Code"] == "ServiceUnavailable" else None
    return None


def read_errors(clients: Clients, settings: MeshSettings) -> tuple[ErrorLine, ...]:
    """The most recent errors: of functions in the last hour, of processes since they were ready; newest last."""
    ready = settings.paths.ready
    since = datetime.fromtimestamp(ready.stat().st_mtime, UTC).strftime(_TIME) if ready.exists() else ""
    groups = [
        group["logGroupName"]
        for page in clients.logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"/aws/lambda/{prefix_of(settings)}"
        )
        for group in page["logGroups"]
    ]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda group: _function_errors(clients, group), groups)
        of_functions = [line for lines in found for line in lines]
    of_processes = [line for name in NAMES for line in process_errors(name, settings.paths.log(name), since)]
    of_processes += [
        line for name in _containers(settings) for line in container_errors(name, settings.paths.log(name))
    ]
    newest = sorted([*of_functions, *of_processes], key=lambda line: line.time)
    return tuple(newest[-_MOST_ERRORS:])


def _containers(settings: MeshSettings) -> tuple[str, ...]:
    return container_names(load_manifests(REPOSITORY)) if settings.mode is Mode.CONTAINERS else ()


def container_errors(name: str, log: Path) -> list[ErrorLine]:
    """Errors among the last lines that a container has logged, its handlers' and its own."""
    found = (function_error(name, line) for line in tail(log, 400).splitlines())
    return [error for error in found if error is not None][-_MOST_ERRORS:]


def _function_errors(clients: Clients, group: str) -> list[ErrorLine]:
    since = int((datetime.now(UTC) - WINDOW).timestamp() * 1000)
    pages = clients.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=since, filterPattern="?ERROR ?CRITICAL ?errorMessage"
    )
    found = (error for page in pages for event in page["events"] if (error := function_error(group, event["message"])))
    return list(found)[-_MOST_ERRORS:]


def function_error(group: str, message: str) -> ErrorLine | None:
    """The error that a line of a function's log reports; None for other lines."""
    try:
        entry = json.loads(message)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("level") not in _SEVERE:
        return None
    text = entry.get("message")
    reason = entry.get("exception", "") and str(entry["exception"]).strip().splitlines()[-1]
    summary = text if isinstance(text, str) else json.dumps(text)
    return ErrorLine(
        time=str(entry.get("timestamp", "")),
        source=group.removeprefix("/aws/lambda/"),
        message=f"{summary}: {reason}" if reason else summary,
    )


# What a server logs as fatal though nothing failed.
_USUAL: Final = ("terminating connection due to idle-session timeout",)


def process_errors(name: str, log: Path, since: str = "") -> list[ErrorLine]:
    """Errors among the last lines of a process' log, from `since` (UTC, `_TIME`) on; lines without a time count."""
    return [line for line in _matching(name, tail(log, 400).splitlines()) if line.time >= since or not line.time][
        -_MOST_ERRORS:
    ]


def _matching(name: str, lines: Iterable[str]) -> Iterator[ErrorLine]:
    last = ""
    for line in lines:
        if (found := re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line)) is not None:
            last = found[0].replace(" ", "T") + "Z"
        if (match := _LOG_LINE.match(line)) and not match["message"].startswith(_USUAL):
            yield ErrorLine(time=last, source=name, message=match["message"][:300])
