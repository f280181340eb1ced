"""What can go wrong when a description becomes a vector.

EmbeddingError
├── NotEmbeddedError             no vector, and trying again as before will not help
│   ├── TextRejectedError        the provider rejects the request itself
│   └── InvalidVectorError       the answer is not a usable vector
└── ProviderUnavailableError     limited, overloaded, down, silent or not configured (also a `TransientError`)
"""

from typing import ClassVar

from chassis.errors import TransientError
from contracts.embedding import EmbeddingFailure


class EmbeddingError(Exception):
    """Base of what this service raises."""


class NotEmbeddedError(EmbeddingError):
    """No vector can be made; `reason` goes into the event."""

    reason: ClassVar[EmbeddingFailure]


class TextRejectedError(NotEmbeddedError):
    """The provider rejects the request: an unsupported text, an unknown model."""

    reason = EmbeddingFailure.PROVIDER_REJECTED


class InvalidVectorError(NotEmbeddedError):
    """The answer has other dimensions than asked for, is not finite, or has norm zero."""

    reason = EmbeddingFailure.INVALID_OUTPUT


class ProviderUnavailableError(EmbeddingError, TransientError):
    """The provider is limiting us, overloaded, down or silent, or does not accept our key, which may be fixed.

    `unpaid` where it is known to have done nothing.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, unpaid: bool = False) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.unpaid = unpaid
