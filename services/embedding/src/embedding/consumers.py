"""The queues' entry points: which event goes to which reaction. Projections follow by themselves."""

from chassis.queue import EventConsumer, forgets, on
from contracts.analysis import ItemAnalyzed
from contracts.embedding import RebuildRequested
from contracts.ingest import ItemDeleted
from embedding import reactions, rebuild, reprocessing
from embedding.bootstrap import EmbeddingService


def on_events(service: EmbeddingService) -> EventConsumer:
    """Descriptions and deletions of items."""
    # Every invocation needs the SDK: its cost belongs into the initialisation (and its snapshot), not the first event.
    import embedding.voyage  # noqa: F401

    again = reprocessing.Reprocessing(service.database, service.asking_once, service.space)
    descriptions = reactions.DescriptionReactions(service.database, service.embedder, service.space, again)
    return EventConsumer(
        service,
        [
            # The fold first: the description counts as pending while the provider is asked.
            on(
                ItemAnalyzed,
                descriptions.embed,
                prepare=descriptions.prepare,
                give_up=descriptions.give_up,
                fold_first=True,
            ),
            on(ItemDeleted, reactions.release_claim),
            forgets(service),
        ],
    )


def on_rebuilds(service: EmbeddingService) -> EventConsumer:
    """Requests for rebuilds."""
    import embedding.voyage  # noqa: F401  # as above

    reaction = rebuild.RebuildReaction(service.work, service.embedder, service.settings.rebuild_budget_s)
    return EventConsumer(service, [on(RebuildRequested, reaction.rebuild, give_up=rebuild.give_up)])
