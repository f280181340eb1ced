"""Random pairs: the verdict and what the validator says of random documents never contradict each other."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from compatibility import Direction, Outcome, read_schema
from compatibility.deciding import decide
from compatibility.fuzzing import fuzz
from compatibility.questions import Budget

PAIRS = 400
PAIRS_ON_A_PUSH = 120
DOCUMENTS = 60
NAMES = "abc"
VALUES = [1, 2, "a", "b", None, True, [1], {"a": 1}, 0.5, "abc"]
PATTERNS = ["^a", "b$", "^[ab]+$", "^(a|b)c?$", "x", "^[a-z]*$", "^a{2,3}$"]
KINDS = ["string", "number", "integer", "array", "object", "object", "null", "boolean", "any", "combined"]


def scalar(source: random.Random) -> dict[str, Any]:
    """Keywords for numbers and strings."""
    keywords: dict[str, Any] = {}
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if source.random() < 0.2:
            keywords[keyword] = source.randint(-3, 6)
    if source.random() < 0.2:
        keywords["multipleOf"] = source.choice([1, 2, 3, 0.5, 4])
    if source.random() < 0.25:
        keywords["minLength"] = source.randint(0, 3)
    if source.random() < 0.25:
        keywords["maxLength"] = source.randint(1, 5)
    if source.random() < 0.25:
        keywords["pattern"] = source.choice(PATTERNS)
    return keywords


def array(source: random.Random, depth: int) -> dict[str, Any]:
    """Keywords for arrays."""
    keywords: dict[str, Any] = {}
    if source.random() < 0.5:
        keywords["items"] = schema(source, depth + 1)
    if source.random() < 0.3:
        keywords["prefixItems"] = [schema(source, depth + 1) for _ in range(source.randint(1, 2))]
    if source.random() < 0.3:
        keywords["minItems"] = source.randint(0, 2)
    if source.random() < 0.3:
        keywords["maxItems"] = source.randint(0, 4)
    if source.random() < 0.2:
        keywords["uniqueItems"] = True
    if source.random() < 0.25:
        keywords["contains"] = schema(source, depth + 1)
        keywords["minContains"] = source.randint(0, 2)
    if source.random() < 0.15:
        keywords["unevaluatedItems"] = schema(source, depth + 1)
    return keywords


def object_(source: random.Random, depth: int) -> dict[str, Any]:
    """Keywords for objects."""
    keywords: dict[str, Any] = {}
    if source.random() < 0.8:
        keywords["properties"] = {
            name: schema(source, depth + 1) for name in source.sample(NAMES, source.randint(1, 3))
        }
    if source.random() < 0.4:
        keywords["required"] = source.sample(NAMES, source.randint(1, 2))
    if source.random() < 0.3:
        keywords["additionalProperties"] = schema(source, depth + 1) if source.random() < 0.5 else False
    elif source.random() < 0.2:
        keywords["unevaluatedProperties"] = source.choice([False, {"type": "string"}])
    if source.random() < 0.2:
        keywords["patternProperties"] = {source.choice(["^a", "^x", "b"]): schema(source, depth + 1)}
    if source.random() < 0.15:
        keywords["propertyNames"] = source.choice([{"maxLength": 2}, {"pattern": "^[a-c]"}, {"enum": ["a", "b"]}])
    if source.random() < 0.2:
        keywords[source.choice(["minProperties", "maxProperties"])] = source.randint(0, 3)
    if source.random() < 0.15:
        keywords["dependentRequired"] = {"a": ["b"]}
    if source.random() < 0.1:
        keywords["dependentSchemas"] = {"a": schema(source, depth + 1)}
    return keywords


def combined(source: random.Random, depth: int) -> dict[str, Any]:
    """One combinator."""
    keyword = source.choice(["anyOf", "oneOf", "allOf", "not", "if"])
    if keyword == "not":
        return {"not": schema(source, depth + 1)}
    if keyword == "if":
        return {part: schema(source, depth + 1) for part in ("if", "then", "else")}
    return {keyword: [schema(source, depth + 1) for _ in range(source.randint(1, 3))]}


def schema(source: random.Random, depth: int = 0) -> Any:
    """A random schema."""
    if source.random() < 0.04:
        return source.random() < 0.6
    if depth >= 3 and source.random() < 0.3:
        return {"enum": source.sample(VALUES, source.randint(1, 4))}
    kind = source.choice([name for name in KINDS if depth < 3 or name not in ("array", "object", "combined", "any")])
    keywords: dict[str, Any] = {} if kind in ("any", "combined") else {"type": kind}
    if kind not in ("array", "object", "combined"):
        keywords |= scalar(source)
    if kind in ("array", "any"):
        keywords |= array(source, depth)
    if kind in ("object", "any"):
        keywords |= object_(source, depth)
    if kind == "combined" or (depth < 3 and source.random() < 0.1):
        keywords |= combined(source, depth)
    return keywords


def changed(source: random.Random, given: Any) -> Any:
    """The schema with something taken away or changed."""
    if isinstance(given, bool) or not given:
        return schema(source, 2)
    keywords = dict(given)
    keyword = source.choice(list(keywords))
    value = keywords[keyword]
    if source.random() < 0.3:
        del keywords[keyword]
    elif keyword == "properties":
        name = source.choice(list(value))
        keywords[keyword] = {**value, name: changed(source, value[name])}
    elif keyword in ("items", "not", "if", "then", "else", "contains") and isinstance(value, dict):
        keywords[keyword] = changed(source, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        keywords[keyword] = value + 1
    return keywords


def test_verdicts_and_documents_never_contradict(whole: bool) -> None:
    pairs = PAIRS if whole else PAIRS_ON_A_PUSH
    outcomes: Counter[Outcome] = Counter()
    tried = 0
    for seed in range(pairs):
        source = random.Random(seed)
        old = schema(source)
        new = schema(source) if source.random() < 0.2 else changed(source, old)
        writer, reader = read_schema(old), read_schema(new)
        coverage = decide(writer, reader, Direction.BACKWARD, "old", Budget(seconds=3.0))
        outcomes[coverage.outcome] += 1
        assert not any("not confirmed" in item.reason for item in coverage.undecided), (seed, old, new)
        for finding in coverage.findings:
            assert writer.accepts(finding.witness), (seed, finding)
            assert not reader.accepts(finding.witness), (seed, finding)
        if coverage.outcome is Outcome.COMPATIBLE:
            fuzzed = fuzz(writer, reader, DOCUMENTS, seed)
            tried += fuzzed.tried
            assert fuzzed.rejected == (), (seed, old, new)
    assert outcomes[Outcome.COMPATIBLE] > pairs / 5
    assert outcomes[Outcome.INCOMPATIBLE] > pairs / 5
    assert outcomes[Outcome.UNDECIDED] < pairs / 20
    assert tried > 12 * pairs
