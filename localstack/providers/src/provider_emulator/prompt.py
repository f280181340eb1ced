"""One shape for a request to a language model and for its reply, whichever wire format it came in."""

import hashlib
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

JsonObject = dict[str, Any]
_CHARACTERS_A_TOKEN = 4
_PIXELS_A_TOKEN = 750


class Kind(StrEnum):
    """What a request asked for, as the request log shows it."""

    VISION = "vision"
    ANSWER = "answer"
    CHAT = "chat"
    STRUCTURED = "structured"
    TOKENS = "tokens"
    EMBEDDING = "embedding"
    RERANKING = "reranking"
    WEB_SEARCH = "web-search"
    TRACING = "tracing"
    MODELS = "models"


@dataclass(frozen=True)
class Picture:
    """Encoded image bytes with their size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def tokens(self) -> int:
        return math.ceil(self.width * self.height / _PIXELS_A_TOKEN)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model's request to run a tool."""

    id: str
    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned; `is_error` when it failed."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One message, its blocks sorted by what they are."""

    role: Literal["user", "assistant"]
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the caller offers: its name, description and the JSON Schema of its arguments."""

    name: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools may, must or must not be used; `name` when it is a certain one."""

    mode: Literal["auto", "any", "none", "tool"] = "auto"
    name: str | None = None


@dataclass(frozen=True)
class Ask:
    """A request to a language model. `schema` is the JSON Schema the text of the reply must satisfy, if any."""

    model: str
    turns: tuple[Turn, ...]
    system: str = ""
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice = field(default_factory=ToolChoice)
    schema: JsonObject | None = None
    stream: bool = False

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures of the last user message that has any."""
        for turn in reversed(self.turns):
            if turn.role == "user" and turn.pictures:
                return turn.pictures
        return ()

    @cached_property
    def input_tokens(self) -> int:
        """About four characters a token, and 750 pixels."""
        characters = len(self.system)
        for tool in self.tools:
            characters += len(tool.name) + len(tool.description) + len(json.dumps(tool.schema))
        for turn in self.turns:
            characters += len(turn.text) + sum(len(result.text) for result in turn.results)
            characters += sum(len(json.dumps(call.arguments)) + len(call.name) for call in turn.calls)
        if self.schema is not None:
            characters += len(json.dumps(self.schema))
        pictures = sum(picture.tokens for turn in self.turns for picture in turn.pictures)
        return tokens_of(characters) + pictures + 3 * len(self.turns)


@dataclass(frozen=True, slots=True)
class Reply:
    """The model's answer: text, tool calls, or a refusal."""

    kind: Kind
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    refused: bool = False

    @property
    def output_tokens(self) -> int:
        calls = sum(len(json.dumps(call.arguments)) + len(call.name) for call in self.calls)
        return max(1, tokens_of(len(self.text) + calls))


def tokens_of(characters: int) -> int:
    """Plausible tokens of that many characters."""
    return math.ceil(characters / _CHARACTERS_A_TOKEN)
