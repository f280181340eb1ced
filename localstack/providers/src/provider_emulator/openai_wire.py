"""OpenAI's wire formats: Responses and Chat Completions (images, tools, structured output) and the model list.

Streaming is not emulated: it answers 400 with that message.
"""

import asyncio
import json
import time
import uuid

from provider_emulator import openai_read
from provider_emulator.errors import BadRequestError
from provider_emulator.exchange import Outcome, Task
from provider_emulator.faults import Provider
from provider_emulator.prompt import Ask, JsonObject, Kind, Reply
from provider_emulator.reply import limited, reply_to

_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_MODELS = ("gpt-5-mini", "gpt-5.4-mini", "gpt-5.5")
_UNLIMITED = 1_000_000


class OpenAiDialect:
    """Errors as `{"error": {"message", "type", "param", "code"}}`."""

    provider: Provider = "openai"

    def error(self, status: int, message: str, param: str | None) -> JsonObject:
        kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
        return {"error": {"message": message, "type": kind, "param": param, "code": _CODES.get(status)}}


async def responses(task: Task) -> Outcome:
    """POST /responses."""
    _no_stream(task)
    ask = await asyncio.to_thread(openai_read.ask_of_responses, task.body)
    reply, broken = await reply_to(ask, task)
    reply, cut = limited(reply, _limit(task, "max_output_tokens"))
    return Outcome(reply.kind, _response(task.body, ask, reply, cut), broken=broken)


async def chat_completions(task: Task) -> Outcome:
    """POST /chat/completions."""
    _no_stream(task)
    ask = await asyncio.to_thread(openai_read.ask_of_chat, task.body)
    reply, broken = await reply_to(ask, task)
    limit = min(_limit(task, "max_completion_tokens"), _limit(task, "max_tokens"))
    reply, cut = limited(reply, limit)
    return Outcome(reply.kind, _completion(ask, reply, cut), broken=broken)


async def models(task: Task) -> Outcome:
    """GET /models."""
    data = [{"id": name, "object": "model", "created": 1767225600, "owned_by": "local"} for name in _MODELS]
    return Outcome(Kind.MODELS, {"object": "list", "data": data})


def _no_stream(task: Task) -> None:
    if task.body.get("stream"):
        raise BadRequestError("streaming is not emulated for OpenAI", "stream")


def _limit(task: Task, name: str) -> int:
    value = task.body.get(name)
    if value is None:
        return _UNLIMITED
    if not isinstance(value, int) or value < 1:
        raise BadRequestError(f"Invalid value for '{name}': expected a positive integer", name)
    return value


def _response(body: JsonObject, ask: Ask, reply: Reply, cut: bool) -> JsonObject:
    output: list[JsonObject] = []
    if reply.text:
        part: JsonObject = (
            {"type": "refusal", "refusal": reply.text}
            if reply.refused
            else {"type": "output_text", "text": reply.text, "annotations": []}
        )
        output.append(
            {
                "type": "message",
                "id": f"msg_{uuid.uuid4().hex}",
                "status": "incomplete" if cut else "completed",
                "role": "assistant",
                "content": [part],
            }
        )
    for call in reply.calls:
        output.append(
            {
                "type": "function_call",
                "id": f"fc_{uuid.uuid4().hex}",
                "call_id": call.id,
                "name": call.name,
                "arguments": json.dumps(call.arguments, ensure_ascii=False),
                "status": "completed",
            }
        )
    return {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "model": ask.model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "text": body.get("text") or {"format": {"type": "text"}},
        "usage": {
            "input_tokens": ask.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": ask.input_tokens + reply.output_tokens,
        },
    }


def _completion(ask: Ask, reply: Reply, cut: bool) -> JsonObject:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in reply.calls
    ]
    message: JsonObject = {
        "role": "assistant",
        "content": None if reply.refused or (calls and not reply.text) else reply.text,
        "refusal": reply.text if reply.refused else None,
    }
    if calls:
        message["tool_calls"] = calls
    reason = "length" if cut else "tool_calls" if calls else "stop"
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": ask.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": ask.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": ask.input_tokens + reply.output_tokens,
        },
    }
