"""Clean-up of what a verification has created."""

from __future__ import annotations

from collections.abc import Callable

from mesh.verify.faults import FAULTS, sentence


class Cleanup:
    """Steps to run at the end, in reverse order; a failed one does not stop the others.

    A step is added before its resource is created (the response to the creation may be lost), so it must accept that
    there is nothing to remove.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], None]]] = []

    def add(self, what: str, remove: Callable[[], None]) -> None:
        """Register the removal of `what`."""
        self._steps.append((what, remove))

    def run(self) -> tuple[str, ...]:
        """Run every step; returns what could not be removed, each with the reason."""
        left: list[str] = []
        while self._steps:
            what, remove = self._steps.pop()
            try:
                remove()
            except FAULTS as fault:
                left.append(f"{what}: {sentence(fault)}")
        return tuple(left)
