"""Events while something fails, on a real Postgres: what each record of a batch leaves behind, which work is done."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import psycopg
import pytest

from chassis.aws import Aws
from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.observability import hash_tenant, logger
from chassis.projections import Projections
from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import read_stream
from chassis.work import Complete, UnitOfWork
from contracts import Event, ReplayKind, new_event, replayed
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from contracts.retired import SessionExpiredV1, SessionExpiredV2
from contracts.sessions import SessionExpired
from testkit import envelope
from testkit.faults import AwsCalls, answers, losing_connection
from testkit.invoking import CONTEXT

pytestmark = pytest.mark.integration

Worker = Service[Settings]
LogLines = Callable[[], list[dict[str, Any]]]
Measured = Callable[[], dict[str, tuple[str, list[float]]]]


@pytest.fixture(autouse=True)
def no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """No dead letter waits when an item is deleted; what happens to those that do is test_forgetting's."""
    monkeypatch.setattr("chassis.queue.consumer.erase_letters_of", lambda *_: 0)


@pytest.fixture(autouse=True)
def sqs(offline_aws: Aws) -> Iterator[AwsCalls]:
    """What the consumer asks of SQS."""
    well = answers()
    with AwsCalls(offline_aws.sqs, ChangeMessageVisibility=well, DeleteMessage=well, SendMessage=well) as calls:
        yield calls


def uploaded(item: str = "item-1", **more: Any) -> Event[UploadRejected]:
    data = UploadRejected(original_filename="f", size=1, reason=UploadRejection.EMPTY, detail="d")
    return new_event(data, subject=item, tenant_id="tenant-a", **more)


def followed(work: UnitOfWork) -> None:
    """What follows from an event: another one."""
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="d")
    work.record(new_event(data, subject=work.subject, tenant_id=work.tenant_id))


def message(identifier: str, body: str, *, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": identifier,
        "receiptHandle": "receipt",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "eventSource": "aws:sqs",
    }


def batch(consumer: EventConsumer, *events: Event[Any], receives: int = 1) -> list[str]:
    """The subjects that stay in the queue."""
    records = [
        message(f"{event.subject} {place}", envelope(event), receives=receives) for place, event in enumerate(events)
    ]
    answer = consumer({"Records": records}, CONTEXT)
    return [str(failure["itemIdentifier"]).split()[0] for failure in answer["batchItemFailures"]]


def recorded(worker: Worker, item: str = "item-1") -> int:
    return len(read_stream(worker.database.connection(), "tenant-a", item))


def test_a_database_that_is_away_costs_no_outside_work(worker: Worker, sqs: AwsCalls) -> None:
    worked: list[str] = []
    nowhere = Service(worker.settings.model_copy(update={"database_port": 1}), worker.aws)
    nowhere.__dict__["database"] = type(worker.database)(nowhere.settings, lambda: "any")
    consumer = EventConsumer(
        nowhere,
        [
            on(
                UploadRejected,
                lambda event: worked.append(event.subject),
                prepare=lambda events: worked.append("prepared"),
            )
        ],
    )
    assert batch(consumer, uploaded("item-1"), uploaded("item-2")) == ["item-1", "item-2"]
    assert worked == []
    assert [operation for operation, _ in sqs.made] == ["ChangeMessageVisibility"] * 2


def test_poison_dies_while_the_database_is_away(worker: Worker, sqs: AwsCalls) -> None:
    nowhere = Service(worker.settings.model_copy(update={"database_port": 1}), worker.aws)
    consumer = EventConsumer(nowhere, [on(ItemDeleted)])
    body = envelope(uploaded()).replace('"tenantid"', '"tenant"')
    assert consumer({"Records": [message("poison", body)]}, CONTEXT) == {"batchItemFailures": []}
    assert [call["MessageBody"] for call in sqs.of("SendMessage")] == [body]


@pytest.mark.parametrize("statement", ["INSERT INTO inbox", "INSERT INTO events"])
def test_a_session_that_ends_in_the_middle_fails_one_record_alone(
    statement: str, worker: Worker, sqs: AwsCalls
) -> None:
    consumer = EventConsumer(worker, [on(UploadRejected, lambda event: followed)])
    first, second = uploaded("item-1"), uploaded("item-2")
    with losing_connection(worker.database, statement):
        assert batch(consumer, first, second) == ["item-1"]
    assert (recorded(worker, "item-1"), recorded(worker, "item-2")) == (0, 1)
    assert batch(consumer, first, second, receives=2) == []
    assert (recorded(worker, "item-1"), recorded(worker, "item-2")) == (1, 1)


