"""The microservice chassis: event store, projections, inbox, outbox, bus, entry points, settings, logs, tenancy.

Import the module you need (`chassis.queue`, `chassis.http`, …); importing the package itself costs nothing.
The README lists the public names of each.
"""
