"""An Anthropic message as server-sent events: text word by word, tool arguments in pieces of JSON."""

import json
import re

from provider_emulator.prompt import JsonObject

_WORDS_A_PIECE = 3
_CHARACTERS_A_PIECE = 24


def events(message: JsonObject) -> list[bytes]:
    """The events of the whole message, in order."""
    usage = message["usage"]
    opening = {
        **message,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    parts = [_event("message_start", {"message": opening}), _event("ping", {})]
    for index, block in enumerate(message["content"]):
        parts += _block(index, block)
    closing = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    parts.append(_event("message_delta", {"delta": closing, "usage": {"output_tokens": usage["output_tokens"]}}))
    parts.append(_event("message_stop", {}))
    return parts


def _event(name: str, data: JsonObject) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **data}, ensure_ascii=False)}\n\n".encode()


def _block(index: int, block: JsonObject) -> list[bytes]:
    start: JsonObject
    if block["type"] == "text":
        start = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
    else:
        start = {**block, "input": {}}
        text = json.dumps(block["input"], ensure_ascii=False)
        parts = [text[at : at + _CHARACTERS_A_PIECE] for at in range(0, len(text), _CHARACTERS_A_PIECE)]
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
    return [
        _event("content_block_start", {"index": index, "content_block": start}),
        *(_event("content_block_delta", {"index": index, "delta": delta}) for delta in deltas),
        _event("content_block_stop", {"index": index}),
    ]


def _pieces(text: str) -> list[str]:
    tokens = re.findall(r"\S+\s*|\s+", text)
    return ["".join(tokens[at : at + _WORDS_A_PIECE]) for at in range(0, len(tokens), _WORDS_A_PIECE)]
