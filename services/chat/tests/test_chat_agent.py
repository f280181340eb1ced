"""The agent's graph over a model that says what it is told: what the model is shown, what a turn leaves; no socket."""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests
from botocore.exceptions import ClientError, EndpointConnectionError
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError
from psycopg import Connection
from pydantic import Field
from tavily.errors import UsageLimitExceededError  # type: ignore[import-untyped]  # ships no py.typed

from chassis.aws import Aws
from chassis.errors import TransientError
from chassis.observability import metrics
from chat import agent as agent_module
from chat import collection
from chat.agent import Agent, Answered, connect
from chat.collection import MAX_RESULT, CollectionSearch, Found, collection_tool
from chat.errors import ModelRejectedError, ToolFailedError
from chat.reading import reading_tools
from chat.saver import TurnSaver
from chat.settings import ChatSettings
from chat.turn_context import TurnContext
from chat.web import WebSearch, web_tool
from retrieval import (
    DEFAULT_RANKING,
    EmbedderConfig,
    EmbeddingRateLimitedError,
    Filters,
    Hit,
    QueryEmbedder,
    Ranking,
    RerankerUnavailableError,
    ScoreType,
    SearchMode,
    SearchQuery,
    agent_tools,
)
from retrieval.agent_tools import Shown
from retrieval.confidence import Thresholds
from retrieval.passages import Source
from retrieval.reranking import Reranking
from testkit import Fakes, Measured
from testkit.faults import AwsCalls, fails

SETTINGS = ChatSettings()
VECTOR = (0.6, 0.8)


def hit(item: str = "a", **changes: Any) -> Hit:
    return replace(
        Hit(
            item_id=item,
            rank=1,
            score=0.123456,
            score_type=ScoreType.HYBRID,
            bm25=None,
            similarity=0.5,
            category="Food",
            headline="駅",
            summary="A bowl.",
            filename="f.png",
            original_filename="o.png",
            analysis_id="a",
            analysis_version=1,
            description={
                "media_metadata": {"location_tags": ["Kyoto", "Japan"]},
                "image_details": {"extracted_text": ["ラーメン"]},
            },
            body="駅\nA bowl.\nラーメン",
        ),
        **changes,
    )


ENTRY = {
    "item_id": "a",
    "headline": "駅",
    "category": "Food",
    "places": ["Kyoto", "Japan"],
    "text": ["駅\nA bowl.\nラーメン"],
    "score": 0.1235,
}


def turn(seconds: float = 60, **changes: Any) -> TurnContext:
    return TurnContext(tenant_id="alice", deadline=time.monotonic() + seconds, **changes)


# The collection


@dataclass
class Retrieval:
    """Of `chat.collection`: the searches in the read model, and the model of the tenant's vectors."""

    hits: list[Hit] = field(default_factory=lambda: [hit()])
    model: str | None = None
    asked: list[tuple[SearchQuery, Ranking]] = field(default_factory=list)
    read: list[tuple[Any, ...]] = field(default_factory=list)

    def search(self, conn: Connection[Any], query: SearchQuery, ranking: Ranking = DEFAULT_RANKING) -> list[Hit]:
        self.asked.append((query, ranking))
        return self.hits

    def sources(
        self, conn: Connection[Any], tenant_id: str, questions: Sequence[str], hits: Sequence[Hit], characters: int
    ) -> list[Source]:
        self.read.append((tenant_id, questions, characters))
        return [Source(each.item_id, (each.body,)) for each in hits]

    def vector_model(self, conn: Connection[Any], tenant_id: str) -> str | None:
        assert tenant_id == "alice"
        return self.model


class Embedder(QueryEmbedder):
    """Embeds queries. `fault` is raised instead."""

    def __init__(self) -> None:
        super().__init__(EmbedderConfig(api_key="key", model="voyage-3.5-lite"))
        self.asked: list[tuple[str, str, str | None]] = []
        self.fault: Exception | None = None

    def embed(self, tenant_id: str, text: str, model: str | None = None) -> tuple[float, ...]:
        self.asked.append((tenant_id, text, model))
        if self.fault is not None:
            raise self.fault
        return VECTOR


@pytest.fixture
def retrieval(fakes: Fakes) -> Retrieval:
    return fakes.stand_in(collection, Retrieval())


