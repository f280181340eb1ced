"""What Voyage is asked, and its SDK's faults as ours; opens no socket."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import voyageai
import voyageai.error

from chassis.retry_after import retry_after_s
from chassis.voyage import Voyage, VoyageError, VoyageFault, VoyageReranker, translated


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [
        ("RateLimitError", 429, VoyageFault.LIMITED),
        ("ServerError", 500, VoyageFault.UNAVAILABLE),
        ("ServiceUnavailableError", 503, VoyageFault.UNAVAILABLE),
        ("TryAgain", None, VoyageFault.UNAVAILABLE),
        ("APIError", 500, VoyageFault.UNAVAILABLE),
        ("APIError", 499, VoyageFault.REFUSED),
        ("APIError", None, VoyageFault.REFUSED),
        ("APIError", 529, VoyageFault.UNAVAILABLE),
        ("Timeout", None, VoyageFault.UNAVAILABLE),
        ("APIConnectionError", None, VoyageFault.UNAVAILABLE),
        ("AuthenticationError", 401, VoyageFault.REFUSED),
        ("APIError", 403, VoyageFault.REFUSED),
        ("InvalidRequestError", 400, VoyageFault.REQUEST_REFUSED),
        ("MalformedRequestError", 422, VoyageFault.REQUEST_REFUSED),
        ("InvalidRequestError", None, VoyageFault.REQUEST_REFUSED),
        ("MalformedRequestError", None, VoyageFault.REQUEST_REFUSED),
        ("APIError", 400, VoyageFault.REQUEST_REFUSED),
        ("APIError", 404, VoyageFault.REQUEST_REFUSED),
        ("APIError", 413, VoyageFault.REQUEST_REFUSED),
        ("APIError", 422, VoyageFault.REQUEST_REFUSED),
    ],
)
def test_faults(name: str, status: int | None, fault: VoyageFault) -> None:
    make: Any = getattr(voyageai.error, name)
    error = translated(make("a private text", http_status=status))
    assert error.fault is fault
    assert error.retry_after_s is None
    assert str(error) == (f"voyage: {status} {name}" if status else f"voyage: {name}")


def test_when_the_provider_asks_to_be_called_again() -> None:
    make: Any = voyageai.error.RateLimitError
    assert translated(make("no", http_status=429, headers={"retry-after": "9"})).retry_after_s == 9
    assert translated(make("no", http_status=429, headers={"Retry-After": "soon"})).retry_after_s is None
    assert translated(make("no", http_status=429)).retry_after_s is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "9"}, 9.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"x-retry-after": "9"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Mon, 30 Nov 2026 02:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_only_a_number_of_seconds_is_a_delay(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


class Endpoint:
    """What the SDK asks of the provider, and what it is answered: a document, or an error to raise."""

    def __init__(self, answer: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer = answer

    def create(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Embeddings(dict[str, Any]):
    """An answer of the provider, with attributes as the SDK's own class has them."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def embeddings(*vectors: list[float], tokens: int = 5) -> Embeddings:
    data = [Embeddings(embedding=vector, index=index) for index, vector in enumerate(vectors)]
    return Embeddings(data=data, usage=Embeddings(total_tokens=tokens))


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Endpoint]:
    """The provider with one answer to everything."""

    def answering(answer: Any) -> Endpoint:
        created = Endpoint(answer)
        monkeypatch.setattr(voyageai, "Embedding", created)
        return created

    return answering


def client(attempts: int = 1) -> Voyage:
    return Voyage(
        api_key="the-key",
        base_url="http://offline.invalid/v1",
        model="voyage-3.5",
        dimensions=256,
        timeout_s=7,
        attempts=attempts,
    )


def test_all_texts_go_in_one_request_and_come_back_with_their_tokens(endpoint: Callable[[Any], Endpoint]) -> None:
    provider = endpoint(embeddings([1.0, 0.0], [0.0, 1.0], tokens=9))
    embedded = client().embed_documents(("one", "two"))
    assert (embedded.vectors, embedded.tokens) == ([[1.0, 0.0], [0.0, 1.0]], 9)
    (asked,) = provider.asked
    assert asked["input"] == ["one", "two"]
    assert (asked["model"], asked["output_dimension"], asked["input_type"]) == ("voyage-3.5", 256, "document")
    assert (asked["api_key"], asked["request_timeout"]) == ("the-key", 7)
    assert asked["base_url"] == "http://offline.invalid/v1"


