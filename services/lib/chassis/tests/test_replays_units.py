"""Replays in memory: their pace, what is left out, how they fail, and what operators are told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chassis import budgets
from chassis.aws import Aws
from chassis.budgets import Spending
from chassis.errors import PermanentError, TransientError
from chassis.queue import EventConsumer
from chassis.replays import answer, on_replays, orders, pages
from chassis.replays.pace import LEAST, MAX_REPLAYED, MAX_WAITING, MOST, Allowance, Pace, Waiting, backlog_of
from chassis.replays.rows import Looked
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import Checkpoint
from contracts import REGISTRY, Contract, Event, ReplayKind, ReprocessMode, new_event
from contracts.analysis import BudgetSpent
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted
from contracts.operations import (
    OPERATORS,
    ReplayCancelled,
    ReplayPaused,
    ReplayReport,
    ReplayRequested,
    ReplayResumed,
    TypeCount,
)
from testkit import Fakes, deliver
from testkit.fakes import SETTINGS
from testkit.faults import AwsCalls, answers, fails
from testkit.invoking import CONTEXT
from testkit.replaying import replay_order, reports


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pace(rate: int, clock: Clock, backlog: Callable[[], Waiting] = lambda: Waiting(0)) -> Pace:
    return Pace(rate, backlog, clock=lambda: clock.now, sleep=clock.sleep)


@pytest.mark.parametrize("rate", [1, 10, 500, 10_000])
def test_no_more_is_published_a_second_than_ordered(rate: int) -> None:
    clock, published = Clock(), 0
    bucket = pace(rate, clock)
    while allowed := bucket.wait(deadline=110):
        clock.now += 0.001
        published += min(allowed.look, allowed.publish)
        bucket.spend(min(allowed.look, allowed.publish))
    assert 0.9 * rate * 10 - 1 <= published <= rate * 10


def test_a_bucket_holds_no_more_than_a_second() -> None:
    clock = Clock()
    bucket = pace(10, clock)
    clock.now += 3600
    assert bucket.wait(deadline=clock.now + 1) == Allowance(2 * LEAST, 10)


def test_live_messages_are_let_through_first() -> None:
    clock = Clock()
    waiting = iter([MAX_WAITING + 500, MAX_WAITING + 1, MAX_WAITING])
    bucket = pace(1000, clock, lambda: Waiting(next(waiting)))
    assert bucket.wait(deadline=200)
    assert clock.now >= 100.1, "two looks found too many"
    assert pace(1000, clock, lambda: Waiting(MAX_WAITING + 1)).wait(deadline=clock.now + 5) is None
    assert pace(1000, clock, lambda: Waiting(0, MAX_REPLAYED + 1)).wait(deadline=clock.now + 5) is None


class Consumer:
    """Handles replayed messages ten at a time, half a second each batch, and has a live one at intervals."""

    def __init__(self, clock: Clock, *, live_every_s: float) -> None:
        self.clock = clock
        self.live_every_s = live_every_s
        self.busy_until = clock.now
        self.busy_s = 0.0

    def take(self, number: int) -> None:
        seconds = -(-number // 10) * 0.5
        self.busy_until = max(self.busy_until, self.clock.now) + seconds
        self.busy_s += seconds

    def waiting(self) -> Waiting:
        batches = -(-(self.busy_until - self.clock.now) // 0.5)
        taken = 10 * min(max(batches, 0), 1)
        is_live = self.clock.now % self.live_every_s < 0.1
        return Waiting(0, int(10 * max(batches, 0) - taken), int(is_live), int(taken))


@pytest.mark.parametrize(
    ("live_every_s", "least", "most"),
    [(1, 0.4, 0.5), (4, 0.4, 0.5), (1e9, 0.95, 1)],
    ids=["often", "now and then", "none"],
)
def test_a_consumer_with_live_events_is_left_alone_half_of_the_time(
    live_every_s: float, least: float, most: float
) -> None:
    clock = Clock()
    consumer = Consumer(clock, live_every_s=live_every_s)
    bucket = pace(10_000, clock, consumer.waiting)
    clock.now += 4
    consumer.busy_until, started = clock.now, clock.now
    while allowed := bucket.wait(deadline=started + 100):
        assert allowed.look == LEAST or live_every_s == 1e9
        consumer.take(allowed.look)
        bucket.spend(allowed.look)
    busy = (min(consumer.busy_s, clock.now - started)) / (clock.now - started)
    assert least <= busy <= most


def test_a_page_that_the_queue_does_not_show_yet_is_not_taken_for_handled() -> None:
    """SQS tells what is in a queue some time later."""
    clock = Clock()
    published_at = clock.now

    def waiting() -> Waiting:
        return Waiting(0, 10 if 0.5 < clock.now - published_at < 3 else 0, live_taken=1)

    bucket = pace(10_000, clock, waiting)
    clock.now += 1
    assert bucket.wait(deadline=200)
    published_at = clock.now
    assert bucket.wait(deadline=published_at + 100)
    assert 5.9 < clock.now - published_at < 6.5, "three seconds of work, as much of rest"
    published_at = clock.now + 1000
    before = clock.now
    assert bucket.wait(deadline=before + 100)
    assert 1.9 < clock.now - before < 2.5, "what reaches no queue is waited for a second"


def test_a_gentle_replay_waits_no_longer_than_some_seconds_for_messages_that_failed() -> None:
    clock = Clock()
    bucket = pace(10_000, clock, lambda: Waiting(0, 0, live_taken=1, replayed_taken=3))
    clock.now += 1
    assert bucket.wait(deadline=200)
    assert bucket.wait(deadline=clock.now + 15), "they are out of sight for minutes"


def test_pages_grow_while_nothing_waits_and_begin_anew_when_something_does() -> None:
    clock, waiting = Clock(), 0
    bucket = pace(10_000, clock, lambda: Waiting(waiting, MAX_REPLAYED))
    clock.now += 1
    looks = [allowed.look for _ in range(8) if (allowed := bucket.wait(deadline=200))]
    assert looks == [20, 40, 80, 160, 320, MOST, MOST, MOST]
    waiting = 1
    assert bucket.wait(deadline=200) == Allowance(LEAST, 10_000)


@pytest.fixture
def service(fakes: Fakes) -> Service[Settings]:
    return fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))


@pytest.fixture
def replays(service: Service[Settings]) -> EventConsumer:
    return on_replays(service)


def record(service: Service[Settings], number: int) -> list[str]:
    ids = []
    for place in range(number):
        data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
        with service.work.on("tenant-a", f"item-{place}") as work:
            ids += [each.id for each in work.record(new_event(data, subject=f"item-{place}", tenant_id="tenant-a"))]
    return ids


def latest(fakes: Fakes) -> Event[ReplayReport]:
    return reports(fakes.store.events)[-1]


def test_another_services_events_are_not_this_ones_business(fakes: Fakes, replays: EventConsumer) -> None:
    assert deliver(replays, replay_order("search", ItemDeleted)) == []
    assert (fakes.recorded, fakes.replays.rows) == ([], {})


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [
        ({}, ("0.000000", "false", None, None)),
        ({"budget_usd": 2.5, "force": True, "model": "m", "prompt": "p@2"}, ("2.500000", "true", "m", "p@2")),
    ],
    ids=["nothing may be paid", "all"],
)
def test_events_say_how_to_reprocess_and_what_it_may_cost(
    ordered: dict[str, Any],
    expected: tuple[str | None, ...],
    fakes: Fakes,
    service: Service[Settings],
    replays: EventConsumer,
) -> None:
    record(service, 1)
    order = replay_order("search", ImageRejected)
    data = order.data.model_copy(update={"kind": ReplayKind.REPROCESS, **ordered})
    deliver(replays, new_event(data, subject="replay-1", tenant_id=OPERATORS))
    deliver(replays, latest(fakes))
    (published,) = fakes.replayed
    event = REGISTRY.read(published)
    assert (event.replay_budget, event.replay_force, event.replay_model, event.replay_prompt) == expected
    assert (event.wants_reactions, event.is_forced) == (True, ordered != {})


def test_a_spent_budget_ends_the_replay(fakes: Fakes, service: Service[Settings], replays: EventConsumer) -> None:
    record(service, 2)
    deliver(replays, replay_order("search", ImageRejected))
    begun = latest(fakes)
    spent = BudgetSpent(budget_usd=1, spent_usd=0.95)
    deliver(replays, new_event(spent, subject="replay-1", tenant_id=OPERATORS))
    assert latest(fakes).data.state == "cancelled"
    deliver(replays, begun)
    assert fakes.replayed == []


MOMENT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("orders", "state"),
    [
        ([(ReplayPaused, 1)], "paused"),
        ([(ReplayCancelled, 1)], "cancelled"),
        ([(ReplayResumed, 2), (ReplayPaused, 1)], "running"),
        ([(ReplayPaused, 2), (ReplayResumed, 1)], "paused"),
        ([(ReplayCancelled, 1), (ReplayResumed, 2)], "cancelled"),
        ([(ReplayResumed, 2), (ReplayCancelled, 1)], "cancelled"),
    ],
    ids=["paused", "cancelled", "resumed since", "paused since", "cancelled stays", "cancelled in the end"],
)
def test_an_order_that_overtakes_the_request_is_kept(
    orders: list[tuple[type[Contract], int]],
    state: str,
    fakes: Fakes,
    service: Service[Settings],
    replays: EventConsumer,
) -> None:
    record(service, 1)
    for order, minute in orders:
        data = order.model_validate({"who": "operator", "why": "a test"})
        time = MOMENT + timedelta(minutes=minute)
        assert deliver(replays, new_event(data, subject="replay-1", tenant_id=OPERATORS, time=time)) == []
    deliver(replays, replay_order("search", ImageRejected))
    begun = latest(fakes)
    assert begun.data.state == state
    if state != "cancelled":
        deliver(replays, begun)
    assert len(fakes.replayed) == (state == "running")
    if state == "paused":
        data = ReplayResumed(who="operator", why="a test")
        deliver(replays, new_event(data, subject="replay-1", tenant_id=OPERATORS))
        deliver(replays, latest(fakes))
        assert (latest(fakes).data.state, len(fakes.replayed)) == ("completed", 1)


def test_reports_on_replays_are_never_replayed(service: Service[Settings], replays: EventConsumer) -> None:
    selection = replay_order("imaging", ImageRejected, replays.contracts[PROGRESSED]).data.selection
    assert pages.types_of(service, selection) == (ImageRejected.event_type,)


PROGRESSED = "collections.imaging.replay-progressed.v1"


def test_what_the_bus_refuses_for_good_is_left_out_and_counted(
    fakes: Fakes, service: Service[Settings], replays: EventConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = record(service, 3)
    put = fakes.aws.events.put_events

    def refuse(*, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        taken = [entry for entry in Entries if first not in entry["Detail"] or "replayid" not in entry["Detail"]]
        if taken:
            put(Entries=taken)
        refused = {"ErrorCode": "MalformedDetail", "ErrorMessage": "no"}
        return {"Entries": [{"EventId": "id"} if entry in taken else refused for entry in Entries]}

    monkeypatch.setattr(fakes.aws.events, "put_events", refuse)
    deliver(replays, replay_order("search", ImageRejected))
    assert deliver(replays, latest(fakes)) == []
    (count,) = latest(fakes).data.counts
    assert (latest(fakes).data.state, count.published, count.left_out) == ("completed", 2, 1)
    assert sorted(each["id"] for each in fakes.replayed) == sorted(others)


def test_a_bus_that_keeps_failing_fails_the_replay_which_can_be_resumed(
    fakes: Fakes, service: Service[Settings], replays: EventConsumer
) -> None:
    ids = record(service, 2)
    deliver(replays, replay_order("search", ImageRejected))
    begun = latest(fakes)
    fakes.aws.events.refuses = lambda entry: "replayid" in entry["Detail"]
    assert len(deliver(replays, begun)) == 1
    assert latest(fakes) == begun
    assert deliver(replays, begun, receives=3) == []
    assert (latest(fakes).type, latest(fakes).data.state) == (PROGRESSED.replace("progressed", "completed"), "failed")
    fakes.aws.events.refuses = lambda entry: False
    resumed = ReplayResumed(who="operator", why="the bus is back")
    deliver(replays, new_event(resumed, subject="replay-1", tenant_id=OPERATORS))
    deliver(replays, latest(fakes))
    assert latest(fakes).data.state == "completed"
    assert [each["id"] for each in fakes.replayed] == ids


def test_a_consumer_that_is_gone_fails_the_replay(
    fakes: Fakes, service: Service[Settings], replays: EventConsumer
) -> None:
    record(service, 1)
    deliver(replays, replay_order("search", ImageRejected))
    with fakes.aws.sqs.failing("get_queue_attributes", "AWS.SimpleQueueService.NonExistentQueue"):
        assert deliver(replays, latest(fakes)) == []
    assert latest(fakes).data.state == "failed"


@pytest.mark.parametrize("code", ["", "ServiceUnavailable"], ids=["silent", "unavailable"])
def test_a_queue_that_does_not_answer_is_asked_again_later(code: str, fakes: Fakes, replays: EventConsumer) -> None:
    with fakes.aws.sqs.failing("get_queue_attributes", code):
        assert len(deliver(replays, replay_order("search", ImageRejected))) == 1
    assert fakes.dead_letters() == []


def test_a_slow_order_publishes_a_little_at_a_time(
    fakes: Fakes, service: Service[Settings], replays: EventConsumer
) -> None:
    record(service, 9)
    step = service.settings.model_copy(update={"replay_budget_s": 0.3})
    deliver(replays, replay_order("search", ImageRejected, rate=8))
    hasty = on_replays(fakes.under(Service(step, fakes.aws)))
    deliver(hasty, latest(fakes))
    (count,) = latest(fakes).data.counts
    assert latest(fakes).data.state == "running"
    assert 1 <= count.published <= 3, "what 0.3 seconds may"


def test_operators_are_told_by_the_relay(fakes: Fakes, service: Service[Settings], replays: EventConsumer) -> None:
    record(service, 2)
    order = replay_order("search", ImageRejected, tenants=["tenant-a"])
    deliver(replays, order)
    entry = relay(service)
    (shown,) = entry({"replays": {"show": "replay-1"}}, CONTEXT)["replays"]
    assert entry({"replays": {"list": 5}}, CONTEXT) == {"replays": [shown]}
    assert (shown["id"], shown["consumer"], shown["state"], shown["rate"]) == ("replay-1", "search", "running", 10_000)
    assert shown["selection"] == {"types": [ImageRejected.event_type], "tenants": ["tenant-a"]}
    assert entry({"replays": {"show": "another"}}, CONTEXT) == {"replays": []}
    counted = entry({"replays": {"count": order.data.selection.model_dump(mode="json")}}, CONTEXT)
    assert counted == {"counts": {ImageRejected.event_type: 2}}
    with pytest.raises(ValueError, match="no such question about replays"):
        answer(service, {"delete": "replay-1"})


def test_operators_are_told_all_of_a_replay_and_nothing_of_its_events(
    fakes: Fakes, service: Service[Settings], replays: EventConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(service, 2)
    order = replay_order("search", ImageRejected)
    deliver(replays, order)
    deliver(replays, latest(fakes))
    (shown,) = answer(service, {"show": "replay-1"})["replays"]
    assert shown == {
        "id": "replay-1",
        "consumer": "search",
        "kind": "rebuild",
        "state": "completed",
        "selection": {"types": [ImageRejected.event_type]},
        "rate": 10_000,
        "requested_at": order.time.isoformat(),
        "counts": [{"type": ImageRejected.event_type, "selected": 2, "published": 2, "left_out": 0}],
        "position": latest(fakes).data.position,
    }
    deliver(replays, replay_order("search", ImageRejected, replay_id="replay-2"))
    assert len(answer(service, {"list": 5})["replays"]) == 2
    assert len(answer(service, {"list": 1})["replays"]) == 1
    monkeypatch.setattr("chassis.replays.asking.LISTED", 1)
    assert len(answer(service, {"list": 5})["replays"]) == 1


def test_a_consumer_is_told_by_the_service_itself(service: Service[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(service, {"contract": "replay-requested"}) == {"contract": ReplayRequested.schema_version}
    asked: list[Any] = []

    def reprocessing(_service: object, model: str | None, prompt: str | None = None) -> dict[str, Any]:
        asked.append((model, prompt))
        return {"types": []}

    def runs(_service: object, given: dict[str, Any]) -> dict[str, Any]:
        asked.append(given)
        return {"runs": []}

    monkeypatch.setattr(type(service), "reprocessing", reprocessing)
    monkeypatch.setattr(type(service), "runs", runs)
    assert answer(service, {"reprocessing": {"model": "m", "prompt": "p@2"}}) == {"reprocessing": {"types": []}}
    assert answer(service, {"reprocessing": {"model": None}}) == {"reprocessing": {"types": []}}
    assert answer(service, {"runs": {"run": "r"}}) == {"runs": {"runs": []}}
    assert asked == [("m", "p@2"), (None, None), {"run": "r"}]
    known = Spending(Decimal(2), Decimal(1), Decimal(0), made=1, reused=2, failed=3, left_over=4)
    monkeypatch.setattr(budgets, "spending", lambda _, replay_id: known if replay_id == "replay-1" else None)
    assert answer(service, {"spending": "replay-1"}) == {"spending": known.described()}
    assert answer(service, {"spending": "another"}) == {"spending": None}
    with pytest.raises(ValueError, match=r"^no such question about replays: \['a', 'b'\]$"):
        answer(service, {"b": 1, "a": 1})


def test_an_order_may_say_all_of_how_to_reprocess() -> None:
    data = replay_order("search", ImageRejected).data
    assert orders._attributes(data) == {}
    everything = {"model": "m", "prompt": "p", "mode": ReprocessMode.CANDIDATES, "run": "r", "version": 7}
    ordered = data.model_copy(update={"kind": ReplayKind.REPROCESS, **everything, "budget_usd": 0.5})
    assert orders._attributes(ordered) == {
        "replaybudget": "0.500000",
        "replayforce": "false",
        "replaymodel": "m",
        "replayprompt": "p",
        "replaymode": "candidates",
        "replayrun": "r",
        "replayversion": "7",
    }


def test_the_queues_of_a_consumer_are_asked_for_what_waits_and_what_is_taken(offline_aws: Aws) -> None:
    settings = Settings(service="imaging", function="worker", queue_url="https://sqs/prod-imaging-worker")
    waiting = backlog_of(Service(settings, offline_aws), "search")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def told(call: dict[str, Any]) -> Any:
        numbers = ("3", "4") if call["QueueUrl"].endswith("-replayed") else ("1", "2")
        return answers(Attributes=dict(zip(names, numbers, strict=True)))(call)

    with AwsCalls(offline_aws.sqs, GetQueueAttributes=told) as calls:
        assert waiting() == Waiting(live=1, replayed=3, live_taken=2, replayed_taken=4)
        assert calls.of("GetQueueAttributes") == [
            {"QueueUrl": f"https://sqs/prod-search-events{kind}", "AttributeNames": names} for kind in ("", "-replayed")
        ]
        calls.rules["GetQueueAttributes"] = fails("QueueDoesNotExist")
        with pytest.raises(PermanentError, match=r"^search has no queue prod-search-events$") as refused:
            waiting()
        assert refused.value.code == "no-such-consumer"
        calls.rules["GetQueueAttributes"] = fails("Throttled")
        with pytest.raises(TransientError, match=r"^SQS: An error occurred \(Throttled\)"):
            waiting()


def looked(*documents: str | None) -> list[Looked]:
    return [Looked(Checkpoint(1, place), "t", document) for place, document in enumerate(documents)]


def test_a_page_ends_with_the_last_event_that_may_be_published() -> None:
    page = looked("a", None, "b", None, "c", None)
    assert pages._up_to(page, 1) == page[:1]
    assert pages._up_to(page, 2) == page[:3]
    assert pages._up_to(page, 3) == page
    assert pages._up_to(page, 4) == page


def test_what_a_page_adds_is_counted_by_type() -> None:
    before = (TypeCount(type="b", selected=5, published=1, left_out=1), TypeCount(type="c", selected=1, published=0))
    assert pages._counted(before, {"b": 2, "a": 1}, {"b": 1, "d": 3}) == (
        TypeCount(type="a", selected=0, published=1),
        TypeCount(type="b", selected=5, published=3, left_out=2),
        TypeCount(type="c", selected=1, published=0),
        TypeCount(type="d", selected=0, published=0, left_out=3),
    )