@pytest.fixture
def embedder() -> Embedder:
    return Embedder()


@pytest.fixture
def search(fakes: Fakes, retrieval: Retrieval, embedder: Embedder) -> CollectionSearch:
    return CollectionSearch(fakes.database, embedder)


@dataclass
class Backwards:
    """Finds the last of the texts the best, or is down."""

    fakes: Fakes
    is_down: bool = False

    def relevances(self, query: str, texts: Sequence[str]) -> list[float]:
        assert not self.fakes.database.is_open, "a transaction waits for the provider"
        if self.is_down:
            raise RerankerUnavailableError("voyage: Timeout")
        return [float(place) for place, _ in enumerate(texts)]


def test_a_search_is_reranked_where_a_reranker_is_set_and_up(
    fakes: Fakes, search: CollectionSearch, retrieval: Retrieval
) -> None:
    one, two = hit(), replace(hit(), item_id="two", rank=2)
    retrieval.hits = [one, two]
    reranker = Backwards(fakes)
    search.reranking = Reranking(reranker)
    found = search.find(turn(top_k=1), "ramen", Filters())
    assert [(each.item_id, each.rank) for each in found.hits] == [("two", 1)]
    assert retrieval.asked[0][0].top_k == 50
    reranker.is_down = True
    assert search.find(turn(top_k=1), "ramen", Filters()).hits == [one]


@pytest.mark.parametrize(("of_vectors", "used"), [(None, "voyage-3.5-lite"), ("voyage-4", "voyage-4")])
def test_a_search_is_the_turns_and_the_models(
    search: CollectionSearch, retrieval: Retrieval, embedder: Embedder, of_vectors: str | None, used: str
) -> None:
    retrieval.model = of_vectors
    asking = turn(top_k=7, min_similarity=0.25, question="Where?")
    source = Source("a", (hit().body,))
    assert search.find(asking, "ramen", Filters(category="Poster")) == Found([hit()], [source], None)
    assert retrieval.read == [("alice", ("ramen", "Where?"), 1000)]
    search.find(replace(asking, filters=Filters(category="Food")), "ramen", Filters(category="Poster"))
    expected = SearchQuery(
        tenant_id="alice",
        text="ramen",
        mode=SearchMode.HYBRID,
        vector=VECTOR,
        model=used,
        top_k=7,
        filters=Filters(category="Poster"),
        min_similarity=0.25,
    )
    assert retrieval.asked == [
        (expected, DEFAULT_RANKING),
        (replace(expected, filters=Filters(category="Food")), DEFAULT_RANKING),
    ]
    assert embedder.asked == [("alice", "ramen", used)] * 2


def test_without_a_vector_words_are_searched_and_that_is_counted(
    search: CollectionSearch, retrieval: Retrieval, embedder: Embedder, measured: Measured
) -> None:
    embedder.fault = EmbeddingRateLimitedError("429")
    search.find(turn(top_k=7), "ramen", Filters())
    assert retrieval.asked == [(SearchQuery("alice", "ramen", SearchMode.BM25, top_k=7), DEFAULT_RANKING)]
    metrics.flush_metrics()
    assert measured()["SearchesWithoutMeaning"] == ("Count", [1])


def found(search: CollectionSearch, context: TurnContext, query: str = "ramen", **filters: Any) -> str:
    """What the tool returns to the model."""
    call: Any = collection_tool(search)
    return str(call.func(query=query, runtime=SimpleNamespace(context=context), **filters))


def test_what_the_model_reads_of_a_search(search: CollectionSearch, retrieval: Retrieval) -> None:
    retrieval.hits = [hit(), hit("b", description={})]
    context = turn()
    document = found(search, context, category="Poster")
    assert json.loads(document) == {"results": [ENTRY, ENTRY | {"item_id": "b", "places": []}]}
    assert "駅" in document, "letters, not their escapes"
    assert context.hits == retrieval.hits
    used = {"name": "search_collection", "input": {"query": "ramen", "category": "Poster"}, "results": 2}
    assert context.tools_used == [used]


