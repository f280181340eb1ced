"""Looks for a counterexample the other way: random documents of the writer, checked by the validator alone.

Shares nothing with the search for witnesses but the parsed schema, so that one can contradict the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from compatibility.expressions import parse
from compatibility.formats import FORMATS
from compatibility.model import JsonValue
from compatibility.pointers import child, from_reference
from compatibility.questions import OpenQuestionError
from compatibility.schema import Schema
from compatibility.trees import Chars, Choice, OpaqueExpressionError, Repeat, Sequence, Tree, regular

_DEPTH = 5
_ATTEMPTS_PER_DOCUMENT = 40


@dataclass(frozen=True)
class Fuzzed:
    """How many documents of the writer the reader saw, and the first that it rejected, if any (in a list of one)."""

    tried: int
    rejected: tuple[JsonValue, ...]


def fuzz(writer: Schema, reader: Schema, count: int, seed: int) -> Fuzzed:
    """Show the reader up to ``count`` random documents of the writer; fewer where the writer accepts too few."""
    tried = 0
    for document in documents(writer, reader, count, seed):
        tried += 1
        if _accepts(reader, document) is False:
            return Fuzzed(tried, (document,))
    return Fuzzed(tried, ())


def documents(writer: Schema, reader: Schema, count: int, seed: int) -> Iterator[JsonValue]:
    """Random documents that the writer accepts, near the edges of both schemas."""
    source = random.Random(seed)  # noqa: S311 - documents for tests, not secrets
    generator = _Generator(writer, reader, source)
    accepted: list[JsonValue] = []
    produced = attempts = 0
    while produced < count and attempts < count * _ATTEMPTS_PER_DOCUMENT:
        attempts += 1
        if accepted and source.random() < 0.5:
            candidate = generator.mutated(source.choice(accepted))
        else:
            candidate = generator.value([""], 0)
        if _accepts(writer, candidate):
            produced += 1
            if len(accepted) < 50:
                accepted.append(candidate)
            yield candidate


def _accepts(schema: Schema, document: JsonValue) -> bool | None:
    """None where validators disagree about a format."""
    try:
        return schema.accepts(document)
    except OpenQuestionError:
        return None


class _Generator:
    def __init__(self, writer: Schema, reader: Schema, source: random.Random) -> None:
        self.writer = writer
        self.reader = reader
        self.random = source

    @cached_property
    def scalars(self) -> list[JsonValue]:
        """Values near the edges of both schemas."""
        found: list[JsonValue] = [None, True, False, 0, 1, -1, 0.5, 1e3, "", "a", "ab", "0", "A-1", "x y", [], {}]
        for schema in (self.writer, self.reader):
            for node in schema.nodes.values():
                if isinstance(node, dict):
                    found += self._edges(node)
        return found

    def _edges(self, node: dict[str, JsonValue]) -> list[JsonValue]:
        found = [*node.get("enum", []), *([node["const"]] if "const" in node else [])]
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if keyword in node:
                found += [node[keyword], node[keyword] + 1, node[keyword] - 1, node[keyword] + 0.5]
        for keyword in ("minLength", "maxLength"):
            if node.get(keyword, 10**6) < 1000:
                found += ["b" * max(int(node[keyword]) + offset, 0) for offset in (-1, 0, 1)]
        if "format" in node:
            found += [self.text(FORMATS[node["format"]].surely) for _ in range(3)]
        for pattern in [*([node["pattern"]] if "pattern" in node else []), *node.get("patternProperties", {})]:
            found += [self.text(pattern) for _ in range(3)]
        return found

    @cached_property
    def names(self) -> list[str]:
        """Property names that either schema mentions, and some that none does."""
        found = ["zz", "q", "extra-1", ""]
        for schema in (self.writer, self.reader):
            for node in schema.nodes.values():
                if isinstance(node, dict):
                    found += [*node.get("properties", {}), *node.get("required", []), *node.get("dependentSchemas", {})]
                    found += [self.text(pattern) for pattern in node.get("patternProperties", {})]
        return list(dict.fromkeys(found))

    def text(self, pattern: str) -> str:
        """A string that probably matches a pattern."""
        try:
            return self._spelled(regular(parse(pattern)))
        except OpaqueExpressionError:
            return ""

    def _spelled(self, tree: Tree) -> str:
        match tree:
            case Chars(ranges):
                if not ranges:
                    return ""
                plain = [(max(low, 0x20), min(high, 0x7E)) for low, high in ranges if low <= 0x7E and high >= 0x20]
                low, high = self.random.choice(plain or list(ranges))
                return chr(self.random.randint(low, min(high, low + 200)))
            case Sequence(parts):
                return "".join(self._spelled(part) for part in parts)
            case Choice(options):
                return self._spelled(self.random.choice(options))
            case Repeat(part, low, high):
                most = low + 3 if high is None else min(high, low + 40)
                return "".join(self._spelled(part) for _ in range(self.random.randint(low, most)))
            case _:
                return ""

    def value(self, pointers: list[str], depth: int) -> JsonValue:
        """A value that tries to satisfy the writer's subschemas at the pointers; the validator has the last word."""
        nodes = self._hints(pointers)
        listed = [node.get("enum", [node.get("const")]) for _, node in nodes if "enum" in node or "const" in node]
        if listed and self.random.random() < 0.95:
            return self.random.choice(min(listed, key=len))
        if self.random.random() < 0.05:
            return self.random.choice(self.scalars)
        kinds = {"null", "boolean", "integer", "number", "string", "array", "object"}
        for _, node in nodes:
            if "type" in node:
                named = {node["type"]} if isinstance(node["type"], str) else set(node["type"])
                kinds &= named | ({"integer"} if "number" in named else set())
        if depth >= _DEPTH and len(kinds) > 1:
            kinds -= {"array", "object"}
        if not any("type" in node for _, node in nodes):
            if any("properties" in node or "required" in node for _, node in nodes):
                kinds = {"object"} if self.random.random() < 0.8 else kinds
            elif any("items" in node or "prefixItems" in node or "contains" in node for _, node in nodes):
                kinds = {"array"} if self.random.random() < 0.8 else kinds
        kind = self.random.choice(sorted(kinds)) if kinds else "null"
        return self._of_kind(kind, nodes, depth)

    def _hints(self, pointers: list[str]) -> list[tuple[str, dict[str, JsonValue]]]:
        found: list[tuple[str, dict[str, JsonValue]]] = []
        pending = [*pointers]
        while pending:
            pointer = pending.pop()
            node = self.writer.nodes[pointer]
            if not isinstance(node, dict):
                continue
            found.append((pointer, node))
            if "$ref" in node:
                pending.append(from_reference(node["$ref"]))
            pending += [child(pointer, "allOf", number) for number in range(len(node.get("allOf", ())))]
            for keyword in ("anyOf", "oneOf"):
                if node.get(keyword):
                    pending.append(child(pointer, keyword, self.random.randrange(len(node[keyword]))))
            if "if" in node:
                taken = ["if", "then"] if self.random.random() < 0.5 else ["else"]
                pending += [child(pointer, keyword) for keyword in taken if keyword in node]
            for name in node.get("dependentSchemas", {}):
                if self.random.random() < 0.5:
                    pending.append(child(pointer, "dependentSchemas", name))
        return found

    def _of_kind(self, kind: str, nodes: list[tuple[str, dict[str, JsonValue]]], depth: int) -> JsonValue:
        merged: dict[str, JsonValue] = {}
        for _, node in nodes:
            merged |= node
        if kind == "null":
            return None
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind in ("integer", "number"):
            return self._number(kind, merged)
        if kind == "string":
            return self._string(merged)
        return self._array(nodes, depth) if kind == "array" else self._object(nodes, depth)

    def _number(self, kind: str, merged: dict[str, JsonValue]) -> JsonValue:
        low = merged.get("minimum", merged.get("exclusiveMinimum"))
        high = merged.get("maximum", merged.get("exclusiveMaximum"))
        low = low if low is not None else (high - 20 if high is not None else -10)
        high = high if high is not None else low + 20
        if low > high:
            return low
        if "multipleOf" in merged:
            step = merged["multipleOf"]
            return step * self.random.randint(int(low // step), int(high // step) + 1)
        if self.random.random() < 0.3:
            return self.random.choice([low, high, low + 1, high - 1])
        if kind == "integer":
            return self.random.randint(int(low), max(int(high), int(low)))
        return round(self.random.uniform(low, high), self.random.choice([0, 1, 2]))

    def _string(self, merged: dict[str, JsonValue]) -> str:
        if "pattern" in merged:
            return self.text(merged["pattern"])
        if "format" in merged and self.random.random() < 0.9:
            return self.text(FORMATS[merged["format"]].surely)
        texts = [value for value in self.scalars if isinstance(value, str)]
        if self.random.random() < 0.4:
            return self.random.choice(texts)
        low = min(int(merged.get("minLength", 0)), 300)
        high = min(int(merged.get("maxLength", low + 8)), low + 8)
        return "".join(self.random.choice("abcxyzABZ019 -_.é") for _ in range(self.random.randint(low, max(low, high))))

    def _array(self, nodes: list[tuple[str, dict[str, JsonValue]]], depth: int) -> list[JsonValue]:
        low = max((int(node.get("minItems", 0)) for _, node in nodes), default=0)
        high = min((int(node.get("maxItems", low + 4)) for _, node in nodes), default=low + 4)
        length = self.random.randint(min(low, 50), min(max(low, high), low + 4, 60))
        result: list[JsonValue] = []
        for index in range(length):
            pointers: list[str] = []
            for pointer, node in nodes:
                if index < len(node.get("prefixItems", ())):
                    pointers.append(child(pointer, "prefixItems", index))
                elif "items" in node:
                    pointers.append(child(pointer, "items"))
                if "contains" in node and self.random.random() < 0.4:
                    pointers.append(child(pointer, "contains"))
            result.append(self.value(pointers, depth + 1))
        return result

    def _object(self, nodes: list[tuple[str, dict[str, JsonValue]]], depth: int) -> dict[str, JsonValue]:
        names: dict[str, None] = {}
        for _, node in nodes:
            names |= dict.fromkeys(node.get("required", ()))
            chance = 0.5 if depth < _DEPTH else 0.0
            names |= {name: None for name in node.get("properties", {}) if self.random.random() < chance}
            for pattern in node.get("patternProperties", {}):
                if self.random.random() < chance:
                    names[self.text(pattern)] = None
        while self.random.random() < 0.25 and depth < _DEPTH:
            names[self.random.choice(self.names)] = None
        low = min(max((int(node.get("minProperties", 0)) for _, node in nodes), default=0), 40)
        while len(names) < low:
            names[self.random.choice([*self.names, f"k{self.random.randrange(1000)}"])] = None
        return {name: self.value(self._described(nodes, name), depth + 1) for name in names}

    def _described(self, nodes: list[tuple[str, dict[str, JsonValue]]], name: str) -> list[str]:
        pointers: list[str] = []
        for pointer, node in nodes:
            if name in node.get("properties", {}):
                pointers.append(child(pointer, "properties", name))
            elif isinstance(node.get("additionalProperties"), dict):
                pointers.append(child(pointer, "additionalProperties"))
            elif isinstance(node.get("unevaluatedProperties"), dict):
                pointers.append(child(pointer, "unevaluatedProperties"))
        return pointers

    def mutated(self, value: JsonValue) -> JsonValue:
        """The value with one change somewhere."""
        if isinstance(value, dict) and value and self.random.random() < 0.9:
            return self._mutated_object(value)
        if isinstance(value, list) and value and self.random.random() < 0.9:
            changed = [*value]
            index = self.random.randrange(len(changed))
            action = self.random.random()
            if action < 0.2:
                del changed[index]
            elif action < 0.5:
                changed.insert(index, self.random.choice([*changed, *self.scalars]))
            else:
                changed[index] = self.mutated(changed[index])
            return changed
        return self.random.choice(self.scalars)

    def _mutated_object(self, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        changed = dict(value)
        name = self.random.choice(list(changed))
        action = self.random.random()
        if action < 0.25:
            del changed[name]
        elif action < 0.5:
            changed[self.random.choice(self.names)] = self.random.choice(self.scalars)
        else:
            changed[name] = self.mutated(changed[name])
        return changed
