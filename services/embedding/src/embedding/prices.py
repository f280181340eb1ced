"""What a provider is paid for a vector, in US dollars: list prices of https://docs.voyageai.com/docs/pricing.

Tokens that an account has free, and discounts, are not counted: a budget may only be cautious.
"""

from collections.abc import Iterable
from typing import Final

#: US dollars per million tokens, as of November 2026. No budget holds for a model that is not here.
_PRICES: Final = {
    "voyage-3.5-lite": 0.02,
    "voyage-3.5": 0.06,
    "voyage-4-lite": 0.02,
    "voyage-4": 0.06,
    "voyage-4-large": 0.12,
}
# Beside those of the text, what a request may be counted for it.
_MORE_TOKENS: Final = 16


def cost_usd(model: str, tokens: int) -> float | None:
    """What so many tokens cost; None where no price of the model is known."""
    price = _PRICES.get(model)
    return None if price is None else price * tokens / 1_000_000


def most_tokens(text: str) -> int:
    """How many tokens the text has at the most: none is shorter than a byte."""
    return len(text.encode()) + _MORE_TOKENS


def shares(texts: Iterable[str], total: float) -> dict[str, float]:
    """The part of each text in what all of them cost together, by their bytes: none is above its most."""
    weights = {text: most_tokens(text) for text in texts}
    return {text: total * weight / sum(weights.values()) for text, weight in weights.items()}
