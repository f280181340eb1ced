"""The real Anthropic SDK and LangChain's client against the providers."""

import json
from typing import Any

import anthropic
import httpx
import jsonschema
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel, ConfigDict

pytestmark = pytest.mark.integration
MODEL = "claude-haiku-5-5"
TOOL: Any = {
    "name": "search_collection",
    "description": "Searches the user's pictures.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}


class Short(BaseModel):
    """The part of a description that these tests read."""

    model_config = ConfigDict(extra="forbid")
    category: str
    headline: str


@pytest.fixture
def client(providers: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=providers.url, api_key="test", max_retries=0)


@pytest.fixture
def langchain(providers: Any) -> ChatAnthropic:
    return ChatAnthropic(model=MODEL, base_url=providers.url, api_key="test", max_tokens=1024, max_retries=0)


def image(data: str) -> Any:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    return [
        {"role": "user", "content": [{"type": "image", "source": source}, {"type": "text", "text": "Describe it."}]}
    ]


def test_words_and_usage(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "Hello!"}])
    assert message.content[0].type == "text"
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 0
    assert message.model == MODEL


def test_structured_description_of_a_picture(
    client: anthropic.Anthropic, receipt_base64: str, analysis_schema: dict[str, Any]
) -> None:
    wanted: Any = {"format": {"type": "json_schema", "schema": analysis_schema}}
    message = client.messages.create(model=MODEL, max_tokens=4000, messages=image(receipt_base64), output_config=wanted)
    assert message.content[0].type == "text"
    jsonschema.Draft202012Validator(analysis_schema).validate(json.loads(message.content[0].text))
    assert message.usage.input_tokens > 600 * 900 / 750  # the picture counts


def test_structured_output_by_a_forced_tool(
    client: anthropic.Anthropic, receipt_base64: str, analysis_schema: dict[str, Any]
) -> None:
    message = client.messages.create(
        model=MODEL,
        max_tokens=4000,
        messages=image(receipt_base64),
        tools=[{"name": "describe", "input_schema": analysis_schema}],
        tool_choice={"type": "tool", "name": "describe"},
    )
    (block,) = message.content
    assert block.type == "tool_use"
    assert message.stop_reason == "tool_use"
    jsonschema.Draft202012Validator(analysis_schema).validate(block.input)


def test_parse_and_count_tokens_and_models(client: anthropic.Anthropic, receipt_base64: str) -> None:
    parsed = client.messages.parse(model=MODEL, max_tokens=500, messages=image(receipt_base64), output_format=Short)
    assert isinstance(parsed.parsed_output, Short)
    counted = client.messages.count_tokens(model=MODEL, messages=image(receipt_base64))
    assert counted.input_tokens > 600 * 900 / 750
    assert MODEL in [model.id for model in client.models.list()]


def test_streamed_text_and_tool_arguments(client: anthropic.Anthropic) -> None:
    with client.messages.stream(
        model=MODEL,
        max_tokens=500,
        messages=[{"role": "user", "content": "Show me my receipts in Tokyo"}],
        tools=[TOOL],
    ) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    assert kinds.count("content_block_start") == 2
    assert message.stop_reason == "tool_use"
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.content[1].input == {"query": "receipts Tokyo"}  # type: ignore[union-attr]  # checked in the line above


def test_answer_with_citations(client: anthropic.Anthropic) -> None:
    schema = {
        "type": "object",
        "properties": {
            "answer": {"type": "string"},
            "confidence": {"type": "number"},
            "citations": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "confidence", "citations"],
        "additionalProperties": False,
    }
    text = '<item id="a">Receipt of a ramen shop</item><item id="b">A cat</item>\nQuestion: Where is my ramen receipt?'
    wanted: Any = {"format": {"type": "json_schema", "schema": schema}}
    message = client.messages.create(
        model=MODEL, max_tokens=500, messages=[{"role": "user", "content": text}], output_config=wanted
    )
    assert message.content[0].type == "text"
    assert json.loads(message.content[0].text)["citations"] == ["a"]


