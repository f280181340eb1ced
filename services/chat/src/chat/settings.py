"""The service's own settings."""

from pydantic import Field

from chassis.config import Settings


class ChatSettings(Settings):
    """Times in seconds, prices in USD per million tokens of the default model, domains separated by commas.

    `turn_seconds` is the time a turn may take in all: the gateway waits 29 s.
    """

    table_checkpoints: str = ""
    session_ttl_s: int = Field(default=4 * 3600, ge=1)

    chat_model: str = "claude-sonnet-4-6"
    chat_temperature: float | None = Field(default=0.1, ge=0, le=1)
    chat_max_tokens: int = Field(default=2048, ge=1)
    chat_input_price: float = Field(default=3, ge=0)
    chat_output_price: float = Field(default=15, ge=0)
    max_tool_rounds: int = Field(default=3, ge=0)
    max_tool_calls: int = Field(default=6, ge=0)
    context_tokens: int = Field(default=24_000, ge=1000)
    turn_seconds: float = Field(default=24, gt=0)

    embedding_model: str = "voyage-3.5-lite"
    voyage_base_url: str | None = None

    tavily_base_url: str | None = None
    tavily_max_results: int = Field(default=5, ge=1, le=20)
    tavily_search_depth: str = "basic"
    tavily_include_domains: str = ""
    tavily_exclude_domains: str = ""

    langsmith_endpoint: str | None = None


def domains(text: str) -> list[str]:
    """The domains of a setting."""
    return [domain.strip() for domain in text.split(",") if domain.strip()]
