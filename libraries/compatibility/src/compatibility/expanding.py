"""Takes a signed subschema apart, for values of one kind: what it demands, and in which ways it can be violated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from compatibility.evaluating import Evaluated, item_cases, property_cases
from compatibility.model import JsonValue, Rule
from compatibility.pointers import as_reference, child, from_reference
from compatibility.rules import KEYWORD_RULES, closed_rule
from compatibility.terms import (
    ArrayShape,
    Blame,
    Count,
    Goal,
    Holder,
    Item,
    ItemHolder,
    Key,
    Kind,
    Limit,
    Names,
    Nodes,
    ObjectShape,
    Option,
    Side,
    Split,
    Term,
    Values,
    kind_of,
)

LIMITS: dict[Kind, tuple[str, ...]] = {
    Kind.NUMBER: ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    Kind.STRING: ("minLength", "maxLength", "pattern", "format"),
    Kind.ARRAY: ("minItems", "maxItems", "uniqueItems"),
    Kind.OBJECT: ("minProperties", "maxProperties"),
}
"""Keywords whose violation is the same demand turned round."""


Relevant = Callable[[Term], bool]
"""Whether a subschema could be satisfied (or violated) at all in this branch of the search; one that cannot be
satisfied needs no violation, and one that cannot be violated allows none."""

Apart = Callable[[Term, Term], bool]
"""Whether it is proven that no value satisfies both subschemas."""


def types_of(schema: Mapping[str, JsonValue]) -> list[str] | None:
    """The types that a schema names, None if it names none."""
    named = schema.get("type")
    return [named] if isinstance(named, str) else named


def equal_to(value: JsonValue) -> JsonValue:
    """A schema for one value whose parts are distinguished, not the whole."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "required": list(value),
            "properties": {name: {"const": part} for name, part in value.items()},
            "additionalProperties": False,
        }
    if isinstance(value, list):
        return {
            "type": "array",
            "minItems": len(value),
            "maxItems": len(value),
            "prefixItems": [{"const": part} for part in value],
        }
    return {"const": value}


def demands(nodes: Nodes, term: Term, kind: Kind, apart: Apart) -> list[Item] | None:
    """What a positive term demands of a value of ``kind``; None if it accepts none."""
    schema = nodes.node(term.side, term.pointer)
    if isinstance(schema, bool):
        return [] if schema else None
    types = types_of(schema)
    items: list[Item] = []
    if types is not None and kind.value not in types:
        if kind is not Kind.NUMBER or "integer" not in types:
            return None
        items.append(Limit("integer", value=True))
    for keyword in ("enum", "const"):
        if keyword in schema:
            listed = schema["enum"] if keyword == "enum" else [schema["const"]]
            items.append(Values(tuple(value for value in listed if kind_of(value) is kind), positive=True))
    items += _combined(schema, term, apart)
    items += [
        Limit(keyword, schema[keyword])
        for keyword in LIMITS.get(kind, ())
        if keyword in schema and schema[keyword] is not False
    ]
    if kind is Kind.ARRAY:
        items += _of_array(nodes, schema, term)
    elif kind is Kind.OBJECT:
        items += _of_object(nodes, schema, term)
    return items


def _combined(schema: Mapping[str, JsonValue], term: Term, apart: Apart) -> Iterator[Item]:
    def part(*place: str | int, positive: bool = True) -> Goal:
        return Goal(Term(term.side, child(term.pointer, *place), positive))

    if "$ref" in schema:
        yield Goal(Term(term.side, from_reference(schema["$ref"]), positive=True))
    for number in range(len(schema.get("allOf", ()))):
        yield part("allOf", number)
    if "anyOf" in schema:
        yield Split(tuple(Option((part("anyOf", number),)) for number in range(len(schema["anyOf"]))))
    if "oneOf" in schema:
        every = [Term(term.side, child(term.pointer, "oneOf", number), True) for number in range(len(schema["oneOf"]))]
        yield Split(
            tuple(
                Option(
                    (Goal(one), *(Goal(other.negated()) for other in every if other != one and not apart(one, other)))
                )
                for one in every
            )
        )
    if "not" in schema:
        yield part("not", positive=False)
    if "if" in schema and ("then" in schema or "else" in schema):
        then = (part("then"),) if "then" in schema else ()
        otherwise = (part("else"),) if "else" in schema else ()
        yield Split((Option((part("if"), *then)), Option((part("if", positive=False), *otherwise))))


def _of_array(nodes: Nodes, schema: Mapping[str, JsonValue], term: Term) -> Iterator[Item]:
    if "prefixItems" in schema or "items" in schema:
        yield array_shape(schema, term)
    if "contains" in schema:
        low, high = schema.get("minContains", 1), schema.get("maxContains")
        yield Count(Term(term.side, child(term.pointer, "contains"), positive=True), low, high)
    if "unevaluatedItems" in schema:
        rest = child(term.pointer, "unevaluatedItems")
        yield Split(
            tuple(
                Option(
                    (*items, ArrayShape(term.side, (None,) * evaluated.items, _one_of(nodes, term, rest, evaluated)))
                )
                if not evaluated.every_item
                else Option(items)
                for items, evaluated in item_cases(nodes, term)
            )
        )


