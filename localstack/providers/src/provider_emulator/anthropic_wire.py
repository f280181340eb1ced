"""Anthropic's wire format: Messages (images, tools, structured output, streaming), token counting, the model list."""

import asyncio
import uuid

from provider_emulator import anthropic_read, anthropic_stream
from provider_emulator.errors import BadRequestError
from provider_emulator.exchange import Outcome, Task
from provider_emulator.faults import Provider
from provider_emulator.prompt import Ask, JsonObject, Kind, Reply
from provider_emulator.reply import limited, reply_to

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")


class AnthropicDialect:
    """Errors as `{"type": "error", "error": {...}}`."""

    provider: Provider = "anthropic"

    def error(self, status: int, message: str, param: str | None) -> JsonObject:
        kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        return {
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": f"req_{uuid.uuid4().hex[:24]}",
        }


async def messages(task: Task) -> Outcome:
    """POST /v1/messages."""
    limit = task.body.get("max_tokens")
    if not isinstance(limit, int) or limit < 1:
        raise BadRequestError("max_tokens: Field required" if limit is None else "max_tokens: must be at least 1")
    ask = await asyncio.to_thread(anthropic_read.ask_of, task.body)
    reply, broken = await reply_to(ask, task)
    reply, cut = limited(reply, limit)
    message = _message(ask, reply, cut)
    events = anthropic_stream.events(message) if ask.stream else None
    return Outcome(reply.kind, message, events, broken=broken)


async def count_tokens(task: Task) -> Outcome:
    """POST /v1/messages/count_tokens."""
    ask = await asyncio.to_thread(anthropic_read.ask_of, task.body)
    return Outcome(Kind.TOKENS, {"input_tokens": ask.input_tokens})


async def models(task: Task) -> Outcome:
    """GET /v1/models."""
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in _MODELS
    ]
    return Outcome(Kind.MODELS, {"data": data, "has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]})


def _message(ask: Ask, reply: Reply, cut: bool) -> JsonObject:
    content: list[JsonObject] = []
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    content += [{"type": "tool_use", "id": c.id, "name": c.name, "input": c.arguments} for c in reply.calls]
    reason = "refusal" if reply.refused else "max_tokens" if cut else "tool_use" if reply.calls else "end_turn"
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {
            "input_tokens": ask.input_tokens,
            "output_tokens": reply.output_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


__all__ = ["AnthropicDialect", "count_tokens", "messages", "models"]
