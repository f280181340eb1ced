"""What every service stands on: event store, inbox, outbox, bus, entry points, configuration, logs, tenancy.

Import the room you need (`chassis.consumer`, `chassis.http`, …); importing the package itself costs nothing.
"""
