"""What a case has left everywhere, and what two of them have left differently."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from testkit.crashes.stage import Stage
from testkit.polling import eventually

#: Lines by the place where they were found: a table, the bucket, the bus.
Traces = Mapping[str, Counter[str]]

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?")
_TRACE = re.compile(r"\b[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b")
_PAGE = 10
#: What no two runs have in common, without being lost or done twice.
_OF_THE_RUN = frozenset({
    "position", "transaction_id", "until", "lease", "lease_until", "claim", "claimed_until", "duration_ms",
    "response_time_ms", "latency_ms", "took_ms", "step", "attempts", "sequence", "stream_version", "last_position",
    "expires_at", "checkpoint_id",
})  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One item or conversation of a tenant of its own, so that cases in the same schema have nothing in common."""

    tenant: str
    subject: str
    #: Ids of the events that were sent to the service.
    sent: list[str] = field(default_factory=list)

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


def traces(stage: Stage, case: Case) -> Traces:
    """All that the case has left: rows, objects, items, messages, dead letters, and what was published at least once."""
    found = {name: Counter(map(case.plain, rows)) for name, rows in _rows(stage, case).items()}
    found["bucket"] = Counter(map(case.plain, _objects(stage, case)))
    for name, table in stage.tables.items():
        found[f"dynamodb {name}"] = Counter(case.plain(item) for item in _items(stage, case, table))
    dead_letters = received(stage, stage.deployment.settings["dead_letter_queue_url"])
    found["dead letters"] = Counter(map(case.plain, dead_letters))
    found["bus"] = Counter(map(case.plain, _published(stage, case)))
    return found


@dataclass(frozen=True)
class Difference:
    """What is missing that an undisturbed run leaves, and what is there beyond it; by place."""

    lost: tuple[str, ...]
    twice: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lost or self.twice)

    def __str__(self) -> str:
        lines = [*(f"lost: {line}" for line in self.lost), *(f"twice: {line}" for line in self.twice)]
        return "\n".join(line[:1500] for line in lines)


def difference(expected: Traces, found: Traces) -> Difference:
    """How what was found differs from what an undisturbed run leaves."""
    return Difference(tuple(_beyond(expected, found)), tuple(_beyond(found, expected)))


def _beyond(more: Traces, less: Traces) -> Iterable[str]:
    for place in sorted(more):
        for line in (more[place] - less.get(place, Counter())).elements():
            yield f"{place}: {line}"


def received(stage: Stage, url: str) -> list[Any]:
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


def _rows(stage: Stage, case: Case) -> dict[str, list[Any]]:
    of_tenant = " UNION ALL ".join(
        f"SELECT '{table}' AS name, to_jsonb(t) AS row FROM {table} t WHERE tenant_id = %(tenant)s"
        for table in stage.tables_of_tenants
    )
    found: dict[str, list[Any]] = {}
    query = f"""
        {of_tenant}
        UNION ALL SELECT 'inbox', jsonb_build_array(source, event_id) FROM inbox WHERE event_id = ANY(%(sent)s)
        UNION ALL SELECT 'outbox', to_jsonb(type) FROM outbox JOIN events USING (position) WHERE tenant_id = %(tenant)s
    """
    for row in stage.rows(query, {"tenant": case.tenant, "sent": case.sent}):
        found.setdefault(row["name"], []).append(row["row"])
    return found


def _objects(stage: Stage, case: Case) -> list[Any]:
    settings = stage.deployment.settings
    listing = stage.deployment.aws.s3.list_objects_v2(Bucket=settings["images_bucket"], Prefix=f"{case.tenant}/")
    return [[each["Key"], each["ETag"]] for each in listing.get("Contents", [])]


def _items(stage: Stage, case: Case, table: str) -> Sequence[Any]:
    items = stage.deployment.aws.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return [item for item in items if case.tenant in json.dumps(item, default=str)]


def _published(stage: Stage, case: Case) -> list[Any]:
    """Each event that is on the bus, once, however often it was put there."""
    query = "SELECT event_id FROM events WHERE tenant_id = %(tenant)s"
    stored = {row["event_id"] for row in stage.rows(query, {"tenant": case.tenant})}
    seen: dict[str, Any] = {}

    def all_there() -> bool:
        for body in received(stage, stage.published_url):
            seen.setdefault(body["detail"]["id"], body["detail"])
        return stored <= set(seen)

    try:
        eventually(all_there, timeout_s=0.5)
    except AssertionError:
        pass  # what is lost, the comparison shows
    return [document for document in seen.values() if document["tenantid"] == case.tenant]
