"""The real OpenAI SDK against the providers."""

import json
from typing import Any

import jsonschema
import openai
import pytest
from pydantic import BaseModel

pytestmark = pytest.mark.integration
MODEL = "gpt-5-mini"
PARAMETERS: Any = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}


class Short(BaseModel):
    """The part of a description that these tests read."""

    category: str
    headline: str


@pytest.fixture(params=["/openai/v1", "/v1"])
def client(providers: Any, request: pytest.FixtureRequest) -> openai.OpenAI:
    return openai.OpenAI(base_url=providers.url + request.param, api_key="test", max_retries=0)


@pytest.fixture
def url(receipt_base64: str) -> str:
    return f"data:image/png;base64,{receipt_base64}"


def test_responses_parse_a_picture(client: openai.OpenAI, url: str) -> None:
    content: Any = [{"type": "input_text", "text": "Describe it."}, {"type": "input_image", "image_url": url}]
    response = client.responses.parse(
        model=MODEL, instructions="Be brief.", input=[{"role": "user", "content": content}], text_format=Short
    )
    assert response.output_parsed is not None
    assert response.output_parsed.headline
    assert response.usage is not None
    assert response.usage.input_tokens > 600 * 900 / 750


def test_responses_with_a_schema_of_ours(client: openai.OpenAI, url: str, analysis_schema: dict[str, Any]) -> None:
    wanted: Any = {"format": {"type": "json_schema", "name": "analysis", "strict": True, "schema": analysis_schema}}
    content: Any = [{"type": "input_image", "image_url": url, "detail": "high"}]
    response = client.responses.create(model=MODEL, input=[{"role": "user", "content": content}], text=wanted)
    jsonschema.Draft202012Validator(analysis_schema).validate(json.loads(response.output_text))


def test_responses_in_words_and_with_tools(client: openai.OpenAI) -> None:
    assert client.responses.create(model=MODEL, input="Hello!").output_text
    tool: Any = {"type": "function", "name": "search_collection", "parameters": PARAMETERS, "strict": False}
    question: Any = {"role": "user", "content": "Show me my receipts"}
    response = client.responses.create(model=MODEL, input=[question], tools=[tool])
    (call,) = [item for item in response.output if item.type == "function_call"]
    assert json.loads(call.arguments) == {"query": "receipts"}
    found = json.dumps({"results": [{"item_id": "item-1", "headline": "Receipt of a shop"}]})
    items: Any = [
        question,
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": found},
    ]
    assert "[item-1]" in client.responses.create(model=MODEL, input=items, tools=[tool]).output_text


def test_chat_completions_parse_a_picture(client: openai.OpenAI, url: str) -> None:
    content: Any = [{"type": "text", "text": "Describe it."}, {"type": "image_url", "image_url": {"url": url}}]
    completion = client.chat.completions.parse(
        model=MODEL, messages=[{"role": "user", "content": content}], response_format=Short
    )
    assert completion.choices[0].message.parsed is not None
    assert completion.usage is not None
    assert completion.usage.total_tokens > 600 * 900 / 750


def test_chat_completions_with_tools(client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "search_collection", "parameters": PARAMETERS}}
    messages: list[Any] = [
        {"role": "system", "content": "You find pictures."},
        {"role": "user", "content": "Show me my receipts"},
    ]
    first = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool]).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.tool_calls
    call = first.message.tool_calls[0]
    found = json.dumps({"results": [{"item_id": "item-1", "headline": "Receipt of a shop"}]})
    messages += [first.message, {"role": "tool", "tool_call_id": call.id, "content": found}]
    second = client.chat.completions.create(model=MODEL, messages=messages, tools=[tool]).choices[0]
    assert second.finish_reason == "stop"
    assert "[item-1]" in (second.message.content or "")
    forced: Any = {"type": "function", "function": {"name": "search_collection"}}
    third = client.chat.completions.create(
        model=MODEL, messages=messages[:2], tools=[tool], tool_choice=forced
    ).choices[0]
    assert third.message.tool_calls


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("responses", {"model": MODEL}, "'input'"),
        ("responses", {"input": "Hello"}, "model"),
        ("responses", {"model": MODEL, "input": "Hello", "stream": True}, "streaming"),
        ("responses", {"model": MODEL, "input": [{"role": "robot", "content": "Hi"}]}, "Supported values"),
        ("chat/completions", {"model": MODEL}, "'messages'"),
        ("chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": [{"type": "video"}]}]}, "video"),
    ],
)
def test_bad_requests_are_answered_in_openais_format(
    providers: Any, path: str, body: dict[str, Any], reason: str
) -> None:
    answer = providers.client.post(f"/openai/v1/{path}", json=body, headers={"authorization": "Bearer test"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert reason in answer.json()["error"]["message"]


def test_open_schema_and_foreign_picture_are_refused(client: openai.OpenAI) -> None:
    wanted: Any = {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": {"type": "object"}}}
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        client.responses.create(model=MODEL, input="Hello", text=wanted)
    content: Any = [{"type": "input_image", "image_url": "https://example.org/a.png"}]
    with pytest.raises(openai.BadRequestError, match="data URL"):
        client.responses.create(model=MODEL, input=[{"role": "user", "content": content}])


def test_without_a_key(providers: Any) -> None:
    answer = providers.client.post("/openai/v1/responses", json={})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
