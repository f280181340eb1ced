"""Queues of functions are polled as on AWS: a request waits until there is a message, and then is answered at once.

LocalStack asks, and sleeps between empty answers for one to ten seconds, in which an event waits for its function;
asking more often costs a processor for twenty queues.
"""

from __future__ import annotations

from typing import Any, Final

from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

#: A mapping that is switched off, and LocalStack when it ends, waits for the request in progress.
WAIT_S: Final = 2


def correct() -> None:
    """Let every poller wait. A batching window does not apply: mappings here have none."""
    original = SqsPoller.__init__

    def init(self: SqsPoller, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.maximum_batching_window = WAIT_S

    SqsPoller.__init__ = init
