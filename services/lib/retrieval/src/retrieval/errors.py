"""What can go wrong in retrieval.

RetrievalError
|- InvalidQueryError             the query cannot be run as asked
|- InvalidVectorError            the vector cannot be stored or compared
|- TransactionRequiredError      a projection was called outside a READ COMMITTED transaction
`- EmbeddingError                the query could not be embedded
   |- EmbeddingUnavailableError  the provider is down, slow or overloaded: later it may work
   |  `- EmbeddingRateLimitedError
   `- EmbeddingRejectedError     the provider refuses the request or answers nonsense: later will not help
"""


class RetrievalError(Exception):
    """Anything this package raises on its own account."""


class InvalidQueryError(RetrievalError):
    """The query cannot be run as asked, e.g. a vector search without a vector."""


class InvalidVectorError(RetrievalError):
    """A vector of the wrong length, with values that are not finite, or of length zero (it has no direction)."""


class TransactionRequiredError(RetrievalError):
    """A projection ran outside a READ COMMITTED transaction, where a deletion committed meanwhile would go unseen."""


class EmbeddingError(RetrievalError):
    """The query could not be embedded."""


class EmbeddingUnavailableError(EmbeddingError):
    """The embedding provider is down, slow or overloaded; the same request may work later."""


class EmbeddingRateLimitedError(EmbeddingUnavailableError):
    """The embedding provider answers that we ask too often."""


class EmbeddingRejectedError(EmbeddingError):
    """The embedding provider refuses the request or answers something unusable; trying again will not help."""
