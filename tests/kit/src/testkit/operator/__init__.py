"""A running mesh as the end-to-end tests see it."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from localmesh.aws import open_session
from localmesh.config import MeshSettings, Mode
from localmesh.container_names import container_names
from localmesh.provision import Provisioned
from manifests import load_manifests
from mesh.client import Api, Identity
from testkit import Providers, eventually
from workspace import REPOSITORY

PASSWORD = "Correct-horse-7-battery"


@dataclass(frozen=True)
class RunningMesh:
    """The mesh under test, from outside and, where a test has to look, from inside."""

    settings: MeshSettings
    provisioned: Provisioned
    providers: Providers
    #: Documents that tests have put on the bus themselves.
    put: list[dict[str, Any]] = field(default_factory=list)
    #: Documents that did not reach a function which a test made deaf.
    missed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        return Identity(
            endpoint_url=self.settings.emulator_url,
            region=self.settings.region,
            user_pool_id=self.provisioned.user_pool_id,
            client_id=self.provisioned.client_id,
        )

    def new_user(self) -> Api:
        """A new user, signed in."""
        email = f"{secrets.token_hex(6)}@example.com"
        self.identity.ensure_user(email, PASSWORD)
        return Api(self.provisioned.api_url, self.identity.sign_in(email, PASSWORD))

    def aws(self, service: Any) -> Any:
        return open_session(self.settings.emulator_url, self.settings.region).client(service)

    def rows(self, query: Any, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the database, seen by its superuser."""
        with psycopg.connect(self.settings.postgres_dsn("collections"), row_factory=dict_row) as connection:
            return connection.execute(query, parameters).fetchall()

    def keys(self, needle: str) -> list[str]:
        """Object keys in the images bucket that contain the text."""
        pages = self.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=self.provisioned.images_bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", []) if needle in entry["Key"]]

    def function_logs(self) -> Iterator[tuple[str, str]]:
        """What functions have logged: who, and the line."""
        if self.settings.mode is Mode.CONTAINERS:
            for name in container_names(load_manifests(REPOSITORY)):
                for line in self.settings.paths.log(name).read_text(encoding="utf-8").splitlines():
                    yield name, line
            return
        for function in self.provisioned.functions.values():
            for page in self.aws("logs").get_paginator("filter_log_events").paginate(logGroupName=function.log_group):
                for event in page["events"]:
                    yield function.name, event["message"]

    def put_event(self, document: dict[str, Any]) -> None:
        """Put a wire document on the bus."""
        self.put.append(document)
        answer = self.aws("events").put_events(
            Entries=[
                {
                    "EventBusName": self.provisioned.event_bus,
                    "Source": document["source"],
                    "DetailType": document["type"],
                    "Detail": json.dumps(document),
                }
            ]
        )
        assert answer["FailedEntryCount"] == 0

    @contextmanager
    def deaf(self, function: str) -> Iterator[None]:
        """Nothing reaches the function (`imaging.events`) while the block runs; `send_again` sends what it missed."""
        rule = {"Name": self.provisioned.functions[function].name, "EventBusName": self.provisioned.event_bus}
        before = {event["id"] for event in self._recorded()}
        events = self.aws("events")
        events.disable_rule(**rule)
        try:
            yield
        finally:
            events.enable_rule(**rule)
            self.missed.extend(event for event in self._recorded() if event["id"] not in before)

    def send_again(self) -> None:
        """Send what was missed, deletions first, so that the mesh is as other tests expect it."""
        for event in sorted(self.missed, key=lambda event: not event["type"].endswith("item-deleted.v1")):
            self.put_event(event)
            eventually(self.is_idle, timeout_s=60)
        self.missed.clear()

    def _recorded(self) -> list[dict[str, Any]]:
        """Every event in all event stores."""
        schemas = self.rows("SELECT table_schema AS name FROM information_schema.tables WHERE table_name = 'events'")
        query = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT event FROM {}").format(sql.Identifier(schema["name"], "events")) for schema in schemas
        )
        return [row["event"] for row in self.rows(query)]

    def is_idle(self) -> bool:
        """Whether every queue is empty, messages in flight included."""
        sqs = self.aws("sqs")
        for function in self.provisioned.functions.values():
            if function.queue_url:
                attributes = sqs.get_queue_attributes(
                    QueueUrl=function.queue_url,
                    AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
                )["Attributes"]
                if any(int(count) for count in attributes.values()):
                    return False
        return True

    def dead_letters(self) -> dict[str, int]:
        """Messages in each dead-letter queue that is not empty."""
        sqs = self.aws("sqs")
        counts = {}
        for function in self.provisioned.functions.values():
            if function.dead_letter_queue_url and function.dead_letter_queue:
                attributes = sqs.get_queue_attributes(
                    QueueUrl=function.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
                )["Attributes"]
                counts[function.dead_letter_queue] = int(attributes["ApproximateNumberOfMessages"])
        return {name: count for name, count in counts.items() if count}
