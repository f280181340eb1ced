"""Which model describes: the one asked for, the configured one, or another provider's when the first is unavailable."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from analysis.errors import ProviderNotConfiguredError
from analysis.models import Provider, facts
from analysis.vision import VisionModel

#: Builds a provider's client from its key.
Factory = Callable[[str], VisionModel]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model of a provider; `asked` when a caller chose it, who then gets that or nothing."""

    provider: Provider
    model: str
    asked: bool = False


@dataclass(frozen=True)
class Providers:
    """The configured providers. `keys` looks a provider's key up: None or empty means not configured.

    `offered` are the models that a caller may ask for.
    """

    factories: Mapping[Provider, Factory]
    keys: Callable[[Provider], str | None]
    models: Mapping[Provider, str]
    first: Provider
    second: Provider | None
    offered: Mapping[Provider, Collection[str]] = field(default_factory=dict)
    _clients: dict[tuple[Provider, str], VisionModel] = field(default_factory=dict)

    def choose(self, provider: Provider | None = None, model: str | None = None) -> Choice:
        """What to use for a request; of a model that is known the provider is known too."""
        chosen = provider or (self._provider_of(model) if model else None) or self.first
        return Choice(chosen, model or self.models[chosen], asked=bool(provider or model))

    def _provider_of(self, model: str) -> Provider | None:
        known = facts(model)
        return known.provider if known else next((name for name, m in self.offered.items() if model in m), None)

    def fallback(self, choice: Choice) -> Choice | None:
        """What to use when the choice is unavailable; None when it was asked for or nothing else is configured."""
        if choice.asked or self.second is None or self.second == choice.provider:
            return None
        return Choice(self.second, self.models[self.second]) if self.keys(self.second) else None

    def can_answer(self, choice: Choice) -> bool:
        """Whether there is a key for the choice, or for what is used when it is unavailable."""
        return bool(self.keys(choice.provider)) or self.fallback(choice) is not None

    def client(self, provider: Provider) -> VisionModel:
        """The provider's client, made when first used with that key.

        Raises:
            ProviderNotConfiguredError: there is no key for it.
        """
        key = self.keys(provider)
        if not key:
            raise ProviderNotConfiguredError(f"{provider}: no key")
        if (provider, key) not in self._clients:
            self._clients[provider, key] = self.factories[provider](key)
        return self._clients[provider, key]