def test_a_commit_that_was_not_answered_is_found_applied_by_the_next_delivery(
    worker: Worker, measured: Measured
) -> None:
    worked: list[str] = []

    def react(event: Event[UploadRejected]) -> Complete:
        worked.append(event.subject)
        return complete

    def complete(work: UnitOfWork) -> None:
        followed(work)
        lost.enter_context(losing_connection(worker.database, "COMMIT", executed=True))

    consumer = EventConsumer(worker, [on(UploadRejected, react)])
    event = uploaded()
    with ExitStack() as lost:
        assert batch(consumer, event) == ["item-1"]
    assert batch(consumer, event, receives=2) == []
    assert (recorded(worker), worked) == (1, ["item-1"])
    assert measured()["EventsRetried"] == ("Count", [1])
    assert measured()["EventsSkipped"] == ("Count", [1])


def test_a_replay_for_another_consumer_is_skipped_and_counted(worker: Worker, measured: Measured) -> None:
    worked: list[str | None] = []
    consumer = EventConsumer(worker, [on(UploadRejected, lambda event: worked.append(event.replay_for))])
    for addressed in ("search", "imaging"):
        again = replayed(uploaded(), replay_id="r", replay_for=addressed, kind=ReplayKind.REPROCESS)
        assert batch(consumer, again) == []
    assert worked == ["imaging"]
    assert measured()["EventsSkipped"] == ("Count", [1])
    assert measured()["EventsHandled"] == ("Count", [1])
    assert "ProjectionLag" not in measured(), "how old a replayed event is says nothing"


def test_the_age_of_an_event_is_measured_when_it_is_applied(worker: Worker, measured: Measured) -> None:
    old = uploaded(time=datetime.now(UTC) - timedelta(seconds=60))
    assert batch(EventConsumer(worker, [on(UploadRejected)]), old) == []
    (unit, (lag_ms,)) = measured()["ProjectionLag"]
    assert unit == "Milliseconds"
    assert 60_000 <= lag_ms < 90_000


def test_lines_name_the_event_its_replay_and_its_thread(worker: Worker, log_lines: LogLines) -> None:
    consumer = EventConsumer(worker, [on(UploadRejected, lambda event: logger.info("inside"))])
    event = uploaded()
    again = replayed(event, replay_id="r", replay_for="imaging", kind=ReplayKind.REPROCESS)
    assert batch(consumer, event, again) == []
    live, replay, handled = log_lines()
    for line in (live, replay):
        assert (line["event_id"], line["event_type"]) == (event.id, event.type)
        assert (line["correlation_id"], line["tenant"]) == (event.correlation_id, hash_tenant("tenant-a"))
    assert "replay_id" not in live
    assert replay["replay_id"] == "r"
    assert "event_id" not in handled


