"""A database from before the projections were set apart becomes what folding its events would have made of it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from chassis import store, tombstones
from chassis.migrations import migrate
from contracts import new_event
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, encode_vector
from embedding.bootstrap import bootstrap
from embedding.repository import rebuilds
from embedding.repository.documents import Document
from embedding.settings import EmbeddingSettings
from testkit import Deploy
from testkit.refolding import assert_refolds
from testkit.schemas import migrations_of

pytestmark = pytest.mark.integration


@pytest.fixture
def first_migrations(tmp_path: Path) -> list[Path]:
    """The migrations that a database had by then."""
    *shared, own = migrations_of("embedding")
    then = tmp_path / own.parent.name / own.name
    then.mkdir(parents=True)
    shutil.copy(own / "0001_embedding.sql", then)
    return [*shared, then]


def test_tables_are_made_from_the_events_and_claims_are_kept(
    deploy: Deploy, first_migrations: list[Path], running: Any, deleted: Any
) -> None:
    deployment = deploy("embedding", sources=first_migrations)
    service = bootstrap(EmbeddingSettings(**deployment.settings), deployment.aws)
    described = [running.describe("alice", f"item-{n}", headline=f"Picture {n}") for n in range(3)]
    gone = deleted("alice", "item-2")
    with service.database.transaction() as connection:
        for event in described:
            document = Document.of(event)
            for number, model in enumerate(("voyage-4", "voyage-3.5-lite", "voyage-4")):
                fact = ItemEmbedded(
                    vector=encode_vector([float(number), 1.0]),
                    dimensions=2,
                    model=model,
                    analysis_id=document.analysis_id,
                    analysis_version=1,
                )
                store.append(connection, [new_event(fact, subject=event.subject, tenant_id="alice", cause=event)])
            for _ in range(2):
                failure = EmbeddingFailed(reason=EmbeddingFailure.GAVE_UP, detail="d", analysis_version=1, attempts=8)
                store.append(connection, [new_event(failure, subject=event.subject, tenant_id="alice", cause=event)])
        for event in described[:2]:
            document = Document.of(event)
            connection.execute(
                """
                INSERT INTO documents VALUES (%s, %s, %s, 1, %s, %s, %s, 1, 'voyage-4', NULL, %s)
                """,
                (
                    *("alice", event.subject, document.analysis_id, event.time, document.text, document.sha256),
                    "rebuild-1" if event.subject == "item-0" else None,
                ),
            )
        tombstones.mark_deleted(connection, gone)
    names = migrate(deployment.schema.dsn, deployment.schema.role, migrations_of("embedding"))
    assert names == ["embedding/0002_projections.sql", "embedding/0003_passages.sql"]
    assert_refolds(service, [*described, gone])
    with service.database.transaction() as connection:
        [left] = rebuilds.next_documents(connection, "alice", "rebuild-1", 10)
    assert left == Document.of(described[1])
    service.database.close()
