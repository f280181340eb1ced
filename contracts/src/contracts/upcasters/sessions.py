"""Old events about the life of conversations, upcast to the current major."""

from collections.abc import Mapping
from typing import Any

# Before version 2 the limits were constants of the service, so no event had to name them.
_IDLE_S = 4 * 3600
_CONVERSATIONS = 100


def session_expired_v1(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 to 2: the limit that applied, and an activity that can only be a turn."""
    idle = payload["reason"] == "idle"
    return {
        "reason": "idle" if idle else "crowded-out",
        "limit": _IDLE_S if idle else _CONVERSATIONS,
        "last_turn_at": payload["last_activity"],
    }


def session_expired_v2(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Version 2 to 3: a limit of its own kind and unit for each cause."""
    if payload["reason"] == "idle":
        cause = {"kind": "idle", "after_s": payload["limit"]}
    else:
        cause = {"kind": "crowded-out", "allowed": payload["limit"]}
    return {"cause": cause, "last_turn_at": payload["last_turn_at"]}


UPCASTERS = {
    "collections.sessions.session-expired.v1": session_expired_v1,
    "collections.sessions.session-expired.v2": session_expired_v2,
}
