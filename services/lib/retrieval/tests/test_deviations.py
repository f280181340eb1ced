"""Postings and statistics that are not those of the documents."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.deviations import Deviation
from retrieval import project_analysis, project_deletion, project_vector
from retrieval.deviations import deviations

pytestmark = pytest.mark.integration


@pytest.fixture
def filled(conn: Any, make_item: Any, make_vector: Any) -> Any:
    """Two tenants with items that were described twice, one of them deleted."""
    for tenant in ("alice", "bob"):
        for number in range(4):
            with conn.transaction():
                for version in (1, 2):
                    text = f"harbour harbour lantern{number} {version}"
                    project_analysis(conn, tenant, make_item(f"item-{number}", text, version=version))
                now = datetime.now(UTC)
                vector = make_vector(number)
                project_vector(
                    conn, tenant, f"item-{number}", vector=vector, model="m", analysis_version=2, embedded_at=now
                )
        with conn.transaction():
            project_deletion(conn, tenant, "item-3", datetime.now(UTC))
    return conn


def test_what_was_folded_deviates_in_nothing(filled: Any) -> None:
    assert [deviations(filled, tenant) for tenant in ("alice", "bob", "nobody")] == [[], [], []]


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        ("DELETE FROM postings WHERE item_id = 'item-1'", Deviation("postings", "missing", "item-1")),
        ("DELETE FROM postings WHERE item_id = 'item-1' AND tf = 2", Deviation("postings", "stale", "item-1")),
        ("UPDATE postings SET dl = dl + 1 WHERE item_id = 'item-1'", Deviation("postings", "stale", "item-1")),
        (
            "UPDATE postings SET lexeme = 'x' WHERE tf = 2 AND item_id = 'item-1'",
            Deviation("postings", "stale", "item-1"),
        ),
        ("INSERT INTO postings VALUES ('alice', 'x', 'item-3', 1, 1)", Deviation("postings", "extra", "item-3")),
        ("UPDATE tenant_stats SET tokens = 1", Deviation("tenant_stats", "stale", columns=("tokens",))),
        ("UPDATE tenant_stats SET vectors = 9", Deviation("tenant_stats", "stale", columns=("vectors",))),
        (
            "DELETE FROM tenant_stats",
            Deviation("tenant_stats", "missing", columns=("documents", "tokens", "vectors")),
        ),
    ],
)
def test_each_harm_is_found(filled: Any, harm: str, found: Deviation) -> None:
    filled.execute(harm)
    assert deviations(filled, "alice") == [found]
