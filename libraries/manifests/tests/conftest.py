"""A workspace of two services in a temporary folder; each test breaks it in one place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

PLATFORM = """
runtime: python3.13
architecture: arm64
bus: {archive_days: 7}
images: {cors_origins: ["*"], prefixes: [images, renditions]}
api:
  cors_origins: ["*"]
  cors_headers: [authorization]
  cors_exposed_headers: [location]
  throttling: {rate: 10, burst: 20}
identity: {password: {minimum_length: 10}, tokens: {access_minutes: 60, id_minutes: 60, refresh_days: 30}}
database: {name: collections}
logs: {retention_days: 7}
"""
TALKER = """
service: talker
summary: Publishes things.
database: true
publishes: [collections.talker.thing-added.v1]
functions:
  http:
    handler: talker.handler.http
    timeout_s: 29
    publish: true
    images: {read: ["*/images/*"], write: ["*/images/*", "*/renditions/*"], delete: ["*/renditions/*"], list: true}
    tables: {notes: [read, write]}
    secrets: [voyage-api-key]
    configuration: {GREETING: hello}
    routes:
      - {method: POST, path: "/things/{id}"}
      - {method: GET, path: /open, auth: none}
  relay:
    handler: talker.handler.relay
    schedule: rate(1 minute)
    publish: true
    tracing: true
tables:
  notes: {kind: projection, partition_key: pk, sort_key: sk, indexes: {by_time: {partition_key: who, sort_key: at}}}
"""
LISTENER = """
service: listener
summary: Consumes things.
consumes:
  - {event: collections.talker.thing-added.v1, function: events}
  - aws_event: {source: aws.s3, detail_type: Object Created, bucket: images, key: "*/images/*"}
    function: events
functions:
  events:
    handler: listener.handler.on_events
    timeout_s: 20
    queue: {batch_size: 3, max_concurrency: 2, max_receives: 4}
"""
FILES = {
    "platform": "services/platform.yaml",
    "talker": "services/talker/service.yaml",
    "listener": "services/listener/service.yaml",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A valid workspace."""
    for name, text in (("platform", PLATFORM), ("talker", TALKER), ("listener", LISTENER)):
        file = tmp_path / FILES[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def change(root: Path) -> Callable[[str, str, object], None]:
    """Set a value at a dotted path in a manifest (`talker`, `functions.http.timeout_s`, 30)."""

    def apply(name: str, path: str, value: object) -> None:
        file = root / FILES[name]
        document: Any = yaml.safe_load(file.read_text())
        target = document
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        if isinstance(target, list):
            target[int(last)] = value
        else:
            target[last] = value
        file.write_text(yaml.safe_dump(document))

    return apply
