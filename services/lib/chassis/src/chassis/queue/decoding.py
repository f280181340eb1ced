"""From a message's body to a typed event: EventBridge envelope -> CloudEvent -> contract."""

import json
from collections.abc import Mapping
from types import MappingProxyType

from chassis.errors import PoisonError
from contracts import REGISTRY, Contract, ContractError, Event, InvalidEventError, NoUpcasterError

__all__ = ["decode"]

_NEWEST: Mapping[str, type[Contract]] = MappingProxyType({})


def decode(body: str, understood: Mapping[str, type[Contract]] = _NEWEST) -> Event[Contract]:
    """The CloudEvent in the EventBridge envelope that is an SQS message's body.

    An event type that `understood` names is read as that contract, whatever its major; any other as its newest.

    Raises:
        PoisonError: it is not JSON, not an envelope, or not a valid event under a contract of ours.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PoisonError("not-json", str(error)) from error
    detail = envelope.get("detail") if isinstance(envelope, dict) else None
    if not isinstance(detail, dict):
        raise PoisonError("not-an-envelope", "the message is not an EventBridge envelope with a detail object")
    if envelope.get("detail-type") != detail.get("type") or envelope.get("source") != detail.get("source"):
        # The bus rule matched the envelope; an event that differs inside bypassed the producer's permissions.
        raise PoisonError("mismatched-envelope", "the envelope's source or detail-type is not the event's")
    contract = understood.get(str(detail.get("type")))
    try:
        return REGISTRY.read(detail) if contract is None else REGISTRY.read_as(detail, contract)
    except InvalidEventError as error:
        raise PoisonError("invalid-event", "; ".join(map(str, error.violations)), error.violations) from error
    except NoUpcasterError as error:
        raise PoisonError("no-upcaster", str(error)) from error
    except ContractError as error:
        raise PoisonError("unknown-event", str(error)) from error
