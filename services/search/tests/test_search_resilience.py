"""The search service after its database restarted, and about a vector of another size."""

from typing import Any

import psycopg
import pytest

from chassis.errors import PermanentError
from contracts import new_event
from contracts.embedding import ItemEmbedded, encode_vector
from localmesh.testing import FreshDatabase

pytestmark = pytest.mark.integration


def test_a_restarted_database_costs_no_search(search: Any, fresh_database: FreshDatabase) -> None:
    item = search.show("Receipt from Café Mori")
    options = {"search_type": "bm25", "min_relevance_score": 0, "include_answer": False}
    assert search.search("café mori", **options)["total_results"] == 1
    with psycopg.connect(fresh_database.dsn, autocommit=True) as administrator:
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'search-%%'", ()
        )
    assert [found["item_id"] for found in search.search("café mori", **options)["results"]] == [item]


def test_a_vector_of_another_size_is_poison_at_once(search: Any) -> None:
    embedded = ItemEmbedded(
        vector=encode_vector([0.5] * 256), dimensions=256, model="m", analysis_id="a", analysis_version=1
    )
    with pytest.raises(PermanentError) as raised:
        search.apply(new_event(embedded, subject="item-1", tenant_id="tenant-a"))
    assert raised.value.code == "invalid-vector"