def test_whether_anything_was_found_is_told(search: CollectionSearch, retrieval: Retrieval) -> None:
    search.thresholds = Thresholds(0.2, {"voyage-3.5-lite": 0.6})
    context = turn()
    assert context.confident is None, "nothing was searched for"
    found(search, context)
    assert context.confident is False
    found(search, context, "???")
    retrieval.hits = [hit(similarity=0.7)]
    found(search, context)
    assert (context.told, context.confident) == ([False, False, True], True)


@dataclass
class Tools:
    """Of `retrieval.agent_tools`: what is asked of the read model."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def list_items(
        self,
        conn: Connection[Any],
        tenant_id: str,
        filters: Filters,
        *,
        query: str = "",
        sort: str = "newest",
        page: int = 1,
    ) -> Shown:
        self.asked.append((tenant_id, filters, query, sort, page))
        return Shown([hit("listed")], "a list", 21)

    def count_items(
        self, conn: Connection[Any], tenant_id: str, filters: Filters, *, query: str = "", by: str | None = None
    ) -> Shown:
        self.asked.append((tenant_id, filters, query, by))
        return Shown((), "a count", 7)

    def read_item(self, conn: Connection[Any], tenant_id: str, *, item_id: str, page: int = 1) -> Shown:
        self.asked.append((tenant_id, item_id, page))
        return Shown([hit("read")], "an item", 1)


def test_items_are_listed_counted_and_read(fakes: Fakes, search: CollectionSearch) -> None:
    tools = fakes.stand_in(agent_tools, Tools())
    context = turn(filters=Filters(category="Food"))
    runtime = SimpleNamespace(context=context)
    list_items, count_items, read_item = (cast("Any", each).func for each in reading_tools(search))
    assert list_items(runtime=runtime, query="-place:Lisbon", sort="oldest", page=2, category="Poster") == "a list"
    assert count_items(runtime=runtime, by="place", has_text=True) == "a count"
    assert read_item(runtime=runtime, item_id="read") == "an item"
    own = Filters(category="Food")
    assert tools.asked == [
        ("alice", own, "-place:Lisbon", "oldest", 2),
        ("alice", replace(own, has_text=True), "", "place"),
        ("alice", "read", 1),
    ]
    assert [each.item_id for each in context.hits] == ["listed", "read"], "what an answer may cite and quote"
    listed = {"query": "-place:Lisbon", "sort": "oldest", "page": 2, "category": "Poster"}
    assert context.tools_used == [
        {"name": "list_items", "input": listed, "results": 21},
        {"name": "count_items", "input": {"by": "place", "has_text": True}, "results": 7},
        {"name": "read_item", "input": {"item_id": "read", "page": 1}, "results": 1},
    ]


def test_a_search_shows_as_many_hits_as_fit(search: CollectionSearch, retrieval: Retrieval) -> None:
    size = len(json.dumps(ENTRY, ensure_ascii=False))
    many = MAX_RESULT // size
    spare = MAX_RESULT - many * size
    for extra, shown in ((spare, many), (spare + 1, many - 1)):
        retrieval.hits = [*(hit() for _ in range(many - 1)), hit(headline="駅" + "の" * extra), hit()]
        context = turn()
        assert len(json.loads(found(search, context))["results"]) == shown
        assert (context.hits, context.tools_used[0]["results"]) == (retrieval.hits[:shown], shown)


def test_the_first_hit_is_always_shown(
    search: CollectionSearch, retrieval: Retrieval, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "MAX_RESULT", 1)
    retrieval.hits = [hit(), hit("b")]
    assert json.loads(found(search, turn())) == {"results": [ENTRY]}


# The web


class Tavily:
    """The SDK's client; `outcome` is its answer, or is raised."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def search(self, query: str, **options: Any) -> Any:
        self.asked.append((query, options))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


PAGE = {"title": "駅", "url": "https://a.org", "content": "c" * 2001, "score": 1}


@pytest.mark.parametrize(("left_s", "timeout"), [(60, 8.0), (5, 5.0), (0.5, 1.0), (-3, 1.0)])
def test_what_the_web_is_asked_for(left_s: float, timeout: float) -> None:
    settings = ChatSettings(
        tavily_max_results=7,
        tavily_search_depth="advanced",
        tavily_include_domains="a.org, b.org",
        tavily_exclude_domains="c.org",
    )
    client = Tavily({"results": [PAGE]})
    shown = {"title": "駅", "url": "https://a.org", "content": "c" * 2000}
    assert WebSearch(client, settings).find("ramen", left_s) == [shown]
    expected = {
        "search_depth": "advanced",
        "max_results": 7,
        "include_domains": ["a.org", "b.org"],
        "exclude_domains": ["c.org"],
        "timeout": timeout,
    }
    assert client.asked == [("ramen", expected)]


