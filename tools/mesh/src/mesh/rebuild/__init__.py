"""`mesh rebuild`: a service's projections folded again in tables beside the live ones, compared, and switched to.

RebuildError
├── NotRebuildableError      the service has no tables that can be folded beside the live ones
├── RebuildUnknownError      there is no rebuild to switch, roll back or cancel
├── NotArrivedError          replayed events did not reach the service in time, or the replay has stopped
├── TablesDifferError        the tables beside are not those that are live, where they should be
└── RebuildsOutdatedError    a function's code knows nothing of rebuilds yet
"""
