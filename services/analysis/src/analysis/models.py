"""Known models: their provider and prices. The data is `models.json`.

The cost of a model that is not listed is unknown (None), which is logged, never guessed.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

Provider = Literal["anthropic", "openai"]
PROVIDERS: tuple[Provider, ...] = ("anthropic", "openai")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Prices in USD per million tokens; `effort` says whether the model takes the setting of that name."""

    provider: Provider
    input: float
    output: float
    effort: bool = False

    def cost_usd(self, input_tokens: int, output_tokens: int) -> float:
        """What a call cost."""
        return round((input_tokens * self.input + output_tokens * self.output) / 1_000_000, 6)


def facts(model: str) -> ModelFacts | None:
    """What is known of a model: of its own name, or of the longest listed name that it is a version of."""
    table = _table()
    candidates = [name for name in table if model == name or _is_version(model, name)]
    return table[max(candidates, key=len)] if candidates else None


def _is_version(model: str, name: str) -> bool:
    if not model.startswith(f"{name}-"):
        return False
    rest = model.removeprefix(f"{name}-").replace("-", "")
    return rest.isdigit() or rest == "latest"


@cache
def _table() -> dict[str, ModelFacts]:
    document = json.loads(resources.files("analysis").joinpath("models.json").read_text(encoding="utf-8"))
    return {name: ModelFacts(**entry) for name, entry in document["models"].items()}
