"""A tenant's queries are embedded by the model of most of its vectors."""

from datetime import UTC, datetime
from typing import Any

import pytest

from retrieval import project_vector, vector_model

pytestmark = pytest.mark.integration


def test_the_model_of_most_vectors_counts_tenant_by_tenant(conn: Any) -> None:
    def place(tenant: str, item: str, model: str) -> None:
        with conn.transaction():
            project_vector(
                conn,
                tenant,
                item,
                vector=[1.0] + [0.0] * 1023,
                model=model,
                analysis_version=1,
                embedded_at=datetime.now(UTC),
            )

    for item in ("1", "2", "3"):
        place("alice", item, "old")
        place("bob", item, "old")
    assert vector_model(conn, "alice") == "old"
    place("alice", "1", "new")
    assert vector_model(conn, "alice") == "old", "a rebuild under way"
    place("alice", "2", "new")
    assert vector_model(conn, "alice") == "new"
    assert vector_model(conn, "bob") == "old"
    assert vector_model(conn, "carol") is None
