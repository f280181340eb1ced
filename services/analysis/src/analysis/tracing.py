"""LangSmith: runs without contents, and prompts. Everything here is off without a key, and none of it can fail a job.

A run has the model, the prompt and the tokens; never the picture, the description, the tenant or an error's text.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chassis import langsmith
from chassis.observability import logger

if TYPE_CHECKING:
    from langsmith.run_trees import RunTree


@dataclass
class Run:
    """One model call in the trace; `trace_id` is None when nothing is traced."""

    trace_id: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


class LangSmith(langsmith.LangSmith):
    """The chassis' client, with prompts and with runs of one model call."""

    def pull(self, name: str) -> tuple[str, Mapping[str, Any]] | None:
        """Commit and manifest of a prompt; None without a key, or when LangSmith does not give it."""
        client = self.client
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
        with self.tracing() as client:
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
                _end(tree, run, type(error).__name__)
                raise
            _end(tree, run, None)


def _end(tree: "RunTree", run: Run, fault: str | None) -> None:
    usage = {
        "input_tokens": run.input_tokens,
        "output_tokens": run.output_tokens,
        "total_tokens": run.input_tokens + run.output_tokens,
    }
    tree.extra.setdefault("metadata", {})["usage_metadata"] = usage
    tree.end(outputs={}, error=fault)
    tree.patch()
