"""The errors of retrieval.

RetrievalError
|- InvalidQueryError             the query is invalid
|- InvalidVectorError            the vector cannot be stored or compared
|- ItemNotFoundError             the tenant has no such item
|- NotEmbeddedError              the item has no vector yet
|- TransactionRequiredError      a projection was called outside a READ COMMITTED transaction
|- RerankerUnavailableError      the reranker is down, slow, or refuses; the fused order stands
`- EmbeddingError                the query could not be embedded
   |- EmbeddingUnavailableError  the provider is down, slow or overloaded; a retry may succeed
   |  `- EmbeddingRateLimitedError
   `- EmbeddingRejectedError     the provider rejects the request or returns an invalid response; permanent
"""


class RetrievalError(Exception):
    """Base of this package's errors."""


class InvalidQueryError(RetrievalError):
    """The query is invalid, e.g. a vector search without a vector."""


class InvalidVectorError(RetrievalError):
    """A vector of the wrong length, with values that are not finite, or of norm zero."""


class ItemNotFoundError(RetrievalError):
    """The tenant has no such item, or none of which anything has arrived."""


class NotEmbeddedError(RetrievalError):
    """The item has no vector yet, or nothing else."""


class TransactionRequiredError(RetrievalError):
    """A projection ran outside a READ COMMITTED transaction, where a deletion committed meanwhile would be missed."""


class RerankerUnavailableError(RetrievalError):
    """The reranker is down, too slow, or refuses; the fused order stands."""


class EmbeddingError(RetrievalError):
    """The query could not be embedded."""


class EmbeddingUnavailableError(EmbeddingError):
    """The embedding provider is down, slow or overloaded; a retry may succeed."""


class EmbeddingRateLimitedError(EmbeddingUnavailableError):
    """The embedding provider rate-limits us."""


class EmbeddingRejectedError(EmbeddingError):
    """The embedding provider rejects the request or returns an invalid response; retrying does not help."""
