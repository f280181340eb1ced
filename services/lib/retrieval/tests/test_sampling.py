"""Searches that are drawn from documents, for comparing read models."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from retrieval import project_analysis, project_vector, sampling

pytestmark = pytest.mark.integration


def test_searches_of_every_mode_find_the_documents_that_they_were_drawn_from(
    conn: Any, read_model_dsn: str, make_item: Any, make_vector: Any
) -> None:
    for number in range(9):
        tenant, item = f"tenant-{number % 3}", f"item-{number}"
        with conn.transaction():
            project_analysis(conn, tenant, make_item(item, f"harbour lantern{number} gull{number}"))
            if number:  # one has no vector yet
                now = datetime.now(UTC)
                vector = make_vector(number)
                project_vector(conn, tenant, item, vector=vector, model="m", analysis_version=1, embedded_at=now)
    with psycopg.connect(read_model_dsn, autocommit=True, row_factory=dict_row) as connection:
        asked = sampling.questions(connection, 20)
        assert len(asked) == 9
        answers = [question(connection) for question in asked]
        assert all(answers)
        connection.execute("UPDATE documents SET headline = 'other', taken_at = now()")
        assert [question(connection) for question in asked] == answers, "the items and their scores alone"
        assert len(sampling.questions(connection, 2)) == 2
        assert len(sampling.questions(connection, 20, ["tenant-1"])) == 3
        assert sampling.questions(connection, 20, ["nobody"]) == []
