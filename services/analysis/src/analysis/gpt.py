"""OpenAI's models. Imported only where they are used."""

import base64
from typing import TYPE_CHECKING, cast

import openai
from openai import OpenAI
from pydantic import ValidationError

from analysis.errors import (
    InvalidOutputError,
    ProviderNotConfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    RefusedError,
)
from analysis.models import Provider
from analysis.output import PictureDescription
from analysis.vision import MAX_TOKENS, REQUEST, Described, Picture, faults_of
from chassis.retry_after import retry_after_s

if TYPE_CHECKING:
    from openai.types.responses import ParsedResponse, ResponseInputParam


class GptVision:
    """GPT through the Responses API, with the output parsed by the SDK."""

    provider: Provider = "openai"

    def __init__(self, api_key: str) -> None:
        self._client = OpenAI(api_key=api_key, max_retries=0)  # the queue retries

    def describe(self, picture: Picture, instructions: str, model: str, timeout_s: float) -> Described:
        """See `VisionModel`."""
        try:
            response = self._client.responses.parse(
                model=model,
                instructions=instructions,
                input=_input(picture),
                text_format=PictureDescription,
                max_output_tokens=MAX_TOKENS,
                store=False,
                timeout=timeout_s,
            )
        except openai.APIError as error:
            raise translated(error) from error
        except ValidationError as error:
            # Raised inside the SDK, which keeps the answer's token counts to itself.
            raise InvalidOutputError(f"openai: {faults_of(error)}") from error
        return _read(response)


def translated(error: openai.APIError) -> Exception:
    """The SDK's error as one of ours. Messages hold the status and code only: bodies may quote the request."""
    if not isinstance(error, openai.APIStatusError):
        return ProviderUnavailableError(f"openai: {type(error).__name__}")
    summary = f"openai: {error.status_code} {error.code or error.type or type(error).__name__}"
    if error.status_code in {401, 402, 403} or error.code == "insufficient_quota":
        return ProviderNotConfiguredError(summary)
    if error.status_code in {408, 409, 425, 429} or error.status_code >= 500:
        return ProviderUnavailableError(summary, retry_after_s=retry_after_s(error.response.headers), unpaid=True)
    return ProviderRejectedError(summary)


def _input(picture: Picture) -> "ResponseInputParam":
    url = f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"
    image = {"type": "input_image", "image_url": url, "detail": "high"}
    return cast("ResponseInputParam", [{"role": "user", "content": [image, {"type": "input_text", "text": REQUEST}]}])


def _read(response: "ParsedResponse[PictureDescription]") -> Described:
    usage = response.usage
    tokens = {"input_tokens": usage.input_tokens if usage else 0, "output_tokens": usage.output_tokens if usage else 0}
    parts = [part for output in response.output if output.type == "message" for part in output.content]
    cut_off = response.incomplete_details.reason if response.incomplete_details else None
    if cut_off == "content_filter" or any(part.type == "refusal" for part in parts):
        raise RefusedError("openai: the model declines to describe the picture")
    if response.output_parsed is None or cut_off:
        raise InvalidOutputError(f"openai: {cut_off or 'no answer'}", **tokens)
    return Described(response.output_parsed, **tokens)
