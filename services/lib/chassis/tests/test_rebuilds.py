"""Rebuilds on a real Postgres: nobody who reads or writes notices the exchange, and no fault leaves half of one."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import psycopg
import pytest

from chassis import forgotten
from chassis.database import Connection
from chassis.errors import PermanentError, TenantForgottenError, TransientError
from chassis.migrations import migrate
from chassis.projections import Projections
from chassis.rebuilds import asking, own, retiring, rows, switching, tables
from chassis.rebuilds.asking import answer
from chassis.schedule import clear_up
from chassis.service import Service
from chassis.settings import Settings
from chassis.tables import next_of, previous_of
from contracts import Event, ReplayKind, new_event, replayed
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ForgottenBy, TenantForgotten
from testkit import MakeSchema, ServiceSchema

pytestmark = pytest.mark.integration

MIGRATIONS = Path(__file__).parents[1] / "migrations"
PICTURES = """
CREATE TABLE pictures (
    tenant_id text COLLATE "C" NOT NULL,
    item_id   text NOT NULL CHECK (item_id <> ''),
    detail    text NOT NULL,
    size      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, item_id) INCLUDE (size)
) WITH (autovacuum_vacuum_scale_factor = 0.05, fillfactor = 90);
ALTER TABLE pictures ALTER detail SET STORAGE EXTERNAL;
CREATE INDEX pictures_by_detail ON pictures (detail) WHERE size > 0;
CREATE UNIQUE INDEX a_name_that_comes_first ON pictures (tenant_id, item_id, size);
COMMENT ON TABLE pictures IS 'projection: of image-rejected';
"""
ITEMS = 20


class Stood:
    """How the folds of this service are changed by a test."""

    detail: str = "as it was"
    fails_on: str = ""


def _service(schema: ServiceSchema, aws: Any, stood: Stood) -> Service[Settings]:
    def rejected(connection: Connection, event: Event[ImageRejected]) -> None:
        connection.execute(
            """
            INSERT INTO pictures AS p (tenant_id, item_id, detail) VALUES (%s, %s, %s)
            ON CONFLICT (tenant_id, item_id) DO UPDATE SET detail = excluded.detail
            """,
            (event.tenant_id, event.subject, stood.detail),
        )
        (row,) = connection.execute("SELECT current_schema() AS name")
        if stood.fails_on and row["name"].endswith(stood.fails_on):
            connection.execute("SELECT 1 / 0")

    class Imaging(Service[Settings]):
        projections = Projections({ImageRejected: rejected})

        def _database_password(self) -> str:
            return schema.password

    return Imaging(Settings(**schema.settings, service="imaging", event_bus="the-bus"), aws)


@pytest.fixture
def stood() -> Stood:
    return Stood()


@pytest.fixture
def schema(service_schema: MakeSchema, tmp_path: Path) -> ServiceSchema:
    own = tmp_path / "imaging" / "migrations"
    own.mkdir(parents=True)
    (own / "0001_pictures.sql").write_text(PICTURES)
    return service_schema("imaging", [MIGRATIONS, own])


@pytest.fixture
def start(
    schema: ServiceSchema, offline_aws: Any, bus_calls: Any, stood: Stood
) -> Iterator[Callable[[], Service[Any]]]:
    """Starts a process of the service."""
    started: list[Service[Any]] = []

    def new() -> Service[Any]:
        started.append(_service(schema, offline_aws, stood))
        return started[-1]

    yield new
    for each in started:
        each.database.close()


@pytest.fixture
def service(start: Callable[[], Service[Any]]) -> Service[Any]:
    service = start()
    for number in range(ITEMS):
        record(service, f"item-{number}", f"tenant-{number % 2}")
    return service


def record(service: Service[Any], item: str, tenant: str = "tenant-0") -> None:
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    with service.work.on(tenant, item) as work:
        work.record(new_event(data, subject=item, tenant_id=tenant))


def begin(service: Service[Any], **narrowed: tuple[str, ...]) -> str:
    """The id of a rebuild into which everything has been folded that was recorded before."""
    rebuild = switching.begin(service, who="a test", why="", **narrowed)
    (shown,) = answer(service, {"fold": rebuild.id})["rebuilds"]
    assert shown["is_own_done"]
    return rebuild.id


def compared(service: Service[Any], rebuild_id: str) -> dict[str, Any]:
    return dict(answer(service, {"compare": rebuild_id, "table": "pictures"})["comparison"])


def details(service: Service[Any], schema: str | None = None) -> dict[str, str]:
    table = f"{schema}.pictures" if schema else "pictures"
    with service.database.transaction() as connection:
        found = connection.execute(f"SELECT item_id, detail FROM {table}").fetchall()
    return {row["item_id"]: row["detail"] for row in found}


def state(service: Service[Any]) -> str:
    return str(answer(service, {"list": 1})["rebuilds"][0]["state"])


def test_readers_and_writers_notice_no_exchange(service: Service[Any], start: Callable[[], Service[Any]]) -> None:
    """Each way, many times: no read fails or misses a row, and no write is missing thereafter."""
    written, reads, slowest = ITEMS, 0, 0.0
    stop = threading.Event()
    faults: list[BaseException] = []

    def read() -> None:
        nonlocal reads, slowest
        reader = start()
        while not stop.is_set():
            least, begun = written, time.monotonic()
            # Prepared from the sixth time on, and by two tables in one statement.
            with reader.database.transaction() as connection:
                (row,) = connection.execute(
                    "SELECT count(*) AS n FROM pictures AS p JOIN pictures AS q USING (item_id)"
                )
            slowest = max(slowest, time.monotonic() - begun)
            assert row["n"] >= least, f"{row['n']} rows of {least}"
            reads += 1

    def write() -> None:
        nonlocal written
        writer = start()
        while not stop.is_set():
            record(writer, f"item-{written}")
            written += 1

    def noting(job: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                job()
            except BaseException as error:
                faults.append(error)

        return threading.Thread(target=run)

    threads = [noting(read), noting(read), noting(write)]
    for thread in threads:
        thread.start()
    exchanges = 0
    try:
        for _ in range(4):
            rebuild_id = begin(service)
            assert compared(service, rebuild_id)["is_equal"]
            switching.switch(service, rebuild_id)
            assert compared(service, rebuild_id)["is_equal"]
            switching.roll_back(service, rebuild_id)
            exchanges += 2
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert faults == []
    assert exchanges == 8
    assert reads > 50
    assert written > ITEMS
    assert len(details(service)) == written
    assert slowest < 3, "seconds"


def test_the_new_tables_have_the_form_of_the_old(service: Service[Any], schema: ServiceSchema) -> None:
    def form() -> list[tuple[Any, ...]]:
        with psycopg.connect(schema.database.dsn) as connection:
            return connection.execute(
                """
                SELECT c.relname, c.relkind, c.reloptions::text, obj_description(c.oid, 'pg_class'),
                       pg_get_indexdef(i.indexrelid), k.conname, pg_get_constraintdef(k.oid),
                       (SELECT string_agg(concat(attname, attstorage, atttypid, attnotnull, attcollation), ','
                                          ORDER BY attnum)
                        FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)
                FROM pg_class AS c LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
                LEFT JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype <> 'n'
                WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'i') ORDER BY 1, 6
                """,
                [schema.role],
            ).fetchall()

    before = form()
    switching.switch(service, begin(service))
    assert form() == before


def test_what_is_ordered_or_switched_twice_is_so_once(service: Service[Any]) -> None:
    rebuild_id = begin(service)
    assert begin(service) == rebuild_id
    switched = switching.switch(service, rebuild_id)
    assert switching.switch(service, rebuild_id) == switched
    assert switching.roll_back(service, rebuild_id) == switching.roll_back(service, rebuild_id)
    assert state(service) == "rolled-back"
    with pytest.raises(PermanentError, match="is rolled-back"):
        switching.switch(service, rebuild_id)


@pytest.mark.parametrize("way", ["switch", "roll_back"])
def test_an_exchange_that_dies_leaves_all_as_it_was(
    way: str, service: Service[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild_id = begin(service)
    if way == "roll_back":
        switching.switch(service, rebuild_id)
    before, live = state(service), details(service)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "turn", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            getattr(switching, way)(service, rebuild_id)
    assert (state(service), details(service)) == (before, live)
    getattr(switching, way)(service, rebuild_id)
    assert details(service) == live


def test_a_fold_of_own_events_that_dies_goes_on_where_it_stopped(
    service: Service[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuild = switching.begin(service, who="a test", why="")
    save, saved = rows.save, list[int]()

    def dies(*arguments: Any, **named: Any) -> None:
        saved.append(named["folded"])
        if len(saved) == 7:
            raise KeyboardInterrupt
        save(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            answer(service, {"fold": rebuild.id})
    with pytest.raises(PermanentError, match="not folded yet"):
        switching.switch(service, rebuild.id)
    (shown,) = answer(service, {"fold": rebuild.id})["rebuilds"]
    assert (shown["folded"], shown["is_own_done"]) == (ITEMS, True)
    assert compared(service, rebuild.id)["is_equal"]


def test_a_fold_that_fails_beside_harms_no_traffic(service: Service[Any], stood: Stood) -> None:
    rebuild_id = begin(service)
    stood.fails_on = "_next"
    record(service, "another")
    assert "another" in details(service)
    (shown,) = answer(service, {"show": rebuild_id})["rebuilds"]
    assert shown["failure"].startswith("DivisionByZero of the event ")
    with pytest.raises(PermanentError, match="the tables beside miss something: DivisionByZero") as refused:
        switching.switch(service, rebuild_id)
    assert refused.value.code == "rebuild-failed"
    assert switching.cancel(service, rebuild_id).state == "cancelled"
    stood.fails_on = ""
    switching.switch(service, begin(service))
    stood.fails_on = "_previous"
    record(service, "a third")
    with pytest.raises(PermanentError, match="DivisionByZero"):
        switching.roll_back(service, answer(service, {"list": 1})["rebuilds"][0]["id"])
    assert {"another", "a third"} <= set(details(service))


def test_a_replayed_event_is_folded_beside_alone(service: Service[Any], stood: Stood) -> None:
    rebuild = switching.begin(service, who="a test", why="")
    stood.detail = "once more"
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    event = new_event(data, subject="item-1", tenant_id="tenant-1")
    again = replayed(event, replay_id=rebuild.id, replay_for="imaging", kind=ReplayKind.REBUILD)
    with service.work.applying(again) as work:
        work.fold(again)
    assert details(service)["item-1"] == "as it was"
    assert details(service, next_of(service.settings.database_schema)) == {"item-1": "once more"}
    with service.work.on("tenant-1", "item-1") as work:
        work.fold(replace(event, replay_id="another", replay_for="imaging"))
    assert details(service)["item-1"] == "once more"


def test_a_replayed_event_of_a_tenant_who_is_forgotten_meanwhile_counts_as_arrived(service: Service[Any]) -> None:
    rebuild = switching.begin(service, who="a test", why="")
    data = ImageRejected(reason=ImageRejection.CORRUPT, detail="The file is broken.")
    events = [new_event(data, subject=f"item-{number}", tenant_id="tenant-1") for number in range(2)]
    looked, late = (replayed(event, replay_id=rebuild.id, replay_for="imaging") for event in events)
    fact = new_event(TenantForgotten(by=ForgottenBy.TENANT), subject="tenant-1", tenant_id="tenant-1")
    with service.work.on("tenant-1", "tenant-1", alone=True) as work:
        forgotten.mark(work.connection, fact)
    assert service.work.applied([looked, events[0]]) == {(looked.id, rebuild.id), (looked.id, "")}
    with pytest.raises(TenantForgottenError), service.work.applying(late):
        pytest.fail("a unit of work of a forgotten tenant began")
    assert answer(service, {"show": rebuild.id})["rebuilds"][0]["applied"] == 2


def test_searches_are_asked_of_both_tables(
    service: Service[Any], stood: Stood, monkeypatch: pytest.MonkeyPatch
) -> None:
    def question(item: str) -> Callable[[Connection], object]:
        return lambda c: c.execute("SELECT detail FROM pictures WHERE item_id = %s", (item,)).fetchall()

    rebuild_id = begin(service)
    assert answer(service, {"sample": rebuild_id, "number": 2}) == {"comparison": None}, "nobody searches here"
    ask = [question("item-0"), question("item-1"), question("nothing")]
    monkeypatch.setattr(service, "questions", lambda connection, number, tenants: ask[:number])
    found = answer(service, {"sample": rebuild_id, "number": 3})["comparison"]
    assert (found["live_rows"], found["beside_rows"], found["is_equal"], found["columns"]) == (2, 2, True, None)
    beside = next_of(service.settings.database_schema)
    with service.database.transaction() as connection:
        connection.execute(f"UPDATE {beside}.pictures SET detail = 'other' WHERE item_id = 'item-1'")
    found = answer(service, {"sample": rebuild_id, "number": 3})["comparison"]
    told = (found["beside_rows"], found["columns"], found["is_equal"], found["is_expected"])
    assert told == (2, {"what is found": 1}, False, False)
    with service.database.transaction() as connection:
        connection.execute(f"DELETE FROM {beside}.pictures")
    found = answer(service, {"sample": rebuild_id, "number": 3})["comparison"]
    assert (found["live_rows"], found["beside_rows"], found["columns"]) == (2, 0, {"what is found": 2})
    with pytest.raises(ValueError, match="no tables beside"):
        answer(service, {"sample": "another", "number": 3})


def test_what_is_folded_beside_may_be_less_than_live(
    start: Callable[[], Service[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of sessions the rows, and not the items in DynamoDB."""
    service = start()
    folded: list[str] = []
    fold = service.projections.folds[ImageRejected]

    def also_elsewhere(connection: Connection, event: Event[Any]) -> None:
        folded.append(event.subject)
        fold(connection, event)

    live = Projections({ImageRejected: also_elsewhere})
    monkeypatch.setattr(type(service), "projections", live)
    monkeypatch.setattr(type(service), "database_projections", Projections({ImageRejected: fold}))
    begin(service)
    assert folded == []
    record(service, "item-9")
    assert folded == ["item-9"]
    assert "item-9" in details(service, next_of(service.settings.database_schema))


