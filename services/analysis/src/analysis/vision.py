"""The port to the vision models: a picture and instructions in, a checked description out."""

from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from analysis.models import Provider
from analysis.output import PictureDescription

MAX_TOKENS = 8192
#: Of the rendition; the largest picture that a provider takes without making it smaller has fewer.
MAX_PICTURE_TOKENS = 5000
REQUEST = "Describe this picture."


@dataclass(frozen=True, slots=True)
class Picture:
    """The rendition made for models."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Described:
    """What a model answered, and the tokens it took."""

    answer: PictureDescription
    input_tokens: int
    output_tokens: int


class VisionModel(Protocol):
    """One provider's models."""

    provider: Provider

    def describe(self, picture: Picture, instructions: str, model: str, timeout_s: float) -> Described:
        """Ask once.

        Raises:
            ProviderUnavailableError: limited, overloaded, down, silent or not configured.
            ProviderRejectedError: the provider rejects the request.
            RefusedError: the model declines.
            InvalidOutputError: the answer is cut off or malformed.
        """
        ...


def faults_of(error: ValidationError) -> str:
    """Where an answer is wrong, without a word of the answer itself."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['type']}" for fault in faults[:5])
