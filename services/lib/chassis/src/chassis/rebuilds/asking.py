"""What operators ask a service about rebuilds: `mesh rebuild` invokes its relay, or its maintenance, with a request.

Who may invoke the function may ask; nobody needs a password of the database for it.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from chassis.rebuilds import comparing, own, rows, sampling, switching, tables
from chassis.rebuilds.rows import Rebuild
from chassis.service import Service

__all__ = ["LISTED", "answer"]

#: Rebuilds in one answer.
LISTED = 20
# A function that answers operators has at least 50 seconds.
_BUDGET_S = 20.0


def answer(service: Service[Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one of these requests.

    `{"list": number}`: the latest rebuilds, the tables that are folded, and those that migrations want rebuilt (`due`).
    `{"count": [tenant, …], "subjects": […]}`: how many own events there are to fold, by stored type.
    `{"begin": {"who", "why", "changed", "tenants", "subjects"}}` (the last may be left out),
    `{"fold": id}` (own events, for some time), `{"show": id}`,
    `{"switch": id, "days": number}`, `{"rollback": id}`, `{"cancel": id}`: the rebuild as it is then.
    `{"compare": id, "table": name}`: that table beside the live one, see `comparing.Comparison`; null where it has no
    rows of items, in a rebuild of some items.
    `{"sample": id, "number": number}`: the same of so many searches of readers; null where there are none.

    Raises:
        ValueError: the request is none of these, or there is no such table.
        PermanentError: it cannot be done, see `switching`.
        TransientError: the database does not answer, or transactions that are in the way do not end.
    """
    match request:
        case {"list": int(number)}:
            return _list(service, number)
        case {"count": [*tenants]}:
            return {"counts": own.selected(service, tuple(tenants), tuple(request.get("subjects", ())))}
        case {"begin": {"who": str(who), "why": str(why), "changed": [*changed], "tenants": [*tenants]} as wanted}:
            _require_tables(service, changed)
            subjects: list[str] = wanted.get("subjects", [])
            begun = switching.begin(service, who=who, why=why, changed=changed, tenants=tenants, subjects=subjects)
            return _shown(service, begun.id)
        case {"fold": str(rebuild_id)}:
            return _fold(service, rebuild_id)
        case {"compare": str(rebuild_id), "table": str(table)}:
            return _compare(service, rebuild_id, table)
        case {"sample": str(rebuild_id), "number": int(number)}:
            return _sample(service, rebuild_id, number)
        case {"show": str(rebuild_id)}:
            return _shown(service, rebuild_id)
        case {"switch": str(rebuild_id), "days": int(days)}:
            switching.switch(service, rebuild_id, keep=timedelta(days=days))
            return _shown(service, rebuild_id)
        case {"rollback": str(rebuild_id)}:
            switching.roll_back(service, rebuild_id)
            return _shown(service, rebuild_id)
        case {"cancel": str(rebuild_id)}:
            switching.cancel(service, rebuild_id)
            return _shown(service, rebuild_id)
    raise ValueError(f"not a request that is answered: {sorted(request)}")


def _list(service: Service[Any], number: int) -> dict[str, Any]:
    with service.database.transaction() as connection:
        found = rows.latest(connection, limit=min(number, LISTED))
        due = rows.due(connection)
        folded = tables.folded_tables(connection, service.settings.database_schema)
    return {"rebuilds": [_described(each) for each in found], "due": due, "tables": folded}


def _fold(service: Service[Any], rebuild_id: str) -> dict[str, Any]:
    with service.database.transaction() as connection:
        rebuild = rows.find(connection, rebuild_id)
    if rebuild is not None and not rebuild.is_own_done:
        own.fold(service, rebuild, budget_s=_BUDGET_S)
    return _shown(service, rebuild_id)


def _compare(service: Service[Any], rebuild_id: str, table: str) -> dict[str, Any]:
    _require_tables(service, [table])
    schema = service.settings.database_schema
    with service.database.transaction() as connection:
        rebuild = rows.alive(connection)
        if rebuild is None or rebuild.id != rebuild_id:
            return {"rebuilds": []}
        found = comparing.compare(connection, schema, rebuild, table)
    if found is None:
        return {"comparison": None}
    return {"comparison": asdict(found) | {"is_equal": found.is_equal, "is_expected": table in rebuild.changed}}


def _sample(service: Service[Any], rebuild_id: str, number: int) -> dict[str, Any]:
    found = sampling.sample(service, rebuild_id, number)
    if found is None:
        return {"comparison": None}
    with service.database.transaction() as connection:
        rebuild = rows.find(connection, rebuild_id)
    expected = rebuild is not None and bool(rebuild.changed)  # other rows, other answers
    return {"comparison": asdict(found) | {"is_equal": found.is_equal, "is_expected": expected}}


def _require_tables(service: Service[Any], names: list[Any]) -> None:
    with service.database.transaction() as connection:
        known = tables.folded_tables(connection, service.settings.database_schema)
    if unknown := sorted(set(names) - set(known)):
        raise ValueError(f"no table that is folded: {', '.join(unknown)} (there are: {', '.join(known)})")


def _shown(service: Service[Any], rebuild_id: str) -> dict[str, Any]:
    """The rebuild as a list of one or none, with how many replayed events have been applied."""
    with service.database.transaction() as connection:
        rebuild = rows.find(connection, rebuild_id)
        applied = rows.applied(connection, rebuild_id)
    return {"rebuilds": [_described(rebuild) | {"applied": applied}] if rebuild else []}


def _described(rebuild: Rebuild) -> dict[str, Any]:
    """As JSON. It names the tenants that were selected, and nothing of rows or events."""
    return {
        "id": rebuild.id,
        "state": rebuild.state,
        "who": rebuild.who,
        "why": rebuild.why,
        "changed": list(rebuild.changed),
        "tenants": list(rebuild.tenants),
        "subjects": list(rebuild.subjects),
        "folded": rebuild.folded,
        "is_own_done": rebuild.is_own_done,
        "failure": rebuild.failure,
        "kept_until": rebuild.kept_until.isoformat() if rebuild.kept_until else None,
        "requested_at": rebuild.requested_at.isoformat(),
    }
