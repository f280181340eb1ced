"""The LangGraph agent: a model, its tools, and its memory in DynamoDB. Importing this takes seconds (LangChain).

Memory is written once a turn (durability "exit"): two items. A turn starts from the checkpoint it is given, not from
the latest of the thread, so checkpoints of failed turns have no effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langgraph.errors import GraphRecursionError
from pydantic import SecretStr

from chassis.aws import Aws
from chassis.database import Database
from chat.checkpoints import translated
from chat.collection import CollectionSearch, collection_tool
from chat.errors import ModelRejectedError
from chat.messages import compacted, current_turn
from chat.middleware import CallInTime, ContainToolFaults, ShapeRequests, StorableText, TellOfCollection
from chat.reading import reading_tools
from chat.saver import TurnSaver
from chat.settings import ChatSettings
from chat.turn_context import TurnContext
from chat.web import WebSearch, web_tool
from retrieval import EmbedderConfig, QueryEmbedder
from retrieval.reranking import voyage_reranking

#: Characters of earlier turns that memory keeps; with a turn's own bounds a checkpoint stays under DynamoDB's 400 KB.
MEMORY_BUDGET = 120_000


@dataclass(frozen=True, slots=True)
class Memory:
    """A conversation so far: the checkpoint to continue from, its time, and its messages."""

    checkpoint_id: str
    saved_at: datetime
    messages: tuple[AnyMessage, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A finished turn; `reasoning` is what the model wrote between its tool calls."""

    text: str
    reasoning: tuple[str, ...]
    checkpoint_id: str
    input_tokens: int
    output_tokens: int


class Agent:
    """One agent for all conversations; each call names the conversation."""

    def __init__(
        self,
        settings: ChatSettings,
        saver: TurnSaver,
        tools: Sequence[BaseTool],
        *,
        api_key: str,
        overview: Callable[[TurnContext], str],
    ) -> None:
        self._settings = settings
        self._saver = saver
        self._graph = create_agent(
            _model(settings, api_key),
            list(tools),
            system_prompt=resources.files("chat").joinpath("prompts/system.txt").read_text(encoding="utf-8"),
            middleware=[
                StorableText(settings),
                ShapeRequests(settings),
                TellOfCollection(settings, overview),
                CallInTime(settings),
                ContainToolFaults(settings),
            ],
            context_schema=TurnContext,
            checkpointer=saver,
        )

    def recall(self, thread: str, checkpoint_id: str) -> Memory | None:
        """The memory in that checkpoint; None when the table has removed it.

        Raises:
            TransientError: DynamoDB is unavailable.
        """
        try:
            found = self._saver.get_tuple(_config(thread, checkpoint_id))
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from error
        if found is None:
            return None
        messages = found.checkpoint["channel_values"].get("messages", [])
        return Memory(checkpoint_id, datetime.fromisoformat(found.checkpoint["ts"]), tuple(messages))

    def answer(
        self,
        question: str,
        context: TurnContext,
        *,
        thread: str,
        memory: Memory | None,
        callbacks: Sequence[BaseCallbackHandler] = (),
    ) -> Answered:
        """Run one turn. Without a memory the thread must be empty.

        Raises:
            ModelUnavailableError: the provider does not respond in time.
            ModelRejectedError: it rejects the request, or the model gives no answer.
            TransientError: DynamoDB is unavailable.
        """
        config = _config(thread, memory.checkpoint_id if memory else None)
        config["callbacks"] = list(callbacks)
        # Model and tools alternate; the middleware ends the rounds long before this limit.
        config["recursion_limit"] = 2 * self._settings.max_tool_rounds + 6
        changes = compacted(memory.messages, MEMORY_BUDGET) if memory else []
        try:
            update: Any = {"messages": [*changes, HumanMessage(question)]}  # Any: removals are no AnyMessage
            state = self._graph.invoke(update, config, context=context, durability="exit")
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from error
        except GraphRecursionError as error:
            raise ModelRejectedError("the model gave no answer") from error
        return self._read(current_turn(state["messages"]), thread)

    def _read(self, turn: Sequence[AnyMessage], thread: str) -> Answered:
        spoken = [message for message in turn if isinstance(message, AIMessage)]
        text = spoken[-1].text.strip() if spoken else ""
        reason = spoken[-1].response_metadata.get("stop_reason") if spoken else None
        # After a refusal the provider wants the exchange out of the context, so it must not become memory.
        if reason == "refusal" or not text:
            raise ModelRejectedError(f"the model gave no answer ({reason})")
        usage = [message.usage_metadata for message in spoken if message.usage_metadata]
        return Answered(
            text=text,
            reasoning=tuple(words for message in spoken[:-1] if (words := message.text.strip())),
            checkpoint_id=self._saver.written(thread),
            input_tokens=sum(tokens["input_tokens"] for tokens in usage),
            output_tokens=sum(tokens["output_tokens"] for tokens in usage),
        )


def connect(
    settings: ChatSettings, database: Database, aws: Aws, *, anthropic: str, voyage: str, tavily: str | None
) -> Agent:
    """The agent with its tools, using the given keys; makes no call."""
    embedder = QueryEmbedder(
        EmbedderConfig(api_key=voyage, base_url=settings.voyage_base_url, model=settings.embedding_model)
    )
    reranking = voyage_reranking(settings, api_key=voyage, base_url=settings.voyage_base_url)
    collection = CollectionSearch(database, embedder, settings.ranking, settings.thresholds, reranking)
    tools = [collection_tool(collection), *reading_tools(collection)]
    if tavily:
        tools.append(web_tool(WebSearch.connect(tavily, settings)))
    saver = TurnSaver(settings.table_checkpoints, aws, ttl_s=settings.session_ttl_s)
    return Agent(settings, saver, tools, api_key=anthropic, overview=collection.overview)


def _config(thread: str, checkpoint_id: str | None) -> RunnableConfig:
    configurable: dict[str, Any] = {"thread_id": thread}
    if checkpoint_id is not None:
        configurable["checkpoint_id"] = checkpoint_id
    return {"configurable": configurable}


def _model(settings: ChatSettings, api_key: str) -> ChatAnthropic:
    model = ChatAnthropic(
        model=settings.chat_model,
        max_tokens=settings.chat_max_tokens,
        api_key=SecretStr(api_key),
        # The middleware retries within the turn's deadline.
        max_retries=0,
        timeout=settings.turn_budget_s,
        stop=None,
    )
    # Newer models reject a temperature; unknown models are assumed to accept one.
    if (model.profile or {}).get("temperature") is not False:
        model.temperature = settings.chat_temperature
    return model
