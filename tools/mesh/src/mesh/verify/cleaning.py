"""What a verification has made, and how it goes again."""

from __future__ import annotations

from collections.abc import Callable

from mesh.verify.faults import FAULTS, sentence


class Cleanup:
    """Steps to be taken at the end, the last one first; one that fails keeps none of the others from being taken.

    A step is added before what it removes is made (the answer to the making may be lost), so it must bear that there is
    nothing to remove.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[[], None]]] = []

    def add(self, what: str, remove: Callable[[], None]) -> None:
        """Remember that `what` has to go."""
        self._steps.append((what, remove))

    def run(self) -> tuple[str, ...]:
        """Take every step; what could not be removed, each with the reason."""
        left: list[str] = []
        while self._steps:
            what, remove = self._steps.pop()
            try:
                remove()
            except FAULTS as fault:
                left.append(f"{what}: {sentence(fault)}")
        return tuple(left)
