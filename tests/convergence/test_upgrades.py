"""An older mesh with data gets a migration that says `-- rebuild:`: its deployment leaves the rows of a new mesh."""

from __future__ import annotations

import importlib
import io
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from chassis.migrations import migrate, wants_rebuild
from chassis.rebuilds import asking
from chassis.service import Service
from contracts import REGISTRY, Contract, Event, ReplayKind, replayed
from contracts.analysis import ItemAnalyzed
from contracts.operations import ReplayState
from manifests import load_manifests
from mesh.environments import DeployedFunction, Environment
from mesh.rebuild import due, running
from mesh.replay import following
from testkit import Deploy, Deployment
from testkit.convergence import apply, is_own, shuffled
from testkit.operator.environments import bare_environment
from testkit.refolding import projected_rows
from testkit.schemas import migrations_of
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

MANIFESTS = load_manifests(REPOSITORY)
SERVICES = due.marked(MANIFESTS, sorted(MANIFESTS.services))


@pytest.mark.scheduled
@pytest.mark.parametrize("name", SERVICES)
def test_an_older_mesh_with_data_is_rebuilt_by_its_deployment(
    name: str, deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders, marked = _before_the_last_marked(migrations_of(name), tmp_path)
    newest, older = deploy(name), deploy(name, sources=folders)
    with _started(name, newest) as service:
        happened = list(map(_with_much_to_read, shuffled(service, random.Random(service.settings.service), "item")))
        apply(service, happened)
        right = projected_rows(service)
    assert _copied(newest, older, marked) > len(happened), "the older mesh has data"

    migrate(older.schema.dsn, older.schema.role, migrations_of(name))
    with _started(name, older) as service:
        outdated = projected_rows(service)
        assert {table for table in right if right[table] != outdated[table]} <= set(marked)
        assert outdated != right, "what is marked is not yet as it should be"
        assert asking.answer(service, {"list": 1})["due"] == marked
        mesh = _Mesh(service, happened)
        (outcome,) = due.run_due(mesh.environment(monkeypatch), MANIFESTS, [name], print, sleep=lambda _: None)
        assert outcome.rebuild.state == "switched"
        assert {each.table for each in outcome.comparisons if not each.is_equal} <= {*marked, "sampled searches"}
        assert projected_rows(service) == right
        assert mesh.replayed > 0
        assert due.run_due(mesh.environment(monkeypatch), MANIFESTS, [name], print) == [], "once"


def _with_much_to_read(event: Event[Contract]) -> Event[Contract]:
    """A description of a page rather than of a receipt: of long texts more is kept."""
    if not isinstance(event.data, ItemAnalyzed):
        return event
    description = event.data.description
    page = tuple(f"Paragraph {number} says what has to be paid until when." for number in range(60))
    details = description.image_details.model_copy(update={"extracted_text": page})
    description = description.model_copy(update={"image_details": details})
    return replace(event, data=event.data.model_copy(update={"description": description}))


def _before_the_last_marked(folders: Sequence[Path], place: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The folders as they were before the last migration that wants a rebuild, and the tables that it names."""
    older = []
    for folder in folders:
        copy = place / folder.parent.name / folder.name
        shutil.copytree(folder, copy)
        older.append(copy)
    *_, last = (file for folder in older for file in sorted(folder.glob("*.sql")) if _is_marked(file, place))
    (line,) = (line for line in last.read_text().splitlines() if line.startswith("-- rebuild:"))
    for file in sorted(last.parent.glob("*.sql")):
        if file.name >= last.name:
            file.unlink()
    return older, tuple(sorted(name.strip() for name in line.partition(":")[2].split(",")))


def _is_marked(file: Path, place: Path) -> bool:
    alone = place / "alone" / file.parent.parent.name / file.stem
    alone.mkdir(parents=True)
    shutil.copy(file, alone)
    return wants_rebuild([alone])


def _copied(source: Deployment, target: Deployment, marked: Sequence[str]) -> int:
    """Copy all rows, as far as the older tables have the columns; returns how many.

    Where none is new, rows of the marked tables were folded in another way: here, one of each is missing.
    """
    with psycopg.connect(source.schema.dsn) as old, psycopg.connect(target.schema.dsn) as new:
        columns = """
            SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns
            WHERE table_schema = current_schema() AND is_generated = 'NEVER' AND table_name <> 'schema_migrations'
            GROUP BY table_name ORDER BY table_name
        """
        older = new.execute(columns).fetchall()
        copied = sum(_copy_table(old, new, str(table), names) for table, names in older)
        if old.execute(columns).fetchall() == older:
            for table in map(sql.Identifier, marked):
                new.execute(sql.SQL("DELETE FROM {0} WHERE ctid = (SELECT min(ctid) FROM {0})").format(table))
        return copied


def _copy_table(source: Any, target: Any, table: str, columns: Sequence[str]) -> int:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    reading = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), names)
    writing = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
    with source.cursor() as reader, target.cursor() as writer:
        with reader.copy(reading) as rows, writer.copy(writing) as copy:
            for row in rows:
                copy.write(row)
        return int(writer.rowcount)


@contextmanager
def _started(name: str, deployment: Deployment) -> Iterator[Service[Any]]:
    bootstrap = importlib.import_module(f"{name}.bootstrap").bootstrap
    settings_type = getattr(importlib.import_module(f"{name}.settings"), f"{name.title()}Settings")
    service = bootstrap(settings_type(**deployment.settings), deployment.aws)
    yield service
    service.database.close()


@dataclass
class _Mesh:
    """The deployed service, which answers and folds here, and the owners of the events that it heard."""

    service: Service[Any]
    happened: Sequence[Event[Contract]]
    replayed: int = field(default=0)

    def environment(self, monkeypatch: pytest.MonkeyPatch) -> Environment:
        name = self.service.settings.service
        functions = {
            f"{name}.{each}": DeployedFunction(name=f"dev-{name}-{each}", log_group="/logs")
            for each in MANIFESTS.services[name].functions
        }
        monkeypatch.setattr(Environment, "client", lambda _, service, **__: self)
        monkeypatch.setattr(Environment, "aws", SimpleNamespace(events=self))
        monkeypatch.setattr(running, "Owners", lambda _: self)
        monkeypatch.setattr(following, "follow", lambda owners, replay, services, quiet: self.show(replay, services))
        return bare_environment("dev", functions=functions, event_bus="dev-bus")

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        answer = asking.answer(self.service, json.loads(Payload)["rebuilds"])
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """The order of a replay, which is done at once."""
        (order,) = (REGISTRY.read(json.loads(entry["Detail"])) for entry in Entries)
        again = [
            replayed(each, replay_id=order.subject, replay_for=self.service.settings.service, kind=ReplayKind.REBUILD)
            for each in self.happened
            if not is_own(self.service, each)
        ]
        apply(self.service, again)
        self.replayed = len(again)
        return {"Entries": [{"EventId": "id"}]}

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:iam::000000000000:user/me"}

    def require(self, services: Sequence[str]) -> None:
        assert services

    def show(self, replay_id: str, services: Sequence[str]) -> list[Any]:
        """The first owner has published all of it."""
        if not self.replayed:
            return []
        counts = [self.replayed, *(0 for _ in services[1:])]
        return [
            SimpleNamespace(service=each, state=ReplayState.COMPLETED, done=number, left_out=0)
            for each, number in zip(services, counts, strict=True)
        ]
