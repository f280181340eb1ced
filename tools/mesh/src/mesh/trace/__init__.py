"""`mesh trace`: everything that followed from an upload or a request.

TraceError
├── NothingRecordedError    no service has an event about that id
├── SeveralTenantsError     events of several tenants have it
└── ServiceOutdatedError    a service's code cannot be asked yet
"""
