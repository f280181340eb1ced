"""The subscription of every service to the fact that a tenant is forgotten."""

from functools import partial
from typing import Any

from chassis.forgetting import erase
from chassis.queue.dead_letters import FoundLetters, find_dead_letters
from chassis.queue.subscriptions import Subscription, on
from chassis.service import Service
from contracts.ingest import TenantForgotten

__all__ = ["forgets"]

#: Seconds of an attempt that looks for dead letters: some thousands. The next attempt goes on.
_LOOK_S = 10.0


def forgets(service: Service[Any]) -> "Subscription[Any]":
    """Erase everything that the service holds of a forgotten tenant; see `chassis.forgetting`."""

    def letters(tenant_id: str) -> FoundLetters:
        url, wait_s = service.settings.dead_letter_queue_url, service.settings.dead_letter_wait_s
        return find_dead_letters(
            service.aws.sqs, url, lambda body: tenant_id in body, wait_s=wait_s, limit_s=_LOOK_S, goes_on=True
        )

    return on(TenantForgotten, partial(erase, service, letters))
