"""What EventBridge rules match, and what scheduled functions are told."""

from typing import Any

from manifests.catalogue import FunctionRef
from manifests.model import AwsEvent
from manifests.naming import Names

Pattern = dict[str, Any]


def bus_pattern(ref: FunctionRef) -> Pattern | None:
    """Events of our bus for a function; None when it gets none.

    A replayed event names the one service it is for (`replayfor`): it is matched by that service's rules alone.
    """
    types = ref.service.consumed_by(ref.name)
    if not types:
        return None
    return {
        "detail-type": list(types),
        "detail": {"replayfor": [{"exists": False}, ref.service.service]},
    }


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
    """The whole event that a scheduled function gets."""
    return {"source": "collections.schedule", "service": ref.service.service, "function": ref.name}


def archive_pattern() -> Pattern:
    """What the archive of the bus keeps: every event as it was first published, no replayed copy of it."""
    return {"detail": {"replayfor": [{"exists": False}]}}
