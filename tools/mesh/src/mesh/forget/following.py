"""Follows the erasure until every service has recorded its receipt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mesh.forget.asking import Report
from mesh.forget.errors import NotErasedError

#: A service erases within seconds; after a fault its queue tries again within 15 minutes at most.
PATIENCE_S: Final = 1200.0
_LOOK_S: Final = 1.0


def follow(
    look: Callable[[], Report],
    *,
    quiet: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Show a bar on stderr until every service is done.

    Raises:
        NotErasedError: one of them is not for `PATIENCE_S`.
    """
    deadline = clock() + PATIENCE_S
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task("services", total=None)
        while True:
            found = look()
            total = len(found.services)
            progress.update(bar, total=total, completed=total - len(found.waiting))
            if not found.waiting:
                return found
            if clock() >= deadline:
                waiting = ", ".join(found.waiting)
                raise NotErasedError(f"not erased yet by {waiting}; `mesh dlq list` shows why, then repeat the command")
            sleep(_LOOK_S)