def test_too_few_tokens_cut_the_answer(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=MODEL, max_tokens=2, messages=[{"role": "user", "content": "Hello!"}])
    assert message.stop_reason == "max_tokens"


def test_langchain_agent_turn_streams(langchain: ChatAnthropic) -> None:
    bound = langchain.bind_tools([TOOL])
    history: list[Any] = [HumanMessage("What receipts do I have?")]
    whole: Any = None
    for chunk in bound.stream(history):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert [call["args"] for call in whole.tool_calls] == [{"query": "receipts"}]
    found = {"results": [{"item_id": "item-1", "headline": "Receipt of a shop", "places": ["Shibuya"]}]}
    history += [whole, ToolMessage(json.dumps(found), tool_call_id=whole.tool_calls[0]["id"])]
    text = "".join(chunk.text for chunk in bound.stream(history))
    assert "[item-1]" in text
    history += [AIMessage(text), HumanMessage("and which of those are in Tokyo?")]
    again = bound.invoke(history)
    assert [call["args"] for call in again.tool_calls] == [{"query": "receipts Tokyo"}]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_langchain_structured_output(langchain: ChatAnthropic, receipt_base64: str, method: Any) -> None:
    content: list[Any] = [
        {"type": "image", "base64": receipt_base64, "mime_type": "image/png"},
        {"type": "text", "text": "Describe it."},
    ]
    made = langchain.with_structured_output(Short, method=method).invoke([HumanMessage(content)])
    assert isinstance(made, Short)
    assert made.headline


CALL = {"type": "tool_use", "id": "t1", "name": "search_collection", "input": {"query": "cats"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "{}"}
HELLO = {"role": "user", "content": "Hello"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": None}, "model"),
        ({"max_tokens": None}, "max_tokens"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "Hi"}]}, "first message"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, "role"),
        ({"messages": [HELLO, {"role": "assistant", "content": [CALL]}, HELLO]}, "without `tool_result` blocks"),
        ({"messages": [HELLO, {"role": "user", "content": [RESULT]}]}, "unexpected `tool_use_id`"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]}, "base64"),
        ({"tool_choice": {"type": "tool", "name": "nothing"}}, "not found in provided tools"),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "additionalProperties"),
    ],
)
def test_bad_requests_are_answered_in_anthropics_format(providers: Any, change: dict[str, Any], reason: str) -> None:
    body = {"model": MODEL, "max_tokens": 10, "messages": [HELLO], **change}
    body = {name: value for name, value in body.items() if value is not None}
    answer = providers.client.post("/v1/messages", json=body, headers={"x-api-key": "test"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert reason in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("data", "media_type", "reason"),
    [
        ("bm90IGFuIGltYWdl", "image/png", "Could not process image"),
        ("?", "image/png", "invalid base64"),
        (None, "image/jpeg", "appears to be"),
    ],
)
def test_bad_pictures(providers: Any, receipt_base64: str, data: str | None, media_type: str, reason: str) -> None:
    source = {"type": "base64", "media_type": media_type, "data": data or receipt_base64}
    content = [{"type": "image", "source": source}]
    body = {"model": MODEL, "max_tokens": 10, "messages": [{"role": "user", "content": content}]}
    answer = providers.client.post("/v1/messages", json=body, headers={"x-api-key": "test"})
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]


def test_without_a_key_and_with_broken_json(providers: Any, client: anthropic.Anthropic) -> None:
    for headers in ({}, {"authorization": "Basic abc"}, {"x-api-key": ""}):
        answer = httpx.post(f"{providers.url}/v1/messages", json={}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")
    answer = httpx.post(f"{providers.url}/v1/messages", content=b"{", headers={"x-api-key": "k"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    with pytest.raises(anthropic.AuthenticationError):
        client.messages.create(
            model=MODEL,
            max_tokens=1,
            messages=[{"role": "user", "content": "Hello"}],
            extra_headers={"authorization": "Basic abc"},
        )
