"""What can go wrong when a picture is described.

AnalysisError
├── PromptUnknownError              no prompt has that id, or LangSmith does not give it
├── NotDescribedError               no description, and trying again as before will not help
│   ├── RefusedError                the model declines to describe the picture
│   ├── InvalidOutputError          the answer is cut off, or has not the shape that was asked for
│   ├── ProviderRejectedError       the provider rejects the request itself
│   └── RenditionMissingError       the picture for the model is not in the bucket
└── ProviderUnavailableError        limited, overloaded, down or silent (also a `TransientError`: the queue retries)
    └── ProviderNotConfiguredError  its key is missing or not accepted; an operator may fix that
"""

from typing import ClassVar

from chassis.errors import TransientError
from contracts.analysis import AnalysisFailure


class AnalysisError(Exception):
    """Base of what this service raises; `unpaid` where it is certain that no provider is paid for what failed."""

    unpaid: bool = False


class PromptUnknownError(AnalysisError):
    """No prompt has that id, or LangSmith does not give it now."""


class NotDescribedError(AnalysisError):
    """No description can be made; `reason` is what `analysis-failed` carries."""

    reason: ClassVar[AnalysisFailure]


class RefusedError(NotDescribedError):
    """The model declines to describe the picture."""

    reason = AnalysisFailure.REFUSED


class InvalidOutputError(NotDescribedError):
    """The answer is cut off or malformed; its tokens are paid for all the same."""

    reason = AnalysisFailure.INVALID_OUTPUT

    def __init__(self, message: str, *, input_tokens: int = 0, output_tokens: int = 0) -> None:
        super().__init__(message)
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens


class ProviderRejectedError(NotDescribedError):
    """The provider rejects the request: an unknown model, an unsupported picture."""

    reason = AnalysisFailure.PROVIDER_REJECTED
    unpaid = True


class RenditionMissingError(NotDescribedError):
    """The rendition for the model is not in the bucket."""

    reason = AnalysisFailure.RENDITION_MISSING
    unpaid = True


class ProviderUnavailableError(AnalysisError, TransientError):
    """The provider is limiting us, overloaded, down or silent; a silent one may have worked all the same."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, unpaid: bool = False) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.unpaid = unpaid


class ProviderNotConfiguredError(ProviderUnavailableError):
    """The provider's key is missing or not accepted. It may be fixed while the message waits in the queue."""

    def __init__(self, message: str) -> None:
        super().__init__(message, unpaid=True)
