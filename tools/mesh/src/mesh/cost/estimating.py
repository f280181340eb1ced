"""Quantities times prices: the rows of a bill, for both profiles of use."""

from __future__ import annotations

from dataclasses import dataclass

from mesh.cost.data import Charge, ModelUse, Prices, Usage
from mesh.cost.errors import UnpricedResourceError
from mesh.cost.inventory import Inventory
from mesh.cost.metering import Quantities, meter


@dataclass(frozen=True, slots=True)
class Row:
    """One charge of a resource type, in a month of low and of high use."""

    service: str
    resource: str
    count: int
    charge: Charge
    small: float
    large: float

    @property
    def small_usd(self) -> float:
        """Dollars in a month of low use."""
        return self.charge.usd(self.small)

    @property
    def large_usd(self) -> float:
        """Dollars in a month of high use."""
        return self.charge.usd(self.large)


@dataclass(frozen=True, slots=True)
class Growth:
    """The extra cost of high use over low use."""

    service: str
    what: str
    small_usd: float
    large_usd: float

    @property
    def usd(self) -> float:
        """The difference, in dollars."""
        return self.large_usd - self.small_usd


@dataclass(frozen=True, slots=True)
class ModelRow:
    """The cost of using a model; not on AWS's bill."""

    use: ModelUse
    provider: str
    usd_per_run: float
    small_usd: float
    large_usd: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """The whole bill."""

    inventory: Inventory
    prices: Prices
    usage: Usage
    rows: tuple[Row, ...]
    models: tuple[ModelRow, ...]

    @property
    def small_usd(self) -> float:
        """AWS's bill of a month of low use."""
        return sum(row.small_usd for row in self.rows)

    @property
    def large_usd(self) -> float:
        """AWS's bill of a month of high use."""
        return sum(row.large_usd for row in self.rows)

    def growth(self) -> list[Growth]:
        """Row by row, largest growth first; mutually exclusive rows count as one."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            groups.setdefault((row.service, row.charge.group or row.charge.what), []).append(row)
        grown = [
            Growth(service, what, sum(row.small_usd for row in rows), sum(row.large_usd for row in rows))
            for (service, what), rows in groups.items()
        ]
        return sorted(grown, key=lambda each: each.usd, reverse=True)


def estimate(inventory: Inventory, prices: Prices, usage: Usage) -> Estimate:
    """The bill. Raises UnpricedResourceError, UsageUnknownError."""
    small = meter(inventory, usage, usage.profiles["small"])
    large = meter(inventory, usage, usage.profiles["large"])
    _check(inventory, prices, small, large)
    rows = [
        Row(priced.service, resource, count, charge, small.get(charge.meter, 0), large.get(charge.meter, 0))
        for resource, priced in prices.resources.items()
        if (count := inventory.resources.get(resource, 0))
        for charge in priced.charges
        if small.get(charge.meter) or large.get(charge.meter)
    ]
    return Estimate(
        inventory, prices, usage, tuple(rows), tuple(_model_row(prices, usage, use) for use in usage.models)
    )


def _check(inventory: Inventory, prices: Prices, *quantities: Quantities) -> None:
    """Every resource has a price or a reason to be free, and every metered quantity has a price."""
    free = set(inventory.free_of_charge) - prices.free_of_charge.keys()
    unpriced = sorted(inventory.resources.keys() - prices.resources.keys() | free)
    if unpriced:
        raise UnpricedResourceError(f"prices.yaml has no entry for {', '.join(unpriced)}")
    priced = {charge.meter for resource in prices.resources.values() for charge in resource.charges}
    counted = {name for each in quantities for name, quantity in each.items() if quantity}
    if missing := sorted(counted - priced):
        raise UnpricedResourceError(f"prices.yaml has no price for {', '.join(missing)}")


def _model_row(prices: Prices, usage: Usage, use: ModelUse) -> ModelRow:
    price = prices.models.prices.get(use.model)
    if price is None:
        raise UnpricedResourceError(f"prices.yaml has no price for the model {use.model}")
    each = (use.input * price.input + use.output * price.output) / 1e6
    small, large = usage.profiles["small"], usage.profiles["large"]
    counts = [(p.uploads if use.per == "upload" else p.messages) * use.runs for p in (small, large)]
    return ModelRow(use, price.provider, each, each * counts[0], each * counts[1])
