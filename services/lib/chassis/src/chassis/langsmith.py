"""LangSmith, for services that call language models: off without a key, and never given contents.

Traces say which model and tools ran, how long, and with how many tokens; inputs, outputs and whatever else could name a
person are left out by the client itself. The SDK is imported only where there is a key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langsmith import Client

__all__ = ["LangSmith"]

_FLUSH_S = 2.0
_TIMEOUT_MS = (2000, 5000)
#: What local provisioning may write where there is no key.
_NO_KEY = {"", "local", "emulated"}
#: LangGraph adds the thread's id to a run's metadata, and with it the tenant.
_HARMLESS = ("ls_", "langgraph_node", "langgraph_step", "usage_metadata", "prompt_id")


class LangSmith:
    """A client for as long as `key` gives a key; made again when that changes."""

    def __init__(self, key: Callable[[], str | None], *, endpoint: str | None = None) -> None:
        self._key = key
        self._endpoint = endpoint
        self._connected: tuple[str, Client] | None = None

    @property
    def client(self) -> "Client | None":
        """The client; None without a key."""
        key = self._key() or ""
        if key in _NO_KEY:
            return None
        if self._connected is None or self._connected[0] != key:
            from langsmith import Client

            client = Client(
                api_key=key,
                api_url=self._endpoint,
                timeout_ms=_TIMEOUT_MS,
                hide_inputs=True,
                hide_outputs=True,
                hide_metadata=_harmless,
            )
            self._connected = (key, client)
        return self._connected[1]

    @contextmanager
    def tracing(self) -> "Iterator[Client | None]":
        """The client, whose runs are sent at the end: the process may be frozen after the invocation.

        A dead endpoint delays that by two seconds at most.
        """
        client = self.client
        try:
            yield client
        finally:
            if client is not None:
                client.flush(timeout=_FLUSH_S)


def _harmless(metadata: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name.startswith(_HARMLESS)}
