"""`mesh audit`, on services in memory: what is a difference, what repairs it, and what cannot be told."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chassis.observability import hash_tenant
from chassis.queue import DeadLetter
from contracts import ReplayKind
from manifests import load_manifests
from mesh.audit import deliveries, objects, repairs
from mesh.audit.deliveries import Lacking
from mesh.audit.model import Difference, Kind, Recorded, Replay, Scope, only_confirmed
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from testkit.fakes.aws import FakeSqs
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

NOW = datetime.now(UTC)
SCOPE = Scope(before=NOW - timedelta(minutes=5))
ALICE = hash_tenant("alice")
UPLOADED, DELETED = "collections.ingest.item-uploaded.v1", "collections.ingest.item-deleted.v1"
ANALYZED = "collections.analysis.item-analyzed.v1"


def event(kind: str = ANALYZED, *, age: timedelta = timedelta(hours=1), item: str = "item-1") -> Recorded:
    return Recorded(kind.split(".")[1], f"{kind} of {item}", kind, item, ALICE, NOW - age, "")


def judged(
    *found: Lacking, waiting: int = 0, is_rebuild: bool = True
) -> tuple[list[tuple[str, ReplayKind | None, bool]], dict[str, int]]:
    """(consumer, kind of the repairing replay) of each difference, and what is skipped."""
    differences, skipped = deliveries.judge(
        found, [], SCOPE, waiting=lambda consumer, kind: waiting, is_rebuild=lambda service, replay: is_rebuild
    )
    return [(d.where, d.replay.kind if d.replay else None, "item-1" in d.repair("dev")) for d in differences], skipped


def test_what_a_consumer_lacks_is_repaired_as_far_as_it_reacts() -> None:
    found = [Lacking("search", event()), Lacking("embedding", event()), Lacking("imaging", event(UPLOADED))]
    assert judged(*found)[0] == [
        ("embedding", ReplayKind.REPROCESS, True),
        ("imaging", ReplayKind.REPROCESS, True),
        ("search", ReplayKind.REBUILD, True),
    ]


def test_what_may_be_in_a_queue_is_not_judged() -> None:
    young, old = event(), event(age=timedelta(days=5), item="item-2")
    assert judged(Lacking("search", young), waiting=1) == ([], {"deliveries that may be waiting in a queue": 1})
    assert len(judged(Lacking("search", old), waiting=9)[0]) == 1
    several = [Lacking("search", event(item=f"item-{n}")) for n in range(3)]
    assert len(judged(*several, waiting=2)[0]) == 3, "there are more than the queue holds"


def test_what_is_older_than_the_inbox_is_not_judged() -> None:
    ancient = event(age=timedelta(days=90))
    assert judged(Lacking("search", ancient)) == ([], {"deliveries older than the inbox reaches back": 1})


def test_a_rebuild_is_no_delivery_where_a_reaction_is_due() -> None:
    again = Lacking("imaging", event(UPLOADED), ("replay",))
    assert len(judged(again, is_rebuild=True)[0]) == 1
    assert judged(again, is_rebuild=False)[0] == [], "it was reprocessed"


def test_only_what_is_there_twice_is_confirmed() -> None:
    first = [_difference("a"), _difference("b")]
    assert only_confirmed(first, [_difference("b").model_copy(update={"advice": "another"})]) == first[1:]


def _difference(what: str, **fields: Any) -> Difference:
    basis = {"kind": Kind.ROW_STALE, "where": "search.documents", "tenant": ALICE, "subject": "item-1", "what": what}
    return Difference.model_validate(basis | fields)


def test_replays_are_ordered_together_and_reactions_only_where_nobody_is_paid() -> None:
    rebuild, reprocess = ReplayKind.REBUILD, ReplayKind.REPROCESS
    found = [
        _difference("a", replay=Replay(consumer="search", kind=rebuild)),
        _difference("b", replay=Replay(consumer="search", kind=rebuild), subject="item-2"),
        _difference("c", replay=Replay(consumer="search", kind=rebuild, types=(DELETED,))),
        _difference("d", replay=Replay(consumer="imaging", kind=reprocess)),
        _difference("e", advice="nothing"),
        _difference("f", replay=Replay(consumer="analysis", kind=reprocess)),
    ]
    orders = list(repairs.orders(found, load_manifests(REPOSITORY), is_paid={"analysis", "embedding"}.__contains__))
    assert [(o.consumer, o.kind, o.selection.subjects, len(o.selection.types)) for o in orders] == [
        ("imaging", reprocess, ("item-1",), len(orders[0].selection.types)),
        ("search", rebuild, ("item-1", "item-2"), 5),
        ("search", rebuild, ("item-1",), 1),
    ]
    assert orders[2].owners == ["ingest"]


def document(kind: str, item: str, data: Mapping[str, Any], sequence: int = 1) -> dict[str, Any]:
    return {"tenantid": ALICE, "subject": item, "type": kind, "sequence": str(sequence), "data": data}


def stored(key: str, *, age: timedelta = timedelta(days=2)) -> objects.Stored:
    folder, item = key.split("/")
    return objects.Stored(f"{ALICE}/{key}", "alice", ALICE, folder, item.partition(".")[0], NOW - age)


def test_objects_are_compared_with_what_events_name() -> None:
    processed = "collections.imaging.image-processed.v1"
    renditions = [[{"key": f"{ALICE}/renditions/item-1.{extension}"}] for extension in ("png", "jpg")]
    named = objects.Named()
    named.add(
        [
            document(UPLOADED, "item-1", {"key": f"{ALICE}/images/item-1.png"}),
            document(processed, "item-1", {"renditions": renditions[1]}, sequence=2),
            document(processed, "item-1", {"renditions": renditions[0]}),
            document(DELETED, "item-2", {}),
        ]
    )
    there = [
        stored("renditions/item-1.png"),  # of the older event: superseded, but known
        stored("images/item-2.png"),
        stored("images/nobody.png"),
        stored("uploads/pending", age=timedelta(hours=3)),
        stored("thumbnails/fresh.webp", age=timedelta(seconds=1)),
        stored("renditions/later.png"),
    ]
    known = {(ALICE, "item-1"): NOW - timedelta(days=1), (ALICE, "later"): NOW}
    found = objects.compare(named, there, SCOPE, known)
    assert [(d.kind, d.where, d.what.removeprefix(f"{ALICE}/")) for d in found] == [
        (Kind.OBJECT_MISSING, "ingest.images", "images/item-1.png"),
        (Kind.OBJECT_MISSING, "imaging.renditions", "renditions/item-1.jpg"),
        (Kind.OBJECT_OF_DELETED, "ingest.images", "images/item-2.png"),
        (Kind.OBJECT_UNKNOWN, "ingest.images", "images/nobody.png"),
    ]
    assert [d.replay and d.replay.consumer for d in found] == [None, "imaging", "ingest", None]
    narrowed = objects.compare(named, there, Scope(SCOPE.before, subjects=frozenset({"item-1"})), known)
    assert [d.kind for d in narrowed] == [Kind.OBJECT_MISSING] * 2


@dataclass
class Mesh:
    """The environment `dev`: ingest with one event, search that consumes it; their queues; an empty bucket."""

    events: list[list[Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    derived: list[dict[str, Any]] = field(default_factory=list)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    outdated: bool = False

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        request = json.loads(Payload)["audit"]
        answer: dict[str, Any] = {"published": 0} if self.outdated else self._answer(FunctionName, request)
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def _answer(self, function: str, request: dict[str, Any]) -> dict[str, Any]:
        match request:
            case {"recorded": _}:
                wanted = request["subjects"]
                return {"events": [e for e in self.events if wanted is None or e[2] in wanted], "next": None}
            case {"applied": _}:
                return {"missing": self.missing if "search" in function else [], "replayed": {}}
            case {"history": _}:
                return {"documents": [], "rest": []}
            case {"subjects": _}:
                return {"subjects": [], "next": None}
            case {"derived": tenants}:
                mine = [each for each in self.derived if "search" in function and each["tenant"] in tenants]
                return {"differences": mine}
        mine = [each for each in self.differences if "search" in function]
        return {"differences": mine, "refused": [], "not_compared": ["postings"]}

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self, **_: Any) -> list[Any]:
        return [{}]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    at = (NOW - timedelta(hours=1)).isoformat()
    world = Mesh(events=[["event-1", DELETED, "item-1", ALICE, at, ""]])
    functions = {
        key: DeployedFunction(name=f"dev-{key.replace('.', '-')}", log_group="logs")
        for key in ("ingest.relay", "search.maintenance")
    }
    for service in ("ingest", "imaging", "analysis", "embedding", "search", "chat"):
        functions[f"{service}.events"] = DeployedFunction(
            name=f"dev-{service}-events", log_group="l", queue_url=service, dead_letter_queue_url=f"{service}-dlq"
        )
    environment = bare_environment("dev", functions=functions)
    clients: dict[str, Callable[[], Any]] = {"lambda": lambda: world, "sqs": lambda: world.sqs, "s3": lambda: world}
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: clients[service]())
    monkeypatch.setattr("mesh.audit.running.consumers_of", lambda manifests: {DELETED: ["search"]})
    return world


def audit(*options: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["audit", "--env", "dev", *options])
    assert result.exit_code == exit_code, result.output
    return result


def test_nothing_differs(world: Mesh) -> None:
    assert audit().stdout == (
        "1 events, 1 items and conversations, 0 objects in dev: no differences\n"
        "not compared: ingest.postings, search.postings\n"
    )
    document = json.loads(audit("--json").stdout)
    assert (document["events"], document["differences"], document["not_compared"]) == (
        1,
        [],
        ["ingest.postings", "search.postings"],
    )


def test_tables_that_follow_from_others_are_compared_by_tenant(world: Mesh) -> None:
    each = {"tenant": ALICE, "key": {}}
    world.derived = [
        each | {"table": "postings", "kind": "extra", "subject": "item-7", "columns": []},
        each | {"table": "tenant_stats", "kind": "stale", "subject": "", "columns": ["tokens"]},
    ]
    told = json.loads(audit("--json", exit_code=4).stdout)["differences"]
    assert [(d["kind"], d["where"], d["subject"]) for d in told] == [
        ("row of no event", "search.postings", "item-7"),
        ("row stale", "search.tenant_stats", ""),
    ]
    assert "mesh rebuild search" in audit(exit_code=4).stdout


def test_a_difference_is_named_with_its_repair_and_the_exit_code_says_so(world: Mesh) -> None:
    world.missing = ["event-1"]
    shown = audit(exit_code=4).stdout
    assert "event not delivered  search       1" in shown
    assert f"item-1 of {ALICE}  {DELETED} event-1" in shown
    assert f"repair: mesh replay start search --item item-1 --type {DELETED} --env dev" in shown
    (found,) = json.loads(audit("--json", exit_code=4).stdout)["differences"]
    assert (found["kind"], found["subject"], found["replay"]["kind"]) == ("event not delivered", "item-1", "rebuild")


def test_a_difference_that_a_lack_explains_is_not_told_twice(world: Mesh) -> None:
    row = {"tenant": ALICE, "subject": "item-1", "table": "documents", "kind": "stale", "key": {}, "columns": ["a/b"]}
    world.differences = [row]
    assert "row stale, search.documents" in (shown := audit(exit_code=4).stdout)
    assert "differs in a/b" in shown
    world.missing = ["event-1"]
    assert [d["kind"] for d in json.loads(audit("--json", exit_code=4).stdout)["differences"]] == [
        "event not delivered"
    ]


def test_what_is_young_or_not_on_the_bus_is_not_judged(world: Mesh) -> None:
    world.missing = ["event-1"]
    assert "not judged: 1 items with events that are under way" in audit("--settled", "2h").stdout
    world.events[0][5] = "waiting"
    assert "not judged: 1 events that wait in the outbox" in audit().stdout
    world.events[0][5] = "parked"
    assert "repair: mesh outbox list shows why, mesh outbox retry event-1 tries it again" in audit(exit_code=4).stdout


def test_a_dead_letter_explains_what_is_lacking(world: Mesh) -> None:
    world.missing = ["event-1"]
    detail = {"type": DELETED, "source": "s", "id": "event-1", "tenantid": "alice", "subject": "item-1"}
    letter = DeadLetter(json.dumps({"detail": detail}), "gave-up:KeyError", "no such key", receives=8)
    world.sqs.send_message(QueueUrl="search-dlq", MessageBody=letter.body, MessageAttributes=letter.attributes())
    (found,) = json.loads(audit("--json", exit_code=4).stdout)["differences"]
    assert (found["kind"], found["where"]) == ("dead letter", "search.events")
    assert found["repair"].startswith("mesh dlq redrive ")
    assert json.loads(audit("--json", "--tenant", "bob").stdout)["differences"] == [], "it is none of another tenant"


def test_what_no_replay_repairs_is_said(world: Mesh) -> None:
    world.differences = [
        {"tenant": ALICE, "subject": "x", "table": "documents", "kind": "extra", "key": {}, "columns": []}
    ]
    result = audit("--repair", exit_code=4)
    assert "no replay that is free of charge repairs any of it" in result.stderr


def test_an_audit_that_cannot_be_made_fails(world: Mesh) -> None:
    world.outdated = True
    assert audit(exit_code=1).stderr == "mesh: ingest cannot be audited yet: deploy ingest\n"
    assert "not a duration like" in audit("--settled", "soon", exit_code=2).stderr
