"""The cost of validating each event, beside jsonschema and fastjsonschema on the same payloads in the same run.

Medians in microseconds. `payload` compares like with like: our validation under the closed (publish) and the tolerant
(consume) contract, and the two libraries under the schemas that are exported from them. Theirs only accept or reject,
ours also creates the typed event; jsonschema does not check date-times, which needs an extra package. `whole` is a
service's total cost: with the envelope and its CloudEvents check, from the typed event to the document, and from JSON
text to the typed event.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import fastjsonschema
from jsonschema import Draft202012Validator

from contracts import REGISTRY, Contract
from contracts.schemas import consumer_schema, examples, producer_schema
from contracts.validation import validate, validate_written
from workspace import REPOSITORY

EXAMPLES = REPOSITORY / "contracts" / "examples"
BUDGET_US = 150
HEADINGS = ("payload", "jsonschema", "fastjson", "whole")
ROW = "{:<34}{:>6}{:>9}{:>12}{:>10}{:>7}  {:>9}{:>12}{:>10}{:>7}"


def median_us(call: Callable[[], object], seconds: float) -> float:
    """The median time of a call, over as many calls as fit into that time."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - started) / 1000)
    return statistics.median(times)


def validators(schema: dict[str, Any]) -> tuple[Callable[[Any], object], Callable[[Any], object]]:
    """Validators of the schema in both libraries, compiled once."""
    slow = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return slow.validate, fastjsonschema.compile(schema)


def measure(contract: type[Contract], document: dict[str, Any], seconds: float) -> Iterator[float]:
    """The eight columns of one event."""
    data, event = document["data"], REGISTRY.read_as(document, contract)
    payload, body = json.dumps(data).encode(), json.dumps(document)

    slow, fast = validators(producer_schema(contract))
    yield median_us(lambda: validate_written(contract, payload), seconds)
    yield median_us(lambda: slow(data), seconds)
    yield median_us(lambda: fast(data), seconds)
    # A copy each time, because an event caches its written form.
    yield median_us(lambda: replace(event).to_wire(), seconds)

    slow, fast = validators(consumer_schema(contract))
    yield median_us(lambda: validate(contract, data), seconds)
    yield median_us(lambda: slow(data), seconds)
    yield median_us(lambda: fast(data), seconds)
    yield median_us(lambda: REGISTRY.read_as(json.loads(body), contract), seconds)


def measure_contracts(seconds: float) -> bool:
    """Measure the first golden example of every current contract; returns whether all stay below the budget."""
    print(ROW.format("us", "", *("publish", "", "", ""), *("consume", "", "", "")))
    print(ROW.format("event", "bytes", *HEADINGS, *HEADINGS))
    columns: list[list[float]] = []
    for contract in REGISTRY:
        path = next(iter(examples(EXAMPLES, contract.event_type)))[2]
        document = json.loads(path.read_text(encoding="utf-8"))
        figures = list(measure(contract, document, seconds))
        columns.append(figures)
        name = contract.event_type.removeprefix("collections.")
        print(ROW.format(name, len(json.dumps(document["data"])), *(f"{figure:.1f}" for figure in figures)))
    medians = [statistics.median(column) for column in zip(*columns, strict=True)]
    print(ROW.format("median", "", *(f"{median:.1f}" for median in medians)))
    slowest = max(max(figures[3], figures[7]) for figures in columns)
    print(f"\nslowest event, whole: {slowest:.1f} us of {BUDGET_US}")
    return slowest < BUDGET_US