def _one_of(nodes: Nodes, term: Term, rest: str, evaluated: Evaluated) -> str:
    """What an item must satisfy that is not evaluated by its position: the rest, or what the array was to contain."""
    if not evaluated.matching:
        return rest
    choices = [{"$ref": as_reference(pointer)} for pointer in (*sorted(evaluated.matching), rest)]
    return nodes.define({"anyOf": choices}, term.side)


def array_shape(schema: Mapping[str, JsonValue], term: Term) -> ArrayShape:
    """The demands of prefixItems and items."""
    prefix = tuple(child(term.pointer, "prefixItems", index) for index in range(len(schema.get("prefixItems", ()))))
    return ArrayShape(term.side, prefix, child(term.pointer, "items") if "items" in schema else None)


def _of_object(nodes: Nodes, schema: Mapping[str, JsonValue], term: Term) -> Iterator[Item]:
    for name in schema.get("required", ()):
        yield Key(name, present=True)
    if schema.keys() & {"properties", "patternProperties", "additionalProperties"}:
        yield object_shape(schema, term)
    if "propertyNames" in schema:
        yield Names(Term(term.side, child(term.pointer, "propertyNames"), positive=True))
    for name, needed in schema.get("dependentRequired", {}).items():
        if needed:
            present = tuple(Key(other, present=True) for other in needed)
            yield Split((Option((Key(name, present=False),)), Option(present)))
    for name in schema.get("dependentSchemas", {}):
        goal = Goal(Term(term.side, child(term.pointer, "dependentSchemas", name), positive=True))
        yield Split((Option((Key(name, present=False),)), Option((Key(name, present=True), goal))))
    if "unevaluatedProperties" in schema:
        rest = child(term.pointer, "unevaluatedProperties")
        yield Split(
            tuple(
                Option((*items, ObjectShape(term.side, {}, {}, rest, evaluated.names, evaluated.patterns)))
                if not evaluated.every_property
                else Option(items)
                for items, evaluated in property_cases(nodes, term)
            )
        )


def object_shape(schema: Mapping[str, JsonValue], term: Term) -> ObjectShape:
    """The demands of properties, patternProperties and additionalProperties."""
    named = {name: child(term.pointer, "properties", name) for name in schema.get("properties", {})}
    patterned = {name: child(term.pointer, "patternProperties", name) for name in schema.get("patternProperties", {})}
    others = child(term.pointer, "additionalProperties") if "additionalProperties" in schema else None
    return ObjectShape(term.side, named, patterned, others, frozenset(named), frozenset(patterned))


def violations(nodes: Nodes, goal: Goal, kind: Kind, relevant: Relevant) -> Split:
    """The ways in which a value of ``kind`` violates the schema of a negative goal."""
    term = goal.term
    schema = nodes.node(term.side, term.pointer)
    if isinstance(schema, bool):
        closed = Option((), Blame(closed_rule(term.pointer), term.pointer))
        return Split(() if schema else (closed,), goal.aimed)
    return Split(tuple(_violated(nodes, schema, goal, kind, relevant)), goal.aimed)


def _violated(
    nodes: Nodes, schema: Mapping[str, JsonValue], goal: Goal, kind: Kind, relevant: Relevant
) -> Iterator[Option]:
    term = goal.term

    def blame(keyword: str, *place: str | int, rule: Rule | None = None) -> Blame:
        return Blame(rule or KEYWORD_RULES[keyword], child(term.pointer, keyword, *place))

    types = types_of(schema)
    if types is not None and kind.value not in types:
        if kind is not Kind.NUMBER or "integer" not in types:
            yield Option((), blame("type"))
        else:
            yield Option((Limit("integer", value=True, positive=False),), blame("type"))
    for keyword in ("enum", "const"):
        if keyword in schema:
            listed = schema["enum"] if keyword == "enum" else [schema["const"]]
            yield Option(tuple(_different(nodes, listed, kind)), blame(keyword))
    yield from _combinators(schema, goal, relevant, blame)
    for keyword in LIMITS.get(kind, ()):
        if keyword in schema and schema[keyword] is not False:
            yield Option((Limit(keyword, schema[keyword], positive=False),), blame(keyword))
    if kind is Kind.ARRAY:
        yield from _array_violated(nodes, schema, goal, blame)
    elif kind is Kind.OBJECT:
        yield from _object_violated(nodes, schema, goal, blame)


def _different(nodes: Nodes, listed: list[JsonValue], kind: Kind) -> Iterator[Item]:
    same = [value for value in listed if kind_of(value) is kind]
    if kind not in (Kind.ARRAY, Kind.OBJECT):
        yield Values(tuple(same), positive=False)
        return
    for value in same:
        yield Goal(Term(Side.BUILT, nodes.define(equal_to(value)), positive=False))


