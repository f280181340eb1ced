"""The settings of services that search: how they rank, and when something is found."""

from pydantic import BaseModel, Field

from retrieval.confidence import Thresholds
from retrieval.query import Fusion, Ranking

_SIMILARITIES = r"^([^=,]+=(0(\.[0-9]+)?|1)(,[^=,]+=(0(\.[0-9]+)?|1))*)?$"


class RankingSettings(BaseModel):
    """Joined to a service's own settings, which take their values from its environment."""

    #: How hybrid searches put words and meaning together: `scores`, or `rrf` as the predecessor did.
    fusion: Fusion = Fusion.SCORES
    #: Weights of the two legs of a hybrid search, 0 to 1: with `scores` where one item has all the words; the fewer the
    #: best has, the more weighs the meaning. The predecessor had 0.3 and 0.7, with `rrf`.
    bm25_weight: float = Field(default=0.7, ge=0, le=1)
    vector_weight: float = Field(default=0.3, ge=0, le=1)
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


class RerankerSettings(BaseModel):
    """Joined to the settings of a service whose hybrid searches may be reranked."""

    #: A reranker of Voyage, `rerank-2.5-lite` for instance; empty: none.
    reranker: str = ""
    #: Of the best hits, how many it looks at, whatever the number of results.
    reranker_window: int = Field(default=50, ge=1, le=200)
    #: Seconds that it may take; after that the order stands as it was.
    reranker_timeout_s: float = Field(default=2, gt=0, le=10)


class ConfidenceSettings(BaseModel):
    """Joined to the settings of a service that says whether anything was found."""

    #: From which share of the query's words on (BM25 over its bound, 0 to 1) a result is taken for what was asked for,
    #: where nothing is known of its similarity.
    confident_keyword_share: float = Field(default=0.2, ge=0, le=1)
    #: The same of similarities, by embedding model: `voyage-3.5-lite=0.45,voyage-4=0.4`. Of others nothing is known.
    #: Of an item with all of the query's words, .5 less is enough.
    confident_similarity: str = Field(default="", pattern=_SIMILARITIES)

    @property
    def thresholds(self) -> Thresholds:
        """From which values on results are taken for what was asked for."""
        pairs = (pair.split("=") for pair in self.confident_similarity.split(",") if pair)
        return Thresholds(self.confident_keyword_share, {model: float(least) for model, least in pairs})