def test_a_rebuild_of_one_tenant_exchanges_its_rows_alone(service: Service[Any], stood: Stood) -> None:
    stood.detail = "as the new fold says"
    record(service, "item-0", "tenant-0")
    rebuild_id = begin(service, tenants=("tenant-1",), changed=("pictures",))
    with service.database.transaction() as connection:
        (last,) = connection.execute("SELECT max(position) AS position FROM events")
        rebuild = rows.find(connection, rebuild_id)
    assert rebuild is not None
    assert rebuild.checkpoint.position == last["position"], "what is not folded is not looked at again"
    found = compared(service, rebuild_id)
    assert (found["live_rows"], found["beside_rows"]) == (ITEMS / 2, ITEMS / 2)
    assert (found["is_equal"], found["is_expected"], found["columns"]) == (False, True, {"detail": ITEMS / 2})
    switching.switch(service, rebuild_id)
    of_the_tenant = {f"item-{number}" for number in range(1, ITEMS, 2)}
    assert {item for item, detail in details(service).items() if detail == stood.detail} == of_the_tenant | {"item-0"}
    record(service, "of-another-tenant", "tenant-0")
    record(service, "of-the-tenant", "tenant-1")
    switching.roll_back(service, rebuild_id)
    assert {"of-another-tenant", "of-the-tenant"} <= set(details(service))
    assert len(details(service)) == ITEMS + 2


