"""What LocalStack finds through entry points; everything else is imported when it asks for it."""

from __future__ import annotations

import os
from typing import Any

from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessRuntimeExecutorPlugin(RuntimeExecutorPlugin):
    """Chosen by `LAMBDA_RUNTIME_EXECUTOR=process`."""

    name = "process"

    def load(self, *_: Any, **__: Any) -> type:
        from mesh_addons.executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


@hooks.on_infra_start(name="mesh_addons")
def correct_localstack() -> None:
    """Runs before LocalStack serves anything; what fails here ends it."""
    from mesh_addons import companion, concurrency, polling, rules

    rules.correct()
    concurrency.correct()
    polling.correct()
    # The licensed edition has all services itself.
    if (url := os.environ.get("MESH_COMPANION_URL")) and not os.environ.get("LOCALSTACK_AUTH_TOKEN"):
        companion.forward_to(url)
