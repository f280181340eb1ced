"""Looks for texts in everything that a running mesh keeps: every table, object, item, message, log and file.

What a backup or the archive of the bus holds is not looked at: these end by themselves (docs/forgetting.md).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from testkit.operator import RunningMesh

#: Folders and files of the mesh's state that are not read: deleted rows stay in pages of Postgres until it reuses them,
#: and the emulator writes the archive of the bus beside its rules.
_SKIPPED = ("postgres", "eventbridge")


def places(mesh: RunningMesh, needles: Sequence[str], *, since: datetime) -> set[str]:
    """Where any of the texts occurs; logs from that time on."""
    return {
        *_tables(mesh, needles),
        *_objects(mesh, needles),
        *_items(mesh, needles),
        *_messages(mesh, needles),
        *_logs(mesh, needles, since),
        *_files(mesh, needles),
    }


def _tables(mesh: RunningMesh, needles: Sequence[str]) -> Iterator[str]:
    tables = mesh.rows(
        """
        SELECT table_schema AS schema, table_name AS name FROM information_schema.tables
        WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
        """
    )
    statement = "SELECT 1 FROM {} AS t WHERE to_jsonb(t)::text LIKE ANY(%s) LIMIT 1"
    for table in tables:
        name = sql.Identifier(table["schema"], table["name"])
        if mesh.rows(sql.SQL(statement).format(name), [f"%{needle}%" for needle in needles]):
            yield f"table {table['schema']}.{table['name']}"


def _objects(mesh: RunningMesh, needles: Sequence[str]) -> Iterator[str]:
    s3, bucket = mesh.aws("s3"), mesh.provisioned.images_bucket
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
            if any(needle in version["Key"] for needle in needles):
                yield f"object {version['Key']}"


def _items(mesh: RunningMesh, needles: Sequence[str]) -> Iterator[str]:
    dynamodb = mesh.aws("dynamodb")
    for name in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=name):
            if any(needle in str(item) for item in page["Items"] for needle in needles):
                yield f"items of {name}"


def _messages(mesh: RunningMesh, needles: Sequence[str]) -> Iterator[str]:
    sqs = mesh.aws("sqs")
    for function in mesh.provisioned.functions.values():
        for url in (function.queue_url, function.dead_letter_queue_url):
            if url is None:
                continue
            page = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
            if any(needle in message["Body"] for message in page.get("Messages", ()) for needle in needles):
                yield f"queue {url.rpartition('/')[2]}"


def _logs(mesh: RunningMesh, needles: Sequence[str], since: datetime) -> Iterator[str]:
    logs = mesh.aws("logs")
    for group in [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]:
        lines = logs.filter_log_events(logGroupName=group, startTime=int(since.timestamp() * 1000))["events"]
        if any(needle in line["message"] for line in lines for needle in needles):
            yield f"log {group}"


def _files(mesh: RunningMesh, needles: Sequence[str]) -> Iterator[str]:
    wanted = [form.encode() for needle in needles for form in {needle, json.dumps(needle)[1:-1]}]
    root = Path(mesh.settings.state_dir)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(_SKIPPED)]
        for path in (Path(folder, name) for name in names if not name.startswith(_SKIPPED)):
            if any(needle in str(path.relative_to(root)) for needle in needles) or _holds(path, wanted):
                yield f"file {path.relative_to(root)}"


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    try:
        content = path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:  # replaced meanwhile
        return False
    return any(needle in content for needle in wanted)
