"""Gets the reply to a request from the engine and shows the faults that belong to the model: refusal, broken output."""

from dataclasses import replace

from provider_emulator.exchange import Task
from provider_emulator.prompt import Ask, Reply, ToolCall
from provider_emulator.responder import kind_of, respond

_REFUSAL = "I can't help with that."


async def reply_to(ask: Ask, task: Task) -> tuple[Reply, bool]:
    """The reply, and whether it is already broken as the fault demands. Raises what `respond` and the engine raise."""
    if task.refuse:
        return Reply(kind_of(ask), _REFUSAL, refused=True), False
    reply = await task.engine.think(lambda senses: respond(ask, senses))
    structured = ask.schema is not None or ask.choice.mode in ("tool", "any")
    if not (task.malformed and structured):
        return reply, False
    broken = tuple(ToolCall(call.id, call.name, {"unexpected": "value"}) for call in reply.calls)
    return replace(reply, text=reply.text[: len(reply.text) // 2], calls=broken), True


def limited(reply: Reply, most: int) -> tuple[Reply, bool]:
    """The reply cut at `most` output tokens, and whether it was cut. Tool calls are kept whole."""
    if reply.output_tokens <= most or reply.calls:
        return reply, False
    return replace(reply, text=reply.text[: most * 4]), True
