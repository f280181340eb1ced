"""What can be set."""

from typing import Annotated

from pydantic import AfterValidator

from chassis.settings import Settings

#: Sizes in which Voyage's current models give a vector.
OFFERED_DIMENSIONS = (256, 512, 1024, 2048)


def _offered(dimensions: int) -> int:
    if dimensions not in OFFERED_DIMENSIONS:
        raise ValueError(f"the models give vectors of {OFFERED_DIMENSIONS} dimensions")
    return dimensions


class EmbeddingSettings(Settings):
    """The chassis' settings and this service's own."""

    service: str = "embedding"
    #: Voyage's model for new descriptions.
    embedding_model: str = "voyage-3.5-lite"
    #: Values of a vector, one of `OFFERED_DIMENSIONS`.
    embedding_dimensions: Annotated[int, AfterValidator(_offered)] = 1024
    #: Models that a caller may rebuild with beside the configured one, separated by commas.
    rebuild_models: str = "voyage-3.5-lite,voyage-3.5,voyage-4-lite,voyage-4,voyage-4-large"
    #: Where Voyage's API is; its own address where none is given.
    voyage_base_url: str | None = None
    #: Seconds for one request.
    provider_timeout_s: float = 15
    #: How often a request is sent when limited or timed out, before the queue takes over.
    provider_attempts: int = 2
    #: Seconds of work in one invocation; what a rebuild needs beyond that is continued by another message.
    rebuild_budget_s: float = 200
