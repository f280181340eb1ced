"""What can be set."""

from pydantic import Field

from chassis.settings import Settings


class ChatSettings(Settings):
    """The chassis' settings and chat's own."""

    service: str = "chat"

    #: DynamoDB table of the agent's checkpoints.
    table_checkpoints: str = ""
    #: Seconds for which the agent remembers a conversation.
    session_ttl_s: int = Field(default=4 * 3600, ge=1)

    chat_model: str = "claude-sonnet-4-6"
    #: Sent only to models that take one.
    chat_temperature: float | None = Field(default=0.1, ge=0, le=1)
    #: Tokens of one answer.
    chat_max_tokens: int = Field(default=2048, ge=1)
    #: USD per million tokens of the default model.
    chat_input_price: float = Field(default=3, ge=0)
    chat_output_price: float = Field(default=15, ge=0)
    #: How often the model may ask for tools in a turn, and how many calls it may make in all.
    max_tool_rounds: int = Field(default=3, ge=0)
    max_tool_calls: int = Field(default=6, ge=0)
    #: Tokens of memory that the model is shown.
    context_tokens: int = Field(default=24_000, ge=1000)
    #: Seconds that a turn may take in all: the gateway waits 29 s.
    turn_seconds: float = Field(default=24, gt=0)

    #: Model of queries' vectors where a tenant has none yet.
    embedding_model: str = "voyage-3.5-lite"
    #: Where Voyage is, ending in /v1; None is the public one.
    voyage_base_url: str | None = None

    #: Where Tavily is; None is the public one.
    tavily_base_url: str | None = None
    #: Pages of one search.
    tavily_max_results: int = Field(default=5, ge=1, le=20)
    #: `basic` or `advanced`.
    tavily_search_depth: str = "basic"
    #: Domains, separated by commas.
    tavily_include_domains: str = ""
    tavily_exclude_domains: str = ""

    #: Where LangSmith is; None is the public one.
    langsmith_endpoint: str | None = None


def domains(text: str) -> list[str]:
    """The domains of a setting."""
    return [domain.strip() for domain in text.split(",") if domain.strip()]
