"""Traces of model calls: off without a key, never with contents, and sent before the process is frozen."""

from types import SimpleNamespace
from typing import Any

import langsmith
import pytest

from chassis.langsmith import LangSmith


class Client:
    """Stands for the SDK's client, whose threads would send to the service."""

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.flushed: list[float] = []

    def flush(self, timeout: float) -> None:
        self.flushed.append(timeout)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """The clients that were made."""
    clients: list[Client] = []

    def make(**given: Any) -> Client:
        clients.append(Client(**given))
        return clients[-1]

    monkeypatch.setattr(langsmith, "Client", make)
    return clients


@pytest.mark.parametrize("key", [None, "", "local", "emulated"])
def test_without_a_key_there_is_no_client(key: str | None, made: list[Client]) -> None:
    traces = LangSmith(lambda: key)
    assert traces.client is None
    with traces.tracing() as client:
        assert client is None
    assert made == []


def test_the_client_hides_contents_and_gives_up_soon(made: list[Client]) -> None:
    assert LangSmith(lambda: "key", endpoint="http://offline.invalid").client
    (client,) = made
    hide_metadata = client.given.pop("hide_metadata")
    assert client.given == {
        "api_key": "key",
        "api_url": "http://offline.invalid",
        "timeout_ms": (2000, 5000),
        "hide_inputs": True,
        "hide_outputs": True,
    }
    harmless = {
        "ls_model_name": "m",
        "langgraph_node": "n",
        "langgraph_step": 1,
        "usage_metadata": {},
        "prompt_id": "p",
    }
    assert hide_metadata({**harmless, "thread_id": "tenant#session", "langgraph_path": "x", "name": "ls_"}) == harmless


def test_a_client_is_kept_until_its_key_changes(made: list[Client]) -> None:
    keys = SimpleNamespace(now="first")
    traces = LangSmith(lambda: keys.now)
    clients: list[object] = [traces.client, traces.client]
    keys.now = "second"
    clients += [traces.client, traces.client]
    first, second = made
    assert clients == [first, first, second, second]
    assert (first.given["api_key"], second.given["api_key"]) == ("first", "second")
    keys.now = ""
    assert traces.client is None


def test_runs_are_sent_at_the_end_also_after_a_fault(made: list[Client]) -> None:
    traces = LangSmith(lambda: "key")
    with traces.tracing() as client:
        sent: list[object] = [client]
        assert sent == made
        assert made[0].flushed == []
    assert made[0].flushed == [2.0]
    with pytest.raises(RuntimeError), traces.tracing():
        raise RuntimeError
    assert made[0].flushed == [2.0, 2.0]
