"""The queue's entry point: which event goes to which reaction. Projections follow by themselves."""

from functools import partial

from analysis.bootstrap import AnalysisService
from analysis.reactions import Reactions, embed_again
from analysis.reprocessing import Reprocessing
from chassis.queue import EventConsumer, forgets, on
from contracts.analysis import AnalysisRequested
from contracts.imaging import ImageProcessed, ImageRejected
from contracts.ingest import ItemDeleted, RetryRequested, UploadRejected


def on_events(service: AnalysisService) -> EventConsumer:
    """Pictures and rejections, requests and deletions of items."""
    # Every invocation needs the SDK: its cost belongs into the initialisation (and its snapshot), not the first event.
    import analysis.claude  # noqa: F401

    settings = service.settings
    reactions = Reactions(
        service.database,
        service.analyst,
        budget_s=settings.analysis_budget_s,
        patience=settings.fallback_patience,
        reprocessing=Reprocessing(service.work, service.analyst, budget_s=settings.analysis_budget_s),
    )
    return EventConsumer(
        service,
        [
            # The picture first: a request for its description meanwhile waits for this one.
            on(ImageProcessed, reactions.describe_processed, give_up=reactions.give_up, fold_first=True),
            on(ImageRejected),
            on(UploadRejected),
            on(AnalysisRequested, reactions.describe_requested, give_up=reactions.give_up),
            on(ItemDeleted),
            on(RetryRequested, partial(embed_again, service)),
            forgets(service),
        ],
    )
