"""Migrating a database from before bookkeeping was separated keeps conversations and indexes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from chassis.database import Connection
from chassis.migrations import migrate
from chat.errors import ConversationBusyError
from chat.repository import agent_memory
from chat.repository.agent_memory import ConversationState
from testkit import MakeSchema, ServiceSchema
from testkit.schemas import migrations_of

pytestmark = pytest.mark.integration


@pytest.fixture
def schema(service_schema: MakeSchema, tmp_path: Path) -> ServiceSchema:
    """The schema of that version."""
    chassis, *sources = migrations_of("chat")
    then = [chassis]
    for source in sources:
        then.append(tmp_path / source.parent.name / source.name)
        then[-1].mkdir(parents=True)
        shutil.copy(next(source.glob("0001_*.sql")), then[-1])
    return service_schema("chat", then)


@pytest.fixture
def connection(schema: ServiceSchema) -> Iterator[Connection]:
    with psycopg.connect(schema.dsn, autocommit=True, row_factory=dict_row) as connected:
        yield connected


def test_conversations_and_leases_are_kept(schema: ServiceSchema, connection: Connection) -> None:
    connection.execute(
        """
        INSERT INTO conversations VALUES
            ('ann', 'goes-on', 2, 'checkpoint', now() - interval '2 hours', now(), NULL, NULL),
            ('ann', 'ended', 0, NULL, NULL, NULL, NULL, NULL),
            ('ann', 'under-way', 0, NULL, NULL, NULL, 'lease', now() + interval '1 hour')
        """
    )
    connection.execute("INSERT INTO tenant_stats VALUES ('ann', 1, 1, 1, 'vectors_hnsw_x'), ('bob', 1, 1, 1, NULL)")
    assert migrate(schema.dsn, schema.role, migrations_of("chat")) == [
        f"{source.parent.name}/{file.name}"
        for source in migrations_of("chat")[1:]
        for file in sorted(source.glob("*.sql"))
        if not file.name.startswith("0001_")
    ]

    def claim(session: str) -> ConversationState:
        return agent_memory.claim(connection, "ann", session, "new", seconds=1)

    assert claim("goes-on") == ConversationState(2, "checkpoint")
    assert claim("ended") == ConversationState(0, None)
    with pytest.raises(ConversationBusyError):
        claim("under-way")
    assert connection.execute("SELECT session_id FROM conversations").fetchall() == [{"session_id": "goes-on"}]
    assert connection.execute("SELECT * FROM vector_indexes").fetchall() == [
        {"tenant_id": "ann", "name": "vectors_hnsw_x"}
    ]
