"""The emulator's own routes: health, mode, log; and that it answers while models work."""

import base64
import threading
import time
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.integration
HEADERS = {"authorization": "Bearer sk-very-secret"}


def describe(providers: Any, data: bytes, media_type: str = "image/png") -> httpx.Response:
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    body = {
        "model": "claude-haiku-5-5",
        "max_tokens": 1000,
        "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}],
    }
    return httpx.post(f"{providers.url}/v1/messages", json=body, headers=HEADERS, timeout=60)


def test_health_and_mode(real_models: Any) -> None:
    health = real_models.client.get("/_health").json()
    assert health["status"] == "ready"
    assert health["models"] == {"embedding": "ready", "vision": "ready"}
    assert real_models.client.post("/_mode", json={"mode": "instant"}).json()["mode"] == "instant"
    assert real_models.client.post("/_mode", json={"mode": "fast"}).status_code == 400
    assert real_models.client.post("/_faults", json={"provider": "nobody", "kind": "status"}).status_code == 400


def test_the_log_shows_requests_without_secrets(providers: Any, receipt: bytes) -> None:
    describe(providers, receipt)
    body = {"input": ["a"], "model": "voyage-3.5-lite", "input_type": "query"}
    providers.client.post("/voyage/v1/embeddings", json=body, headers=HEADERS)
    providers.client.post("/v1/messages", json={})
    vision, embedding, unauthorized = providers.requests()
    assert (vision["provider"], vision["kind"], vision["status"]) == ("anthropic", "vision", 200)
    assert (vision["method"], vision["path"], vision["model"]) == ("POST", "/v1/messages", "claude-haiku-5-5")
    image = vision["body"]["messages"][0]["content"][0]["source"]["data"]
    assert image["bytes"] == len(receipt)
    assert (embedding["kind"], embedding["body"]["input_type"]) == ("embedding", "query")
    assert (unauthorized["status"], unauthorized["authentication"]) == (401, None)
    assert vision["authentication"] == "bearer"
    assert vision["duration_ms"] > 0
    text = providers.client.get("/_requests").text
    assert "sk-very-secret" not in text
    assert base64.b64encode(receipt[:60]).decode() not in text
    assert [entry["provider"] for entry in providers.requests("voyage")] == ["voyage"]
    newest = providers.client.get("/_requests", params={"limit": "2"}).json()["requests"]
    assert newest == [unauthorized, embedding]
    assert providers.client.delete("/_requests").json() == {"cleared": 3}
    assert providers.requests() == []


def test_the_log_names_the_fault(providers: Any) -> None:
    providers.fault(provider="tavily", kind="status", status=429)
    providers.client.post("/tavily/search", json={"query": "Tokyo"}, headers=HEADERS)
    assert providers.requests("tavily")[0]["fault"] == "status 429"


def test_others_are_served_while_a_picture_is_looked_at(real_models: Any, poster: bytes) -> None:
    answers: list[httpx.Response] = []
    fresh = poster + b"\0"  # other bytes, so that it was not seen before
    worker = threading.Thread(target=lambda: answers.append(describe(real_models, fresh)))
    worker.start()
    served, slowest = 0, 0.0
    while worker.is_alive():
        started = time.monotonic()
        assert real_models.client.get("/_health").status_code == 200
        slowest = max(slowest, time.monotonic() - started)
        served += 1
    worker.join()
    assert answers[0].status_code == 200
    assert served >= 3
    assert slowest < 0.5 * real_models.requests("anthropic")[0]["duration_ms"] / 1000
