"""Agentic search: a model that may search several times before it answers. Importing this imports LangChain."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, ModelResponse, wrap_model_call
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.tools import BaseTool, tool
from langgraph.errors import GraphRecursionError
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from contracts import storable
from retrieval import Filters, Hit, SearchMode
from retrieval.agent_tools import SOURCE_CHARACTERS, CountArguments, ListArguments, ReadArguments, Shown, result
from retrieval.confidence import any_confident
from retrieval.requests import filtered_arguments
from search.errors import AnswerRejectedError
from search.model_faults import FAULTS, translated
from search.searching import Degraded, Question, Searcher

_INSTRUCTIONS = resources.files("search").joinpath("prompts", "agent.txt").read_text(encoding="utf-8")
_MAX_TOKENS = 1024


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
    told: list[bool | None] = field(default_factory=list)
    """Of each search, whether it found what it asked for."""

    def add(self, found: Iterable[Hit]) -> None:
        """Keep each item once, at its first position: earlier searches first, then by rank."""
        for hit in found:
            self.hits.setdefault(hit.item_id, hit)

    def note(self, name: str, given: dict[str, Any], results: int) -> None:
        """Keep that a tool was used."""
        self.tools_used.append({"name": name, "input": given, "results": results})

    @property
    def confident(self) -> bool | None:
        """Whether any search found what it asked for; None where that cannot be told, or nothing was searched for."""
        return any_confident(self.told) if self.told else None


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
            AnswerRejectedError: the provider rejects the request or the key, or the model declines or never answers.
            retrieval.EmbeddingError: a query could not be embedded.
        """
        found = Found()
        agent = create_agent(
            self._model,
            [
                _searching(self._searcher, tenant_id, question, found),
                *_reading(self._searcher, tenant_id, question, found),
            ],
            system_prompt=_INSTRUCTIONS.format(
                max_rounds=self._max_rounds, overview=self._searcher.overview(tenant_id)
            ),
            # A round and the answer after it have to fit into the remaining time.
            middleware=[_limit(self._max_rounds, deadline - 2 * self._timeout_s)],
        )
        try:
            state = agent.invoke(
                {"messages": [HumanMessage(question.text)]}, {"recursion_limit": 4 * self._max_rounds + 4}
            )
        except FAULTS as error:
            raise translated(error) from error
        except GraphRecursionError as error:
            raise AnswerRejectedError("the language model gave no answer") from error
        spoken = [message for message in state["messages"] if isinstance(message, AIMessage)]
        if spoken and spoken[-1].response_metadata.get("stop_reason") == "refusal":
            raise AnswerRejectedError("the language model declined to answer")
        found.answer = spoken[-1].text if spoken else ""
        found.reasoning = [message.text for message in spoken[:-1] if message.text]
        return found


def _searching(searcher: Searcher, tenant_id: str, question: Question, found: Found) -> BaseTool:
    @tool(args_schema=_Arguments)
    def search_collection(query: str, search_type: str = "hybrid", **filters: object) -> str:
        """Search the person's collection. search_type: hybrid (default), bm25 (exact words) or vector (meaning)."""
        chosen = Filters.of(filters)
        mode = SearchMode(search_type) if search_type in set(SearchMode) else SearchMode.HYBRID
        results = searcher.find(
            tenant_id,
            replace(
                question,
                text=query,
                mode=mode,
                filters=question.filters.before(chosen),
                asked=question.text,
                source_characters=SOURCE_CHARACTERS,
            ),
        )
        found.add(results.hits)
        found.told.append(results.confident)
        found.degraded = found.degraded or results.degraded
        arguments = {"query": query, "search_type": mode, **to_jsonable_python(chosen.given())}
        found.note("search_collection", arguments, len(results.hits))
        shown = [result(hit, source) for hit, source in zip(results.hits, results.sources, strict=True)]
        return json.dumps({"results": shown}, ensure_ascii=False)

    return search_collection


def _reading(searcher: Searcher, tenant_id: str, question: Question, found: Found) -> list[BaseTool]:
    def shown(name: str, given: dict[str, Any], items: Shown) -> str:
        found.add(items.hits)
        arguments = to_jsonable_python({key: value for key, value in given.items() if value not in ("", None)})
        found.note(name, arguments, items.total)
        return items.document

    def narrowed(filters: dict[str, object]) -> tuple[Filters, dict[str, Any]]:
        chosen = Filters.of(filters)
        return question.filters.before(chosen), chosen.given()

    @tool(args_schema=ListArguments)
    def list_items(query: str = "", sort: str = "newest", page: int = 1, **filters: object) -> str:
        """List the items of the person's collection that match, by the time when they were added; 20 a page."""
        narrowing, given = narrowed(filters)
        items = searcher.list_items(tenant_id, narrowing, query=query, sort=sort, page=page)
        return shown("list_items", {"query": query, "sort": sort, "page": page, **given}, items)

    @tool(args_schema=CountArguments)
    def count_items(query: str = "", by: str | None = None, **filters: object) -> str:
        """Count the items of the person's collection that have one of these words and match these filters."""
        narrowing, given = narrowed(filters)
        items = searcher.count_items(tenant_id, narrowing, query=query, by=by)
        return shown("count_items", {"query": query, "by": by, **given}, items)

    @tool(args_schema=ReadArguments)
    def read_item(item_id: str, page: int = 1) -> str:
        """Read all text of one item, page by page: what a search shows of a long one are passages."""
        items = searcher.read_item(tenant_id, item_id=item_id, page=page)
        return shown("read_item", {"item_id": item_id, "page": page}, items)

    return [list_items, count_items, read_item]


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
