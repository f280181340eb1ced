"""Asks the services of an environment for an audit: `chassis.audit` answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final, TypeVar

from mesh.audit.model import Recorded, Scope, Subject
from mesh.environments import Environment
from mesh.functions import Functions
from mesh.trace.asking import Inspectors
from mesh.trace.errors import ServiceOutdatedError

T = TypeVar("T")
R = TypeVar("R")
# Within the concurrency of a small account or machine.
_AT_ONCE: Final = 3


class Services:
    """The functions that answer, by service. `owners` are the services with events of their own."""

    def __init__(self, environment: Environment) -> None:
        self._keys = Inspectors(environment).keys
        self._functions = Functions(environment)
        self.names = sorted(self._keys)
        self.owners = sorted(name for name, key in self._keys.items() if key.endswith(".relay"))

    def ask(self, service: str, request: Mapping[str, Any], expected: str) -> dict[str, Any]:
        """The service's answer. Raises ServiceOutdatedError, FunctionFailedError."""
        answer = self._functions.invoke(self._keys[service], {"audit": dict(request)})
        if expected not in answer:  # it has run as on schedule, which does no harm
            raise ServiceOutdatedError(f"{service} cannot be audited yet: deploy {service}")
        return answer

    def recorded(self, service: str, scope: Scope) -> Iterator[list[Recorded]]:
        """The service's own events, page by page. Raises like `ask`."""
        narrowed = {
            "since": scope.since and scope.since.isoformat(),
            "tenant": scope.tenant,
            "subjects": None if scope.subjects is None else sorted(scope.subjects),
        }
        place: list[int] | None = [0, 0]
        while place is not None:
            answer = self.ask(service, {"recorded": place, **narrowed}, "events")
            yield [_recorded(service, *row) for row in answer["events"]]
            place = answer["next"]

    def subjects(self, service: str, tenant: str | None) -> Iterator[Subject]:
        """What the service's tables have rows of. Raises like `ask`."""
        place: list[str] | None = None
        while True:
            answer = self.ask(service, {"subjects": place, "tenant": tenant}, "subjects")
            yield from ((of, subject) for of, subject in answer["subjects"])
            if (place := answer["next"]) is None:
                return

    def history(self, subjects: Sequence[Subject], until: datetime) -> list[dict[str, Any]]:
        """Masked documents of everything that all services recorded about these, oldest first. Raises like `ask`."""
        documents: list[dict[str, Any]] = []
        for owner in self.owners:
            rest: Sequence[Any] = subjects
            while rest:
                answer = self.ask(owner, {"history": rest, "until": until.isoformat()}, "documents")
                documents += answer["documents"]
                rest = answer["rest"]
        return sorted(documents, key=lambda each: (each["time"], each["id"]))


def at_once(work: Callable[[T], R], of: Iterable[T]) -> Iterator[R]:
    """The results of some calls at once, in their order."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(work, of)


def batched(of: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most that size."""
    return (of[start : start + size] for start in range(0, len(of), size))


def _recorded(service: str, event_id: str, kind: str, subject: str, tenant: str, at: str, state: str) -> Recorded:
    return Recorded(service, event_id, kind, subject, tenant, datetime.fromisoformat(at), state)
