"""Majors that nobody publishes any more, kept for ever: stores, archives and dead-letter queues hold such events.

Nothing imports these to write one. A document is validated under the contract it was written under before the
upcasters see it, so that they may rely on its shape.
"""

CONTRACTS: tuple[()] = ()
