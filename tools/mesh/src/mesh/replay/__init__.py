"""`mesh replay`: orders that publish stored events again, to one consumer, and how far the services are with them.

ReplayError
├── ConsumerUnknownError      no service of that name consumes events
├── SelectionInvalidError     the consumer does not consume such events, or no service has them
├── BudgetInvalidError        what is ordered needs a budget, or one that pays for at least one call
├── ReplayUnknownError        no service knows of a replay with that id
├── OrderRefusedError         the bus did not take the order
├── NotTakenUpError           the services did not act upon the order in time
├── ReplayFailedError         bus or database kept failing in a service; the replay can be resumed
└── ReplaysOutdatedError      a relay's code knows nothing of replays yet
"""
