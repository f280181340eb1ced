"""As many processes of a function as a small machine can run; further calls wait for one of them.

AWS answers a burst with as many environments as there are calls. Here each is a process with an interpreter of its own,
and fifty of them at once would bring the machine to its knees.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localstack.services.lambda_.invocation.assignment import AssignmentService

#: By the function's own variable FUNCTION; users wait for the answers of `http`.
LIMITS = {"http": 4, "events": 4}
DEFAULT_LIMIT = 2


def correct() -> None:
    """Bound the environments of each version of a function."""
    original = AssignmentService.get_environment
    lock = threading.Lock()
    free: dict[str, threading.Semaphore] = {}

    def slots(version_manager: str, function_version: Any) -> threading.Semaphore:
        kind = (function_version.config.environment or {}).get("FUNCTION", "")
        with lock:
            return free.setdefault(version_manager, threading.Semaphore(LIMITS.get(kind, DEFAULT_LIMIT)))

    @contextmanager
    def get_environment(
        self: AssignmentService, version_manager_id: str, function_version: Any, provisioning_type: Any
    ) -> Iterator[Any]:
        with (
            slots(version_manager_id, function_version),
            original(self, version_manager_id, function_version, provisioning_type) as environment,
        ):
            yield environment

    AssignmentService.get_environment = get_environment
