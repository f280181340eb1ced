"""Middleware around the agent's model and tools. Wrappers only: extra nodes would write extra checkpoints."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import anthropic
from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain_core.messages import SystemMessage, ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from chassis.errors import TransientError
from chassis.observability import logger
from chassis.retry_after import retry_after_s
from chat.errors import ModelRejectedError, ModelUnavailableError, ToolFailedError
from chat.messages import repaired, tool_rounds, trimmed
from chat.settings import ChatSettings
from chat.turn_context import TurnContext
from contracts import storable
from retrieval import RetrievalError

_ATTEMPTS = 3
#: With less time left than this no call is started.
_LEAST_S = 1.0

CallModel = Callable[[ModelRequest[TurnContext]], ModelResponse[Any]]
CallTool = Callable[[ToolCallRequest], ToolMessage | Command[Any]]


class _Wrapper(AgentMiddleware[AgentState[Any], TurnContext, Any]):
    def __init__(self, settings: ChatSettings) -> None:
        super().__init__()
        self._settings = settings


class ShapeRequests(_Wrapper):
    """Sends the model repaired and trimmed messages, and forbids tool calls once its rounds are used up.

    The state keeps everything. Tools stay declared: a history with tool calls needs their declarations.
    """

    def wrap_model_call(self, request: ModelRequest[TurnContext], handler: CallModel) -> ModelResponse[Any]:
        """Shape the request."""
        messages = trimmed(repaired(request.messages), self._settings.context_tokens)
        request = request.override(messages=messages)
        if request.tools and tool_rounds(messages) >= self._settings.max_tool_rounds:
            request = request.override(tool_choice={"type": "none"})
        return handler(request)


class TellOfCollection(_Wrapper):
    """Adds to the instructions what the person's collection holds, read once a turn."""

    def __init__(self, settings: ChatSettings, overview: Callable[[TurnContext], str]) -> None:
        super().__init__(settings)
        self._overview = overview

    def wrap_model_call(self, request: ModelRequest[TurnContext], handler: CallModel) -> ModelResponse[Any]:
        """Add to the request."""
        context = request.runtime.context
        if context.overview is None:
            context.overview = self._overview(context)
        told = SystemMessage(f"{request.system_prompt or ''}\n{context.overview}")
        return handler(request.override(system_message=told))


class CallInTime(_Wrapper):
    """Calls the model and retries transient errors within the turn's deadline, which the SDK's retries do not know.

    Raises ModelUnavailableError and ModelRejectedError; without the response body, which may quote the request.
    """

    def wrap_model_call(self, request: ModelRequest[TurnContext], handler: CallModel) -> ModelResponse[Any]:
        """Call, with retries."""
        context = request.runtime.context
        for attempt in range(1, _ATTEMPTS + 1):
            left = context.seconds_left()
            if left < _LEAST_S:
                raise ModelUnavailableError("the turn ran out of time")
            try:
                return handler(request.override(model_settings={**request.model_settings, "timeout": left}))
            # For a body that is not JSON the SDK raises the decoder's error.
            except (anthropic.APIError, json.JSONDecodeError) as error:
                pause = _pause(error, attempt)
                if pause is None or attempt == _ATTEMPTS or pause > context.seconds_left() - _LEAST_S:
                    raise translated(error) from error
                logger.warning("retrying model call", extra={"attempt": attempt, "error": type(error).__name__})
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")


class ContainToolFaults(_Wrapper):
    """Returns a tool's error to the model instead of failing the turn, and enforces the limit on calls."""

    def wrap_tool_call(self, request: ToolCallRequest, handler: CallTool) -> ToolMessage | Command[Any]:
        """Run the tool unless the limit is reached."""
        call = request.tool_call
        context = cast("TurnContext", request.runtime.context)
        if len(context.tools_used) >= self._settings.max_tool_calls:
            return _refusal(call["id"], "No more calls in this turn: answer with what you have.")
        try:
            return handler(request)
        except (ToolFailedError, TransientError, RetrievalError) as error:
            logger.warning("tool failed", extra={"tool": call["name"], "error": type(error).__name__})
            reason = str(error) if isinstance(error, ToolFailedError) else "the search does not answer at the moment"
            context.note_use(call["name"], call["args"], error=reason)
            return _refusal(call["id"], reason)


class StorableText(_Wrapper):
    """Keeps characters out of the state that no store can hold: models and web pages may contain them."""

    def wrap_model_call(self, request: ModelRequest[TurnContext], handler: CallModel) -> ModelResponse[Any]:
        """Clean the model's messages."""
        response = handler(request)
        return replace(response, result=storable(response.result))

    def wrap_tool_call(self, request: ToolCallRequest, handler: CallTool) -> ToolMessage | Command[Any]:
        """Clean the tool's message."""
        return storable(handler(request))


def _pause(error: anthropic.APIError | json.JSONDecodeError, attempt: int) -> float | None:
    """Seconds until the retry, from the provider's header if present; None when the error is permanent."""
    if isinstance(error, anthropic.APIStatusError):
        if not _is_transient(error):
            return None
        asked = retry_after_s(error.response.headers)
        if asked is not None:
            return asked
    jitter: float = random.uniform(0.5, 1)  # noqa: S311  # not for cryptography
    return 0.4 * 2.0**attempt * jitter


def _is_transient(error: anthropic.APIStatusError) -> bool:
    return error.status_code in {408, 409, 425, 429} or error.status_code >= 500


def translated(error: anthropic.APIError | json.JSONDecodeError) -> ModelUnavailableError | ModelRejectedError:
    """The SDK's error as one of ours."""
    if not isinstance(error, anthropic.APIStatusError):
        return ModelUnavailableError(f"anthropic: {type(error).__name__}")
    reason = f"anthropic: {error.status_code} {error.type or type(error).__name__}"
    return ModelUnavailableError(reason) if _is_transient(error) else ModelRejectedError(reason)


def _refusal(call_id: str | None, text: str) -> ToolMessage:
    return ToolMessage(text, tool_call_id=str(call_id), status="error")
