"""A database from before the projections were set apart becomes what folding its events would have made of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from analysis.bootstrap import bootstrap
from analysis.repository import leases
from analysis.repository.pictures import PictureRecord
from analysis.settings import AnalysisSettings
from chassis import store, tombstones
from chassis.database import Connection
from chassis.migrations import migrate
from contracts import Event, new_event
from contracts.analysis import ItemAnalyzed
from contracts.imaging import ImageProcessed
from testkit import Deploy
from testkit.refolding import assert_refolds
from testkit.schemas import migrations_of

pytestmark = pytest.mark.integration


@pytest.fixture
def first_migrations(tmp_path: Path) -> list[Path]:
    """The migrations that a database had by then."""
    *shared, own = migrations_of("analysis")
    then = tmp_path / own.parent.name / own.name
    then.mkdir(parents=True)
    shutil.copy(own / "0001_analysis.sql", then)
    return [*shared, then]


def test_descriptions_are_what_their_events_say_and_leases_hold(
    deploy: Deploy, first_migrations: list[Path], running: Any, deleted: Any
) -> None:
    deployment = deploy("analysis", sources=first_migrations)
    service = bootstrap(AnalysisSettings(**deployment.settings), deployment.aws)
    described, under_way, died, gone = (running.upload("alice") for _ in range(4))
    assert running.consume(described) == 0
    [fact] = running.recorded("alice", described.subject)
    deletion = deleted("alice", gone.subject)
    with service.database.transaction() as connection:
        for event, until in ((described, None), (under_way, "1 hour"), (died, "-1 hour")):
            _keep_picture(connection, event, until)
        for version in (1, 2):
            _keep_analysis(connection, described, fact.data, version)
        tombstones.mark_deleted(connection, deletion)
    name, *_ = migrate(deployment.schema.dsn, deployment.schema.role, migrations_of("analysis"))
    assert name == "analysis/0002_projections.sql"
    with service.database.transaction() as connection:
        assert leases.is_held(connection, "alice", under_way.subject)
        for event in (described, died):
            assert leases.take(connection, "alice", event.subject, 60)
    assert_refolds(service, [described, under_way, died, gone, deletion])
    service.database.close()


def _keep_picture(connection: Connection, event: Event[ImageProcessed], until: str | None) -> None:
    picture = PictureRecord.of(event)
    assert picture is not None
    connection.execute(
        "INSERT INTO pictures VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now() + %s::interval)",
        (
            *(picture.tenant_id, picture.item_id, picture.filename, picture.original_filename, picture.sha256),
            *(picture.rendition_key, picture.media_type, event.time, until),
        ),
    )


def _keep_analysis(connection: Connection, event: Event[ImageProcessed], made: ItemAnalyzed, version: int) -> None:
    """The event, which carried no hash before version 1.1, and the row beside it, which did."""
    data = made.model_copy(update={"analysis_id": f"{event.subject}-{version}", "version": version, "sha256": None})
    [(_, recorded)] = store.append(connection, [new_event(data, subject=event.subject, tenant_id="alice", cause=event)])
    connection.execute(
        "INSERT INTO analyses VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(data.analysis_id, "alice", event.subject, version, Jsonb(data.description.model_dump(mode="json"))),
            *(data.provider, data.model, data.prompt_id, event.data.sha256, data.trace_id),
            *(data.input_tokens, data.output_tokens, data.cost_usd, recorded.time),
        ),
    )
