"""Faults are injected where they were ordered, and nowhere else."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from botocore.exceptions import ClientError

from chassis.aws import Aws
from chassis.database import Database
from chassis.errors import TransientError
from chassis.settings import Settings
from localmesh.postgres import Postgres
from testkit import MakeSchema, ServiceSchema, settled
from testkit.faults import AwsCalls, accepts_events, answers, at_once, fails, losing_connection, waiting

ENTRIES = [{"Source": "s", "DetailType": kind, "Detail": "{}"} for kind in ("a", "b", "c")]


def test_a_chosen_entry_is_refused(offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.events, PutEvents=accepts_events(but=lambda entry: entry["DetailType"] == "b")) as calls:
        answer = offline_aws.events.put_events(Entries=ENTRIES)  # type: ignore[arg-type]
    assert answer["FailedEntryCount"] == 1
    assert ["EventId" in entry for entry in answer["Entries"]] == [True, False, True]
    assert calls.made == [("PutEvents", {"Entries": ENTRIES})]


@pytest.mark.integration
def test_a_call_fails_as_often_as_ordered(aws: Aws) -> None:
    with AwsCalls(aws.sqs, ListQueues=fails("Throttled", times=1)) as calls:
        with pytest.raises(ClientError, match="Throttled"):
            aws.sqs.list_queues()
        assert aws.sqs.list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200
    aws.sqs.list_queues()
    assert [operation for operation, _ in calls.made] == ["ListQueues", "ListQueues"]


def test_offline_a_call_without_a_rule_is_a_defect_of_the_test(offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.sqs, SendMessage=answers(MessageId="1")):
        assert offline_aws.sqs.send_message(QueueUrl="q", MessageBody="b")["MessageId"] == "1"
        with pytest.raises(LookupError, match="DeleteMessage"):
            offline_aws.sqs.delete_message(QueueUrl="q", ReceiptHandle="r")


@pytest.fixture
def schema(service_schema: MakeSchema) -> ServiceSchema:
    return service_schema("imaging")


def database_of(schema: ServiceSchema) -> Database:
    return Database(Settings(service="imaging", **schema.settings), lambda: schema.password)


@pytest.mark.integration
@pytest.mark.parametrize(("executed", "rows"), [(False, 0), (True, 1)])
def test_a_session_ends_at_the_chosen_statement(schema: ServiceSchema, executed: bool, rows: int) -> None:
    database = database_of(schema)
    database.connection().execute("CREATE TABLE t (n int)")
    lost = losing_connection(database, "COMMIT", executed=executed)
    with lost, pytest.raises(TransientError), database.transaction() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    assert database.connection().execute("SELECT count(*) AS n FROM t").fetchone() == {"n": rows}
    database.close()


@pytest.mark.integration
def test_a_worker_is_seen_waiting_and_one_that_does_not_wait_is_a_failure(schema: ServiceSchema) -> None:
    def lock(number: int) -> int:
        with psycopg.connect(schema.dsn) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [number])
        return number

    with psycopg.connect(schema.dsn) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        with pytest.raises(AssertionError, match="did not wait: 2"):
            waiting(schema.database.dsn, lambda: lock(2))
        blocked = waiting(schema.database.dsn, lambda: lock(1))
    assert blocked.result(10) == 1


def test_workers_run_side_by_side_and_their_faults_are_seen() -> None:
    assert at_once(lambda: 1, lambda: 2) == [1, 2]
    with pytest.raises(ZeroDivisionError):
        at_once(lambda: 1, lambda: 1 // 0)


@pytest.mark.integration
def test_events_are_hidden_until_transactions_of_others_end(schema: ServiceSchema, postgres_server: Postgres) -> None:
    """Those in other databases of the same server too."""
    insert = (
        "INSERT INTO events (event_id, tenant_id, stream_id, stream_version, type, event)"
        " VALUES ('e', 't', 's', 1, 'x', '{}')"
    )
    with (
        psycopg.connect(schema.dsn, autocommit=True) as connection,
        psycopg.connect(postgres_server.dsn()) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("SELECT pg_current_xact_id()")
        connection.execute(insert)
        waits = threads.submit(settled, connection)
        with pytest.raises(TimeoutError):
            waits.result(0.05)
        other.rollback()
        assert waits.result(10) is connection
