"""The settings of chat."""

from pydantic import Field

from chassis.settings import Settings
from retrieval.settings import ConfidenceSettings, RankingSettings, RerankerSettings


class ChatSettings(Settings, RankingSettings, ConfidenceSettings, RerankerSettings):
    """The chassis' settings, those of ranking, confidence and reranking, and chat's own."""

    service: str = "chat"

    #: DynamoDB table of the agent's checkpoints.
    table_checkpoints: str = ""
    #: Seconds for which the agent remembers a conversation.
    session_ttl_s: int = Field(default=4 * 3600, ge=1)

    chat_model: str = "claude-sonnet-4-6"
    #: Sent only to models that accept one.
    chat_temperature: float | None = Field(default=0.1, ge=0, le=1)
    #: Tokens of one answer.
    chat_max_tokens: int = Field(default=2048, ge=1)
    #: USD per million tokens of the default model.
    chat_input_price: float = Field(default=3, ge=0)
    chat_output_price: float = Field(default=15, ge=0)
    #: Limits on rounds of tool calls in a turn, and on calls in all.
    max_tool_rounds: int = Field(default=3, ge=0)
    max_tool_calls: int = Field(default=6, ge=0)
    #: Tokens of memory that the model is shown.
    context_tokens: int = Field(default=24_000, ge=1000)
    #: Time limit of a turn in seconds: the gateway waits 29 s.
    turn_budget_s: float = Field(default=24, gt=0)

    #: Model of query vectors for tenants without vectors.
    embedding_model: str = "voyage-3.5-lite"
    #: Base URL of Voyage, ending in /v1; None is the public API.
    voyage_base_url: str | None = None

    #: Base URL of Tavily; None is the public API.
    tavily_base_url: str | None = None
    #: Pages of one search.
    tavily_max_results: int = Field(default=5, ge=1, le=20)
    #: `basic` or `advanced`.
    tavily_search_depth: str = "basic"
    #: Domains, separated by commas.
    tavily_include_domains: str = ""
    tavily_exclude_domains: str = ""

    #: Base URL of LangSmith; None is the public API.
    langsmith_endpoint: str | None = None


def domains(text: str) -> list[str]:
    """The domains of a setting."""
    return [domain.strip() for domain in text.split(",") if domain.strip()]