def test_a_query_is_embedded_as_one(endpoint: Callable[[Any], Endpoint]) -> None:
    provider = endpoint(embeddings([1.0, 0.0]))
    assert client().embed_query("what") == [1.0, 0.0]
    (asked,) = provider.asked
    assert (asked["input"], asked["input_type"], asked["output_dimension"]) == (["what"], "query", 256)


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_limited_request_is_tried_as_often_as_allowed(
    attempts: int, endpoint: Callable[[Any], Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    make: Any = voyageai.error.RateLimitError
    provider = endpoint(make("no", http_status=429, headers={"retry-after": "3"}))
    with pytest.raises(VoyageError) as raised:
        client(attempts).embed_query("what")
    assert (raised.value.fault, raised.value.retry_after_s) == (VoyageFault.LIMITED, 3)
    assert len(provider.asked) == attempts


@pytest.mark.parametrize(
    ("answer", "fault", "message"),
    [
        (Embeddings(detail="overloaded"), VoyageFault.UNAVAILABLE, "voyage: answered without data"),
        (KeyError("data"), VoyageFault.MALFORMED, "voyage: malformed answer (KeyError)"),
        (IndexError("data"), VoyageFault.MALFORMED, "voyage: malformed answer (IndexError)"),
        (TypeError("data"), VoyageFault.MALFORMED, "voyage: malformed answer (TypeError)"),
        (ValueError("data"), VoyageFault.MALFORMED, "voyage: malformed answer (ValueError)"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "embed", [lambda voyage: voyage.embed_query("a"), lambda voyage: voyage.embed_documents(["a"])]
)
def test_an_answer_that_cannot_be_read_quotes_nothing(
    embed: Any, answer: Any, fault: VoyageFault, message: str, endpoint: Callable[[Any], Endpoint]
) -> None:
    endpoint(answer)
    with pytest.raises(VoyageError) as raised:
        embed(client())
    assert (raised.value.fault, str(raised.value)) == (fault, message)


def test_no_tokenizer_is_downloaded() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"


TIMEOUT: Any = voyageai.error.Timeout  # the SDK is untyped


def rerankings(*pairs: tuple[int, float]) -> Embeddings:
    data = [Embeddings(index=index, relevance_score=relevance) for index, relevance in pairs]
    return Embeddings(data=data, usage=Embeddings(total_tokens=5))


def reranked(answer: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Endpoint, Callable[[], list[float]]]:
    provider = Endpoint(answer)
    monkeypatch.setattr(voyageai, "Reranking", provider)
    reranker = VoyageReranker(api_key="the-key", base_url="http://offline.invalid/v1", model="rerank-2.5", timeout_s=3)
    return provider, lambda: reranker.relevances("what", ["one", "two"])


def test_relevances_are_in_the_order_of_the_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    provider, relevances = reranked(rerankings((1, 0.9), (0, 0.2)), monkeypatch)
    assert relevances() == [0.2, 0.9]
    (asked,) = provider.asked
    assert (asked["query"], asked["documents"], asked["model"]) == ("what", ["one", "two"], "rerank-2.5")
    assert (asked["api_key"], asked["request_timeout"]) == ("the-key", 3)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (rerankings((0, 0.5)), VoyageFault.MALFORMED),
        (rerankings((0, 0.5), (7, 0.5)), VoyageFault.MALFORMED),
        (TIMEOUT("slow"), VoyageFault.UNAVAILABLE),
    ],
)
def test_a_reranker_is_asked_once(answer: Any, fault: VoyageFault, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, relevances = reranked(answer, monkeypatch)
    with pytest.raises(VoyageError) as raised:
        relevances()
    assert raised.value.fault is fault
    assert len(provider.asked) == 1
