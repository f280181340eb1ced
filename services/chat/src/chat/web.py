"""The tool `search_web`: Tavily. Importing this takes about half a second of CPU (the SDK)."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import requests
from langchain.tools import ToolRuntime
from langchain_core.tools import BaseTool, tool
from tavily import TavilyClient  # type: ignore[import-untyped]  # ships no py.typed
from tavily.errors import (  # type: ignore[import-untyped]  # ships no py.typed
    BadRequestError,
    ForbiddenError,
    InvalidAPIKeyError,
    TimeoutError,
    UsageLimitExceededError,
)

from chassis.observability import logger
from chat.errors import ToolFailedError
from chat.settings import ChatSettings, domains
from chat.turn_context import TurnContext

_TIMEOUT_S = 8.0
_MAX_CONTENT = 2_000
_FAULTS = (
    BadRequestError,
    ForbiddenError,
    InvalidAPIKeyError,
    TimeoutError,
    UsageLimitExceededError,
    requests.RequestException,
)


@dataclass(frozen=True)
class WebSearch:
    """Tavily with the settings of this deployment."""

    client: TavilyClient
    settings: ChatSettings

    @classmethod
    def connect(cls, api_key: str, settings: ChatSettings) -> "WebSearch":
        """A client; makes no call. The key must not be empty: without one the SDK goes to a public service."""
        return cls(TavilyClient(api_key=api_key, api_base_url=settings.tavily_base_url), settings)

    def find(self, query: str, seconds: float) -> list[dict[str, Any]]:
        """Pages: title, url, content.

        Raises:
            ToolFailedError: Tavily does not respond, rejects the request, or returns something else.
        """
        settings = self.settings
        try:
            answer = self.client.search(
                query,
                search_depth=settings.tavily_search_depth,
                max_results=settings.tavily_max_results,
                include_domains=domains(settings.tavily_include_domains),
                exclude_domains=domains(settings.tavily_exclude_domains),
                timeout=max(1.0, min(_TIMEOUT_S, seconds)),
            )
            return [
                {"title": page["title"], "url": page["url"], "content": page["content"][:_MAX_CONTENT]}
                for page in answer["results"]
            ]
        except _FAULTS as error:
            logger.warning("web search failed", extra={"error": type(error).__name__})
            raise ToolFailedError("the web search does not answer at the moment") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ToolFailedError("the web search answered something unreadable") from error


def web_tool(web: WebSearch) -> BaseTool:
    """The tool as the model sees it."""

    @tool
    def search_web(
        query: Annotated[str, "What to look for on the web."], runtime: ToolRuntime[TurnContext, Any]
    ) -> str:
        """Search the public web for what a private collection of pictures cannot hold."""
        context = runtime.context
        pages = web.find(query, context.seconds_left())
        context.note_use("search_web", {"query": query}, results=len(pages))
        return json.dumps({"results": pages}, ensure_ascii=False)

    return search_web
