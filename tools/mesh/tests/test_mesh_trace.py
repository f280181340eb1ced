"""`mesh trace`, on services in memory: the tree of what followed, what is missing, what it cost."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from chassis.observability import hash_tenant
from chassis.queue import DeadLetter
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from testkit.fakes.aws import FakeSqs
from testkit.operator.environments import bare_environment

NOW = datetime.now(UTC)
ALICE, BOB = hash_tenant("alice"), hash_tenant("bob")


@dataclass
class Mesh:
    """The environment `dev`: what the services have recorded and applied, and the dead letters of the consumers."""

    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    applied: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unpublished: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    sqs: FakeSqs = field(default_factory=FakeSqs)
    asked: list[str] = field(default_factory=list)
    outdated: str = ""

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked.append(FunctionName)
        service = FunctionName.split("-")[1]
        answer: Any = {"published": 0}
        if service != self.outdated:
            request = json.loads(Payload)
            answer = self._audited(service, request["audit"]) if "audit" in request else None
            answer = answer or self._answer(service, request["inspect"])
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def _answer(self, service: str, request: dict[str, Any]) -> dict[str, Any]:
        if "history" in request:
            events = self.events.get(service, [])
            return {
                "history": [e for e in events if e["subject"] == request["history"] and e["time"] <= request["until"]]
            }
        if "fold" in request:
            return {
                "tables": {"items": [{"id": e["id"], "none": None} for e in request["fold"]]}
                if service == "ingest"
                else {}
            }
        if "events" in request:
            events = self.events.get(service, [])
            return {"events": [e for e in events if request["events"] in (e["subject"], e["correlationid"])]}
        return {"applied": self.applied.get(service, []), "unpublished": self.unpublished.get(service, [])}

    def _audited(self, service: str, request: dict[str, Any]) -> dict[str, Any]:
        """What is asked for the state of a tenant."""
        of_tenant = [e for e in self.events.get(service, []) if e["tenant"] == hash_tenant(request.get("tenant", ""))]
        match request:
            case {"recorded": _}:
                names = ("id", "type", "subject", "tenant", "recorded_at")
                return {"events": [[*(e[name] for name in names), ""] for e in of_tenant], "next": None}
            case {"history": subjects, "until": until}:
                known = {subject for _, subject in subjects}
                events = [e for e in self.events.get(service, []) if e["subject"] in known and e["time"] <= until]
                return {"documents": events, "rest": []}
        subjects = sorted({e["subject"] for e in request["count"]})
        rows = [{"id": subject, "status": "uploaded", "created_at": None, "more": 1} for subject in subjects]
        return {"tables": {"items": len(rows)} if service == "ingest" else {}, "rows": rows}

    def record(self, kind: str, after_s: float, cause: str | None = None, **more: Any) -> str:
        """Record an event (`ingest.item-uploaded.v1`) so many seconds after the first; returns its id."""
        service, fact, _ = kind.split(".")
        event = {
            "id": f"{fact} at {after_s:g}",
            "type": f"collections.{kind}",
            "source": f"collections.{service}",
            "subject": "item-1",
            "time": (NOW + timedelta(seconds=after_s)).isoformat(),
            "recorded_at": (NOW + timedelta(seconds=after_s)).isoformat(),
            "correlationid": "thread-1",
            "causationid": cause,
            "tenant": ALICE,
            "figures": {},
        } | more
        self.events.setdefault(service, []).append(event)
        return str(event["id"])

    def apply(self, consumer: str, event_id: str, after_s: float, replay_id: str = "") -> None:
        row = {"event_id": event_id, "replay_id": replay_id}
        row["received_at"] = (NOW + timedelta(seconds=after_s)).isoformat()
        self.applied.setdefault(consumer, []).append(row)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    world = Mesh()
    names = [*(f"{each}.relay" for each in ("ingest", "imaging", "analysis")), "search.maintenance", "search.http"]
    functions = {key: DeployedFunction(name=f"dev-{key.replace('.', '-')}", log_group="logs") for key in names}
    for service in ("ingest", "imaging", "analysis", "search"):
        functions[f"{service}.events"] = DeployedFunction(
            name=f"dev-{service}-events", log_group="l", queue_url="q", dead_letter_queue_url=f"{service}-dlq"
        )
    environment = bare_environment("dev", functions=functions)
    clients: dict[str, Callable[[], Any]] = {"lambda": lambda: world, "sqs": lambda: world.sqs}
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: clients[service]())
    return world


def run(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["trace", *arguments, "--env", "dev"])
    assert result.exit_code == exit_code, result.output
    return result


def outcomes(document: dict[str, Any], event_id: str) -> dict[str, str]:
    return {each["consumer"]: each["outcome"] for each in document["deliveries"] if each["event_id"] == event_id}


def uploaded_and_described(world: Mesh) -> tuple[str, str, str]:
    """An upload whose description has just been recorded."""
    uploaded = world.record("ingest.item-uploaded.v1", 0)
    world.apply("imaging", uploaded, 0.5)
    world.apply("ingest", uploaded, 0.2)
    processed = world.record("imaging.image-processed.v1", 0.4, uploaded)
    world.apply("analysis", processed, 3)
    figures = {"provider": "anthropic", "model": "m", "input_tokens": 100, "output_tokens": 20, "cost_usd": 0.25}
    analyzed = world.record("analysis.item-analyzed.v1", 2.5, processed, figures=figures)
    return uploaded, processed, analyzed


def test_the_tree_shows_what_followed_from_what_and_when(world: Mesh) -> None:
    uploaded_and_described(world)
    lines = [line.rstrip() for line in run("item-1").stdout.splitlines()]
    assert lines[0] == f"item-1 in dev, since {NOW.isoformat(timespec='milliseconds')}"
    assert lines[1].endswith("+0.000 s  ingest  item-uploaded.v1")
    places = {text: next(at for at, line in enumerate(lines) if text in line) for text in (
        "item-uploaded.v1", "+0.500 s  imaging has applied it", "+0.400 s  imaging  image-processed.v1",
        "+3.000 s  analysis has applied it", "+2.500 s  analysis  item-analyzed.v1",
    )}  # fmt: skip
    assert list(places.values()) == sorted(places.values())
    indents = [len(line) - len(line.lstrip("│├└─ ")) for line in lines]
    upload, process, analyze = (places[text] for text in list(places)[::2])
    assert indents[upload] < indents[process] < indents[analyze]
    assert "provider=anthropic  model=m  input_tokens=100  output_tokens=20  cost_usd=0.25" in lines[analyze]
    assert lines[-1].startswith("3 events in 3 s; applied 3 times; ")
    assert lines[-1].endswith("; 1 paid calls (100 tokens in, 20 out, 0.25 USD)")


def test_what_no_consumer_has_applied_is_missing_by_name(world: Mesh) -> None:
    _, _, analyzed = uploaded_and_described(world)
    world.apply("search", analyzed, 4, replay_id="again")
    document = json.loads(run("item-1", "--json").stdout)
    assert outcomes(document, analyzed) == {
        "chat": "waiting", "embedding": "waiting", "ingest": "waiting", "search": "applied"
    }  # fmt: skip
    assert [
        d["replay_id"] for d in document["deliveries"] if (d["consumer"], d["event_id"]) == ("search", analyzed)
    ] == ["again"]
    assert document["totals"] | {"waiting": 0} == {
        "events": 3, "applied": 4, "waiting": 0, "dead_letters": 0, "unpublished": 0, "elapsed_s": 3.0,
        "paid_calls": 1, "input_tokens": 100, "output_tokens": 20, "cost_usd": 0.25,
    }  # fmt: skip
    assert "search has applied it, replay again" in run("item-1").stdout
    assert "embedding has not applied it yet" in run("item-1").stdout


def test_nobody_can_tell_what_was_applied_before_the_inbox_begins(world: Mesh) -> None:
    old = world.record("ingest.item-uploaded.v1", -90 * 86400)
    assert set(outcomes(json.loads(run("item-1", "--json").stdout), old).values()) == {"unknown"}
    assert "imaging: its inbox does not reach back so far" in run("item-1").stdout


def test_dead_letters_and_what_is_not_on_the_bus_are_shown_with_their_reasons(world: Mesh) -> None:
    uploaded, processed, _ = uploaded_and_described(world)
    world.applied["imaging"].clear()
    detail = {"type": "t", "source": "s", "id": uploaded, "tenantid": "alice"}
    letter = DeadLetter(json.dumps({"detail": detail}), "gave-up:KeyError", "no such key", receives=8)
    world.sqs.send_message(QueueUrl="imaging-dlq", MessageBody=letter.body, MessageAttributes=letter.attributes())
    row = {"event_id": processed, "attempts": 3, "reason": "Throttling: no", "is_parked": False}
    world.unpublished["imaging"] = [row, row | {"event_id": uploaded, "is_parked": True}]
    shown = run("item-1").stdout
    assert "imaging: dead letter after 8 receives: gave-up:KeyError: no such key" in shown
    assert "not on the bus yet, 3 attempts Throttling: no" in shown
    assert "parked, 3 attempts Throttling: no" in shown
    assert "1 dead letters; 2 not on the bus" in shown
    document = json.loads(run("item-1", "--json").stdout)
    assert outcomes(document, uploaded)["imaging"] == "dead-letter"


def test_by_a_correlation_id_only_that_thread_is_drawn(world: Mesh) -> None:
    uploaded, _, _ = uploaded_and_described(world)
    again = world.record("analysis.item-analyzed.v1", 60, "a request that is not recorded", correlationid="thread-2")
    assert [event["id"] for event in json.loads(run("thread-2", "--json").stdout)["events"]] == [again]
    both = json.loads(run("item-1", "--json").stdout)["events"]
    assert [both[0]["id"], both[-1]["id"]] == [uploaded, again]
    assert "item-analyzed.v1" in run("thread-2").stdout


def test_one_tenant_is_drawn_at_a_time(world: Mesh) -> None:
    first = world.record("ingest.item-uploaded.v1", 0)
    second = world.record("ingest.item-uploaded.v1", 1, tenant=BOB)
    refused = run("item-1", exit_code=1).stderr
    assert f"several tenants have item-1: choose one by --tenant ({', '.join(sorted([ALICE, BOB]))})" in refused
    for tenant, expected in [("alice", first), (ALICE, first), ("bob", second)]:
        document = json.loads(run("item-1", "--tenant", tenant, "--json").stdout)
        assert [event["id"] for event in document["events"]] == [expected]


def test_what_nobody_has_recorded_is_refused(world: Mesh) -> None:
    assert run("item-1", exit_code=1).stderr == "mesh: nothing is recorded about item-1 in dev\n"
    assert sorted(set(world.asked)) == [
        "dev-analysis-relay",
        "dev-imaging-relay",
        "dev-ingest-relay",
        "dev-search-maintenance",
    ]


def test_a_service_of_older_code_is_named(world: Mesh) -> None:
    world.outdated = "imaging"
    assert run("item-1", exit_code=1).stderr == "mesh: imaging cannot be asked yet: deploy imaging\n"


def state(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["state", *arguments, "--env", "dev"])
    assert result.exit_code == exit_code, result.output
    return result


def test_an_item_is_folded_as_it_was_at_a_moment(world: Mesh) -> None:
    first = world.record("ingest.item-uploaded.v1", 0, tenantid=ALICE)
    world.record("imaging.image-processed.v1", 5, tenantid=ALICE)
    at = (NOW + timedelta(seconds=3)).isoformat()
    past = json.loads(state("item-1", "--at", at, "--json").stdout)
    assert past == {
        "item": "item-1",
        "at": at,
        "environment": "dev",
        "events": ["collections.ingest.item-uploaded.v1"],
        "services": {"ingest": {"items": [{"id": first, "none": None}]}},
    }
    shown = state("item-1", "--at", at).stdout
    assert shown == f"item-1 in dev at {at}, after 1 events\n\ningest.items\n  id={first}\n"
    assert len(json.loads(state("item-1", "--at", "2999-01-01", "--json").stdout)["events"]) == 2


def test_the_past_of_one_tenant_is_folded_at_a_time(world: Mesh) -> None:
    world.record("ingest.item-uploaded.v1", -2, tenantid=ALICE)
    world.record("ingest.item-uploaded.v1", -1, tenantid=BOB)
    assert "choose one by --tenant" in state("item-1", exit_code=1).stderr
    assert len(json.loads(state("item-1", "--tenant", "bob", "--json").stdout)["events"]) == 1


def test_what_cannot_be_told_of_the_past_is_refused(world: Mesh) -> None:
    assert "not a time like" in state("item-1", "--at", "yesterday", exit_code=2).stderr
    world.record("ingest.item-uploaded.v1", 0, tenantid=ALICE)
    assert (
        "nothing is recorded about item-1 in dev until 2020-01-01 00:00:00+00:00"
        in state("item-1", "--at", "2020-01-01", exit_code=1).stderr
    )


def test_the_state_of_a_tenant_is_counted_and_its_items_are_listed_page_by_page(world: Mesh) -> None:
    for number in range(3):
        world.record("ingest.item-uploaded.v1", number - 9, subject=f"item-{number}", tenantid=ALICE)
    world.record("ingest.item-uploaded.v1", 0, subject="item-7", tenantid=BOB, tenant=BOB)
    whole = json.loads(state("alice", "--limit", "2", "--json").stdout)
    assert (whole["tenant"], whole["events"], whole["tables"], whole["next"]) == (
        ALICE,
        3,
        {"ingest.items": 3},
        "item-1",
    )
    assert whole["items"][0] == {"id": "item-0", "status": "uploaded", "created_at": None}
    rest = state("alice", "--limit", "2", "--after", "item-1").stdout
    assert "3  ingest.items" in rest
    assert "item-2  uploaded" in rest
    assert "item-1" not in rest
    earlier = (NOW - timedelta(seconds=8.5)).isoformat()
    assert json.loads(state("alice", "--at", earlier, "--json").stdout)["tables"] == {"ingest.items": 1}
    assert "nothing is recorded about carol" in state("carol", exit_code=1).stderr
