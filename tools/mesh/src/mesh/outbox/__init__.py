"""`mesh outbox`: events that the bus refused and that are parked, of all services, and trying them again.

OutboxError
├── ServiceUnknownError   the environment has no service of that name with a relay
├── EventNotParkedError   no event with that id is parked
└── RelayOutdatedError    a relay's code knows nothing of parked events yet
"""
