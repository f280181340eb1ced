"""Builds the entry points on a service; tests build them on theirs."""

from typing import TYPE_CHECKING

from chassis.service import Service
from embedding.bootstrap import EmbeddingSettings, embedder, space

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from chassis.consumer import EventConsumer
    from chassis.schedule import Entry


def consumer(service: Service[EmbeddingSettings]) -> "EventConsumer":
    """The entry point of the queue of items."""
    # Every invocation needs the SDK: its cost belongs into the initialisation (and its snapshot), not the first event.
    import embedding.voyage  # noqa: F401
    from chassis.consumer import EventConsumer, on
    from contracts.analysis import ItemAnalyzed
    from contracts.ingest import ItemDeleted
    from embedding.events import EventHandlers

    handlers = EventHandlers(service.work, embedder(service.settings), space(service.settings))
    return EventConsumer(
        service,
        [
            on(ItemAnalyzed, handlers.embed_analyzed, prepare=handlers.prepare, give_up=handlers.give_up),
            on(ItemDeleted, handlers.forget_item),
        ],
    )


def rebuilds(service: Service[EmbeddingSettings]) -> "EventConsumer":
    """The entry point of the queue of rebuilds."""
    import embedding.voyage  # noqa: F401 # as above
    from chassis.consumer import EventConsumer, on
    from contracts.embedding import RebuildRequested
    from embedding.rebuilding import RebuildHandlers

    handlers = RebuildHandlers(service.work, embedder(service.settings), service.settings.rebuild_budget_s)
    return EventConsumer(service, [on(RebuildRequested, handlers.rebuild, give_up=handlers.give_up)])


def api(service: Service[EmbeddingSettings]) -> "APIGatewayHttpResolver":
    """The routes."""
    from embedding.api import build

    settings = service.settings
    models = frozenset(name.strip() for name in settings.rebuild_models.split(",") if name.strip())
    return build(service.work, model=settings.embedding_model, models=models, dimensions=settings.embedding_dimensions)


def relay(service: Service[EmbeddingSettings]) -> "Entry":
    """The outbox relay."""
    from chassis.schedule import relay_entry

    return relay_entry(service)
