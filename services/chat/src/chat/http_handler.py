"""The Lambda entry point `http` (API). Importing it costs seconds: LangChain and the SDKs, needed by every request."""

from functools import cache

# Imported here, not at the first search: a Lambda environment is snapshotted with what is imported by then.
import retrieval.voyage  # noqa: F401
from chassis.http import HttpEntry
from chassis.secrets import optional_secret, secret
from chat.agent import Agent
from chat.api import chat_api
from chat.bootstrap import checkpoints, service
from chat.collection import CollectionSearch, collection_tool
from chat.saver import TurnSaver
from chat.talking import Talking
from chat.tracing import Tracing
from chat.web import WebSearch, web_tool
from retrieval import EmbedderConfig, QueryEmbedder


def agent() -> tuple[Agent, Tracing]:
    """The agent with the keys of this moment; made anew only when one of them changes."""
    settings = service.settings
    return _agent(
        secret(settings, "anthropic-api-key"),
        secret(settings, "voyage-api-key"),
        optional_secret(settings, "tavily-api-key"),
        optional_secret(settings, "langsmith-api-key"),
    )


@cache
def _agent(anthropic: str, voyage: str, tavily: str | None, langsmith: str | None) -> tuple[Agent, Tracing]:
    settings = service.settings
    embedder = QueryEmbedder(
        EmbedderConfig(api_key=voyage, base_url=settings.voyage_base_url, model=settings.embedding_model)
    )
    tools = [collection_tool(CollectionSearch(service.database, embedder))]
    if tavily:
        tools.append(web_tool(WebSearch.connect(tavily, settings)))
    saver = TurnSaver(settings.table_checkpoints, ttl_s=settings.session_ttl_s)
    return (
        Agent(settings, saver, tools, api_key=anthropic),
        Tracing(langsmith, endpoint=settings.langsmith_endpoint),
    )


api = chat_api(Talking(service, checkpoints, agent))
http = HttpEntry(api)
