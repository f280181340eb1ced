"""How a rebuild waits for whoever is in the way, and what it does not begin, without a database."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import errors

from chassis.errors import PermanentError, TransientError
from chassis.projections import Projections
from chassis.rebuilds import own, rows, switching, tables
from chassis.store import Checkpoint
from contracts import Contract
from contracts.imaging import ImageRejected
from contracts.ingest import ItemDeleted, ItemUploaded, TenantForgotten


class Busy:
    """A database in which a unit of work is in the way of so many attempts."""

    def __init__(self, attempts: int, cause: Exception | None = None) -> None:
        self.left = attempts
        self.cause = cause or errors.LockNotAvailable()

    @contextmanager
    def transaction(self) -> Iterator[object]:
        if self.left:
            self.left -= 1
            raise TransientError("in the way") from self.cause
        yield SimpleNamespace()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds between attempts."""
    slept: list[float] = []
    monkeypatch.setattr("chassis.rebuilds.switching.time.sleep", slept.append)
    monkeypatch.setattr(rows, "hold", lambda _: None)
    monkeypatch.setattr(rows, "find", lambda *_: SimpleNamespace(id="r", state="ended"))
    random.seed(1)
    return slept


def cancel(database: Busy) -> Any:
    service: Any = SimpleNamespace(database=database)
    return switching.cancel(service, "r")


def test_an_exchange_is_tried_sixty_times_with_pauses(pauses: list[float]) -> None:
    assert cancel(Busy(59)).state == "ended"
    assert len(pauses) == 59
    assert all(0.05 <= seconds <= 0.4 for seconds in pauses)
    assert len(set(pauses)) > 1, "several that wait do not come at once"
    pauses.clear()
    with pytest.raises(TransientError, match="in the way"):
        cancel(Busy(60))
    assert len(pauses) == 59, "nobody waits behind the last attempt"


def test_another_fault_is_not_waited_for(pauses: list[float]) -> None:
    with pytest.raises(TransientError):
        cancel(Busy(1, errors.QueryCanceled()))
    assert pauses == []


def test_where_nothing_is_folded_there_is_nothing_to_rebuild(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "folded_tables", lambda *_: [])
    connection: Any = None
    with pytest.raises(PermanentError, match=r"^no table of imaging is made from events alone$") as refused:
        tables.make(connection, "imaging", "imaging_next", by_tenant=False, by_subject=False, recounted=())
    assert refused.value.code == "nothing-to-rebuild"


def test_a_service_without_own_events_has_folded_them(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SimpleNamespace(service="imaging")
    busy, saved = Busy(0), list[tuple[Any, ...]]()
    service: Any = SimpleNamespace(settings=settings, database=busy, projections=Projections({ItemDeleted: print}))
    assert own.types_of(service) == ()
    assert own.selected(service, ()) == {}
    monkeypatch.setattr(rows, "save", lambda _, *given, **named: saved.append((*given, named)))
    rebuild: Any = SimpleNamespace(id="r", checkpoint=Checkpoint(3, 4))
    own.fold(service, rebuild, budget_s=1)
    assert saved == [("r", Checkpoint(3, 4), {"folded": 0, "is_done": True})]
    folding: dict[type[Contract], Any] = dict.fromkeys((ItemUploaded, ImageRejected, ItemDeleted), print)
    service = SimpleNamespace(settings=SimpleNamespace(service="ingest"), projections=Projections(folding))
    types = own.types_of(service)
    assert types == tuple(sorted(types))
    assert {ItemUploaded.event_type, ItemDeleted.event_type, TenantForgotten.event_type} <= set(types)
    assert {kind.split(".")[1] for kind in types} == {"ingest"}


def test_a_table_is_narrowed_by_the_first_column_that_names_items() -> None:
    columns = ["id", "session_id", "item_id", "subject"]
    connection: Any = SimpleNamespace(connection=None, execute=lambda *_: [{"name": name} for name in columns])
    rebuild: Any = SimpleNamespace(tenants=("t",), subjects=("s",))
    while columns:
        found = tables.condition(connection, "imaging", "pictures", rebuild)
        assert found is not None
        assert f'AND "{columns.pop()}" = ANY(' in found.as_string()
    assert tables.condition(connection, "imaging", "pictures", rebuild) is None
    rebuild.subjects = ()
    found = tables.condition(connection, "imaging", "pictures", rebuild)
    assert found is not None
    assert found.as_string().startswith("true AND tenant_id = ANY(")
    rebuild.tenants = ()
    found = tables.condition(connection, "imaging", "pictures", rebuild)
    assert found is not None
    assert found.as_string() == "true"


def test_own_events_are_folded_when_no_older_transaction_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    saved, oldest = list[dict[str, Any]](), iter([6, 7])
    folding: Any = SimpleNamespace(contracts=(ItemDeleted,), deletions=())
    service: Any = SimpleNamespace(
        settings=SimpleNamespace(service="ingest"), database=Busy(0), projections=folding, database_projections=folding
    )
    slept: list[float] = []
    monkeypatch.setattr("chassis.rebuilds.own.time.sleep", slept.append)
    monkeypatch.setattr(own, "horizons", lambda _: (next(oldest), 9))
    monkeypatch.setattr(own, "look", lambda *_, **__: [])
    monkeypatch.setattr(rows, "save", lambda *_, **named: saved.append(named))
    rebuild: Any = SimpleNamespace(id="r", checkpoint=Checkpoint(3, 4), tenants=(), subjects=(), until=7)
    own.fold(service, rebuild, budget_s=5)
    assert saved == [{"folded": 0, "is_done": True}]
    assert len(slept) == 1, "once, while the sixth was running"