def test_a_rebuild_of_one_item_exchanges_its_row_alone(service: Service[Any], stood: Stood) -> None:
    switching.switch(service, before := begin(service))
    stood.detail = "as the new fold says"
    rebuild_id = begin(service, subjects=("item-3",), changed=("pictures",))
    assert {each["id"]: each["state"] for each in answer(service, {"list": 5})["rebuilds"]} == {
        before: "ended",
        rebuild_id: "folding",
    }
    found = compared(service, rebuild_id)
    assert (found["live_rows"], found["beside_rows"], found["columns"]) == (1, 1, {"detail": 1})
    switching.switch(service, rebuild_id)
    assert {item for item, detail in details(service).items() if detail == stood.detail} == {"item-3"}
    assert len(details(service)) == ITEMS
    switching.roll_back(service, rebuild_id)
    assert set(details(service).values()) == {"as it was"}


def test_a_comparison_says_what_differs(service: Service[Any]) -> None:
    rebuild_id = begin(service)
    with service.database.transaction() as connection:
        connection.execute("DELETE FROM pictures WHERE item_id IN ('item-1', 'item-2', 'item-3')")
        connection.execute("UPDATE pictures SET detail = 'lost' WHERE item_id = 'item-4'")
        connection.execute("INSERT INTO pictures VALUES ('tenant-0', 'nobody', 'says so')")
    found = compared(service, rebuild_id)
    assert (found["live_rows"], found["beside_rows"], found["missing"], found["added"]) == (ITEMS - 2, ITEMS, 1, 3)
    assert found["columns"] == {"detail": 1}
    assert not found["is_equal"]


