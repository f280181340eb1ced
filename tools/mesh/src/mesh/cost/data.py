"""The models of prices.yaml and usage.yaml, which hold every figure of the estimate."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Charge(_Model):
    """One line of a bill: `price` for `per` units of what the meter counts, after the first `free` each month.

    Mutually exclusive charges, such as the sizes of an instance, share a `group`.
    """

    meter: str
    what: str
    group: str | None = None
    unit: str
    price: float = Field(gt=0)
    per: float = Field(default=1, gt=0)
    free: float = Field(default=0, ge=0)
    source: str

    def usd(self, quantity: float) -> float:
        """The cost of that many units."""
        return max(quantity - self.free, 0) * self.price / self.per


class ResourcePrices(_Model):
    """How a resource type is billed."""

    service: str
    charges: tuple[Charge, ...]


class ModelPrice(_Model):
    """Dollars for a million tokens."""

    provider: str
    input: float
    output: float
    source: str


class ModelPrices(_Model):
    """Prices of the model providers, with their own date."""

    date: str
    prices: dict[str, ModelPrice]


class Prices(_Model):
    """All prices, of one region at one date."""

    region: str
    date: str
    resources: dict[str, ResourcePrices]
    free_of_charge: dict[str, str]
    models: ModelPrices


class Profile(_Model):
    """An environment's use in a month."""

    title: str
    uploads: int
    messages: int
    users: int
    active_hours: float
    cold_share: float = Field(ge=0, le=1)
    database_class: str | None = None


class FunctionUse(_Model):
    """How long a function runs, and how often."""

    trigger: Literal["routes", "queue", "schedule"]
    ms: float
    upload: float = 0
    message: float = 0
    note: str = ""


class Amount(_Model):
    """A quantity: a fixed part, and a part for each unit of use."""

    fixed: float = 0
    upload: float = 0
    message: float = 0
    kept_upload: float = 0
    kept_message: float = 0
    active_hour: float = 0
    active_month: float = 0
    note: str = ""


class QueueUse(_Model):
    """How Lambda reads queues."""

    pollers: int
    poll_seconds: float
    requests_per_message: float


class LogUse(_Model):
    """Log volume."""

    bytes_per_run: float
    bytes_per_request: float
    days_kept: float


class ModelUse(_Model):
    """Tokens of a model, for each upload or each message."""

    what: str
    model: str
    per: Literal["upload", "message"]
    runs: float
    input: float
    output: float


class Usage(_Model):
    """All assumptions."""

    hours: float
    months_kept: float
    range_usd: tuple[float, float]
    profiles: dict[Literal["small", "large"], Profile]
    functions: dict[str, FunctionUse]
    cold_start_ms: float
    queue: QueueUse
    logs: LogUse
    meters: dict[str, Amount]
    database_gb: Amount
    models: tuple[ModelUse, ...]


def load_prices() -> Prices:
    """The committed prices."""
    return Prices.model_validate(_read("prices.yaml"))


def load_usage() -> Usage:
    """The committed assumptions."""
    return Usage.model_validate(_read("usage.yaml"))


def _read(name: str) -> Any:  # noqa: ANN401 - any YAML
    return yaml.safe_load((files("mesh.cost") / name).read_text(encoding="utf-8"))
