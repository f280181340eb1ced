"""The service's real dependencies."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from chassis.aws import Aws
from chassis.errors import ConfigurationError
from chassis.model_names import listed
from chassis.projections import Projections
from chassis.service import Service
from contracts.analysis import ItemAnalyzed
from embedding.embedder import Embedder, EmbeddingModel
from embedding.errors import ProviderUnavailableError
from embedding.prices import cost_usd, most_tokens
from embedding.projections import PROJECTIONS
from embedding.repository.vectors import Space
from embedding.settings import EmbeddingSettings
from embedding.text import MAX_LENGTH, MAX_PASSAGES, READ_WHOLE

#: Voyage takes 1,000 texts and, for its largest models, 120,000 tokens in a request.
BATCH_SIZE = 64
# Of a description.
_USUAL_TOKENS = 400


class EmbeddingService(Service[EmbeddingSettings]):
    """The dependencies of the entry points."""

    @property
    def projections(self) -> Projections:
        """See `embedding.projections`."""
        return PROJECTIONS

    def reprocessing(self, model: str | None, prompt: str | None = None) -> Mapping[str, Any]:
        """The price of a vector by the model of new descriptions. Vectors by another are made by `POST
        /vector-index/rebuild`, for one tenant."""
        if prompt is not None:
            return {"refused": "embedding has no prompts"}
        used = self.settings.embedding_model
        longest = [MAX_LENGTH, *[READ_WHOLE] * MAX_PASSAGES]
        most = cost_usd(used, sum(most_tokens("\U0010ffff" * length) for length in longest))
        each = cost_usd(used, _USUAL_TOKENS)
        if model not in {None, used}:
            return {
                "refused": f"descriptions are embedded by {used}; rebuilds of a tenant's vectors take another model"
            }
        if each is None or most is None:
            return {"refused": f"no price is known of {used}, so no budget holds"}
        return {"types": [ItemAnalyzed.event_type], "model": used, "each_usd": each, "most_usd": most}

    @property
    def space(self) -> Space:
        """Where the vectors of new descriptions live."""
        return Space(self.settings.embedding_model, self.settings.embedding_dimensions)

    @property
    def models(self) -> frozenset[str]:
        """The models that a caller may rebuild with."""
        return listed(self.settings.rebuild_models, self.settings.embedding_model)

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder on Voyage; a client is made for each model and key when first used."""
        return self._embedder(self.settings.provider_attempts)

    @cached_property
    def asking_once(self) -> Embedder:
        """One that sends each request once, whose price is known therefore."""
        return self._embedder(attempts=1)

    def _embedder(self, attempts: int) -> Embedder:
        clients: dict[tuple[str, str], EmbeddingModel] = {}

        def connect(model: str) -> EmbeddingModel:
            key = self._voyage_key()
            if (model, key) not in clients:
                clients[model, key] = self._voyage_model(model, key, attempts)
            return clients[model, key]

        return Embedder(connect, self.settings.embedding_dimensions, BATCH_SIZE)

    def _voyage_key(self) -> str:
        try:
            return self.secrets.get("voyage-api-key")
        except ConfigurationError as error:
            # The key may be added while the message waits in the queue.
            raise ProviderUnavailableError(str(error), unpaid=True) from error

    def _voyage_model(self, model: str, key: str, attempts: int) -> EmbeddingModel:
        from embedding.voyage import VoyageModel

        return VoyageModel(
            api_key=key,
            base_url=self.settings.voyage_base_url,
            model=model,
            dimensions=self.settings.embedding_dimensions,
            timeout_s=self.settings.provider_timeout_s,
            attempts=attempts,
        )


def bootstrap(settings: EmbeddingSettings | None = None, aws: Aws | None = None) -> EmbeddingService:
    """The service; without arguments as the environment describes it."""
    return EmbeddingService(settings or EmbeddingSettings(), aws or Aws())
