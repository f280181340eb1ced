"""Anthropic's models. Importing this costs about three seconds of CPU (the SDK)."""

import base64
from typing import TYPE_CHECKING, Any, cast

import anthropic
from anthropic import Anthropic, transform_schema
from pydantic import ValidationError

from analysis.errors import (
    InvalidOutputError,
    ProviderNotConfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    RefusedError,
)
from analysis.models import Provider, facts
from analysis.output import PictureDescription
from analysis.vision import MAX_TOKENS, REQUEST, Described, Picture, faults_of
from chassis.retry_after import retry_after_s

if TYPE_CHECKING:
    from anthropic.types import Message, MessageParam, OutputConfigParam

_SCHEMA = transform_schema(PictureDescription)


class ClaudeVision:
    """Claude through the Messages API, with a JSON schema for the output."""

    provider: Provider = "anthropic"

    def __init__(self, api_key: str, *, effort: str = "") -> None:
        # The SDK would sleep through a provider's retry-after inside the function; the queue does it for nothing.
        self._client = Anthropic(api_key=api_key, max_retries=0)
        self._effort = effort

    def describe(self, picture: Picture, instructions: str, model: str, timeout_s: float) -> Described:
        """See `VisionModel`. `messages.parse` is not used: it would take a refusal for malformed output."""
        try:
            message = self._client.messages.create(
                model=model,
                max_tokens=MAX_TOKENS,
                system=instructions,
                messages=_messages(picture),
                output_config=self._output_config(model),
                timeout=timeout_s,
            )
        except anthropic.APIError as error:
            raise translated(error) from error
        return _read(message)

    def _output_config(self, model: str) -> "OutputConfigParam":
        config: dict[str, Any] = {"format": {"type": "json_schema", "schema": _SCHEMA}}
        known = facts(model)
        if self._effort and known is not None and known.effort:
            config["effort"] = self._effort
        return cast("OutputConfigParam", config)


def translated(error: anthropic.APIError) -> Exception:
    """The SDK's error as one of ours. Messages hold the status and type only: bodies may quote the request."""
    if not isinstance(error, anthropic.APIStatusError):
        return ProviderUnavailableError(f"anthropic: {type(error).__name__}")
    summary = f"anthropic: {error.status_code} {error.type or type(error).__name__}"
    if error.status_code in {401, 402, 403}:
        return ProviderNotConfiguredError(summary)
    if error.status_code in {408, 409, 425, 429} or error.status_code >= 500:
        return ProviderUnavailableError(summary, retry_after_s=retry_after_s(error.response.headers), unpaid=True)
    return ProviderRejectedError(summary)


def _messages(picture: Picture) -> "list[MessageParam]":
    source = {"type": "base64", "media_type": picture.media_type, "data": base64.b64encode(picture.data).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": REQUEST}]
    return cast("list[MessageParam]", [{"role": "user", "content": content}])


def _read(message: "Message") -> Described:
    tokens = {"input_tokens": message.usage.input_tokens, "output_tokens": message.usage.output_tokens}
    if message.stop_reason == "refusal":
        raise RefusedError("anthropic: the model declines to describe the picture")
    if message.stop_reason in {"max_tokens", "model_context_window_exceeded"}:
        raise InvalidOutputError(f"anthropic: cut off ({message.stop_reason})", **tokens)
    text = "".join(block.text for block in message.content if block.type == "text")
    try:
        return Described(PictureDescription.model_validate_json(text), **tokens)
    except ValidationError as error:
        raise InvalidOutputError(f"anthropic: {faults_of(error)}", **tokens) from error
