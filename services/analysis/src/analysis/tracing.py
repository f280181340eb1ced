"""LangSmith: runs without contents, and prompts. Everything here is off without a key, and none of it can fail a job.

A run has the model, the prompt and the tokens; never the picture, the description, the tenant or an error's text.
The SDK is imported only where there is a key.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis.observability import logger

if TYPE_CHECKING:
    from langsmith import Client
    from langsmith.run_trees import RunTree

_FLUSH_S = 2.0
_TIMEOUT_MS = (2000, 5000)
#: What local provisioning writes where there is no key.
_NO_KEY = {"", "local", "emulated"}


@dataclass
class Run:
    """One model call in the trace; `trace_id` is None when nothing is traced."""

    trace_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


class LangSmith:
    """Tracing and prompts, for as long as `key` gives one."""

    def __init__(self, key: Callable[[], str | None], *, endpoint: str | None = None) -> None:
        self._key = key
        self._endpoint = endpoint
        self._client: tuple[str, Client] | None = None

    def pull(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """Commit and manifest of a prompt; None without a key, or when LangSmith does not give it."""
        client = self._connected()
        if client is None:
            return None
        from langsmith.utils import LangSmithError

        try:
            commit = client.pull_prompt_commit(name, skip_cache=True)
        except (LangSmithError, ValueError, OSError) as error:
            logger.warning("prompt not pulled", extra={"prompt": name, "error": type(error).__name__})
            return None
        return commit.commit_hash, commit.manifest

    @contextmanager
    def run(self, *, provider: str, model: str, prompt_id: str) -> Iterator[Run]:
        """Trace what the block does as one model call; an exception passes through and appears by its class's name."""
        client = self._connected()
        if client is None:
            yield Run()
            return
        from langsmith.run_trees import RunTree

        metadata = {"ls_provider": provider, "ls_model_name": model, "prompt_id": prompt_id}
        tree = RunTree(
            name="describe-picture", run_type="llm", inputs={}, extra={"metadata": metadata}, ls_client=client
        )
        run = Run(trace_id=str(tree.trace_id))
        tree.post()
        try:
            yield run
        except Exception as error:
            self._end(client, tree, run, type(error).__name__)
            raise
        self._end(client, tree, run, None)

    def _end(self, client: "Client", tree: "RunTree", run: Run, fault: str | None) -> None:
        usage = {
            "input_tokens": run.input_tokens,
            "output_tokens": run.output_tokens,
            "total_tokens": run.input_tokens + run.output_tokens,
        }
        tree.extra.setdefault("metadata", {})["usage_metadata"] = usage
        tree.end(outputs={}, error=fault)
        tree.patch()
        # The process may be frozen after the invocation; a dead endpoint must not hold it.
        client.flush(timeout=_FLUSH_S)

    def _connected(self) -> "Client | None":
        key = self._key() or ""
        if key in _NO_KEY:
            return None
        if self._client is None or self._client[0] != key:
            from langsmith import Client

            client = Client(
                api_key=key, api_url=self._endpoint, timeout_ms=_TIMEOUT_MS, hide_inputs=True, hide_outputs=True
            )
            self._client = (key, client)
        return self._client[1]
