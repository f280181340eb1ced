"""Settings of a local mesh, from the environment and from `.env` at the repository root (the environment wins).

A mesh is described wholly by one `MeshSettings`: another state folder and other ports are another mesh.
Malformed values (a port that is not a number) raise pydantic's `ValidationError` with the setting's name.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from localmesh.paths import StatePaths
from localmesh.provider_choice import EMULATED_KEY, Provider, describe_providers
from workspace import REPOSITORY

API_ID = "collections"
_STATE_DIRS: Final = {"ministack": REPOSITORY / ".mesh", "localstack": REPOSITORY / ".mesh-localstack"}


class Backend(StrEnum):
    """What emulates AWS."""

    MINISTACK = "ministack"
    #: LocalStack's community edition, with MiniStack beside it (the companion) for what it lacks.
    LOCALSTACK = "localstack"

    @property
    def capabilities(self) -> frozenset[str]:
        """What the mesh can rely on: `durability` (what was accepted survives a kill and a restart), `iam` (policies of
        the functions' roles are enforced), `companion` (an emulator of its own for users, tables and the HTTP API)."""
        return frozenset({"durability", "iam"} if self is Backend.MINISTACK else {"companion"})


class Mode(StrEnum):
    """What runs the services' functions: the emulator's Lambda, or processes of `serving`, as in containers."""

    LAMBDA = "lambda"
    CONTAINERS = "containers"


class MeshSettings(BaseSettings):
    """What one mesh is: its state folder, the ports it listens on and which AI providers are real."""

    model_config = SettingsConfigDict(
        env_prefix="MESH_",
        env_file=REPOSITORY / ".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        env_ignore_empty=True,
    )

    backend: Backend = Backend.MINISTACK
    state_dir: Path = _STATE_DIRS["ministack"]
    host: str = "127.0.0.1"
    emulator_port: int = Field(default=4566, ge=1, le=65535)
    postgres_port: int = Field(default=5433, ge=1, le=65535)
    providers_port: int = Field(default=4570, ge=1, le=65535)
    mode: Mode = Mode.LAMBDA
    web_port: int = Field(default=4580, ge=1, le=65535)
    #: The first of the management ports: of `web`, and of each service in the order of their names.
    management_port: int = Field(default=4581, ge=1, le=65000)
    companion_port: int = Field(default=4571, ge=1, le=65535)  # with LocalStack alone
    environment: str = Field(default="local", pattern=r"^[a-z][a-z0-9-]{0,15}$")
    region: str = "us-east-1"
    account: str = Field(default="000000000000", pattern=r"^\d{12}$")
    iam: bool = True  # enforce the policies of the functions' roles

    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    voyage_api_key: SecretStr | None = Field(default=None, validation_alias="VOYAGE_API_KEY")
    tavily_api_key: SecretStr | None = Field(default=None, validation_alias="TAVILY_API_KEY")
    langsmith_api_key: SecretStr | None = Field(default=None, validation_alias="LANGSMITH_API_KEY")

    @model_validator(mode="before")
    @classmethod
    def _choose_backend(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was given
        """Each back end has a state folder of its own; unless it is named, the one that is up is meant.

        A folder that is named was made by the back end that it has written into it, or will be by MiniStack.
        """
        if not isinstance(given, dict):
            return given
        if "state_dir" not in given:
            up = [name for name, folder in _STATE_DIRS.items() if StatePaths(folder).is_up]
            backend = str(given.get("backend") or (up[0] if len(up) == 1 else Backend.MINISTACK))
            return {"state_dir": _STATE_DIRS.get(backend, _STATE_DIRS["ministack"]), **given, "backend": backend}
        return {"backend": StatePaths(REPOSITORY / given["state_dir"]).backend or Backend.MINISTACK, **given}

    @field_validator("state_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """A relative folder is relative to the repository, wherever the command was run."""
        return value if value.is_absolute() else REPOSITORY / value

    def as_running(self) -> MeshSettings:
        """With the mode in which the mesh was last provisioned: `mesh up --mode` outlives its command."""
        try:
            mode = Mode(json.loads(self.paths.provisioned.read_text(encoding="utf-8"))["mode"])
        except (FileNotFoundError, ValueError, KeyError):
            return self  # never provisioned, or by an older version
        return self if mode is self.mode else self.model_copy(update={"mode": mode})

    @property
    def paths(self) -> StatePaths:
        return StatePaths(self.state_dir)

    @property
    def emulator_url(self) -> str:
        """The endpoint of every AWS service."""
        return f"http://{self.host}:{self.emulator_port}"

    @property
    def companion_url(self) -> str:
        """What answers for the services that LocalStack lacks; clients reach it through `emulator_url`."""
        return f"http://{self.host}:{self.companion_port}"

    def jwks_url(self, user_pool_id: str) -> str:
        """The keys with which the user pool signs tokens: at who answers for Cognito, which LocalStack does not."""
        base = self.companion_url if self.backend is Backend.LOCALSTACK else self.emulator_url
        return f"{base}/{user_pool_id}/.well-known/jwks.json"

    @property
    def providers_url(self) -> str:
        """The root of the AI provider emulator."""
        return f"http://{self.host}:{self.providers_port}"

    @property
    def api_url(self) -> str:
        """The base of the HTTP API; fixed, because the API's id is."""
        if self.mode is Mode.CONTAINERS:
            return f"http://{self.host}:{self.web_port}"
        return f"{self.emulator_url}/_aws/execute-api/{API_ID}"

    @property
    def postgres_password_file(self) -> Path:
        return self.paths.postgres / "password"

    def postgres_password(self) -> str:
        """The superuser's password; `FileNotFoundError` before Postgres was first started."""
        return self.postgres_password_file.read_text(encoding="ascii")

    def postgres_dsn(self, dbname: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """A connection URL; without a password it is the superuser's, read from the state folder."""
        secret = self.postgres_password() if password is None else password
        return f"postgresql://{quote(user, safe='')}:{quote(secret, safe='')}@{self.host}:{self.postgres_port}/{dbname}"

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Each AI provider as the functions shall meet it: the real one where there is a key, else the emulated."""
        keys = {
            "anthropic": self.anthropic_api_key,
            "openai": self.openai_api_key,
            "voyage": self.voyage_api_key,
            "tavily": self.tavily_api_key,
            "langsmith": self.langsmith_api_key,
        }
        return describe_providers(keys, self.providers_url)


__all__ = ["API_ID", "EMULATED_KEY", "Backend", "MeshSettings", "Mode", "Provider"]
