"""An estimate as COST.md, as terminal output and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh.cost.data import Profile
from mesh.cost.estimating import Estimate, Row

_GROWING = 6
# Growth below this share is not listed.
_STANDING = 0.01


def usd(amount: float) -> str:
    """Dollars and cents."""
    return f"{amount:,.2f}"


def quantity(number: float) -> str:
    """A number with four significant digits."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}"


def price(row: Row) -> str:
    """`0.20 per 1,000,000 invocations`."""
    charge = row.charge
    each = f"{charge.price:.10f}".rstrip("0")
    whole, _, cents = each.partition(".")
    per = f"{charge.per:,.0f} " if charge.per != 1 else ""
    return f"{whole}.{cents:0<2} per {per}{_singular(charge.unit) if charge.per == 1 else charge.unit}"


def _singular(unit: str) -> str:
    return unit[:-1] if unit.endswith("s") else unit


def document(estimate: Estimate) -> dict[str, Any]:
    """For programs."""
    return {
        "environment": estimate.inventory.environment,
        "region": estimate.prices.region,
        "prices_of": estimate.prices.date,
        "small_usd": round(estimate.small_usd, 2),
        "large_usd": round(estimate.large_usd, 2),
        "rows": [
            {
                "service": row.service,
                "resource": row.resource,
                "count": row.count,
                "what": row.charge.what,
                "unit": row.charge.unit,
                "price": row.charge.price,
                "per": row.charge.per,
                "free": row.charge.free,
                "small": {"quantity": row.small, "usd": round(row.small_usd, 4)},
                "large": {"quantity": row.large, "usd": round(row.large_usd, 4)},
                "source": row.charge.source,
            }
            for row in estimate.rows
        ],
        "models": [
            {
                "what": row.use.what,
                "model": row.use.model,
                "provider": row.provider,
                "small_usd": round(row.small_usd, 2),
                "large_usd": round(row.large_usd, 2),
            }
            for row in estimate.models
        ],
    }


