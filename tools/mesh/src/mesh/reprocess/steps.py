"""The steps of a better prompt or model: sample, show, promote, return."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from contracts import ReprocessMode
from mesh.environments import Environment
from mesh.prompts import confirm
from mesh.replay import reprocessing
from mesh.replay.errors import ReplaysOutdatedError
from mesh.replay.reprocessing import Price
from mesh.reprocess import comparing, showing
from mesh.reprocess.asking import ANALYSIS, Runs
from mesh.reprocess.errors import NothingToDoError, RunUnknownError
from mesh.reprocess.quality import Query
from mesh.reprocess.running import Order, Ordered, carry_out

_ID: Final = re.compile("[A-Za-z0-9._-]{1,64}")
_TYPES: Final = ("collections.imaging.image-processed.v1",)
#: Items that one order names.
_NAMED: Final = 500


@dataclass(frozen=True, slots=True)
class How:
    """Options that the steps have in common."""

    env: str
    rate: int
    why: str
    run_id: str | None
    budget: float | None
    tenants: tuple[str, ...]
    examples: int
    queries: Sequence[Query]
    dry_run: bool
    yes: bool
    as_json: bool


def sample(
    environment: Environment, how: How, *, number: int, seed: int, prompt: str | None, model: str | None
) -> None:
    """Describe a sample beside the live versions, and compare."""
    runs = Runs(environment)
    told = runs.owners.reprocessing(ANALYSIS, model, prompt)
    price = _price(told, how.budget)
    items, pictures = runs.sample(number, seed, how.tenants)
    if not items:
        raise NothingToDoError("there is no picture to choose from")
    order = Order(
        told["types"],
        how.tenants,
        items,
        rate=how.rate,
        why=how.why,
        budget_usd=how.budget,
        prompt=told["prompt"],
        model=told["model"],
        mode=ReprocessMode.CANDIDATES,
    )
    run_id = _own_id(how) or order.id_of_today()
    plan = {name: told[name] for name in ("prompt", "provider", "model")}
    expected = {
        **plan, "run": run_id, "sample": len(items), "pictures": pictures, "each_usd": price.each_usd,
        "expected_usd": round(len(items) * price.each_usd, 6), "budget_usd": how.budget, "items": items,
    }  # fmt: skip
    if how.dry_run:
        showing.print_plan(expected, as_json=how.as_json)
        return
    if not how.as_json:
        showing.print_plan(expected, as_json=False)
    confirm(f"Describe these in {how.env} for up to {how.budget:.2f} USD, beside the live versions?", yes=how.yes)
    ended = carry_out(environment, runs, order, run_id, quiet=how.as_json)
    _compare(runs, how, run_id, ended, how.tenants)


def show(environment: Environment, how: How, run_id: str) -> None:
    """Compare the candidates of a run once more."""
    runs = Runs(environment)
    _candidates(runs, run_id)
    _compare(runs, how, run_id, None, _tenants(runs, how, run_id))


def promote(environment: Environment, how: How, run_id: str) -> None:
    """Make the candidates of a run live, and describe the rest by its prompt and model, within the budget."""
    runs = Runs(environment)
    found = _candidates(runs, run_id)
    told = runs.owners.reprocessing(ANALYSIS, found["model"], found["prompt"])
    price = _price(told, how.budget)
    tenants = _tenants(runs, how, run_id)
    rest = runs.rest(found, tenants)
    expected = {
        "run": run_id, **{name: found[name] for name in ("prompt", "provider", "model", "candidates")}, **rest,
        "tenants": list(tenants), "expected_usd": round(rest["paid"] * (_each(found) or price.each_usd), 6),
        "budget_usd": how.budget,
    }  # fmt: skip
    if how.dry_run or not how.as_json:
        showing.print_promotion(expected, as_json=how.as_json)
    if how.dry_run:
        return
    confirm(
        f"Make {found['candidates']} candidates live in {how.env}, and describe up to {rest['paid']} pictures for up to"
        f" {how.budget:.2f} USD?",
        yes=how.yes,
    )
    plan = Order(
        told["types"], tenants, rate=how.rate, why=how.why, budget_usd=how.budget, prompt=found["prompt"],
        model=found["model"], run=run_id,
    )  # fmt: skip
    # First what is paid for already, named: a budget that does not suffice ends with all of it live.
    first = carry_out(environment, runs, replace(plan, items=found["items"], budget_usd=0), quiet=how.as_json)
    ended = carry_out(environment, runs, plan, _own_id(how) or plan.id_of_today(), quiet=how.as_json)
    left = runs.rest(found, tenants)
    came = {"first": first.described(), "then": ended.described(), "left": left}
    showing.print_promoted(expected | came, how.as_json)


def roll_back(environment: Environment, how: How, run_id: str) -> None:
    """Return to what was live before the run; pays nobody."""
    runs = Runs(environment)
    answer = runs.run(run_id)
    promoted = answer["promoted"]
    if not promoted["returning"]:
        if answer["run"]["candidates"] and not promoted["versions"]:
            raise NothingToDoError(f"nothing live is of {run_id}: its candidates were not promoted, or are rolled back")
        if not promoted["versions"]:
            raise RunUnknownError(f"nothing live is of a run {run_id!r}; `mesh replay list` shows the latest")
        raise NothingToDoError("these items have no earlier description to return to")
    named = promoted["items"] if promoted["returning"] <= _NAMED else []
    expected = {"run": run_id, "items": promoted["returning"], "others": promoted["versions"] - promoted["returning"]}
    if how.dry_run:
        showing.print_rollback(expected, None, as_json=how.as_json)
        return
    confirm(f"Return {promoted['returning']} items of {how.env} to what they said before {run_id}?", yes=how.yes)
    order = Order(_TYPES, how.tenants, named, rate=how.rate, why=how.why, mode=ReprocessMode.ROLLBACK, run=run_id)
    ended = carry_out(environment, runs, order, _own_id(how), quiet=how.as_json)
    showing.print_rollback(expected, ended.described(), as_json=how.as_json)


def versions(environment: Environment, how: How, item: str, version: int | None) -> None:
    """List the versions of an item, or return to one of them."""
    runs = Runs(environment)
    found = runs.versions(item)
    if not found:
        raise RunUnknownError(f"no item {item!r} is described")
    if version is None:
        showing.print_versions(item, found, as_json=how.as_json)
        return
    if version not in {each["version"] for each in found}:
        raise RunUnknownError(f"{item} has no version {version} (it has 1 to {found[0]['version']})")
    current = found[0]["restores"] or found[0]["version"]
    if version in {current, found[0]["version"]}:
        raise NothingToDoError(f"version {version} is what {item} says now")
    expected = {"item": item, "from": current, "to": version, "items": 1}
    if how.dry_run:
        showing.print_rollback(expected, None, as_json=how.as_json)
        return
    confirm(f"Return {item} of {how.env} from version {current} to {version}?", yes=how.yes)
    order = Order(_TYPES, how.tenants, [item], rate=how.rate, why=how.why, mode=ReprocessMode.ROLLBACK, version=version)
    ended = carry_out(environment, runs, order, _own_id(how), quiet=how.as_json)
    showing.print_rollback(expected, ended.described(), as_json=how.as_json)


def _compare(runs: Runs, how: How, run_id: str, ended: Ordered | None, tenants: Sequence[str]) -> None:
    found = runs.run(run_id)["run"]
    pairs = runs.pairs(run_id)
    figures = comparing.figures(pairs)
    rest = runs.rest(found, tenants) if pairs else None
    each = figures["each_usd"]
    document = {
        "run": run_id,
        **{name: found[name] for name in ("prompt", "provider", "model")},
        "figures": figures,
        "rest": rest,
        "rest_usd": round(rest["paid"] * each, 6) if rest and each is not None else None,
        "fields": comparing.differences(pairs, examples=how.examples),
        "order": ended.described() if ended else None,
        "search": runs.search_quality(pairs, how.queries) if how.queries else None,
    }
    showing.print_comparison(document, as_json=how.as_json)


def _price(told: dict[str, Any], budget: float | None) -> Price:
    price = reprocessing.price(ANALYSIS, told, budget)
    if price is None or "prompt" not in told:
        raise ReplaysOutdatedError(f"{ANALYSIS} knows nothing of prompts by id yet: deploy it")
    return price


def _candidates(runs: Runs, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = runs.run(run_id)["run"]
    if not found["candidates"]:
        raise RunUnknownError(f"no candidates are of a run {run_id!r}; `mesh replay list` shows the latest")
    return found


def _tenants(runs: Runs, how: How, run_id: str) -> tuple[str, ...]:
    """Those that were named, or those that the sample was of."""
    if how.tenants:
        return how.tenants
    return next((each.selection.tenants for each in runs.owners.known(run_id)), ())


def _each(found: dict[str, Any]) -> float | None:
    return found["cost_usd"] / found["paid"] if found["paid"] else None


def _own_id(how: How) -> str | None:
    if how.run_id is not None and not _ID.fullmatch(how.run_id):
        raise NothingToDoError("--id has 1 to 64 letters, digits, dots, dashes and underscores")
    return how.run_id


__all__ = ["How", "promote", "roll_back", "sample", "show", "versions"]