def test_what_the_model_reads_of_the_web() -> None:
    client, context = Tavily({"results": [PAGE, PAGE | {"content": "short"}]}), turn(5)
    tool: Any = web_tool(WebSearch(client, SETTINGS))
    document = tool.func(query="ramen", runtime=SimpleNamespace(context=context))
    shown = {"title": "駅", "url": "https://a.org", "content": "c" * 2000}
    assert json.loads(document) == {"results": [shown, shown | {"content": "short"}]}
    assert "駅" in document
    assert 1 < client.asked[0][1]["timeout"] <= 5
    assert context.tools_used == [{"name": "search_web", "input": {"query": "ramen"}, "results": 2}]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (UsageLimitExceededError("plan"), "the web search does not answer at the moment"),
        (requests.ConnectionError("down"), "the web search does not answer at the moment"),
        ({"pages": []}, "the web search answered something unreadable"),
        ({"results": [{"title": "t", "url": "u", "content": None}]}, "the web search answered something unreadable"),
        (ValueError("no JSON"), "the web search answered something unreadable"),
    ],
)
def test_a_web_that_does_not_answer(outcome: Any, said: str) -> None:
    with pytest.raises(ToolFailedError, match=f"^{said}$") as raised:
        WebSearch(Tavily(outcome), SETTINGS).find("ramen", 5)
    assert raised.value.__cause__ is not None
    if isinstance(outcome, Exception):
        assert raised.value.__cause__ is outcome


# The agent


class Model(GenericFakeChatModel):
    """Says one message after the other; keeps what it is shown, and how it is called."""

    shown: list[list[BaseMessage]] = Field(default_factory=list)
    called: list[dict[str, Any]] = Field(default_factory=list)

    def bind_tools(self, tools: Any, *, tool_choice: Any = None, **options: Any) -> Any:
        self.called.append({"tools": [tool.name for tool in tools], "tool_choice": tool_choice, **options})
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> Any:
        self.shown.append(messages)
        return super()._generate(messages)


