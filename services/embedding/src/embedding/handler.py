"""Lambda entry points: `on_events` and `on_rebuilds` (queues), `http` (API), `relay` (schedule); `api` is the resolver
behind `http`.

Each is built when the runtime looks it up, during initialisation, so that a function imports only what it needs.
"""

from typing import TYPE_CHECKING

from embedding.bootstrap import production

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from chassis.consumer import EventConsumer
    from chassis.http import HttpEntry
    from chassis.schedule import Entry

    on_events: EventConsumer
    on_rebuilds: EventConsumer
    api: APIGatewayHttpResolver
    http: HttpEntry
    relay: Entry


def __getattr__(name: str) -> object:
    entry = _build(name)
    globals()[name] = entry
    return entry


def _build(name: str) -> object:
    from embedding import entries

    match name:
        case "on_events":
            return entries.consumer(production())
        case "on_rebuilds":
            return entries.rebuilds(production())
        case "api":
            return entries.api(production())
        case "http":
            from chassis.http import HttpEntry
            from embedding import handler

            return HttpEntry(handler.api)
        case "relay":
            return entries.relay(production())
    raise AttributeError(name)
