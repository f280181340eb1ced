"""Rebuilds of a service's projections without downtime: in tables beside the live ones, while traffic goes on.

A rebuild begins with empty tables in the schema `<schema>_next`. From then on every event that the service folds is
folded into both sets (`chassis.beside`), and what was recorded before comes once more: others' events by a replay with
the rebuild's id, the service's own from its store (`own`). When all of it has arrived, the two sets are compared
(`comparing`), and exchanged in one transaction (`switching`). The tables that were live stay in `<schema>_previous`,
where events go on being folded, so that a rollback loses nothing, until a stated time.

Whoever changes the state locks the table `projection_rebuilds`, which every unit of work has read: so no event is
folded into one set alone. Readers wait for the moment of the exchange, and miss nothing.

`tables` makes, exchanges and drops tables, `rows` keeps the books, and `asking` is what `mesh rebuild` asks.
"""

__all__: list[str] = []
