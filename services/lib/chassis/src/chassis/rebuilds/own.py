"""The service's own events, which no queue brings: folded into the tables beside from its store, one by one.

Each in a transaction of its own, as live: several at once would hold what live folds wait for, in another order.
"""

import time
from typing import Any

from pydantic_core import from_json

from chassis import store
from chassis.beside import FOLDING
from chassis.forgotten import is_forgotten
from chassis.queue.subscriptions import understood_types
from chassis.rebuilds import rows
from chassis.rebuilds.rows import Rebuild
from chassis.replays.pages import deletions_of
from chassis.replays.rows import Looked, count, horizons, look
from chassis.service import Service
from contracts import REGISTRY, Contract
from contracts.ingest import TenantForgotten
from contracts.operations import Selection

__all__ = ["fold", "selected", "types_of"]

_PAGE = 500
# While a transaction runs, events of those that began later stay out of sight.
_HELD_BACK_S = 0.2


def types_of(service: Service[Any]) -> tuple[str, ...]:
    """The types of the service's own events that it folds, in every major."""
    source = f"collections.{service.settings.service}"
    folded: tuple[type[Contract], ...] = (*service.projections.contracts, TenantForgotten)
    own = [contract for contract in folded if contract.source() == source]
    return tuple(sorted(kind for contract in own for kind in understood_types(contract)))


def selected(service: Service[Any], tenants: tuple[str, ...], subjects: tuple[str, ...] = ()) -> dict[str, int]:
    """How many own events there are to fold, by stored type."""
    types = types_of(service)
    if not types:
        return {}
    with service.database.transaction() as connection:
        selection = Selection(types=types, tenants=tenants, subjects=subjects)
        return count(connection, selection, types=types, deletions=deletions_of(service))


def fold(service: Service[Any], rebuild: Rebuild, *, budget_s: float) -> None:
    """Fold what is next, for so long; it is done when nothing is left that was recorded before the rebuild began.

    Raises:
        TransientError: the database does not answer; what is folded stays folded.
        ContractError: a stored event cannot be read.
    """
    deadline = time.monotonic() + budget_s
    types, after = types_of(service), rebuild.checkpoint
    if not types:
        with service.database.transaction() as connection:
            rows.save(connection, rebuild.id, after, folded=0, is_done=True)
        return
    while time.monotonic() < deadline:
        with service.database.transaction() as connection:
            oldest, _ = horizons(connection)  # first: what the page shows is at least what this lets it
            page = look(
                connection,
                Selection(types=types, tenants=rebuild.tenants, subjects=rebuild.subjects),
                types=types,
                deletions=deletions_of(service),
                after=after,
                until=rebuild.until,
                limit=_PAGE,
            )
        for each in page:
            if time.monotonic() >= deadline:
                return
            _fold_one(service, rebuild, each)
            after = each.checkpoint
        if page and page[-1].document is None:  # nothing that is folded would save how far it is
            with service.database.transaction() as connection:
                rows.save(connection, rebuild.id, after, folded=0, is_done=False)
        if len(page) < _PAGE:
            if oldest >= rebuild.until:
                with service.database.transaction() as connection:
                    rows.save(connection, rebuild.id, after, folded=0, is_done=True)
                return
            time.sleep(_HELD_BACK_S)


def _fold_one(service: Service[Any], rebuild: Rebuild, looked: Looked) -> None:
    if looked.document is None:
        return
    event = REGISTRY.read(from_json(looked.document))
    with service.database.transaction() as connection:
        # The checkpoint is part of the transaction: what a crash of the server loses, it loses of both.
        connection.execute("SET LOCAL synchronous_commit = off")
        beside = store.lock(connection, event.tenant_id, event.subject)
        if beside is None or (beside.rebuild_id, beside.state) != (rebuild.id, FOLDING):
            return
        # The event that forgets a tenant is not about an item, so it is not among those of some items.
        if not rebuild.subjects or not is_forgotten(connection, event.tenant_id):
            beside.fold(connection, service.database_projections, event)
        rows.save(connection, rebuild.id, looked.checkpoint, folded=1, is_done=False)
