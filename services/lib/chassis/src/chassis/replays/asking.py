"""What operators ask a service about replays: `mesh replay` invokes the service's relay with such a request.

Who may invoke the function may ask; nobody needs a password of the database for it.
"""

from collections.abc import Mapping
from typing import Any

from chassis import budgets
from chassis.replays import pages, rows
from chassis.replays.rows import Replay
from chassis.service import Service
from contracts.operations import ReplayRequested, Selection

__all__ = ["LISTED", "answer"]

#: Replays in one answer.
LISTED = 50


def answer(service: Service[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """`{"list": number}`: the latest replays of the service's events, at most `LISTED`.

    `{"show": id}`: the one with that id, as a list of one or none.
    `{"count": selection}`: how many events are selected, by stored type.
    `{"spending": id}`: as a consumer, how far the replay has come with its budget; null where it has none.
    `{"reprocessing": {"model": name or null, "prompt": id or null}}`: see `Service.reprocessing`.
    `{"runs": request}`: see `Service.runs`.
    `{"contract": "replay-requested"}`: the version of the order that the service understands.

    Raises:
        ValueError: the request is none of these, or the selection breaks its contract.
        TransientError: the database does not answer.
    """
    match request:
        case {"list": int(number)}:
            with service.database.transaction() as connection:
                found = rows.latest(connection, limit=min(number, LISTED))
            return {"replays": [_described(replay) for replay in found]}
        case {"show": str(replay_id)}:
            with service.database.transaction() as connection:
                replay = rows.find(connection, replay_id)
            return {"replays": [_described(replay)] if replay else []}
        case {"count": dict(selection)}:
            counts, _ = pages.begin(service, Selection.model_validate(selection))
            return {"counts": {each.type: each.selected for each in counts}}
        case {"spending": str(replay_id)}:
            with service.database.transaction() as connection:
                known = budgets.spending(connection, replay_id)
            return {"spending": known and known.described()}
        case {"reprocessing": {"model": str() | None as model}}:
            return {"reprocessing": dict(service.reprocessing(model, request["reprocessing"].get("prompt")))}
        case {"runs": dict(asked)}:
            return {"runs": dict(service.runs(asked))}
        case {"contract": "replay-requested"}:
            return {"contract": ReplayRequested.schema_version}
    raise ValueError(f"no such question about replays: {sorted(request)}")


def _described(replay: Replay) -> dict[str, Any]:
    """As JSON. It names the tenants that were selected, and nothing of the events' contents."""
    return {
        "id": replay.id,
        "consumer": replay.consumer,
        "kind": replay.kind,
        "state": replay.state,
        "selection": replay.selection.model_dump(mode="json", exclude_defaults=True),
        "rate": replay.rate,
        "requested_at": replay.requested_at.isoformat(),
        "counts": [each.model_dump(mode="json") for each in replay.counts],
        "position": replay.checkpoint.position,
    }
