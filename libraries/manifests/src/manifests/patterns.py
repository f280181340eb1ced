"""Patterns of EventBridge rules, and the input of scheduled functions."""

from typing import Any

from manifests.catalogue import FunctionRef
from manifests.model import AwsEvent
from manifests.naming import Names

Pattern = dict[str, Any]


def bus_pattern(ref: FunctionRef) -> Pattern | None:
    """The pattern of our bus's events for the queue of a function; None when it consumes none.

    A replayed event names the one service it is for (`replayfor`): it is matched by that service's rules alone, and
    where the function has a queue for replayed events, by the rule of that one.
    """
    others = [] if ref.is_replayed_to else [ref.service.service]
    return _pattern(ref, [{"exists": False}, *others])


def replayed_pattern(ref: FunctionRef) -> Pattern | None:
    """The pattern of replayed events for a function that has a queue for them; None for another."""
    return _pattern(ref, [ref.service.service]) if ref.is_replayed_to else None


def _pattern(ref: FunctionRef, replayed_for: list[Any]) -> Pattern | None:
    types = ref.service.consumed_by(ref.name)
    return {"detail-type": list(types), "detail": {"replayfor": replayed_for}} if types else None


def aws_pattern(names: Names, event: AwsEvent) -> Pattern:
    """An event of the default bus about objects of the images bucket, by key pattern."""
    return {
        "source": [event.source],
        "detail-type": [event.detail_type],
        "detail": {
            "bucket": {"name": [names.images_bucket]},
            "object": {"key": [{"wildcard": event.key}]},
        },
    }


def schedule_input(ref: FunctionRef) -> dict[str, str]:
    """The constant event that a scheduled function receives."""
    return {"source": "collections.schedule", "service": ref.service.service, "function": ref.name}


def archive_pattern() -> Pattern:
    """What the archive of the bus keeps: every event as first published, without replayed copies."""
    return {"detail": {"replayfor": [{"exists": False}]}}
