"""Settings and wiring. Nothing here connects or reads a secret before it is used."""

from functools import cache
from typing import Annotated

from pydantic import AfterValidator

from chassis.config import Settings
from chassis.errors import ConfigurationError
from chassis.secrets import secret
from chassis.service import Service
from embedding.embedder import Embedder, EmbeddingModel
from embedding.errors import ProviderUnavailableError
from embedding.repository import Space

#: Voyage takes 1,000 texts and, for its largest models, 120,000 tokens in a request.
BATCH_SIZE = 64


#: Sizes in which Voyage's current models give a vector.
OFFERED_DIMENSIONS = (256, 512, 1024, 2048)


def _offered(dimensions: int) -> int:
    if dimensions not in OFFERED_DIMENSIONS:
        raise ValueError(f"the models give vectors of {OFFERED_DIMENSIONS} dimensions")
    return dimensions


class EmbeddingSettings(Settings):
    """The chassis' settings and this service's own (environment variables of the same names in capitals)."""

    service: str = "embedding"
    embedding_model: str = "voyage-3.5-lite"
    embedding_dimensions: Annotated[int, AfterValidator(_offered)] = 1024
    #: What a caller may rebuild with, separated by commas.
    rebuild_models: str = "voyage-3.5-lite,voyage-3.5,voyage-4-lite,voyage-4,voyage-4-large"
    voyage_base_url: str | None = None
    #: Seconds for one request, and how often it is tried when limited or timed out before the queue takes over.
    provider_timeout_s: float = 15
    provider_attempts: int = 2
    rebuild_budget_s: float = 200


def space(settings: EmbeddingSettings) -> Space:
    """Where ordinary vectors live."""
    return Space(settings.embedding_model, settings.embedding_dimensions)


def embedder(settings: EmbeddingSettings) -> Embedder:
    """The embedder on Voyage; a client is made for each model and key when first used."""
    clients: dict[tuple[str, str], EmbeddingModel] = {}

    def connect(model: str) -> EmbeddingModel:
        from embedding.voyage import VoyageModel

        try:
            key = secret(settings, "voyage-api-key")
        except ConfigurationError as error:
            # Somebody may mend that while the message waits in the queue.
            raise ProviderUnavailableError(str(error)) from error
        if (model, key) not in clients:
            clients[model, key] = VoyageModel(
                api_key=key,
                base_url=settings.voyage_base_url,
                model=model,
                dimensions=settings.embedding_dimensions,
                timeout_s=settings.provider_timeout_s,
                attempts=settings.provider_attempts,
            )
        return clients[model, key]

    return Embedder(connect, settings.embedding_dimensions, BATCH_SIZE)


@cache
def production() -> Service[EmbeddingSettings]:
    """The service as the environment describes it."""
    return Service(EmbeddingSettings())
