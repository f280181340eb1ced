"""What `mesh audit` asks a service: which events it recorded and applied, and whether its tables are what the log says.

`log` has the statements about events and deliveries, `masks` replaces what is personal in a document that travels,
`folds` folds such documents into temporary tables, `comparing` finds in what these differ from the service's own, and
`derived` in what those tables deviate that no events can be compared with.
Answers have ids, types, times and names of columns; tenants appear as the hash that logs show.
"""

from chassis.audit.asking import answer

__all__ = ["answer"]