def test_tables_beside_are_dropped_when_their_time_is_over(service: Service[Any]) -> None:
    schema = service.settings.database_schema
    switching.switch(service, begin(service), keep=timedelta(days=1))
    retiring.retire(service.database, schema)
    assert len(details(service, previous_of(schema))) == ITEMS
    with service.database.transaction() as connection:
        connection.execute("UPDATE projection_rebuilds SET kept_until = now()")
    clear_up(service)
    assert state(service) == "ended"
    with service.database.transaction() as connection:
        assert tables.folded_tables(connection, previous_of(schema)) == []
    assert len(details(service)) == ITEMS


def test_a_migration_that_says_so_wants_a_rebuild_once(
    service: Service[Any], schema: ServiceSchema, tmp_path: Path
) -> None:
    rebuild_id = begin(service)
    more = tmp_path / "more" / "migrations"
    more.mkdir(parents=True)
    column = "-- What old events say too.\n-- rebuild: pictures\nALTER TABLE pictures ADD COLUMN reason text;"
    (more / "0002_reason.sql").write_text(column)
    for _ in range(2):
        migrate(schema.dsn, schema.role, [MIGRATIONS, more])
    listed = answer(service, {"list": 5})
    assert (listed["due"], listed["tables"]) == (("pictures",), ["forgotten_tenants", "pictures", "tombstones"])
    assert {each["id"]: each["state"] for each in listed["rebuilds"]}[rebuild_id] == "ended", (
        "its tables lack the column"
    )
    switching.switch(service, begin(service))
    assert answer(service, {"list": 5})["due"] == ()
    assert answer(service, {"list": 1})["rebuilds"][0]["changed"] == ["pictures"]
    switching.cancel(service, answer(service, {"list": 1})["rebuilds"][0]["id"])

    begun = switching.begin(service, who="a test", why="", changed=("pictures",))
    (more / "0003_more.sql").write_text("CREATE INDEX pictures_by_reason ON pictures (reason);")
    migrate(schema.dsn, schema.role, [MIGRATIONS, more])
    assert begun.id not in {
        each["id"] for each in answer(service, {"list": 5})["rebuilds"] if each["state"] == "folding"
    }
    assert answer(service, {"list": 5})["due"] == ("pictures",), "what was not done is wanted still"