def markdown(estimates: Mapping[str, Estimate], detailed: str) -> str:
    """The text of COST.md: totals of all environments, and one environment's bill row by row."""
    estimate = estimates[detailed]
    small, large = estimate.usage.profiles["small"], estimate.usage.profiles["large"]
    parts = [
        "# What an environment costs",
        "Made by `mesh cost --write` from the resources of the environments' plans "
        "([cost-inventory.json](cost-inventory.json)), [prices](../tools/mesh/src/mesh/cost/prices.yaml) of "
        f"{estimate.prices.date} ({estimate.prices.region}, on demand, US dollars, without tax) and "
        "[assumptions of use](../tools/mesh/src/mesh/cost/usage.yaml). Do not edit it: change those, make it again.",
        f"A month on AWS's bill with {small.title}, {_use(small)}; and with {large.title}:",
        _table(
            ["environment", "resources", small.title, large.title],
            "lrrr",
            [
                [name, str(sum(each.inventory.resources.values())), f"**{usd(each.small_usd)}**", usd(each.large_usd)]
                for name, each in estimates.items()
            ],
        ),
        f"Pictures and conversations stay, so this is the bill of a month after {estimate.usage.months_kept:g} months "
        "of the same use. Only what is free for every account and for ever is taken off: what AWS gives to new "
        "accounts makes the first months cheaper, and environments that share an account share what is free. The model "
        f"providers come on top: {usd(_models(estimate, 0))} and {usd(_models(estimate, 1))}, see below.",
        "A small team's bill is meant to stay between {:g} and {:g} USD; the tests hold it to that.".format(
            *estimate.usage.range_usd
        ),
        f"Everything that follows is about `{detailed}`.",
        "## What grows first",
        _growth(estimate),
        "## The bill, by resource",
        _table(
            ["service", "resource", "what", "price", "free", small.title, "USD", large.title, "USD"],
            "lllrrrrrr",
            [_cells(row) for row in estimate.rows]
            + [["**Sum**", "", "", "", "", "", f"**{usd(estimate.small_usd)}**", "", f"**{usd(estimate.large_usd)}**"]],
        ),
        _database_note(estimate),
        "## Model providers",
        f"Not on AWS's bill, and by far the larger part of what use costs. Prices of {estimate.prices.models.date}; "
        "the numbers of tokens are estimates.",
        _models_table(estimate),
        "## Assumptions",
        _functions_table(estimate),
        _assumptions(estimate),
        "## What costs nothing",
        "\n".join(
            f"- `{kind}` ({estimate.inventory.resources[kind]}): {reason}"
            for kind, reason in sorted(estimate.prices.free_of_charge.items())
            if kind in estimate.inventory.resources
        ),
        "## Where the prices are from",
        "\n".join(f"- {source}" for source in _sources(estimate)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def lines(estimate: Estimate) -> list[list[str]]:
    """Rows for a terminal: service, charge, low, high."""
    return [[row.service, row.charge.what, usd(row.small_usd), usd(row.large_usd)] for row in estimate.rows]


def growth(estimate: Estimate) -> str:
    """What grows first, in one line."""
    return "; ".join(f"{each.service}, {each.what}: +{usd(each.usd)}" for each in estimate.growth()[:3])


def _growth(estimate: Estimate) -> str:
    rows = estimate.growth()
    grown = estimate.large_usd - estimate.small_usd
    told = _table(
        ["service", "what", "more, USD", "of all growth"],
        "llrr",
        [[each.service, each.what, f"+{usd(each.usd)}", f"{each.usd / grown:.0%}"] for each in rows[:_GROWING]],
    )
    fixed = sum(each.small_usd for each in rows if abs(each.usd) < _STANDING * each.small_usd)
    return (
        f"{usd(fixed)} of the {usd(estimate.small_usd)} USD stand still: they are paid with any use. What a hundred "
        f"times the use adds:\n\n{told}"
    )


def _database_note(estimate: Estimate) -> str:
    large, database = estimate.usage.profiles["large"], estimate.inventory.database
    if database is None or large.database_class in {None, database.instance_class}:
        return ""
    return (
        f"With {large.title} the plan's {database.instance_class} is reckoned as {large.database_class}: it would be "
        "too small for the data and their indexes. It is a change of one variable."
    )


def _models_table(estimate: Estimate) -> str:
    profiles = estimate.usage.profiles
    return _table(
        ["what", "model", "tokens in", "tokens out", "USD each", profiles["small"].title, profiles["large"].title],
        "llrrrrr",
        [
            [
                row.use.what,
                f"{row.provider} {row.use.model}",
                quantity(row.use.input),
                quantity(row.use.output),
                f"{row.usd_per_run:.4f}",
                usd(row.small_usd),
                usd(row.large_usd),
            ]
            for row in estimate.models
        ],
    )


def _functions_table(estimate: Estimate) -> str:
    return _table(
        ["function", "memory MB", "ms", "runs an upload", "runs a message", ""],
        "lrrrrl",
        [
            [
                f"`{name}`",
                str(estimate.inventory.functions[name]),
                quantity(use.ms),
                quantity(use.upload) if use.upload else "",
                quantity(use.message) if use.message else "",
                use.note or estimate.inventory.schedules.get(name, ""),
            ]
            for name, use in estimate.usage.functions.items()
        ],
    )


def _assumptions(estimate: Estimate) -> str:
    usage = estimate.usage
    told = [
        f"Lambda keeps {usage.queue.pollers} long polls of {usage.queue.poll_seconds:g} s open for each queue, even "
        f"when nothing comes; a message takes {usage.queue.requests_per_message:g} requests.",
        f"A cold start takes {usage.cold_start_ms:g} ms, for "
        + " and ".join(f"{profile.cold_share:.0%} of the runs ({profile.title})" for profile in usage.profiles.values())
        + ".",
        f"A run logs {usage.logs.bytes_per_run:g} bytes, the gateway {usage.logs.bytes_per_request:g} a request.",
        "Somebody works in "
        + " and ".join(f"{p.active_hours:g} ({p.title})" for p in usage.profiles.values())
        + f" of {usage.hours:g} hours.",
        *(f"`{name}`: {amount.note}." for name, amount in usage.meters.items() if amount.note),
        f"`database_storage`: {usage.database_gb.note}.",
    ]
    return "\n".join(f"- {line}" for line in told)


def _cells(row: Row) -> list[str]:
    free = quantity(row.charge.free) if row.charge.free else ""
    return [
        row.service,
        f"`{row.resource}` ({row.count})",
        row.charge.what,
        price(row),
        free,
        quantity(row.small),
        usd(row.small_usd),
        quantity(row.large),
        usd(row.large_usd),
    ]


def _models(estimate: Estimate, profile: int) -> float:
    return sum((row.small_usd, row.large_usd)[profile] for row in estimate.models)


def _use(profile: Profile) -> str:
    return f"{profile.uploads:,} uploads and {profile.messages:,} chat messages by {profile.users:,} users"


def _sources(estimate: Estimate) -> list[str]:
    models = [estimate.prices.models.prices[row.use.model].source for row in estimate.models]
    return list(dict.fromkeys([*(row.charge.source for row in estimate.rows), *models]))


def _table(head: list[str], sides: str, rows: list[list[str]]) -> str:
    marks = ["---" if side == "l" else "---:" for side in sides]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, marks, *rows])
