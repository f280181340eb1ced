"""Events become rows, and the same events in any order and number become the same rows."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import Connection, sql

from chassis.tables import tables_of
from retrieval import (
    AnalyzedItem,
    InvalidVectorError,
    Outcome,
    Picture,
    SearchMode,
    SearchQuery,
    TransactionRequiredError,
    collection_stats,
    project_analysis,
    project_deletion,
    project_picture,
    project_vector,
    search,
)

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]
Fact = tuple[Any, ...]

NOW = datetime(2026, 2, 1, tzinfo=UTC)

# Few values each, so that events collide: same item, same version, same time, other content.
_items = st.sampled_from(["i1", "i2"])
_tenants = st.sampled_from(["alice", "bob"])
_versions = st.integers(1, 2)
_minutes = st.integers(0, 1)
_facts = st.one_of(
    st.tuples(
        st.just("analysis"), _tenants, _items, _versions, _minutes, st.sampled_from(["red cat", "blue 東京", ""])
    ),
    st.tuples(st.just("vector"), _tenants, _items, _versions, _minutes, st.integers(0, 1)),
    st.tuples(st.just("picture"), _tenants, _items, _minutes, st.integers(1, 2)),
    st.tuples(st.just("deleted"), _tenants, _items, _minutes),
)


def apply(conn: Connection[Any], fact: Fact, make_item: MakeItem, make_vector: MakeVector) -> Outcome:
    with conn.transaction():
        match fact:
            case ("analysis", tenant, item, version, minute, text):
                known = make_item(item, text, version=version, category=f"c{minute}")
                return project_analysis(conn, tenant, known)
            case ("vector", tenant, item, version, minute, seed):
                return project_vector(
                    conn,
                    tenant,
                    item,
                    vector=make_vector(seed),
                    model=f"model-{seed % 2}",
                    analysis_version=version,
                    embedded_at=NOW + timedelta(minutes=minute),
                )
            case ("picture", tenant, item, minute, width):
                return project_picture(conn, tenant, Picture(item, NOW + timedelta(minutes=minute), width, 1))
            case ("deleted", tenant, item, minute):
                return project_deletion(conn, tenant, item, NOW + timedelta(minutes=minute))
    raise AssertionError(fact)


def folded(conn: Connection[Any]) -> list[sql.Identifier]:
    """The tables that are made from events."""
    [(schema,)] = conn.execute("SELECT current_schema()")
    return [sql.Identifier(name) for name, kind in tables_of(conn, schema).items() if kind.folded]


def rows(conn: Connection[Any]) -> list[list[Any]]:
    query = "SELECT t::text FROM {} t ORDER BY 1"
    return [conn.execute(sql.SQL(query).format(table)).fetchall() for table in folded(conn)]


def clear(conn: Connection[Any]) -> None:
    conn.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(folded(conn))))


@settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), facts=st.lists(_facts, min_size=1, max_size=10))
def test_any_order_and_any_repetition_leave_the_same_rows(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector, data: st.DataObject, facts: list[Fact]
) -> None:
    clear(conn)
    for fact in facts:
        apply(conn, fact, make_item, make_vector)
    expected = rows(conn)

    repeated = facts + data.draw(st.lists(st.sampled_from(facts), max_size=6))
    clear(conn)
    for fact in data.draw(st.permutations(repeated)):
        apply(conn, fact, make_item, make_vector)

    assert rows(conn) == expected
    assert_counts_are_true(conn)
    deleted = {(fact[1], fact[2]) for fact in facts if fact[0] == "deleted"}
    rows_of = "SELECT tenant_id, item_id FROM"
    left = set(conn.execute(f"{rows_of} documents UNION {rows_of} vectors UNION {rows_of} pictures"))
    assert not left & deleted


def assert_counts_are_true(conn: Connection[Any]) -> None:
    assert (
        conn.execute(
            """
            SELECT * FROM (
              SELECT tenant_id, documents, tokens, vectors,
                     (SELECT count(*) FROM documents d WHERE d.tenant_id = s.tenant_id) AS d,
                     (SELECT coalesce(sum(tf), 0) FROM postings p WHERE p.tenant_id = s.tenant_id) AS t,
                     (SELECT count(*) FROM vectors v WHERE v.tenant_id = s.tenant_id) AS v
                FROM tenant_stats s) x
             WHERE (documents, tokens, vectors) IS DISTINCT FROM (d, t, v)
            """
        ).fetchall()
        == []
    )


def test_the_highest_version_wins(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    assert apply(conn, ("analysis", "alice", "i1", 2, 0, "second"), make_item, make_vector) is Outcome.APPLIED
    assert apply(conn, ("analysis", "alice", "i1", 1, 0, "first"), make_item, make_vector) is Outcome.SUPERSEDED
    assert apply(conn, ("analysis", "alice", "i1", 2, 0, "second"), make_item, make_vector) is Outcome.SUPERSEDED
    assert [hit.summary for hit in search(conn, SearchQuery("alice", "second first", SearchMode.BM25))] == ["second"]
    assert apply(conn, ("analysis", "alice", "i1", 3, 0, "third"), make_item, make_vector) is Outcome.APPLIED
    assert search(conn, SearchQuery("alice", "second", SearchMode.BM25)) == []
    assert_counts_are_true(conn)


def test_a_vector_waits_for_its_document(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    query = SearchQuery("alice", mode=SearchMode.VECTOR, vector=make_vector(1), model="model-1")
    apply(conn, ("vector", "alice", "i1", 1, 0, 1), make_item, make_vector)
    assert search(conn, query) == []
    apply(conn, ("analysis", "alice", "i1", 1, 0, "text"), make_item, make_vector)
    assert [hit.item_id for hit in search(conn, query)] == ["i1"]


def test_a_picture_waits_for_its_document_and_the_latest_counts(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    facts = [("picture", "alice", "i1", minute, width) for minute, width in ((1, 5), (0, 7), (1, 5))]
    outcomes = [apply(conn, fact, make_item, make_vector) for fact in facts]
    assert outcomes == [Outcome.APPLIED, Outcome.SUPERSEDED, Outcome.SUPERSEDED]
    apply(conn, ("vector", "alice", "i1", 1, 0, 1), make_item, make_vector)
    assert search(conn, SearchQuery("alice", "width_from:5")) == []
    apply(conn, ("analysis", "alice", "i1", 1, 0, "text"), make_item, make_vector)
    widths = "SELECT width FROM documents UNION ALL SELECT width FROM vectors"
    assert conn.execute(widths).fetchall() == [(5,), (5,)]
    assert apply(conn, ("picture", "alice", "i1", 2, 9), make_item, make_vector) is Outcome.APPLIED
    assert conn.execute(widths).fetchall() == [(9,), (9,)]
    apply(conn, ("analysis", "alice", "i1", 2, 0, "text"), make_item, make_vector)
    assert conn.execute(widths).fetchall() == [(9,), (9,)]


def test_deleted_stays_deleted(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    apply(conn, ("analysis", "alice", "i1", 1, 0, "text"), make_item, make_vector)
    apply(conn, ("analysis", "bob", "i1", 1, 0, "text"), make_item, make_vector)
    assert apply(conn, ("deleted", "alice", "i1", 0), make_item, make_vector) is Outcome.APPLIED
    assert apply(conn, ("deleted", "alice", "i1", 0), make_item, make_vector) is Outcome.DELETED
    assert apply(conn, ("analysis", "alice", "i1", 9, 0, "text"), make_item, make_vector) is Outcome.DELETED
    assert apply(conn, ("vector", "alice", "i1", 9, 0, 1), make_item, make_vector) is Outcome.DELETED
    assert apply(conn, ("picture", "alice", "i1", 9, 1), make_item, make_vector) is Outcome.DELETED
    assert search(conn, SearchQuery("alice", "text", SearchMode.BM25)) == []
    assert [hit.item_id for hit in search(conn, SearchQuery("bob", "text", SearchMode.BM25))] == ["i1"]
    assert collection_stats(conn, "alice").documents == 0


def test_a_concurrent_deletion_is_seen(
    conn: Connection[Any], read_model_dsn: str, make_item: MakeItem, make_vector: MakeVector
) -> None:
    outcomes: list[Outcome] = []

    def analyse() -> None:
        with psycopg.connect(read_model_dsn, autocommit=True) as other:
            outcomes.append(apply(other, ("analysis", "alice", "i1", 1, 0, "text"), make_item, make_vector))

    thread = threading.Thread(target=analyse)
    with conn.transaction():
        project_deletion(conn, "alice", "i1", NOW)
        thread.start()
        wait_until_a_transaction_waits_for_a_lock(conn)
    thread.join(10)
    assert outcomes == [Outcome.DELETED]


def wait_until_a_transaction_waits_for_a_lock(conn: Connection[Any]) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while conn.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'").fetchone() is None:
        assert datetime.now(UTC) < deadline, "no transaction waits"


def test_each_item_of_each_tenant_has_a_lock_of_its_own(conn: Connection[Any]) -> None:
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
    with conn.transaction():
        for tenant, item in (("alice", "i1"), ("alice", "i2"), ("bob", "i1"), ("alicei", "1"), ("alice", "i1")):
            project_deletion(conn, tenant, item, NOW)
        assert conn.execute(held).fetchone() == (4,)
    assert conn.execute(held).fetchone() == (0,)


def test_text_that_postgres_cannot_hold(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    apply(conn, ("analysis", "alice", "i1", 1, 0, "nul\x00 lone\ud83d end"), make_item, make_vector)
    (hit,) = search(conn, SearchQuery("alice", "lone", SearchMode.BM25))
    assert hit.summary == hit.description["summary"] == "nul lone\ufffd end"


def test_malformed_descriptions_count_as_empty(conn: Connection[Any], make_item: MakeItem) -> None:
    odd = make_item("i1", "fine", media_metadata=None, image_details={"objects": ["cat", 3, None], "themes": "dusk"})
    with conn.transaction():
        project_analysis(conn, "alice", odd)
    for word in ("fine", "cat", "dusk"):
        assert [hit.item_id for hit in search(conn, SearchQuery("alice", word, SearchMode.BM25))] == ["i1"]


def test_a_projection_needs_its_transaction(conn: Connection[Any], make_item: MakeItem) -> None:
    with pytest.raises(TransactionRequiredError):
        project_analysis(conn, "alice", make_item("i1"))
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(TransactionRequiredError), conn.transaction():
        project_deletion(conn, "alice", "i1", NOW)


@pytest.mark.parametrize("vector", [[1.0], [0.0] * 1024, [float("nan")] * 1024, [float("inf")] * 1024, [1e308] * 1024])
def test_vectors_without_a_norm_are_rejected(conn: Connection[Any], vector: list[float]) -> None:
    with pytest.raises(InvalidVectorError), conn.transaction():
        project_vector(conn, "alice", "i1", vector=vector, model="m", analysis_version=1, embedded_at=NOW)
