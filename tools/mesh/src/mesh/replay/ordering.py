"""What is ordered: from the options of the command to events under their contracts, on the environment's bus."""

from __future__ import annotations

import getpass
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from chassis.bus import Bus
from chassis.errors import TransientError
from contracts import REGISTRY, Contract, ReplayKind, new_event
from contracts.operations import OPERATORS, ReplayReport, ReplayRequested, Selection
from mesh.replay.errors import ConsumerUnknownError, OrderRefusedError, SelectionInvalidError

if TYPE_CHECKING:
    from manifests import Manifests
    from mesh.environments import Environment

_IDS = uuid.UUID("0c1f7a52-8f0e-5d5b-9a3c-3f1f5f2e7b10")


def consumed_types(manifests: Manifests, consumer: str) -> dict[str, str]:
    """The types of stored events that a service consumes, as published now: their short names and full types.

    Raises:
        ConsumerUnknownError: there is no such service.
    """
    service = manifests.services.get(consumer)
    if service is None:
        raise ConsumerUnknownError(f"no service {consumer!r} (there are: {', '.join(sorted(manifests.services))})")
    facts = [REGISTRY.newest(item.event) for item in service.consumes if item.event]
    return {
        fact.fact().rpartition(".")[2]: fact.event_type
        for fact in facts
        if fact.source() != manifests.operators.source and not issubclass(fact, ReplayReport)
    }


def chosen_types(known: dict[str, str], consumer: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """The full types of those that are wanted, by short name or full type; all of them where none is named.

    Raises:
        SelectionInvalidError: the consumer does not consume one of them.
    """
    for name in wanted:
        if name not in known and name not in known.values():
            raise SelectionInvalidError(f"{consumer} does not consume {name!r} (it does: {', '.join(sorted(known))})")
    return tuple(sorted({known.get(name, name) for name in wanted} or set(known.values())))


def owners_of(selection: Selection) -> list[str]:
    """The services that publish the selected types."""
    return sorted({event_type.split(".")[1] for event_type in selection.types})


def replay_id(
    consumer: str, kind: ReplayKind, selection: Selection, day: date, how: Mapping[str, object] | None = None
) -> str:
    """The id of what is ordered on a day: the same order twice is one replay. `how` are further fields of the order."""
    order = [consumer, kind, selection.model_dump(mode="json"), day.isoformat(), *([how] if how else [])]
    return str(uuid.uuid5(_IDS, json.dumps(order, sort_keys=True)))


def who(environment: Environment) -> str:
    """Who gives orders: the ARN of the credentials' identity, or the user of this machine."""
    if environment.endpoint_url is not None:
        return getpass.getuser()
    return str(environment.client("sts").get_caller_identity()["Arn"])


def publish(environment: Environment, order: Contract, replay: str) -> None:
    """Put the order on the bus; that of a replay has an id of its own, so that a second one is none.

    Raises:
        OrderRefusedError: the bus did not take it.
    """
    event_id = str(uuid.uuid5(_IDS, replay)) if isinstance(order, ReplayRequested) else None
    event = new_event(
        order,
        subject=replay,
        tenant_id=OPERATORS,
        correlation_id=replay,
        event_id=event_id,
        time=datetime.now(UTC),
    )
    try:
        refusals = [
            refusal for refusal in Bus(environment.event_bus, environment.aws).put([event.to_wire()]) if refusal
        ]
    except TransientError as error:
        raise OrderRefusedError(f"{error}; nothing was changed") from error
    if refusals:
        raise OrderRefusedError(f"the bus refused the order: {refusals[0].reason}; nothing was changed")
