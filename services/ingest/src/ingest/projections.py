"""Events become `items` and `item_history`: the state of every item, and what happened to it."""

from chassis.database import Connection
from chassis.errors import PermanentError
from chassis.projections import Projections
from contracts import Contract, Event
from contracts.embedding import ItemEmbedded
from contracts.ingest import ItemDeleted
from ingest.item_state import CONTRACTS, evolve
from ingest.repository import history, items, uploads


def item_changed(connection: Connection, event: Event[Contract]) -> None:
    """The item's state follows from its newest facts; a late or repeated event changes nothing."""
    known = items.state_of(connection, event.tenant_id, event.subject)
    items.save(connection, event.tenant_id, event.subject, evolve(known, event))
    history.add(connection, event)


def item_embedded(connection: Connection, event: Event[ItemEmbedded]) -> None:
    """The item can be searched by meaning.

    Raises:
        PermanentError: the vector is none, so that no search has it either.
    """
    try:
        event.data.packed()
    except ValueError as error:
        raise PermanentError("invalid-vector", str(error)) from error
    item_changed(connection, event)


def item_deleted(connection: Connection, event: Event[ItemDeleted]) -> None:
    """Every row about the item is gone, but its events and its tombstone."""
    items.delete(connection, event.tenant_id, event.subject)
    history.delete(connection, event.tenant_id, event.subject)
    uploads.delete(connection, event.tenant_id, event.subject)


PROJECTIONS = Projections(
    {**dict.fromkeys(CONTRACTS, item_changed), ItemEmbedded: item_embedded}, deletions={ItemDeleted: item_deleted}
)
