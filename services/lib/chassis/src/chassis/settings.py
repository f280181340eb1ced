"""Configuration from the function's environment. Nothing secret is in it; see `chassis.secrets`."""

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = [
    "Settings",
]


class Settings(BaseSettings):
    """The settings of every function (environment variables of the same names in capitals). Services extend it.

    Raises:
        pydantic.ValidationError: a variable is missing or malformed; the message names it.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    service: str
    function: str = "local"
    environment: str = "local"

    event_bus: str = ""
    images_bucket: str = ""
    parameter_prefix: str = ""

    database_host: str = "127.0.0.1"
    database_port: int = 5432
    database_name: str = "collections"
    database_role: str = ""
    database_schema: str = ""
    database_auth: Literal["password", "iam"] = "password"
    database_sslmode: str = "prefer"
    database_sslrootcert: str | None = None

    queue_url: str = ""
    dead_letter_queue_url: str = ""
    max_receives: int = 8
    #: Whole seconds that a look for a forgotten tenant's dead letters waits for every server of the queue.
    dead_letter_wait_s: int = 1

    #: The queue of this service whose waiting messages a route asks for (`backlog_of` in the manifest).
    backlog_queue_url: str = ""

    #: Seconds of work in one step of a replay: its function must be able to end one page later.
    replay_budget_s: int = 15

    #: Seconds for which a secret that was read is cached.
    secrets_max_age_s: int = 300

    git_sha: str = "unknown"
    git_tag: str = ""
    git_branch: str = ""
    build_timestamp: str = ""
