"""The real Voyage and Tavily clients against the providers, and the bit of LangSmith that tracing needs."""

from typing import Any

import numpy as np
import pytest
import tavily  # type: ignore[import-untyped]  # ships no types
import voyageai
import voyageai.error

pytestmark = pytest.mark.integration
MODEL = "voyage-3.5-lite"


def voyage(providers: Any) -> Any:
    return voyageai.Client(api_key="test", base_url=f"{providers.url}/voyage/v1", max_retries=1, timeout=20)  # type: ignore[attr-defined]  # not exported by name


def web(providers: Any) -> tavily.TavilyClient:
    return tavily.TavilyClient(api_key="test", api_base_url=f"{providers.url}/tavily")


@pytest.mark.parametrize("input_type", ["query", "document", None])
def test_embeddings_are_unit_vectors_of_the_dimension(providers: Any, input_type: str | None) -> None:
    for dimensions in (256, 512, 1024, 2048):
        made = voyage(providers).embed(
            ["a cat", "a tax return"], model=MODEL, input_type=input_type, output_dimension=dimensions
        )
        vectors = np.array(made.embeddings)
        assert vectors.shape == (2, dimensions)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
        assert made.total_tokens > 0


def test_documents_are_ranked_by_the_words_that_they_share(providers: Any) -> None:
    documents = ["a tax return", "ramen in a restaurant", "bowls of ramen in Kyoto"]
    client = voyage(providers)
    ranked = client.rerank("ramen bowl Kyoto", documents, model="rerank-2.5-lite")
    assert [(each.index, each.relevance_score) for each in ranked.results] == [(2, 1.0), (1, 0.333333), (0, 0.0)]
    assert ranked.total_tokens > 0
    first = client.rerank("ramen bowl Kyoto", documents, model="rerank-2.5-lite", top_k=1)
    assert [each.document for each in first.results] == [documents[2]]
    wrongs: list[dict[str, Any]] = [{"documents": []}, {"documents": ["a"], "top_k": 0}]
    for wrong in wrongs:
        with pytest.raises(voyageai.error.InvalidRequestError):
            client.rerank("ramen", model="rerank-2.5-lite", **({"documents": ["a"]} | wrong))


def test_embeddings_mean_something_and_stay_the_same(real_models: Any) -> None:
    client = voyage(real_models)
    first = np.array(client.embed(["a cat", "a kitten", "a tax return"], model=MODEL).embeddings)
    second = np.array(client.embed(["a tax return", "a cat"], model=MODEL).embeddings)
    assert first.shape == (3, 1024)
    assert first[0] @ first[1] > 0.6 > 0.4 > first[0] @ first[2]
    assert np.array_equal(first[0], second[1])
    assert np.array_equal(first[2], second[0])


def test_list_encoding_equals_base64(providers: Any) -> None:
    headers = {"authorization": "Bearer test"}
    body = {"input": "a cat", "model": MODEL}
    plain = providers.client.post("/voyage/v1/embeddings", json=body, headers=headers).json()
    packed = voyage(providers).embed(["a cat"], model=MODEL).embeddings[0]
    assert plain["data"][0]["embedding"] == pytest.approx(packed, abs=1e-7)


@pytest.mark.parametrize(
    "body",
    [
        {"model": MODEL},
        {"input": [], "model": MODEL},
        {"input": [""], "model": MODEL},
        {"input": ["a"] * 1001, "model": MODEL},
        {"input": ["a"]},
        {"input": ["a"], "model": MODEL, "input_type": "other"},
        {"input": ["a"], "model": MODEL, "output_dimension": 0},
        {"input": ["a"], "model": MODEL, "output_dtype": "int8"},
    ],
)
def test_bad_embedding_requests(providers: Any, body: dict[str, Any]) -> None:
    answer = providers.client.post("/voyage/v1/embeddings", json=body, headers={"authorization": "Bearer test"})
    assert answer.status_code == 400
    assert isinstance(answer.json()["detail"], str)


def test_search_finds_the_page_by_meaning(real_models: Any) -> None:
    found = web(real_models).search("where to have noodle soup in Tokyo", max_results=3, include_answer=True)
    assert 1 <= len(found["results"]) <= 3
    assert found["results"][0]["url"] == "https://food.example.org/best-ramen-tokyo"
    assert found["answer"]
    scores = [page["score"] for page in found["results"]]
    assert scores == sorted(scores, reverse=True)


def test_search_obeys_domains_and_limits(providers: Any) -> None:
    client = web(providers)
    urls = [page["url"] for page in client.search("Paris museum", include_domains=["museums.example.com"])["results"]]
    assert urls
    assert all("//museums.example.com/" in url for url in urls)
    rest = [page["url"] for page in client.search("Paris museum", exclude_domains=["example.com"])["results"]]
    assert rest
    assert not any("//museums.example.com/" in url for url in rest)
    assert len(client.search("Tokyo", max_results=1)["results"]) == 1
    assert client.search("qzxv wlkj")["results"] == []


def test_bad_searches_and_missing_keys(providers: Any) -> None:
    with pytest.raises(tavily.BadRequestError, match="max_results"):
        web(providers).search("Tokyo", max_results=99)
    answer = providers.client.post("/tavily/search", json={"query": "Tokyo"})
    assert answer.status_code == 401
    assert answer.json()["detail"]["error"]
    answer = providers.client.post("/voyage/v1/embeddings", json={"input": "a", "model": MODEL})
    assert answer.status_code == 401
    assert answer.json()["detail"]


def test_langsmith_takes_runs(providers: Any) -> None:
    assert providers.client.get("/langsmith/info").json()["batch_ingest_config"]["use_multipart_endpoint"]
    assert providers.client.post("/langsmith/runs/multipart", content=b"x").status_code == 202
