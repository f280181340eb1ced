"""Agentic search: a model that may search several times before it answers. Importing this imports LangChain."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

import anthropic
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, ModelResponse, wrap_model_call
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from contracts import storable
from retrieval import Filters, Hit, SearchMode
from retrieval.requests import filtered_arguments
from retrieval.results import mentioned
from search.errors import AnswerUnavailableError
from search.searching import Degraded, Question, Searcher

_INSTRUCTIONS = resources.files("search").joinpath("prompts", "agent.txt").read_text(encoding="utf-8")
_MAX_TOKENS = 1024
_TEXT_CHARACTERS = 600


@filtered_arguments
class _Arguments(BaseModel):
    """What the model chooses of a search."""

    query: str
    search_type: str = "hybrid"


@dataclass
class Found:
    """The results of one run of the agent."""

    hits: dict[str, Hit] = field(default_factory=dict)
    tools_used: list[dict[str, Any]] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    answer: str = ""
    degraded: Degraded | None = None

    def add(self, found: list[Hit]) -> None:
        """Keep each item once, at its first position: earlier searches first, then by rank."""
        for hit in found:
            self.hits.setdefault(hit.item_id, hit)

    def citations(self) -> list[str]:
        """Ids that the answer cites."""
        return mentioned(self.answer, self.hits)


class SearchAgent:
    """Runs a fresh agent for each question; no state is kept between them."""

    def __init__(self, searcher: Searcher, *, api_key: str, model: str, max_rounds: int, timeout_s: float) -> None:
        self._searcher = searcher
        self._max_rounds = max_rounds
        self._timeout_s = timeout_s
        self._model = ChatAnthropic(
            model=model,
            api_key=api_key,
            max_tokens=_MAX_TOKENS,
            timeout=timeout_s,
            # A retry would exceed the request's time: the caller gets the error and can retry.
            max_retries=0,
            stop=None,
        )

    def run(self, tenant_id: str, question: Question, deadline: float) -> Found:
        """Search until the question is answered, the rounds are used up, or time (of `time.monotonic`) is.

        Tenant and thresholds are fixed here; the model chooses words, the kind of search, and filters where the caller
        gave none.

        Raises:
            AnswerUnavailableError: the model is unavailable.
            retrieval.EmbeddingError: a query could not be embedded.
        """
        found = Found()

        @tool(args_schema=_Arguments)
        def search_collection(query: str, search_type: str = "hybrid", **filters: object) -> str:
            """Search the person's collection. search_type: hybrid (default), bm25 (exact words) or vector (meaning)."""
            chosen = Filters.of(filters)
            mode = SearchMode(search_type) if search_type in set(SearchMode) else SearchMode.HYBRID
            results = self._searcher.find(
                tenant_id,
                Question(query, mode, question.top_k, question.filters.before(chosen), 0.0, question.min_similarity),
            )
            found.add(results.hits)
            found.degraded = found.degraded or results.degraded
            arguments = {"query": query, "search_type": mode, **to_jsonable_python(chosen.given())}
            found.tools_used.append({"name": "search_collection", "input": arguments, "results": len(results.hits)})
            return json.dumps({"results": [_brief(hit) for hit in results.hits]}, ensure_ascii=False)

        agent = create_agent(
            self._model,
            [search_collection],
            system_prompt=_INSTRUCTIONS.format(max_rounds=self._max_rounds),
            # A round and the answer after it have to fit into the remaining time.
            middleware=[_limit(self._max_rounds, deadline - 2 * self._timeout_s)],
        )
        try:
            state = agent.invoke(
                {"messages": [HumanMessage(question.text)]}, {"recursion_limit": 4 * self._max_rounds + 4}
            )
        except anthropic.APIError as error:
            raise AnswerUnavailableError(f"the language model is unavailable ({type(error).__name__})") from error
        spoken = [message for message in state["messages"] if isinstance(message, AIMessage)]
        found.answer = spoken[-1].text if spoken else ""
        found.reasoning = [message.text for message in spoken[:-1] if message.text]
        return found


def _limit(max_rounds: int, last_round: float) -> Any:  # noqa: ANN401  # LangChain's decorator builds the middleware's class
    @wrap_model_call
    def limit(request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> ModelResponse:
        """After the last round, or when no time is left for one, tool calls are forbidden.

        What the model says is cleaned: half a character cannot be searched for, nor be sent to the model again.
        """
        rounds = sum(1 for message in request.messages if _calls_tools(message))
        if rounds >= max_rounds or time.monotonic() > last_round:
            request = request.override(tool_choice={"type": "none"})
        response = handler(request)
        return replace(response, result=storable(response.result))

    return limit


def _calls_tools(message: AnyMessage) -> bool:
    return isinstance(message, AIMessage) and bool(message.tool_calls)


def _brief(hit: Hit) -> dict[str, Any]:
    details = hit.description.get("image_details") or {}
    media = hit.description.get("media_metadata") or {}
    return {
        "item_id": hit.item_id,
        "headline": hit.headline,
        "summary": hit.summary,
        "category": hit.category,
        "places": list(media.get("location_tags") or ()),
        "text": [" ".join(details.get("extracted_text") or ())[:_TEXT_CHARACTERS]],
        "score": hit.score,
    }
