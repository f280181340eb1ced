"""LangSmith: which model and tools a turn used, how long they took, how many tokens; never what was said.

Off without a key. A dead endpoint fails no turn and holds none up for long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client

_FLUSH_S = 2.0
_TIMEOUT_MS = (2000, 5000)
#: What local provisioning may write where there is no key.
_NO_KEY = {"", "local", "emulated"}


#: LangGraph adds the thread's id to a run's metadata, and with it the tenant.
_HARMLESS = ("ls_", "langgraph_node", "langgraph_step", "usage_metadata")


def _harmless(metadata: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metadata.items() if name.startswith(_HARMLESS)}


class ContentFreeTracer(LangChainTracer):
    """Faults appear by the name of their class: texts of errors quote requests."""

    @staticmethod
    def _get_stacktrace(error: BaseException) -> str:
        return type(error).__name__


class Tracing:
    """Callbacks for a turn, as long as there is a key."""

    def __init__(self, key: str | None, *, endpoint: str | None = None) -> None:
        self._client: Client | None = None
        if (key or "") not in _NO_KEY:
            self._client = Client(
                api_key=key,
                api_url=endpoint,
                timeout_ms=_TIMEOUT_MS,
                hide_inputs=True,
                hide_outputs=True,
                hide_metadata=_harmless,
            )

    @contextmanager
    def turn(self) -> Iterator[list[BaseCallbackHandler]]:
        """Trace what is called with these callbacks; sent before the process may be frozen."""
        if self._client is None:
            yield []
            return
        try:
            yield [ContentFreeTracer(client=self._client)]
        finally:
            self._client.flush(timeout=_FLUSH_S)
