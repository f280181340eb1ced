"""Reads OpenAI requests, Responses and Chat Completions, into the neutral form. Raises BadRequestError."""

import json
from collections.abc import Callable
from typing import Any, Literal

from provider_emulator.errors import BadRequestError
from provider_emulator.prompt import Ask, JsonObject, Picture, Tool, ToolCall, ToolChoice, ToolResult, Turn
from provider_emulator.schema_rules import check_for_openai
from provider_emulator.wire import data_url, list_field, object_of, text_field

_SYSTEM = ("system", "developer")


def ask_of_responses(body: JsonObject) -> Ask:
    """A Responses request: `input` is text or a list of messages, function calls and their outputs."""
    given = body.get("input")
    items: list[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else list_field(body, "input")
    if not items:
        raise BadRequestError("Missing required parameter: 'input'.", "input")
    system, turns = _conversation(items, "input")
    instructions = body.get("instructions")
    wanted = body.get("text", {}).get("format") if isinstance(body.get("text"), dict) else None
    return Ask(
        model=text_field(body, "model"),
        turns=turns,
        system="\n".join([*([instructions] if isinstance(instructions, str) else []), *system]),
        tools=_tools(body, lambda tool: tool),
        choice=_choice(body),
        schema=_schema(wanted, wanted, "text.format"),
    )


def ask_of_chat(body: JsonObject) -> Ask:
    """A Chat Completions request."""
    items = list_field(body, "messages")
    if not items:
        raise BadRequestError("Missing required parameter: 'messages'.", "messages")
    system, turns = _conversation(items, "messages")
    wanted = body.get("response_format")
    inner = wanted.get("json_schema") if isinstance(wanted, dict) else None
    return Ask(
        model=text_field(body, "model"),
        turns=turns,
        system="\n".join(system),
        tools=_tools(body, lambda tool: object_of(tool.get("function"), "tools.function")),
        choice=_choice(body),
        schema=_schema(wanted, inner, "response_format"),
    )


def _conversation(items: list[Any], name: str) -> tuple[list[str], tuple[Turn, ...]]:
    system: list[str] = []
    turns: list[Turn] = []
    for index, raw in enumerate(items):
        path = f"{name}[{index}]"
        item = object_of(raw, path)
        match item.get("type"):
            case "function_call":
                turns.append(Turn("assistant", calls=(_call(item, "call_id", item, path),)))
                continue
            case "function_call_output":
                output = item.get("output")
                text = output if isinstance(output, str) else json.dumps(output)
                turns.append(Turn("user", results=(ToolResult(text_field(item, "call_id"), text),)))
                continue
            case "reasoning":
                continue
        role = item.get("role")
        text, pictures = _content(item.get("content"), path)
        if role in _SYSTEM:
            system.append(text)
        elif role == "tool":
            turns.append(Turn("user", results=(ToolResult(text_field(item, "tool_call_id"), text),)))
        elif role in ("user", "assistant"):
            speaker: Literal["user", "assistant"] = "user" if role == "user" else "assistant"
            calls = tuple(
                _call(object_of(call, path), "id", object_of(call.get("function"), path), path)
                for call in list_field(item, "tool_calls")
            )
            turns.append(Turn(speaker, text, pictures, calls))
        else:
            raise BadRequestError(
                f"Invalid value: {role!r}. Supported values are: 'assistant', 'system', 'user'.", path
            )
    return system, tuple(turns)


def _call(item: JsonObject, id_field: str, function: JsonObject, path: str) -> ToolCall:
    try:
        arguments = json.loads(function.get("arguments") or "{}")
    except ValueError as error:
        raise BadRequestError(f"{path}.arguments: invalid JSON", path) from error
    return ToolCall(text_field(item, id_field), text_field(function, "name"), object_of(arguments, path))


def _content(content: Any, path: str) -> tuple[str, tuple[Picture, ...]]:  # noqa: ANN401 # any JSON value
    if content is None:
        return "", ()
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list):
        raise BadRequestError(f"{path}.content: expected text or a list of parts", f"{path}.content")
    texts: list[str] = []
    pictures: list[Picture] = []
    for index, raw in enumerate(content):
        where = f"{path}.content[{index}]"
        part = object_of(raw, where)
        match part.get("type"):
            case "input_text" | "text" | "output_text":
                texts.append(str(part.get("text", "")))
            case "input_image":
                pictures.append(data_url(part.get("image_url"), f"{where}.image_url"))
            case "image_url":
                pictures.append(data_url(object_of(part.get("image_url"), where).get("url"), f"{where}.image_url.url"))
            case "refusal":
                continue
            case other:
                raise BadRequestError(f"{where}.type: {other!r} is not supported here", where)
    return "\n".join(texts), tuple(pictures)


def _tools(body: JsonObject, inner: Callable[[JsonObject], JsonObject]) -> tuple[Tool, ...]:
    tools = []
    for index, raw in enumerate(list_field(body, "tools")):
        tool = object_of(raw, f"tools[{index}]")
        if tool.get("type") != "function":
            raise BadRequestError(f"tools[{index}].type: only functions are supported here", f"tools[{index}]")
        function = inner(tool)
        schema = object_of(function.get("parameters") or {}, f"tools[{index}].parameters")
        tools.append(Tool(text_field(function, "name"), text_field(function, "description", default="-"), schema))
    return tuple(tools)


def _choice(body: JsonObject) -> ToolChoice:
    value = body.get("tool_choice")
    match value:
        case None | "auto":
            return ToolChoice()
        case "none":
            return ToolChoice("none")
        case "required":
            return ToolChoice("any")
        case {"type": "function", "name": str(name)} | {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("tool", name)
        case _:
            raise BadRequestError(f"Invalid value for 'tool_choice': {value!r}", "tool_choice")


def _schema(wanted: Any, holder: Any, path: str) -> JsonObject | None:  # noqa: ANN401 # any JSON value
    """The JSON Schema asked for; `holder` is the object with `name`, `strict` and `schema`."""
    if not isinstance(wanted, dict) or wanted.get("type") in (None, "text"):
        return None
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    holder = object_of(holder, path)
    schema = object_of(holder.get("schema"), f"{path}.schema")
    if holder.get("strict"):
        check_for_openai(text_field(holder, "name"), schema)
    return schema
