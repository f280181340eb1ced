"""Settings: defaults, environment, and which providers are real."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from localmesh.config import MeshSettings
from localmesh.members import members_of
from workspace import REPOSITORY

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "VOYAGE_API_KEY", "TAVILY_API_KEY", "LANGSMITH_API_KEY")


@pytest.fixture(autouse=True)
def _no_settings_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*KEYS, "MESH_STATE_DIR", "MESH_EMULATOR_PORT", "MESH_POSTGRES_PORT", "MESH_PROVIDERS_PORT"):
        monkeypatch.delenv(name, raising=False)


def settings() -> MeshSettings:
    return MeshSettings(_env_file=None)


def test_defaults_are_those_of_the_readme() -> None:
    given = settings()
    assert given.state_dir == REPOSITORY / ".mesh"
    assert given.api_url == "http://127.0.0.1:4566/_aws/execute-api/collections"
    assert (given.postgres_port, given.providers_port) == (5433, 4570)


def test_the_environment_moves_a_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_STATE_DIR", "other")
    monkeypatch.setenv("MESH_EMULATOR_PORT", "4600")
    assert settings().state_dir == REPOSITORY / "other"
    assert settings().emulator_url == "http://127.0.0.1:4600"


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_EMULATOR_PORT", "many")
    with pytest.raises(ValidationError, match="emulator_port"):
        settings()


def test_a_key_makes_its_provider_real_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOYAGE_API_KEY", "pa-1")
    monkeypatch.setenv("TAVILY_API_KEY", "")
    chosen = {provider.name: provider for provider in settings().providers}
    assert [name for name, provider in chosen.items() if provider.real] == ["voyage"]
    assert chosen["voyage"].environment == {}
    assert chosen["anthropic"].environment == {"ANTHROPIC_BASE_URL": "http://127.0.0.1:4570"}
    assert chosen["tavily"].environment == {"TAVILY_BASE_URL": "http://127.0.0.1:4570/tavily"}
    assert chosen["langsmith"].api_key is None


def test_keys_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(settings())
    assert "sk-secret" not in repr(settings().providers)


def test_the_provider_emulator_runs_only_while_something_is_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.name for one in members_of(settings())] == ["postgres", "emulator", "providers"]
    for name in KEYS:
        monkeypatch.setenv(name, "key")
    assert [one.name for one in members_of(settings())] == ["postgres", "emulator"]


def test_a_dsn_quotes_what_needs_quoting(tmp_path: Path) -> None:
    given = MeshSettings(_env_file=None, state_dir=tmp_path)
    assert given.postgres_dsn("db", "role", "a/b@c") == "postgresql://role:a%2Fb%40c@127.0.0.1:5433/db"


def test_env_example_names_every_setting_and_nothing_else() -> None:
    lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()
    named = {line.lstrip("#").partition("=")[0] for line in lines if "=" in line}
    of_compose = {"LOCALSTACK_AUTH_TOKEN"}  # docker-compose.yml reads it, where the mesh is in containers
    assert named - set(KEYS) - of_compose <= {f"MESH_{name.upper()}" for name in MeshSettings.model_fields}
    assert set(KEYS) <= named
