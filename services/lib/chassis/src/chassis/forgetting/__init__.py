"""Forgetting a tenant: a service erases everything that it holds of them, once and for good.

`erase` is what every service does with `tenant-forgotten`; `chassis.queue.forgets` subscribes to it. First the mark:
from then on no unit of work of the tenant begins (`TenantForgottenError`), late events are dropped, and HTTP answers
410. Then objects, items and dead letters, then the payloads of events and all rows, a page at a time: whatever dies is
taken up by the next delivery. The receipt commits with the last of it, and counts what all deliveries have erased.

What was under way when the mark was set may leave something behind: for an hour, the relay looks again.
"""

from chassis.forgetting.asking import answer
from chassis.forgetting.erasing import erase, look_again

__all__ = ["answer", "erase", "look_again"]
