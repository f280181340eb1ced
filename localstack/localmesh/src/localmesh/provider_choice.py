"""Which AI provider is real and which is emulated: decided per provider, by whether there is a key for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

EMULATED_KEY: Final = "emulated"

# name -> (variable that moves the SDK to another endpoint, path of that API in the emulator).
# LangSmith has no emulator: without a key there is no tracing.
_EMULATED: Final[Mapping[str, tuple[str, str]]] = {
    "anthropic": ("ANTHROPIC_BASE_URL", ""),
    "openai": ("OPENAI_BASE_URL", "/v1"),
    "voyage": ("VOYAGE_BASE_URL", "/voyage/v1"),
    "tavily": ("TAVILY_BASE_URL", "/tavily"),
}


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider as the functions see it.

    `environment` is what a function's environment needs for it (empty: the SDK's own endpoint), `api_key` what
    goes into the secret `<name>-api-key` (None: no such secret, the feature is off).
    """

    name: str
    real: bool
    api_key: SecretStr | None
    environment: Mapping[str, str]

    @property
    def secret_name(self) -> str:
        return f"{self.name}-api-key"


def describe_providers(keys: Mapping[str, SecretStr | None], emulator_url: str) -> tuple[Provider, ...]:
    """Choose for each provider in `keys`; a key of spaces counts as none."""
    return tuple(_choose(name, key, emulator_url) for name, key in keys.items())


def _choose(name: str, key: SecretStr | None, emulator_url: str) -> Provider:
    if key is not None and key.get_secret_value().strip():
        return Provider(name, real=True, api_key=SecretStr(key.get_secret_value().strip()), environment={})
    if name not in _EMULATED:
        return Provider(name, real=False, api_key=None, environment={})
    variable, path = _EMULATED[name]
    return Provider(name, real=False, api_key=SecretStr(EMULATED_KEY), environment={variable: f"{emulator_url}{path}"})
