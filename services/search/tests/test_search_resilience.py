"""The search service after a restart of its database, and with vectors of another size or model."""

from dataclasses import replace
from typing import Any

import pytest

from contracts import new_event
from contracts.embedding import ItemEmbedded, encode_vector
from testkit import Deployment

pytestmark = pytest.mark.integration


def test_a_restart_of_the_database_fails_no_search(search: Any, deployment: Deployment) -> None:
    item = search.show("Receipt from Café Mori")
    options = {"search_type": "bm25", "min_relevance_score": 0, "include_answer": False}
    assert search.search("café mori", **options)["total_results"] == 1
    deployment.schema.database.disconnect()
    assert [found["item_id"] for found in search.search("café mori", **options)["results"]] == [item]


def test_a_vector_of_another_size_is_poison_at_once(search: Any) -> None:
    embedded = ItemEmbedded(
        vector=encode_vector([0.5] * 256), dimensions=256, model="m", analysis_id="a", analysis_version=1
    )
    assert search.consume(new_event(embedded, subject="item-1", tenant_id="tenant-a")) == 0
    assert search.dead_letters() == ["invalid-vector"]


def test_a_tenant_rebuilt_with_another_model_is_searched_by_that_model(search: Any) -> None:
    for tenant, model in (("tenant-a", "voyage-4"), ("tenant-b", "voyage-3.5-lite")):
        analyzed, embedded = search.events_of("Poster of a jazz concert", tenant, f"item-of-{tenant}")
        search.apply(analyzed)
        search.apply(replace(embedded, data=embedded.data.model_copy(update={"model": model})))
    for tenant in ("tenant-a", "tenant-b", "tenant-c"):
        answer = search.search("jazz concert", tenant, search_type="vector", include_answer=False)
        expected = [] if tenant == "tenant-c" else [f"item-of-{tenant}"]
        assert [found["item_id"] for found in answer["results"]] == expected


def test_a_new_key_is_used_as_soon_as_it_is_read(search: Any, deployment: Deployment) -> None:
    """Keys change while Lambda environments live on."""
    service = search.service
    before = [service.answerer, service.agent, service.searcher._embedder()]
    assert [service.answerer, service.agent, service.searcher._embedder()] == before
    for name in ("anthropic-api-key", "voyage-api-key"):
        deployment.put_secret(name, "changed")
    after = [service.answerer, service.agent, service.searcher._embedder()]
    assert not any(old is new for old, new in zip(before, after, strict=True))