def _combinators(
    schema: Mapping[str, JsonValue], goal: Goal, relevant: Relevant, blame: Callable[..., Blame]
) -> Iterator[Option]:
    term = goal.term

    def part(*place: str | int, positive: bool = False) -> Goal:
        # Only a violated part goes on distinguishing its own parts; a satisfied one is a side condition.
        return Goal(Term(term.side, child(term.pointer, *place), positive), aimed=goal.aimed and not positive)

    if "$ref" in schema:
        yield Option((Goal(Term(term.side, from_reference(schema["$ref"]), positive=False), goal.aimed),))
    for number in range(len(schema.get("allOf", ()))):
        yield Option((part("allOf", number),))
    for keyword in ("anyOf", "oneOf"):
        if keyword not in schema:
            continue
        terms = [Term(term.side, child(term.pointer, keyword, number), True) for number in range(len(schema[keyword]))]
        possible = [found for found in terms if relevant(found)]
        if len(possible) == 1:
            yield Option((Goal(possible[0].negated(), goal.aimed),))
        elif all(relevant(found.negated()) for found in possible):
            yield Option(tuple(Goal(found.negated()) for found in possible), blame(keyword))
        if keyword == "oneOf":
            for position, one in enumerate(possible):
                for other in possible[position + 1 :]:
                    yield Option((Goal(one), Goal(other)), blame("oneOf", rule=Rule.ONE_OF_AMBIGUOUS))
    if "not" in schema:
        yield Option((part("not", positive=True),), blame("not"))
    if "if" in schema and "then" in schema:
        yield Option((part("if", positive=True), part("then")))
    if "if" in schema and "else" in schema:
        yield Option((Goal(Term(term.side, child(term.pointer, "if"), positive=False)), part("else")))


def _array_violated(
    nodes: Nodes, schema: Mapping[str, JsonValue], goal: Goal, blame: Callable[..., Blame]
) -> Iterator[Option]:
    term = goal.term
    prefix = len(schema.get("prefixItems", ()))
    for index in range(prefix):
        part = Goal(Term(term.side, child(term.pointer, "prefixItems", index), positive=False), goal.aimed)
        yield Option((ItemHolder(part, index, exact=True),))
    if "items" in schema:
        part = Goal(Term(term.side, child(term.pointer, "items"), positive=False), goal.aimed)
        yield Option((ItemHolder(part, prefix, exact=False),))
    if "contains" in schema:
        wanted = Term(term.side, child(term.pointer, "contains"), positive=True)
        low, high = schema.get("minContains", 1), schema.get("maxContains")
        if low > 0:
            yield Option((Count(wanted, 0, low - 1),), blame("minContains" if "minContains" in schema else "contains"))
        if high is not None:
            yield Option((Count(wanted, high + 1, None),), blame("maxContains"))
    if "unevaluatedItems" in schema:
        part = Goal(Term(term.side, child(term.pointer, "unevaluatedItems"), positive=False), goal.aimed)
        for items, evaluated in item_cases(nodes, term):
            if not evaluated.every_item:
                others = frozenset(Term(term.side, pointer, positive=False) for pointer in evaluated.matching)
                yield Option((*items, ItemHolder(part, evaluated.items, exact=False, besides=others)))


def _object_violated(
    nodes: Nodes, schema: Mapping[str, JsonValue], goal: Goal, blame: Callable[..., Blame]
) -> Iterator[Option]:
    term = goal.term

    def part(*place: str) -> Goal:
        return Goal(Term(term.side, child(term.pointer, *place), positive=False), goal.aimed)

    for position, name in enumerate(schema.get("required", ())):
        yield Option((Key(name, present=False),), blame("required", position))
    for name in schema.get("properties", {}):
        yield Option((Holder(part("properties", name), name=name),))
    for pattern in schema.get("patternProperties", {}):
        yield Option((Holder(part("patternProperties", pattern), pattern=pattern),))
    if "additionalProperties" in schema:
        names, patterns = frozenset(schema.get("properties", ())), frozenset(schema.get("patternProperties", ()))
        others = part("additionalProperties")
        yield Option((Holder(others, outside_names=names, outside_patterns=patterns),))
    if "propertyNames" in schema:
        name_term = Term(term.side, child(term.pointer, "propertyNames"), positive=False)
        yield Option((Holder(None, name_term=name_term),), blame("propertyNames"))
    for name, needed in schema.get("dependentRequired", {}).items():
        for position, other in enumerate(needed):
            keys = (Key(name, present=True), Key(other, present=False))
            yield Option(keys, blame("dependentRequired", name, position))
    for name in schema.get("dependentSchemas", {}):
        yield Option((Key(name, present=True), part("dependentSchemas", name)))
    if "unevaluatedProperties" in schema:
        for items, evaluated in property_cases(nodes, term):
            if not evaluated.every_property:
                holder = Holder(
                    part("unevaluatedProperties"),
                    outside_names=evaluated.names,
                    outside_patterns=evaluated.patterns,
                )
                yield Option((*items, holder))