def test_what_cannot_be_copied_is_refused(service: Service[Any]) -> None:
    with service.database.transaction() as connection:
        connection.execute("CREATE TABLE numbered (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
        connection.execute("COMMENT ON TABLE numbered IS 'projection: numbers'")
    with pytest.raises(PermanentError, match="numbered has a foreign key or a sequence") as refused:
        switching.begin(service, who="a test", why="")
    assert refused.value.code == "table-not-copied"
    assert answer(service, {"list": 1})["rebuilds"] == []
    with service.database.transaction() as connection:
        connection.execute("ALTER TABLE numbered ALTER n DROP IDENTITY")
    for narrowed in ({"tenants": ["tenant-0"]}, {"subjects": ["item-0"]}):
        with pytest.raises(PermanentError, match="numbered has no column tenant_id: rebuild all of it") as refused:
            switching.begin(service, who="a test", why="", **narrowed)
        assert refused.value.code == "table-without-tenant"
    with service.database.transaction() as connection:
        connection.execute("ALTER TABLE numbered ADD COLUMN tenant_id text")
    with pytest.raises(PermanentError, match=r"numbered has no rows of items: rebuild the tenant") as refused:
        switching.begin(service, who="a test", why="", subjects=["item-0"])
    assert refused.value.code == "table-without-items"


def test_tables_that_are_others_by_now_are_not_exchanged(service: Service[Any]) -> None:
    rebuild_id = begin(service)
    with service.database.transaction() as connection:
        connection.execute("CREATE TABLE more (tenant_id text PRIMARY KEY)")
        connection.execute("COMMENT ON TABLE more IS 'projection: more'")
    with pytest.raises(PermanentError, match="are not those of") as refused:
        switching.switch(service, rebuild_id)
    assert refused.value.code == "other-tables"
    assert (state(service), len(details(service))) == ("folding", ITEMS)


def test_a_reader_that_takes_long_is_waited_for_in_turns(
    service: Service[Any], start: Callable[[], Service[Any]]
) -> None:
    rebuild_id = begin(service)

    @contextmanager
    def reading() -> Iterator[threading.Timer]:
        slow = start().database.connection()
        slow.execute("BEGIN")
        slow.execute("SELECT count(*) FROM pictures")
        timer = threading.Timer(0.8, lambda: slow.execute("COMMIT"))
        timer.start()
        yield timer
        timer.join()

    with reading():
        switching.switch(service, rebuild_id)
    assert state(service) == "switched"


REJECTED = ImageRejected.event_type


def kept_for(rebuild: dict[str, Any]) -> timedelta:
    """For how long the tables beside are kept from now."""
    kept_until = datetime.fromisoformat(rebuild["kept_until"])
    return kept_until - datetime.now(kept_until.tzinfo)


def test_operators_steer_a_rebuild_by_requests_alone(service: Service[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(service, {"count": []}) == {"counts": {REJECTED: ITEMS}}
    assert answer(service, {"count": ["tenant-1"]}) == {"counts": {REJECTED: ITEMS // 2}}
    assert answer(service, {"count": ["tenant-1"], "subjects": ["item-1", "item-2"]}) == {"counts": {REJECTED: 1}}
    wanted = {"who": "ann", "why": "a new column", "changed": ["pictures"], "tenants": []}
    (begun,) = answer(service, {"begin": wanted})["rebuilds"]
    rebuild_id = begun["id"]
    assert rebuild_id.startswith("rebuild-imaging-")
    assert len(rebuild_id) == len("rebuild-imaging-") + 12
    expected = {
        **wanted,
        "id": rebuild_id,
        "state": "folding",
        "subjects": [],
        "folded": 0,
        "is_own_done": False,
        "failure": None,
        "kept_until": begun["kept_until"],
        "requested_at": ANY,
        "applied": 0,
    }
    assert begun == expected
    assert timedelta(days=7, minutes=-1) < kept_for(begun) < timedelta(days=7)
    assert (
        timedelta(0)
        <= datetime.fromisoformat(begun["kept_until"])
        - datetime.fromisoformat(begun["requested_at"])
        - timedelta(days=7)
        + timedelta(minutes=1)
        <= timedelta(minutes=2)
    )
    with pytest.raises(PermanentError, match=f"^{rebuild_id}: own events are not folded yet$") as refused:
        answer(service, {"switch": rebuild_id, "days": 3})
    assert refused.value.code == "rebuild-not-complete"
    folded = expected | {"folded": ITEMS, "is_own_done": True}
    assert answer(service, {"fold": rebuild_id}) == {"rebuilds": [folded]}
    assert answer(service, {"fold": rebuild_id}) == {"rebuilds": [folded]}, "nothing is left to fold"
    (switched,) = answer(service, {"switch": rebuild_id, "days": 3})["rebuilds"]
    assert switched == folded | {"state": "switched", "kept_until": switched["kept_until"]}
    assert timedelta(days=3, minutes=-1) < kept_for(switched) < timedelta(days=3)
    ended = folded | {"state": "rolled-back", "kept_until": None}
    assert answer(service, {"rollback": rebuild_id}) == {"rebuilds": [ended]}
    assert answer(service, {"cancel": rebuild_id}) == {"rebuilds": [ended]}, "it is over"
    schema = service.settings.database_schema
    with service.database.transaction() as connection:
        assert tables.folded_tables(connection, next_of(schema)) == []
        assert tables.folded_tables(connection, previous_of(schema)) == []

    (another,) = answer(service, {"begin": wanted | {"tenants": ["tenant-1"], "subjects": ["item-1"]}})["rebuilds"]
    assert (another["tenants"], another["subjects"]) == (["tenant-1"], ["item-1"])
    assert [each["id"] for each in answer(service, {"list": 5})["rebuilds"]] == [another["id"], rebuild_id]
    monkeypatch.setattr(asking, "LISTED", 1)
    assert [each["id"] for each in answer(service, {"list": 5})["rebuilds"]] == [another["id"]]
    (cancelled,) = answer(service, {"cancel": another["id"]})["rebuilds"]
    assert (cancelled["state"], cancelled["kept_until"]) == ("cancelled", None)
    assert answer(service, {"show": "another"}) == {"rebuilds": []}
    assert answer(service, {"fold": "another"}) == {"rebuilds": []}


def test_requests_that_make_no_sense_are_refused(start: Callable[[], Service[Any]]) -> None:
    service = start()
    rebuild_id = begin(service, subjects=("item-1",))
    assert answer(service, {"compare": "another", "table": "pictures"}) == {"rebuilds": []}
    assert answer(service, {"compare": rebuild_id, "table": "forgotten_tenants"}) == {"comparison": None}
    assert answer(service, {"sample": rebuild_id, "number": 1}) == {"comparison": None}, "some items alone"
    there_are = r"\(there are: forgotten_tenants, pictures, tombstones\)$"
    wanted = {"who": "", "why": "", "changed": ["pictures", "b", "a"], "tenants": []}
    with pytest.raises(ValueError, match=f"^no table that is folded: a, b {there_are}"):
        answer(service, {"begin": wanted})
    with pytest.raises(ValueError, match=f"^no table that is folded: inbox {there_are}"):
        answer(service, {"compare": rebuild_id, "table": "inbox"})
    with pytest.raises(ValueError, match=r"^not a request that is answered: \['days', 'swap'\]$"):
        answer(service, {"swap": rebuild_id, "days": 1})
    with pytest.raises(PermanentError, match=f"^{rebuild_id} is folding, not switched$") as refused:
        switching.roll_back(service, rebuild_id)
    assert refused.value.code == "rebuild-is-over"
    for change in (switching.switch, switching.roll_back, switching.cancel):
        with pytest.raises(PermanentError, match=r"^there is no rebuild another$") as refused:
            change(service, "another")
        assert refused.value.code == "no-such-rebuild"


def test_own_events_are_folded_page_by_page(service: Service[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_PAGE", 7)
    rebuild = switching.begin(service, who="a test", why="", tenants=("tenant-1",))
    own.fold(service, rebuild, budget_s=0)
    (shown,) = answer(service, {"show": rebuild.id})["rebuilds"]
    assert (shown["folded"], shown["is_own_done"]) == (0, False), "there was no time"
    own.fold(service, rebuild, budget_s=20)
    (shown,) = answer(service, {"show": rebuild.id})["rebuilds"]
    assert (shown["folded"], shown["is_own_done"]) == (ITEMS // 2, True)
    assert compared(service, rebuild.id)["is_equal"]
    assert details(service, next_of(service.settings.database_schema)).keys() == {
        f"item-{number}" for number in range(1, ITEMS, 2)
    }


def test_a_rebuild_that_is_over_meanwhile_folds_nothing_more(start: Callable[[], Service[Any]]) -> None:
    service = start()
    record(service, "item-0")
    rebuild = switching.begin(service, who="a test", why="")
    switching.cancel(service, rebuild.id)
    again = switching.begin(service, who="a test", why="")
    own.fold(service, rebuild, budget_s=20)
    (first, second) = (answer(service, {"show": each.id})["rebuilds"][0] for each in (rebuild, again))
    assert (first["folded"], second["folded"]) == (0, 0)
    assert details(service, next_of(service.settings.database_schema)) == {}


def test_the_old_tables_are_compared_after_the_switch(start: Callable[[], Service[Any]]) -> None:
    service = start()
    record(service, "item-4")
    switching.switch(service, rebuild_id := begin(service))
    schema = service.settings.database_schema
    with service.database.transaction() as connection:
        connection.execute(f"UPDATE {previous_of(schema)}.pictures SET detail = 'old' WHERE item_id = 'item-4'")
    found = compared(service, rebuild_id)
    assert (found["table"], found["is_equal"], found["is_expected"]) == ("pictures", False, False)
    assert (found["columns"], found["missing"], found["added"]) == ({"detail": 1}, 0, 0)
    assert switching.cancel(service, rebuild_id).state == "ended"
    with service.database.transaction() as connection:
        assert tables.folded_tables(connection, previous_of(schema)) == []


def test_tables_without_a_key_or_with_a_key_alone_are_compared(start: Callable[[], Service[Any]]) -> None:
    service = start()
    with service.database.transaction() as connection:
        connection.execute("CREATE TABLE keyless (tenant_id text, item_id text, n integer)")
        connection.execute("CREATE TABLE pairs (tenant_id text, item_id text, PRIMARY KEY (tenant_id, item_id))")
        connection.execute("INSERT INTO pairs VALUES ('tenant-0', 'item-1'), ('tenant-0', 'item-2')")
        for table in ("keyless", "pairs"):
            connection.execute(f"COMMENT ON TABLE {table} IS 'projection: of nothing'")
    rebuild_id = begin(service)
    with service.database.transaction() as connection:
        connection.execute("INSERT INTO keyless VALUES ('tenant-0', 'item-0', 1)")
        connection.execute("INSERT INTO pairs VALUES ('tenant-0', 'item-0')")
        beside = next_of(service.settings.database_schema)
        connection.execute(f"INSERT INTO {beside}.pairs VALUES ('tenant-0', 'item-1'), ('tenant-0', 'item-2')")
    keyless, pairs = (
        answer(service, {"compare": rebuild_id, "table": table})["comparison"] for table in ("keyless", "pairs")
    )
    assert (keyless["is_equal"], keyless["missing"], keyless["added"], keyless["columns"]) == (False, 0, 0, None)
    assert (pairs["is_equal"], pairs["missing"], pairs["added"], pairs["columns"]) == (False, 1, 0, {})
    assert (pairs["live_rows"], pairs["beside_rows"], keyless["beside_hash"]) == (3, 2, "0")


def test_every_search_is_asked_under_one_snapshot_of_live_tables_and_those_beside(
    start: Callable[[], Service[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()
    seen: list[tuple[str, str]] = []

    def question(connection: Connection) -> str:
        (row,) = connection.execute("SELECT current_schema() AS name, current_setting('transaction_isolation') AS how")
        seen.append((row["name"], row["how"]))
        connection.execute("SELECT * FROM inbox")  # what has no table beside is found among the live ones
        return "the same answer"

    asked: list[tuple[int, tuple[str, ...]]] = []

    def questions(connection: Connection, number: int, tenants: tuple[str, ...]) -> list[Callable[[Connection], str]]:
        connection.execute("SELECT 1")  # they are drawn from the live tables
        asked.append((number, tenants))
        return [question] * number

    monkeypatch.setattr(service, "questions", questions)
    schema = service.settings.database_schema
    rebuild_id = begin(service, tenants=("tenant-1",), changed=("pictures",))
    found = answer(service, {"sample": rebuild_id, "number": 2})["comparison"]
    assert seen == [(name, "repeatable read") for name in (schema, next_of(schema)) * 2]
    assert asked == [(2, ("tenant-1",))]
    assert (found["table"], found["is_equal"], found["is_expected"]) == ("sampled searches", True, True)
    assert (len(found["live_hash"]), found["live_hash"]) == (16, found["beside_hash"])
    seen.clear()
    switching.switch(service, rebuild_id)
    assert answer(service, {"sample": rebuild_id, "number": 1})["comparison"]["live_rows"] == 1
    assert [name for name, _ in seen] == [schema, previous_of(schema)]
    switching.cancel(service, rebuild_id)
    with pytest.raises(ValueError, match=f"^{rebuild_id} has no tables beside the live ones$"):
        answer(service, {"sample": rebuild_id, "number": 1})


def test_tables_of_a_rebuild_that_nobody_ended_are_dropped_when_nobody_is_in_the_way(
    start: Callable[[], Service[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()
    schema = service.settings.database_schema
    begin(service)
    retiring.retire(service.database, schema)
    assert state(service) == "folding", "its time is not over"
    with service.database.transaction() as connection:
        connection.execute("UPDATE projection_rebuilds SET kept_until = now()")
    with start().work.on("tenant-0", "item-0"):
        retiring.retire(service.database, schema)
    assert state(service) == "folding", "a unit of work was in the way"

    def fails(_connection: Connection) -> None:
        raise TransientError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(rows, "hold", fails)
        with pytest.raises(TransientError, match="is away"):
            retiring.retire(service.database, schema)
    retiring.retire(service.database, schema)
    assert state(service) == "cancelled"
    with service.database.transaction() as connection:
        assert tables.folded_tables(connection, next_of(schema)) == []
