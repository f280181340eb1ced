"""The settings that every service has that searches: how it ranks."""

from pydantic import BaseModel, Field

from retrieval.query import Fusion, Ranking


class RankingSettings(BaseModel):
    """Joined to a service's own settings, which take their values from its environment."""

    #: How hybrid searches put words and meaning together: `scores`, or `rrf` as the predecessor did.
    fusion: Fusion = Fusion.SCORES
    #: Weights of the two legs of a hybrid search, 0 to 1.
    bm25_weight: float = Field(default=0.3, ge=0, le=1)
    vector_weight: float = Field(default=0.7, ge=0, le=1)
    #: Candidates of each leg, whatever the number of results.
    candidate_window: int = Field(default=200, ge=50, le=1000)
    #: With `rrf`: constant of the reciprocal ranks, and each leg fetches this many times top_k.
    rrf_constant: int = Field(default=15, ge=1)
    fetch_multiplier: int = Field(default=2, ge=1, le=20)

    @property
    def ranking(self) -> Ranking:
        """The constants of the service's searches."""
        return Ranking(
            fusion=self.fusion,
            bm25_weight=self.bm25_weight,
            vector_weight=self.vector_weight,
            window=self.candidate_window,
            rrf_constant=self.rrf_constant,
            fetch_multiplier=self.fetch_multiplier,
        )
