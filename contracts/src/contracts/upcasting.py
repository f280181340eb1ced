"""From an old major version of a fact to a newer one, and the proof that every step of the way exists.

An upcaster is a pure function from the payload of version n to the payload of version n + 1; chains are built of them.
Within a major version nothing has to be cast: minor versions add optional fields only.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from contracts.contract import Contract, fact_of, major_of
from contracts.errors import NoUpcasterError
from contracts.upcasters import UPCASTERS

Payload = dict[str, Any]
Upcaster = Callable[[Mapping[str, Any]], Payload]


def chain(event_type: str, to: str, upcasters: Mapping[str, Upcaster] = UPCASTERS) -> tuple[Upcaster, ...]:
    """The upcasters from one event type to another, in the order of their use; none when they are the same.

    Raises:
        NoUpcasterError: they are of two facts, the way leads backwards, or a step is missing.
    """
    fact = fact_of(event_type)
    first, last = major_of(event_type), major_of(to)
    steps = [upcasters.get(f"{fact}.v{major}") for major in range(first, last)]
    found = tuple(step for step in steps if step is not None)
    if fact != fact_of(to) or first > last or len(found) < len(steps):
        raise NoUpcasterError(event_type, to)
    return found


def upcast(
    event_type: str,
    payload: Mapping[str, Any],
    to: type[Contract],
    upcasters: Mapping[str, Upcaster] = UPCASTERS,
) -> Payload:
    """The payload of `event_type` as the payload of `to`; the argument is left as it is. Raises like `chain`."""
    result = dict(payload)
    for step in chain(event_type, to.event_type, upcasters):
        result = step(result)
    return result


def missing_chains(published: Iterable[str], read: Iterable[type[Contract]]) -> list[NoUpcasterError]:
    """The event types ever published that readers would not understand: none is the proof.

    A newer major than the reader's is missing too: a consumer moves before its producer does.
    """
    readers = list(read)
    missing = []
    for event_type in published:
        for contract in readers:
            if contract.fact() != fact_of(event_type):
                continue
            try:
                chain(event_type, contract.event_type)
            except NoUpcasterError as error:
                missing.append(error)
    return missing
