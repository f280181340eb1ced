"""Builds the entry points on a service; tests build them on theirs."""

from typing import TYPE_CHECKING

from analysis.bootstrap import AnalysisSettings, analyst
from chassis.service import Service

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from chassis.consumer import EventConsumer
    from chassis.schedule import Entry


def consumer(service: Service[AnalysisSettings]) -> "EventConsumer":
    """The queue's entry point."""
    # Every invocation needs the SDK: its cost belongs into the initialisation (and its snapshot), not the first event.
    import analysis.claude  # noqa: F401
    from analysis.events import EventHandlers
    from chassis.consumer import EventConsumer, on
    from contracts.analysis import AnalysisRequested
    from contracts.imaging import ImageProcessed
    from contracts.ingest import ItemDeleted

    settings = service.settings
    handlers = EventHandlers(
        service.work, analyst(service), budget_s=settings.analysis_budget_s, patience=settings.fallback_patience
    )
    return EventConsumer(
        service,
        [
            on(ImageProcessed, handlers.describe_processed, give_up=handlers.give_up),
            on(AnalysisRequested, handlers.describe_requested, give_up=handlers.give_up),
            on(ItemDeleted, handlers.forget_item),
        ],
    )


def api(service: Service[AnalysisSettings]) -> "APIGatewayHttpResolver":
    """The routes."""
    from analysis.api import build
    from analysis.requests import Requests

    settings = service.settings
    return build(
        Requests(
            service.work,
            analyst(service),
            budget_s=settings.analysis_budget_s,
            picture_wait_s=settings.picture_wait_s,
        )
    )


def relay(service: Service[AnalysisSettings]) -> "Entry":
    """The outbox relay."""
    from chassis.schedule import relay_entry

    return relay_entry(service)