def test_traces_can_be_found_by_thread_and_type(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations: list[dict[str, str]] = []
    monkeypatch.setattr("chassis.queue.consumer.annotate", lambda **given: annotations.append(given))
    event = uploaded()
    assert batch(EventConsumer(worker, [on(UploadRejected)]), event) == []
    assert annotations == [{"correlation_id": event.correlation_id, "event_type": event.type}]


@pytest.mark.parametrize(
    ("arn", "queue_url"),
    [
        ("arn:aws:sqs:eu-west-1:1:mesh-search-events", ""),
        ("arn:aws:sqs:eu-west-1:1:mesh-search-events-replayed", "-replayed"),
    ],
    ids=["live", "replayed"],
)
def test_a_message_goes_back_to_the_queue_that_it_is_from(
    worker: Worker, sqs: AwsCalls, arn: str, queue_url: str
) -> None:
    def react(event: Event[UploadRejected]) -> Complete | None:
        if event.subject == "fails":
            raise TransientError("not now")
        return None

    records = [
        message(event.subject, envelope(event), receives=2) | {"eventSourceARN": arn}
        for event in (uploaded("fails"), uploaded("works"))
    ]
    EventConsumer(worker, [on(UploadRejected, react)])({"Records": records}, CONTEXT)
    expected = f"{worker.settings.queue_url}{queue_url}"
    assert [call["QueueUrl"] for call in sqs.of("ChangeMessageVisibility")] == [expected]
    assert [call["QueueUrl"] for call in sqs.of("DeleteMessage")] == [expected]


def test_what_is_given_up_and_what_never_works_are_told_apart(worker: Worker, sqs: AwsCalls) -> None:
    given_up: list[tuple[str, int]] = []

    def react(event: Event[UploadRejected]) -> Complete:
        raise PermanentError("never", "no") if event.subject == "never" else TransientError("not now")

    def give_up(work: UnitOfWork, event: Event[UploadRejected], error: Exception, attempts: int) -> None:
        given_up.append((f"{work.tenant_id} {work.subject} {error}", attempts))

    consumer = EventConsumer(worker, [on(UploadRejected, react, give_up=give_up)])
    assert batch(consumer, uploaded("never"), uploaded("later"), receives=3) == []
    assert given_up == [("tenant-a later not now", 3)]
    reasons = {call["MessageAttributes"]["reason"]["StringValue"] for call in sqs.of("SendMessage")}
    assert reasons == {"never", "gave-up:TransientError"}


def test_giving_up_that_fails_is_logged(worker: Worker, log_lines: LogLines, sqs: AwsCalls) -> None:
    def react(event: Event[UploadRejected]) -> Complete:
        raise TransientError("not now")

    def give_up(work: UnitOfWork, event: Event[UploadRejected], error: Exception, attempts: int) -> None:
        followed(work)
        raise KeyError("a bug of ours")

    consumer = EventConsumer(worker, [on(UploadRejected, react, give_up=give_up)])
    assert batch(consumer, uploaded(), receives=3) == []
    fault = log_lines()[0]
    assert (fault["level"], fault["message"], fault["exception_name"]) == ("ERROR", "giving up failed", "KeyError")
    assert recorded(worker) == 0
    assert len(sqs.of("SendMessage")) == 1


def test_a_preparation_that_fails_is_logged_and_repeated_for_each_alone(worker: Worker, log_lines: LogLines) -> None:
    prepared: list[list[str]] = []

    def prepare(events: Sequence[Event[UploadRejected]]) -> None:
        prepared.append([event.subject for event in events])
        if len(events) > 1:
            raise KeyError("together they do not work")

    consumer = EventConsumer(worker, [on(UploadRejected, lambda event: followed, prepare=prepare)])
    assert batch(consumer, uploaded("a"), uploaded("b")) == []
    assert prepared == [["a", "b"], ["a"], ["b"]]
    line = log_lines()[0]
    assert (line["level"], line["message"], line["events"]) == (
        "ERROR",
        "batch not prepared, preparing one by one",
        2,
    )
    assert line["exception_name"] == "KeyError"
    assert (recorded(worker, "a"), recorded(worker, "b")) == (1, 1)


def test_what_was_not_prepared_together_is_prepared_alone_whatever_its_type(worker: Worker) -> None:
    prepared: list[list[str]] = []

    def prepare(events: Sequence[Event[Any]]) -> None:
        prepared.append([event.subject for event in events])
        if len(prepared) <= 2:
            raise KeyError("neither batch works")

    types = (UploadRejected, ItemDeleted)
    consumer = EventConsumer(worker, [on(each, lambda event: None, prepare=prepare) for each in types])
    deletion = new_event(ItemDeleted(), subject="deleted", tenant_id="tenant-a")
    assert batch(consumer, uploaded("a"), deletion) == []
    assert prepared == [["a"], ["deleted"], ["a"], ["deleted"]]


def test_what_could_not_be_prepared_yet_is_tried_again_whatever_its_type(worker: Worker) -> None:
    def prepare(events: Sequence[Event[Any]]) -> None:
        raise TransientError("not now")

    handled: list[str] = []
    types = (UploadRejected, ItemDeleted)
    consumer = EventConsumer(worker, [on(each, lambda e: handled.append(e.subject), prepare=prepare) for each in types])
    deletion = new_event(ItemDeleted(), subject="deleted", tenant_id="tenant-a")
    assert len(batch(consumer, uploaded("a"), deletion)) == 2
    assert handled == []


def test_only_fresh_live_events_of_their_own_type_are_prepared(worker: Worker) -> None:
    prepared: list[tuple[str, list[str]]] = []

    def preparing(name: str) -> Callable[[Sequence[Event[Any]]], None]:
        return lambda events: prepared.append((name, [event.subject for event in events]))

    consumer = EventConsumer(
        worker,
        [
            on(UploadRejected, lambda event: None, prepare=preparing("uploads")),
            on(ItemDeleted, lambda event: None, prepare=preparing("deletions")),
            on(ImageRejected),
        ],
    )
    applied = uploaded("applied")
    assert batch(consumer, applied) == []
    rebuilt = replayed(uploaded("rebuilt"), replay_id="r", replay_for="imaging")
    elsewhere = replayed(uploaded("elsewhere"), replay_id="r", replay_for="chat", kind=ReplayKind.REPROCESS)
    deletion = new_event(ItemDeleted(), subject="deleted", tenant_id="tenant-a")
    prepared.clear()
    assert batch(consumer, applied, rebuilt, elsewhere, uploaded("fresh"), deletion) == []
    assert prepared == [("uploads", ["fresh"]), ("deletions", ["deleted"])]
    prepared.clear()
    assert batch(consumer, applied, rebuilt, deletion) == []
    assert prepared == []


def test_a_batch_knows_nothing_of_the_one_before(worker: Worker) -> None:
    """A warm process: faults, preparations and folds belong to one invocation."""
    fails = [True]

    def prepare(events: Sequence[Event[UploadRejected]]) -> None:
        if fails[0]:
            raise TransientError("the provider is away")

    consumer = EventConsumer(worker, [on(UploadRejected, lambda event: followed, prepare=prepare)])
    event = uploaded()
    assert batch(consumer, event) == ["item-1"]
    fails[0] = False
    assert batch(consumer, event, receives=2) == []
    assert recorded(worker) == 1


def test_an_event_is_read_as_the_contract_that_its_handler_understands(worker: Worker) -> None:
    current = EventConsumer(worker, [on(SessionExpired)])
    assert current.contracts == dict.fromkeys(
        (SessionExpiredV1.event_type, SessionExpiredV2.event_type, SessionExpired.event_type), SessionExpired
    )
    old = EventConsumer(worker, [on(SessionExpiredV2)])
    assert old.contracts == dict.fromkeys((SessionExpiredV1.event_type, SessionExpiredV2.event_type), SessionExpiredV2)
    read: list[object] = []
    last = datetime(2026, 2, 1, tzinfo=UTC)
    first = new_event(SessionExpiredV1(reason="idle", last_activity=last), subject="s", tenant_id="alice")
    consumer = EventConsumer(worker, [on(SessionExpiredV2, lambda event: read.append(event.data))])
    assert batch(consumer, first) == []
    assert [type(data) for data in read] == [SessionExpiredV2]


class Folding(Service[Settings]):
    """A service that notes which subjects it folds, in which of its sessions."""

    folded: list[tuple[str, bool]]

    @cached_property
    def projections(self) -> Projections:
        def fold(connection: Connection, event: Event[Any]) -> None:
            in_transaction = connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
            self.folded.append((event.subject, in_transaction))

        return Projections({UploadRejected: fold})


@pytest.fixture
def folding(worker: Worker) -> Folding:
    service = Folding(worker.settings, worker.aws)
    service.__dict__.update(database=worker.database, folded=[])
    return service


@pytest.mark.parametrize("fold_first", [False, True])
@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize(
    "error", [None, PermanentError("never", "no"), TransientError("not now")], ids=["well", "permanent", "given up"]
)
def test_however_an_event_ends_it_is_folded_once_in_a_transaction(
    error: Exception | None, prepared: bool, fold_first: bool, folding: Folding
) -> None:
    def react(event: Event[UploadRejected]) -> None:
        if error is not None:
            raise error

    prepare = (lambda events: None) if prepared else None
    consumer = EventConsumer(folding, [on(UploadRejected, react, prepare=prepare, fold_first=fold_first)])
    assert batch(consumer, uploaded("a"), uploaded("b"), receives=3) == []
    assert sorted(folding.folded) == [("a", True), ("b", True)]


@pytest.mark.parametrize("prepared", [False, True])
def test_of_a_rebuild_nothing_is_folded_before_its_own_unit_of_work(prepared: bool, folding: Folding) -> None:
    prepare = (lambda events: pytest.fail("prepared")) if prepared else None
    subscription = on(UploadRejected, lambda event: pytest.fail("reacted"), prepare=prepare, fold_first=True)
    again = replayed(uploaded(), replay_id="r", replay_for="imaging")
    assert batch(EventConsumer(folding, [subscription]), again) == []
    assert folding.folded == [("item-1", True)]
