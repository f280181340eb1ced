"""What cases have left everywhere, and how that of one differs from that of another."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from testkit.crashes.stage import Stage
from testkit.polling import eventually

#: Lines by the place where they were found: a table, the bucket, the bus.
Traces = Mapping[str, Counter[str]]
#: What was found of each tenant, as (place, value).
_Found = Iterator[tuple[str, str, Any]]

_PAGE = 10
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?")
_TRACE = re.compile(r"\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b")
#: Fields in which two undisturbed runs differ: places, moments and durations, and what is derived from ids.
_OF_THE_RUN = frozenset({
    "position", "transaction_id", "until", "lease", "lease_until", "claim", "claimed_until", "duration_ms", "digest",
    "response_time_ms", "latency_ms", "sequence", "stream_version", "expires_at", "checkpoint_id", "ttl", "payload",
    "fingerprint", "answer",
})  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One item or conversation of a tenant of its own, so that cases in the same schema have nothing in common."""

    tenant: str
    subject: str
    #: Ids of the events that were sent to the service.
    sent: set[str] = field(default_factory=set)

    def plain(self, value: Any) -> str:
        """Any JSON value as text that is the same in every case."""
        text = json.dumps(_without_the_run(value), sort_keys=True, default=str)
        text = text.replace(self.tenant, "TENANT").replace(self.subject, "SUBJECT")
        for pattern, stands_for in ((_TRACE, "TRACE"), (_UUID, "ID"), (_TIME, "TIME")):
            text = pattern.sub(stands_for, text)
        return text


def _without_the_run(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_the_run(inner) for name, inner in value.items() if name not in _OF_THE_RUN}
    if isinstance(value, list):
        return [_without_the_run(inner) for inner in value]
    return value


@dataclass(frozen=True)
class Difference:
    """What is missing that an undisturbed run leaves, and what is there beyond it."""

    lost: tuple[str, ...]
    twice: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice)

    def __str__(self) -> str:
        lines = [*(f"  lost: {line}" for line in self.lost), *(f"  twice: {line}" for line in self.twice)]
        return "\n".join(line[:1000] for line in lines)


def difference(expected: Traces, found: Traces) -> Difference:
    """How what was found differs from what an undisturbed run leaves."""
    return Difference(tuple(_beyond(expected, found)), tuple(_beyond(found, expected)))


def _beyond(more: Traces, less: Traces) -> Iterator[str]:
    for place in sorted(more):
        for line in (more[place] - less.get(place, Counter())).elements():
            yield f"{place}: {line}"


def traces(stage: Stage, cases: Sequence[Case]) -> list[Traces]:
    """All that each case has left: rows, objects, items, dead letters, and what was published at least once."""
    by_tenant = {case.tenant: case for case in cases}
    found: dict[str, dict[str, Counter[str]]] = {case.tenant: defaultdict(Counter) for case in cases}
    for look in (_rows, _inbox, _objects, _items, _dead_letters, _published):
        for tenant, place, value in look(stage, cases):
            found[tenant][place][by_tenant[tenant].plain(value)] += 1
    return [found[case.tenant] for case in cases]


def _rows(stage: Stage, cases: Sequence[Case]) -> _Found:
    tables = " UNION ALL ".join(
        f"SELECT '{table}' AS name, tenant_id, to_jsonb(t) AS row FROM {table} t WHERE tenant_id = ANY(%(tenants)s)"
        for table in stage.tables_of_tenants
    )
    outbox = "SELECT 'outbox', tenant_id, to_jsonb(type) FROM outbox JOIN events USING (position)"
    for row in stage.rows(f"{tables} UNION ALL {outbox}", {"tenants": [case.tenant for case in cases]}):
        yield row["tenant_id"], row["name"], row["row"]


def _inbox(stage: Stage, cases: Sequence[Case]) -> _Found:
    tenants = {event_id: case.tenant for case in cases for event_id in case.sent}
    query = "SELECT source, event_id FROM inbox WHERE event_id = ANY(%(sent)s)"
    for row in stage.rows(query, {"sent": list(tenants)}):
        yield tenants[row["event_id"]], "inbox", row["source"]


def _objects(stage: Stage, cases: Sequence[Case]) -> _Found:
    tenants = {case.tenant for case in cases}
    pages = stage.deployment.aws.s3.get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=stage.deployment.settings["images_bucket"]):
        for each in page.get("Contents", []):
            tenant = each["Key"].partition("/")[0]
            if tenant in tenants:
                yield tenant, "bucket", [each["Key"], each["ETag"]]


def _items(stage: Stage, cases: Sequence[Case]) -> _Found:
    """Of the checkpoints of a conversation the current one: what a turn that died has left expires."""
    for name, table in stage.tables.items():
        scan = stage.deployment.aws.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        items = [(item, json.dumps(item, default=str)) for page in scan for item in page["Items"]]
        for case in cases:
            needles = [case.tenant]
            if name == "checkpoints":
                query = "SELECT checkpoint_id FROM agent_memory WHERE tenant_id = %(tenant)s"
                needles += [row["checkpoint_id"] or "none" for row in stage.rows(query, {"tenant": case.tenant})]
            for item, text in items:
                if all(needle in text for needle in needles):
                    yield case.tenant, f"dynamodb {name}", item


def _dead_letters(stage: Stage, cases: Sequence[Case]) -> _Found:
    for body in _received(stage, stage.deployment.settings["dead_letter_queue_url"]):
        tenant = next(case.tenant for case in cases if case.tenant in json.dumps(body))
        yield tenant, "dead letters", body


def _published(stage: Stage, cases: Sequence[Case]) -> _Found:
    """Each event that is on the bus, once, however often it was put there; a replayed one is another."""
    tenants = [case.tenant for case in cases]
    rows = stage.rows("SELECT event_id FROM events WHERE tenant_id = ANY(%(tenants)s)", {"tenants": tenants})
    seen: dict[tuple[str, str], Any] = {}

    def all_there() -> bool:
        for body in _received(stage, stage.published_url):
            event = body["detail"]
            seen.setdefault((event["id"], event.get("replayid", "")), event)
        return {(row["event_id"], "") for row in rows} <= set(seen)

    with suppress(AssertionError):  # what is lost, the comparison shows
        eventually(all_there, timeout_s=2)
    for event in seen.values():
        if event["tenantid"] in tenants:
            yield event["tenantid"], "bus", event


def _received(stage: Stage, url: str) -> list[Any]:
    """What has arrived in a queue since the last look."""
    bodies: list[Any] = []
    while True:
        # Never shown again, which is quicker than to delete them.
        answer = stage.deployment.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=_PAGE, VisibilityTimeout=12 * 3600
        )
        bodies += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        if len(answer.get("Messages", [])) < _PAGE:
            return bodies