class Saver(InMemorySaver):
    """The checkpointer in memory; `stored` are the checkpoints of each thread. LangGraph may work with a copy of it."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: defaultdict[str, list[str]] = defaultdict(list)

    def put(self, *arguments: Any) -> Any:
        config = super().put(*arguments)
        self.stored[config["configurable"]["thread_id"]].append(config["configurable"]["checkpoint_id"])
        return config

    def written(self, thread: str) -> str:
        return self.stored[thread][-1]


def said(text: str, tokens: tuple[int, int] = (0, 0), **fields: Any) -> AIMessage:
    usage: Any = {"input_tokens": tokens[0], "output_tokens": tokens[1], "total_tokens": sum(tokens)}
    return AIMessage(text, usage_metadata=usage, **fields)


def calling(number: int, text: str = "", tokens: tuple[int, int] = (0, 0), **arguments: Any) -> AIMessage:
    return said(text, tokens, tool_calls=[{"id": str(number), "name": "search_collection", "args": arguments}])


def holdings(context: TurnContext) -> str:
    """Read once a turn."""
    assert context.overview is None
    return f"{context.tenant_id} has 3 items."


Talk = Callable[..., tuple[Agent, Model, Saver]]


@pytest.fixture
def talk(search: CollectionSearch, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """An agent whose model says these messages."""

    def make(*says: AIMessage, settings: ChatSettings = SETTINGS) -> tuple[Agent, Model, Saver]:
        model, saver = Model(messages=iter(says)), Saver()
        monkeypatch.setattr(agent_module, "_model", lambda *_: model)
        tools = [collection_tool(search)]
        agent = Agent(settings, saver, tools, api_key="key", overview=holdings)  # type: ignore[arg-type]  # in memory
        return agent, model, saver

    return make


def told(messages: list[BaseMessage]) -> list[tuple[str, Any]]:
    return [(message.type, message.content) for message in messages]


class Counts(BaseCallbackHandler):
    """Counts calls of models."""

    calls = 0

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        self.calls += 1


def test_what_the_model_is_shown_and_what_a_turn_leaves(talk: Talk) -> None:
    says = [calling(1, " Let me look. ", (10, 1), query="ramen"), calling(2, "", (20, 2), query="soup")]
    agent, model, saver = talk(*says, said("  In Kyoto. ", (30, 4)))
    context, counts = turn(), Counts()
    answered = agent.answer("Where?", context, thread="t", memory=None, callbacks=[counts])
    prompt = (resources.files("chat") / "prompts/system.txt").read_text()
    document = json.dumps({"results": [ENTRY]}, ensure_ascii=False)
    opening = [("system", f"{prompt}\nalice has 3 items."), ("human", "Where?")]
    assert [told(messages) for messages in model.shown] == [
        opening,
        [*opening, ("ai", " Let me look. "), ("tool", document)],
        [*opening, ("ai", " Let me look. "), ("tool", document), ("ai", ""), ("tool", document)],
    ]
    assert [call["tools"] for call in model.called] == [["search_collection"]] * 3
    assert all(30 < call["timeout"] <= 60 for call in model.called)
    assert (dict(saver.stored), counts.calls) == ({"t": [answered.checkpoint_id]}, 3)
    memory = agent.recall("t", answered.checkpoint_id)
    assert memory is not None
    assert answered == Answered("In Kyoto.", ("Let me look.",), memory.checkpoint_id, 60, 7)
    assert [use["input"] for use in context.tools_used] == [{"query": "ramen"}, {"query": "soup"}]


def test_a_turn_goes_on_from_the_checkpoint_that_it_is_given(talk: Talk) -> None:
    agent, model, _ = talk(said("One."), said("Lost."), said("Two."))
    first = agent.answer("First?", turn(), thread="t", memory=None)
    memory = agent.recall("t", first.checkpoint_id)
    assert memory is not None
    assert told(list(memory.messages)) == [("human", "First?"), ("ai", "One.")]
    assert agent.recall("t", "1ef00000-0000-6000-8000-000000000000") is None
    assert agent.recall("u", first.checkpoint_id) is None
    for question in ("Failed?", "Second?"):
        agent.answer(question, turn(), thread="t", memory=memory)
    assert told(model.shown[-1])[1:] == [*told(list(memory.messages)), ("human", "Second?")]


def test_old_results_are_compacted_before_a_turn(talk: Talk) -> None:
    agent, model, _ = talk(calling(1, query="ramen"), said("One."), said("Two."), said("Three."))
    memory = None
    for question in ("First?", "Second?", "Third?"):
        answered = agent.answer(question, turn(), thread="t", memory=memory)
        memory = agent.recall("t", answered.checkpoint_id)
    results = [str(message.content) for message in model.shown[-1] if isinstance(message, ToolMessage)]
    assert [json.loads(result) for result in results] == [{"results": [{"item_id": "a", "headline": "駅"}]}]


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (said("", response_metadata={"stop_reason": "max_tokens"}), "max_tokens"),
        (said(" \n"), "None"),
        (said("I will not.", response_metadata={"stop_reason": "refusal"}), "refusal"),
    ],
)
def test_a_turn_without_an_answer_is_rejected(talk: Talk, last: AIMessage, reason: str) -> None:
    agent, *_ = talk(last)
    with pytest.raises(ModelRejectedError) as raised:
        agent.answer("Where?", turn(), thread="t", memory=None)
    assert str(raised.value) == f"the model gave no answer ({reason})"


def test_a_turn_in_which_the_model_said_nothing_is_rejected(talk: Talk) -> None:
    agent, *_ = talk()
    with pytest.raises(ModelRejectedError, match=r"^the model gave no answer \(None\)$"):
        agent._read([HumanMessage("Where?")], "t")


@contextmanager
def raised_by(agent: Agent, error: Exception, raised: type[Exception], text: str) -> Iterator[None]:
    """The graph ends in the error; the block in another, which it caused."""

    def invoke(*_: Any, **__: Any) -> Any:
        raise error

    agent._graph = SimpleNamespace(invoke=invoke)  # type: ignore[assignment]
    with pytest.raises(raised) as caught:
        yield
    assert (str(caught.value), caught.value.__cause__) == (text, error)


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [
        (ClientError({"Error": {"Code": "Throttled", "Message": "m"}}, "x"), TransientError, "DynamoDB: Throttled"),
        (EndpointConnectionError(endpoint_url="https://x"), TransientError, "DynamoDB: EndpointConnectionError"),
        (GraphRecursionError("limit"), ModelRejectedError, "the model gave no answer"),
    ],
)
def test_a_turn_whose_graph_ends_in_an_error(talk: Talk, error: Exception, raised: type[Exception], text: str) -> None:
    agent, *_ = talk()
    with raised_by(agent, error, raised, text):
        agent.answer("Where?", turn(), thread="t", memory=None)


def test_a_memory_that_cannot_be_read_is_not_a_new_conversation(offline_aws: Aws) -> None:
    saver = TurnSaver("checkpoints", offline_aws, ttl_s=60)
    agent = Agent(SETTINGS, saver, [], api_key="key", overview=holdings)
    with (
        AwsCalls(saver.client, Query=fails("Throttled"), GetItem=fails("Throttled")),
        pytest.raises(TransientError) as e,
    ):
        agent.recall("t", "1")
    assert str(e.value) == "DynamoDB: Throttled"
    assert isinstance(e.value.__cause__, ClientError)


def test_a_model_that_calls_tools_for_ever_is_stopped(talk: Talk) -> None:
    """Its rounds and three more fit: the middleware ends them long before."""
    agent, model, _ = talk(*(calling(n, query="x") for n in range(20)), settings=ChatSettings(max_tool_rounds=1))
    with pytest.raises(ModelRejectedError):
        agent.answer("Where?", turn(), thread="t", memory=None)
    assert len(model.shown) == 4


@pytest.mark.parametrize(
    ("name", "temperature"), [("claude-sonnet-4-6", 0.3), ("claude-opus-5", None), ("claude-unknown", 0.3)]
)
def test_the_model_is_that_of_the_settings(name: str, temperature: float | None) -> None:
    settings = ChatSettings(chat_model=name, chat_max_tokens=77, turn_budget_s=13, chat_temperature=0.3)
    model = agent_module._model(settings, "the key")
    assert model.anthropic_api_key.get_secret_value() == "the key"
    assert (model.model, model.max_tokens, model.default_request_timeout) == (name, 77, 13)
    assert (model.max_retries, model.temperature, model.stop_sequences) == (0, temperature, None)


@pytest.mark.parametrize("tavily", [None, "", "key of tavily"])
def test_the_agent_has_the_tools_of_its_keys(
    fakes: Fakes, offline_aws: Aws, monkeypatch: pytest.MonkeyPatch, tavily: str | None
) -> None:
    made: list[Any] = []
    monkeypatch.setattr(agent_module, "Agent", lambda *arguments, **keys: made.append((arguments, keys)))
    monkeypatch.setattr(agent_module, "collection_tool", lambda tool: tool)
    monkeypatch.setattr(agent_module, "web_tool", lambda tool: tool)
    settings = ChatSettings(
        table_checkpoints="checkpoints",
        session_ttl_s=60,
        voyage_base_url="http://voyage.invalid/v1",
        embedding_model="voyage-4",
        tavily_base_url="http://tavily.invalid",
    )
    connect(settings, fakes.database, offline_aws, anthropic="a", voyage="v", tavily=tavily)
    (((of, saver, (search, *others)), keys),) = made
    reading, webs = others[:3], others[3:]
    assert [each.name for each in reading] == ["list_items", "count_items", "read_item"]
    assert keys == {"api_key": "a", "overview": search.overview}
    assert (of, len(webs)) == (settings, 1 if tavily else 0)
    assert search.thresholds == settings.thresholds
    assert (saver.table_name, saver.storage.ttl_seconds, saver.repo.ttl_seconds) == ("checkpoints", 60, 60)
    assert saver.client.meta.endpoint_url == offline_aws.endpoint_url
    assert search.database is fakes.database
    config = EmbedderConfig(api_key="v", base_url="http://voyage.invalid/v1", model="voyage-4")
    assert search.embedder._config == config
    for web in webs:
        assert web.settings is settings
        assert (web.client.api_key, web.client.base_url) == ("key of tavily", "http://tavily.invalid")
