"""Every fault, as the real SDKs see it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import pytest
import requests
import tavily  # type: ignore[import-untyped]  # ships no types
import voyageai
import voyageai.error
from pydantic import BaseModel, ConfigDict, ValidationError

from testkit import eventually

pytestmark = pytest.mark.integration
CLAUDE, GPT, VOYAGE = "claude-haiku-5-5", "gpt-5-mini", "voyage-3.5-lite"


class Short(BaseModel):
    """A structured answer."""

    model_config = ConfigDict(extra="forbid")
    headline: str


class Clients:
    """All four clients of one emulator."""

    def __init__(self, url: str, retries: int = 0, timeout: float = 20) -> None:
        self.claude = anthropic.Anthropic(base_url=url, api_key="k", max_retries=retries, timeout=timeout)
        self.gpt = openai.OpenAI(base_url=f"{url}/openai/v1", api_key="k", max_retries=retries, timeout=timeout)
        self.voyage: Any = voyageai.Client(  # type: ignore[attr-defined]  # not exported by name
            api_key="k", base_url=f"{url}/voyage/v1", max_retries=1 + retries, timeout=timeout
        )
        self.tavily = tavily.TavilyClient(api_key="k", api_base_url=f"{url}/tavily")

    def ask(self, text: str = "Hello") -> anthropic.types.Message:
        return self.claude.messages.create(model=CLAUDE, max_tokens=100, messages=[{"role": "user", "content": text}])


@pytest.fixture
def clients(providers: Any) -> Clients:
    return Clients(providers.url)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
def test_anthropic_status(providers: Any, clients: Clients, status: int, error: type[anthropic.APIStatusError]) -> None:
    providers.fault(provider="anthropic", kind="status", status=status, count=1, retry_after=3)
    with pytest.raises(error) as raised:
        clients.ask()
    assert raised.value.status_code == status
    assert raised.value.response.headers["retry-after"] == "3"
    assert clients.ask().stop_reason == "end_turn"  # the count is spent


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, openai.RateLimitError), (500, openai.InternalServerError), (503, openai.InternalServerError)],
)
def test_openai_status(providers: Any, clients: Clients, status: int, error: type[openai.APIStatusError]) -> None:
    providers.fault(provider="openai", kind="status", status=status)
    with pytest.raises(error):
        clients.gpt.responses.create(model=GPT, input="Hello")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, voyageai.error.RateLimitError),
        (500, voyageai.error.ServerError),
        (503, voyageai.error.ServiceUnavailableError),
    ],
)
def test_voyage_status(providers: Any, clients: Clients, status: int, error: type[Exception]) -> None:
    providers.fault(provider="voyage", kind="status", status=status)
    with pytest.raises(error):
        clients.voyage.embed(["a"], model=VOYAGE)


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, tavily.UsageLimitExceededError), (432, Exception), (500, requests.HTTPError)],
)
def test_tavily_status(providers: Any, clients: Clients, status: int, error: type[Exception]) -> None:
    providers.fault(provider="tavily", kind="status", status=status)
    with pytest.raises(error):
        clients.tavily.search("Tokyo")


def test_retries_get_through(providers: Any) -> None:
    providers.fault(provider="anthropic", kind="status", status=529, count=2, retry_after=0)
    assert Clients(providers.url, retries=2).ask().stop_reason == "end_turn"
    assert providers.faults()[0]["applied"] == 2
    assert [entry["status"] for entry in providers.requests("anthropic")] == [529, 529, 200]


def test_a_silent_provider_runs_into_the_callers_time_out(providers: Any) -> None:
    providers.fault(provider="*", kind="timeout")
    impatient = Clients(providers.url, timeout=0.3)
    with pytest.raises(anthropic.APITimeoutError):
        impatient.ask()
    with pytest.raises(openai.APITimeoutError):
        impatient.gpt.responses.create(model=GPT, input="Hello")
    with pytest.raises(voyageai.error.Timeout):
        impatient.voyage.embed(["a"], model=VOYAGE)
    with pytest.raises(Exception, match="timed out"):
        impatient.tavily.search("Tokyo", timeout=0.3)


def test_a_time_out_of_given_length_ends_in_504(providers: Any) -> None:
    providers.fault(provider="voyage", kind="timeout", delay_s=0.2)
    answer = providers.client.post(
        "/voyage/v1/embeddings", json={"input": "a", "model": VOYAGE}, headers={"authorization": "Bearer k"}
    )
    assert answer.status_code == 504


def test_slow_answers_come_late_and_whole_and_delay_no_other(providers: Any, clients: Clients) -> None:
    providers.fault(provider="anthropic", kind="slow", delay_s=0.5, match="wait for me")
    started = time.monotonic()
    assert clients.ask().stop_reason == "end_turn"
    assert time.monotonic() - started < 0.5
    started = time.monotonic()
    assert clients.ask("wait for me").stop_reason == "end_turn"
    assert time.monotonic() - started >= 0.5


def test_malformed_structured_output(providers: Any, clients: Clients, receipt_base64: str) -> None:
    providers.fault(provider="*", kind="malformed")
    question: Any = [{"role": "user", "content": "Give me a title."}]
    with pytest.raises(ValidationError):
        clients.claude.messages.parse(model=CLAUDE, max_tokens=500, messages=question, output_format=Short)
    with pytest.raises(ValidationError):
        clients.gpt.responses.parse(model=GPT, input="Give me a title.", text_format=Short)
    tool: Any = {"name": "give", "input_schema": Short.model_json_schema()}
    message = clients.claude.messages.create(
        model=CLAUDE, max_tokens=500, messages=question, tools=[tool], tool_choice={"type": "tool", "name": "give"}
    )
    assert message.content[0].type == "tool_use"
    with pytest.raises(ValidationError):
        Short.model_validate(message.content[0].input)


def test_malformed_bodies_without_structured_output(providers: Any, clients: Clients) -> None:
    providers.fault(provider="*", kind="malformed")
    with pytest.raises(Exception, match=r"(?i)json|expecting|unterminated|HTTP code 200"):
        clients.voyage.embed(["a"], model=VOYAGE)
    with pytest.raises(requests.JSONDecodeError):
        clients.tavily.search("Tokyo")
    answer = providers.client.post(
        "/v1/messages",
        json={"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]},
        headers={"x-api-key": "k"},
    )
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


def test_a_broken_stream_ends_early(providers: Any, clients: Clients) -> None:
    providers.fault(provider="anthropic", kind="malformed")
    body = {"model": CLAUDE, "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    text = httpx.post(f"{providers.url}/v1/messages", json=body, headers={"x-api-key": "k"}).text
    assert "message_start" in text
    assert "message_stop" not in text


def test_refusals(providers: Any, clients: Clients) -> None:
    providers.fault(provider="*", kind="refusal")
    assert clients.ask().stop_reason == "refusal"
    response = clients.gpt.responses.create(model=GPT, input="Hello")
    assert response.output[0].content[0].type == "refusal"  # type: ignore[union-attr,index]  # a message with one part
    completion = clients.gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": "Hello"}])
    assert completion.choices[0].message.refusal
    assert clients.voyage.embed(["a"], model=VOYAGE).embeddings


def test_match_spares_other_requests(providers: Any, clients: Clients) -> None:
    providers.fault(provider="anthropic", kind="status", status=500, match="needle")
    assert clients.ask("Hello").stop_reason == "end_turn"
    with pytest.raises(anthropic.InternalServerError):
        clients.ask("Hello needle")


def test_clearing_ends_delays_and_what_ends_then_is_not_logged(providers: Any, clients: Clients) -> None:
    providers.fault(provider="anthropic", kind="slow", delay_s=60)
    with ThreadPoolExecutor(1) as worker:
        slow = worker.submit(clients.ask)
        eventually(providers.faults_applied)
        providers.calm()
        assert slow.result(10).stop_reason == "end_turn"
    assert providers.requests() == []


def test_clearing(providers: Any, clients: Clients) -> None:
    providers.fault(provider="*", kind="status", status=500)
    assert providers.client.delete("/_faults").json() == {"cleared": 1}
    assert clients.ask().stop_reason == "end_turn"
