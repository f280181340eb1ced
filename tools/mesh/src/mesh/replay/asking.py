"""Asks the relays of an environment about replays: `chassis.replays.asking` answers.

The relays are functions: whoever may invoke them needs no password of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from contracts import ReplayKind
from contracts.operations import ReplayState, Selection, TypeCount
from mesh.environments import Environment
from mesh.functions import FunctionFailedError, Functions
from mesh.replay import reprocessing
from mesh.replay.errors import ReplaysOutdatedError, ReplayUnknownError, SelectionInvalidError
from mesh.replay.reprocessing import Price

# Within the concurrency of a small account or machine.
_AT_ONCE: Final = 3


class ReplayOf(BaseModel):
    """How far one service is with a replay of its events; `rate` is the events a second that were ordered."""

    model_config = ConfigDict(frozen=True)

    service: str
    id: str
    consumer: str
    kind: ReplayKind
    state: ReplayState
    selection: Selection
    rate: int
    requested_at: str
    counts: tuple[TypeCount, ...]
    position: int

    @property
    def selected(self) -> int:
        return sum(each.selected for each in self.counts)

    @property
    def done(self) -> int:
        """Published, or left out because it cannot be."""
        return sum(each.published + each.left_out for each in self.counts)

    @property
    def left_out(self) -> int:
        return sum(each.left_out for each in self.counts)


class Owners:
    """The services of an environment that have events, by their relays."""

    def __init__(self, environment: Environment) -> None:
        self._functions = Functions(environment)
        self.services = sorted(key.removesuffix(".relay") for key in environment.functions if key.endswith(".relay"))

    def require(self, services: Sequence[str]) -> None:
        """Check that these are services with events of this environment. Raises SelectionInvalidError."""
        if missing := set(services) - set(self.services):
            raise SelectionInvalidError(f"the environment has no relay of {', '.join(sorted(missing))}")

    def latest(self, number: int) -> list[ReplayOf]:
        """The latest replays of every service, newest first."""
        found = self._each(self.services, {"list": number}, "replays")
        return sorted(_replays(found), key=lambda each: (each.requested_at, each.id, each.service), reverse=True)

    def show(self, replay_id: str, services: Sequence[str] | None = None) -> list[ReplayOf]:
        """How far each service is with it; one that does not take part, or has not heard of it, is left out."""
        return _replays(self._each(services or self.services, {"show": replay_id}, "replays"))

    def known(self, replay_id: str) -> list[ReplayOf]:
        """As `show`. Raises ReplayUnknownError where nobody knows it."""
        found = self.show(replay_id)
        if not found:
            raise ReplayUnknownError(f"no service knows of a replay {replay_id!r}; `mesh replay list` shows the latest")
        return found

    def count(self, services: Sequence[str], selection: Selection) -> dict[str, dict[str, int]]:
        """How many events are selected: service -> stored type -> number."""
        found = self._each(services, {"count": selection.model_dump(mode="json")}, "counts")
        return {service: dict(answer["counts"]) for service, answer in found.items()}

    def spending(self, replay: ReplayOf) -> dict[str, Any] | None:
        """How far its consumer has come with the replay's budget; None where it has none.

        `beside` is about what other services pay for what follows from its results.
        """
        if replay.kind is not ReplayKind.REPROCESS or replay.consumer not in self.services:
            return None
        found: dict[str, Any] | None = self._ask(replay.consumer, {"spending": replay.id}, "spending")["spending"]
        return found and found | {"beside": reprocessing.beside(self.following(replay.consumer), found["made"])}

    def following(self, consumer: str) -> dict[str, Price]:
        """Prices of what other services do upon the consumer's results."""
        others = [service for service in self.services if service != consumer]
        told = self._each(others, {"reprocessing": {"model": None}}, "reprocessing")
        return reprocessing.follows(consumer, {service: answer["reprocessing"] for service, answer in told.items()})

    def reprocessing(self, consumer: str, model: str | None, prompt: str | None = None) -> dict[str, Any]:
        """What a reprocessing by the consumer costs; see `Service.reprocessing` of the chassis."""
        if consumer not in self.services:
            return {}
        found: dict[str, Any] = self._ask(
            consumer, {"reprocessing": {"model": model, "prompt": prompt}}, "reprocessing"
        )["reprocessing"]
        return found

    def runs(self, consumer: str, request: dict[str, Any]) -> dict[str, Any]:
        """What the consumer answers about a run; see `Service.runs` of the chassis."""
        found: dict[str, Any] = self._ask(consumer, {"runs": request}, "runs")["runs"]
        return found

    def understand(self, services: Sequence[str], version: str) -> None:
        """Check that they understand orders of that version of the contract: an older one would ignore what is new.

        Raises:
            ReplaysOutdatedError: the code of one does not.
        """
        for service in services:
            try:
                known = self._ask(service, {"contract": "replay-requested"}, "contract")["contract"]
            except FunctionFailedError as error:
                raise ReplaysOutdatedError(f"{service} does not understand such an order yet: deploy it") from error
            if [int(part) for part in known.split(".")] < [int(part) for part in version.split(".")]:
                raise ReplaysOutdatedError(f"{service} does not understand such an order yet: deploy it")

    def _each(self, services: Sequence[str], request: dict[str, Any], expected: str) -> dict[str, dict[str, Any]]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(lambda service: self._ask(service, request, expected), services)
            return dict(zip(services, answers, strict=True))

    def _ask(self, service: str, request: dict[str, Any], expected: str) -> dict[str, Any]:
        answer = self._functions.invoke(f"{service}.relay", {"replays": request})
        if expected not in answer:  # it has run as on schedule, which does no harm
            raise ReplaysOutdatedError(f"the relay of {service} knows nothing of replays yet: deploy {service}")
        return answer


def _replays(answers: dict[str, dict[str, Any]]) -> list[ReplayOf]:
    return [
        ReplayOf.model_validate({**replay, "service": service})
        for service, answer in answers.items()
        for replay in answer["replays"]
    ]
