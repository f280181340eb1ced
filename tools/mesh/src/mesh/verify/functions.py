"""Checks of functions by direct invocation: they start, and reach database and parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from manifests import Trigger
from mesh.verify.errors import CheckFailedError
from mesh.verify.faults import FAULTS, sentence
from mesh.verify.invoking import Answer, Request
from mesh.verify.probe import Probe

# Fast enough, and within the concurrency of a small account or machine.
_AT_ONCE: Final = 3
_HEALTH: Final = Request("GET", "/health")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to make a service only read its database: a request and the status of its response, or, without a request, a
    run of its schedule, which publishes its outbox, as it does every minute."""

    function: str
    request: Request | None = None
    status: int = 200


DATABASE_READINGS: Final[dict[str, Reading]] = {
    "ingest": Reading("http", Request("GET", "/items")),
    "imaging": Reading("http", Request("POST", "/items/{id}/resize-only"), 404),
    "analysis": Reading("http", Request("GET", "/analyses/{id}"), 404),
    "embedding": Reading("http", Request("GET", "/vector-index/status")),
    "search": Reading(
        "http", Request("POST", "/search", {"query": "verify", "search_type": "bm25", "include_answer": False})
    ),
    # Reading a conversation queries DynamoDB, and a turn calls a model.
    "chat": Reading("relay"),
    "sessions": Reading("relay"),
}
SECRET_READING: Final = Request(
    "POST", "/search", {"query": "verify", "search_type": "vector", "include_answer": False}
)


def invoke(probe: Probe) -> str:
    """Every function with routes answers a request for an unknown route."""
    keys = [f"{r.service.service}.{r.name}" for r in probe.manifests.functions if r.function.trigger is Trigger.ROUTES]
    functions = probe.functions

    def ask(key: str) -> None:
        answer = functions.request(key, _HEALTH)
        # 503 is accepted too: dependencies are the subject of other checks.
        if answer.status not in {200, 404, 503}:
            raise CheckFailedError(f"{key} answers {answer.reason()}")

    _all(ask, keys)
    return f"{', '.join(keys)} answer"


def function_database(probe: Probe) -> str:
    """Every service with a schema reads it, signed in as itself."""
    services = [service.service for service in probe.manifests.services.values() if service.database]
    functions = probe.functions

    def read(service: str) -> None:
        reading = DATABASE_READINGS[service]
        key = f"{service}.{reading.function}"
        if reading.request is None:
            functions.invoke(key, {})
            return
        answer = functions.request(key, reading.request, tenant=probe.mark)
        if answer.status != reading.status:
            raise CheckFailedError(f"{key} answers {answer.reason()}")

    _all(read, services)
    _healthy(functions.request("ingest.http", _HEALTH))
    return f"{', '.join(services)} read their schemas; ingest is healthy"


def function_parameters(probe: Probe) -> str:
    """A search by meaning: the function reads the key of the embedding model, and the model accepts it."""
    answer = probe.functions.request("search.http", SECRET_READING, tenant=probe.mark)
    if answer.status in {502, 503}:
        raise CheckFailedError(f"search.http has read voyage-api-key, but: {answer.reason()}")
    if answer.status != 200:
        raise CheckFailedError(
            f"search.http answers {answer.reason()}; see its log for whether it may read voyage-api-key"
        )
    return "search.http read voyage-api-key, and the embedding model accepts it"


def _healthy(answer: Answer) -> None:
    if answer.status != 200:
        raise CheckFailedError(f"ingest.http answers {answer.reason()}")


def _all(work: Callable[[str], None], keys: Iterable[str]) -> None:
    """Run the work for each key, a few at once. Raises CheckFailedError with all faults."""

    def fault_of(key: str) -> str | None:
        try:
            work(key)
        except FAULTS as fault:
            return sentence(fault)
        return None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        faults = [fault for fault in pool.map(fault_of, keys) if fault]
    if faults:
        raise CheckFailedError("; ".join(faults))
