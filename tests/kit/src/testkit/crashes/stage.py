"""One service on real servers, whose processes live as short as a test wants them to."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from chassis.aws import Aws
from chassis.entry_points import EntryPoints
from manifests import load_manifests
from testkit.crashes.boundaries import Boundary
from testkit.crashes.processes import Ended, run
from testkit.deployment import Deploy, Deployment, make_table
from testkit.invoking import CONTEXT
from testkit.providers import Providers
from workspace import REPOSITORY

#: Columns that say for how long a process that may have died keeps others out, and since when an event waits.
_PASSING = ("until", "claimed_until", "lease_until", "recorded_at", "put_at")

#: Settings that say how long to wait for what may yet come.
_IMPATIENT = {"DEAD_LETTER_WAIT_S": "0", "PENDING_LIFETIME_S": "300", "TURN_WAIT_S": "0"}


@dataclass(frozen=True)
class Stage:
    """A service with a schema, bus, bucket, queues and tables of its own.

    The test is its queue, its gateway and its schedule: it hands over invocations, and looks at what they left.
    """

    service: str
    deployment: Deployment
    tables: Mapping[str, str]
    environment: Mapping[str, str]
    #: Messages in an invocation.
    batch_size: int
    #: The queue that gets everything that is published.
    published_url: str
    providers: Providers
    connection: psycopg.Connection[dict[str, Any]]
    log: Path
    #: For the processes: its clients have never made a call, so there is no connection that two of them would share.
    _aws: Aws
    _known_columns: dict[tuple[str, ...], list[tuple[str, str]]] = field(default_factory=dict)

    def invoke(self, entry: str, events: Sequence[Mapping[str, Any]], *, die_at: Boundary | None = None) -> Ended:
        """A new process starts the entry point, answers the events one by one, and may die at that boundary."""

        def job() -> list[Any]:
            os.environ.update(self.environment)
            bootstrap = importlib.import_module(f"{self.service}.bootstrap").bootstrap
            entry_points: EntryPoints = importlib.import_module(f"{self.service}.handler").ENTRY_POINTS
            function = entry_points.build(entry, bootstrap(None, self._aws))
            return [function(dict(event), CONTEXT) for event in events]

        return run(job, self.log, die_at=die_at)

    def let_time_pass(self) -> None:
        """As if an hour had gone by: nobody waits any more for a process that died."""
        for table, column in self._columns(*_PASSING):
            if table != "events":
                name = sql.Identifier(column)
                statement = sql.SQL("UPDATE {} SET {} = {} - interval '1 hour' WHERE {} IS NOT NULL")
                self.connection.execute(statement.format(sql.Identifier(table), name, name, name))

    @property
    def has_outbox(self) -> bool:
        """Whether the service publishes: only such a service has a relay."""
        return bool(load_manifests(REPOSITORY).services[self.service].publishes)

    @cached_property
    def tables_of_tenants(self) -> list[str]:
        """The service's tables whose rows are a tenant's."""
        return [table for table, _ in self._columns("tenant_id")]

    def _columns(self, *names: str) -> list[tuple[str, str]]:
        """Tables of the schema that have a column of one of these names, and the column."""
        if names not in self._known_columns:
            found = self.rows(
                "SELECT table_name, column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND column_name = ANY(%(names)s)"
                " AND data_type = ANY(ARRAY['text', 'timestamp with time zone']) ORDER BY 1, 2",
                {"names": list(names)},
            )
            self._known_columns[names] = [(row["table_name"], row["column_name"]) for row in found]
        return self._known_columns[names]

    def rows(self, statement: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
        """What a statement in the service's schema finds."""
        return self.connection.execute(statement.encode(), parameters).fetchall()

    def put_picture(self, key: str, picture: bytes) -> None:
        """The picture under the key."""
        bucket = self.deployment.settings["images_bucket"]
        self.deployment.aws.s3.put_object(Bucket=bucket, Key=key, Body=picture, ContentType="image/jpeg")


@contextmanager
def staged(service: str, function: str, deploy: Deploy, providers: Providers, log: Path) -> Iterator[Stage]:
    """The service as the manifest's function finds it."""
    manifest = load_manifests(REPOSITORY).services[service]
    secrets = sorted({name for each in manifest.functions.values() for name in each.secrets})
    deployment = deploy(service, secret_names=secrets)
    aws = deployment.aws
    tables = {name: make_table(aws, service, name) for name in manifest.tables}
    environment = {
        **manifest.functions[function].configuration,
        **deployment.variables,
        **{f"TABLE_{name.upper().replace('-', '_')}": made for name, made in tables.items()},
        **providers.variables,
        "BACKLOG_QUEUE_URL": deployment.settings["queue_url"],
        **_IMPATIENT,
    }
    queue = manifest.functions[function].queue
    batch_size = queue.batch_size if queue else 1
    unused = Aws(aws.endpoint_url, aws.region, aws.credentials)
    _ = (unused.events, unused.sqs, unused.s3, unused.s3_probe, unused.dynamodb, unused.ssm)
    schema = deployment.schema
    options = f"-c search_path={schema.role},public"
    with psycopg.connect(schema.database.dsn, autocommit=True, row_factory=dict_row, options=options) as connection:
        url = subscribe(deployment, "published", {"source": [{"prefix": ""}]})
        yield Stage(service, deployment, tables, environment, batch_size, url, providers, connection, log, unused)
    for made in tables.values():
        aws.dynamodb.delete_table(TableName=made)


def subscribe(deployment: Deployment, name: str, pattern: Mapping[str, Any], queue_url: str | None = None) -> str:
    """Lets a queue, by default one of that name, get what the bus carries of that pattern; returns its URL."""
    bus, sqs, events = deployment.settings["event_bus"], deployment.aws.sqs, deployment.aws.events
    url = queue_url or sqs.create_queue(QueueName=f"{bus}-{name}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=f"{bus}-{name}", EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"{bus}-{name}", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url
