"""Reads an Anthropic Messages request, and refuses what the real API refuses.

Above all: a `tool_use` must be answered by `tool_result` blocks in the very next message, and a `tool_result` must
answer a `tool_use` of the message before it.
"""

from typing import Any

from provider_emulator.errors import BadRequestError
from provider_emulator.prompt import Ask, JsonObject, Picture, Tool, ToolCall, ToolChoice, ToolResult, Turn
from provider_emulator.schema_rules import check_for_anthropic
from provider_emulator.wire import list_field, object_of, picture, text_field

_MEDIA_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")


def ask_of(body: JsonObject) -> Ask:
    """The request in neutral form. Raises BadRequestError with a message like the real one."""
    turns = [_turn(each, f"messages.{index}") for index, each in enumerate(list_field(body, "messages"))]
    if not turns:
        raise BadRequestError("messages: at least one message is required")
    if turns[0].role != "user":
        raise BadRequestError('messages: first message must use the "user" role')
    _check_tool_results(turns)
    return Ask(
        model=text_field(body, "model"),
        turns=tuple(turns),
        system=_system(body.get("system")),
        tools=tuple(_tool(each, f"tools.{index}") for index, each in enumerate(list_field(body, "tools"))),
        choice=_choice(body),
        schema=_schema(body),
        stream=body.get("stream") is True,
    )


def _turn(message: Any, path: str) -> Turn:  # noqa: ANN401 # any JSON value
    message = object_of(message, path)
    role = message.get("role")
    if role not in ("user", "assistant"):
        raise BadRequestError(f"{path}.role: Input should be 'user' or 'assistant'")
    content = message.get("content")
    if isinstance(content, str):
        return Turn(role, content)
    if not isinstance(content, list) or not content:
        raise BadRequestError(f"{path}.content: must be text or a non-empty list of blocks")
    texts: list[str] = []
    pictures: list[Picture] = []
    calls: list[ToolCall] = []
    results: list[ToolResult] = []
    for index, raw in enumerate(content):
        where = f"{path}.content.{index}"
        block = object_of(raw, where)
        match block.get("type"):
            case "text":
                texts.append(str(block.get("text", "")))
            case "image":
                pictures.append(_picture(block, where))
            case "tool_use":
                calls.append(
                    ToolCall(
                        text_field(block, "id"), text_field(block, "name"), object_of(block.get("input", {}), where)
                    )
                )
            case "tool_result":
                results.append(
                    ToolResult(
                        text_field(block, "tool_use_id"), _plain(block.get("content")), block.get("is_error") is True
                    )
                )
            case "thinking" | "redacted_thinking":
                continue
            case other:
                raise BadRequestError(f"{where}: block type {other!r} is not supported here")
    return Turn(role, "\n".join(texts), tuple(pictures), tuple(calls), tuple(results))


def _picture(block: JsonObject, path: str) -> Picture:
    source = object_of(block.get("source"), f"{path}.source")
    if source.get("type") != "base64":
        raise BadRequestError(f"{path}.source.type: only base64 sources are supported here")
    media_type = source.get("media_type")
    if media_type not in _MEDIA_TYPES:
        allowed = ", ".join(f"'{each}'" for each in _MEDIA_TYPES)
        raise BadRequestError(f"{path}.source.media_type: Input should be one of {allowed}")
    return picture(source.get("data"), media_type, f"{path}.source.data")


def _plain(content: Any) -> str:  # noqa: ANN401 # any JSON value
    """The text of a tool result: a string, or a list of blocks."""
    if isinstance(content, list):
        return "\n".join(str(block.get("text", "")) for block in content if isinstance(block, dict))
    return "" if content is None else str(content)


def _system(value: Any) -> str:  # noqa: ANN401 # any JSON value
    if isinstance(value, list):
        return "\n".join(str(block.get("text", "")) for block in value if isinstance(block, dict))
    return value if isinstance(value, str) else ""


def _tool(raw: Any, path: str) -> Tool:  # noqa: ANN401 # any JSON value
    tool = object_of(raw, path)
    schema = object_of(tool.get("input_schema"), f"{path}.input_schema")
    return Tool(text_field(tool, "name"), text_field(tool, "description", default="-"), schema)


def _choice(body: JsonObject) -> ToolChoice:
    value = body.get("tool_choice")
    if value is None:
        return ToolChoice()
    choice = object_of(value, "tool_choice")
    mode = choice.get("type")
    if mode not in ("auto", "any", "none", "tool"):
        raise BadRequestError("tool_choice.type: Input should be 'auto', 'any', 'none' or 'tool'")
    name = choice.get("name")
    if mode == "tool" and name not in [
        each.get("name") for each in list_field(body, "tools") if isinstance(each, dict)
    ]:
        raise BadRequestError(f"tool_choice.name: tool {name!r} not found in provided tools")
    return ToolChoice(mode, name if isinstance(name, str) else None)


def _schema(body: JsonObject) -> JsonObject | None:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    if wanted is None:
        return None
    wanted = object_of(wanted, "output_config.format")
    if wanted.get("type") != "json_schema":
        raise BadRequestError("output_config.format.type: Input should be 'json_schema'")
    schema = object_of(wanted.get("schema"), "output_config.format.schema")
    check_for_anthropic(schema)
    return schema


def _check_tool_results(turns: list[Turn]) -> None:
    for index, turn in enumerate(turns):
        asked = {call.id for call in turn.calls}
        answered = {result.call_id for result in turns[index + 1].results} if index + 1 < len(turns) else set()
        if missing := asked - answered:
            raise BadRequestError(
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(missing))}. Each `tool_use` block must have a corresponding `tool_result` block in "
                "the next message."
            )
        before = {call.id for call in turns[index - 1].calls} if index else set()
        for result in turn.results:
            if result.call_id not in before:
                raise BadRequestError(
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {result.call_id}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
