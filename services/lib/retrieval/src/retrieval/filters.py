"""What a search can be narrowed by: one field of `Filters` is all there is to a filter.

From the field follow the parameter of the HTTP API and the argument of the agents' search tools (`retrieval.requests`),
and the condition in each leg of a search (`retrieval.search_statements`). The filter's column belongs to `documents`,
where a projection writes it, and is repeated in `vectors` (`retrieval.statements`), where the exact scan reads it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, LiteralString, get_type_hints

from psycopg import sql

from retrieval.text import storable

MAX_TEXT = 200
"""Characters of a text that a filter takes."""


def a_text(text: str) -> str | None:
    """The value of a filter by text, as it is written in a query."""
    return text if 0 < len(text) <= MAX_TEXT else None


@dataclass(frozen=True, slots=True)
class Filter:
    """How one filter is named, described and limited, and how it narrows.

    `condition` is SQL over one column, with `{column}` and `{value}`; `limits` are keyword arguments of pydantic's
    `Field`, and examples. `parameter` is the filter's name in the HTTP API where it is not the field's. `read` makes a
    value of what stands after `name:` in a query, None of what is no value.
    """

    description: str
    column: str
    condition: LiteralString
    limits: Mapping[str, Any] = field(default_factory=dict)
    parameter: str | None = None
    read: Callable[[str], Any] = a_text


@dataclass(frozen=True, slots=True)
class Filters:
    """What every hit of a search has to match; None does not narrow, nor does an empty text, which clients send."""

    category: Annotated[
        str | None,
        Filter(
            "Only items of exactly this category, in upper or lower case.",
            column="category",
            condition="lower({column}) = lower({value})",
            limits={"max_length": MAX_TEXT, "examples": ["Food"]},
            parameter="category_filter",
        ),
    ] = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Filters":
        """Filters with these values by name."""
        return cls(**values)

    def given(self) -> dict[str, Any]:
        """The filters that narrow, by name."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def before(self, others: "Filters") -> "Filters":
        """These filters, and of the others those that are not among them."""
        return Filters.of(others.given() | self.given())


NO_FILTERS = Filters()

#: The type of each filter's values, by its name.
TYPES: Mapping[str, Any] = get_type_hints(Filters)

#: The filters, by name.
FILTERS: Mapping[str, Filter] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Filters, include_extras=True).items()
}

#: The columns of `documents` that `vectors` repeats.
COLUMNS = tuple(dict.fromkeys(entry.column for entry in FILTERS.values()))


Values = tuple[tuple[str, Any], ...]
"""Filters by name with their values; all have to match."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Filters that every hit matches all of, or, excluded, does not."""

    values: Values
    is_excluded: bool = False

    @property
    def shape(self) -> tuple[tuple[str, ...], bool]:
        """The condition without its values: what its SQL depends on."""
        return tuple(name for name, _ in self.values), self.is_excluded


def conditions(filters: Filters) -> tuple[Condition, ...]:
    """The filters that narrow, as conditions."""
    return tuple(Condition((given,)) for given in filters.given().items())


def _field(name: str) -> Callable[[str], Values | None]:
    def values(text: str) -> Values | None:
        """The text as the filter's value; None where it is none."""
        value = FILTERS[name].read(text)
        return None if value is None else ((name, value),)

    return values


#: The fields of the query language: what a text after `field:` narrows by, None where it is no value of it.
FIELDS: Mapping[str, Callable[[str], Values | None]] = {name: _field(name) for name in FILTERS}


def where(shapes: Iterable[tuple[tuple[str, ...], bool]]) -> sql.Composed:
    """The conditions of these shapes, each after an AND, on a table with their columns."""
    return sql.Composed(
        [
            sql.SQL(" AND ({condition}) IS {truth}").format(
                condition=sql.SQL(" AND ").join(
                    sql.SQL(FILTERS[name].condition).format(
                        column=sql.Identifier(FILTERS[name].column), value=sql.Placeholder(_placeholder(number, place))
                    )
                    for place, name in enumerate(names)
                ),
                truth=sql.SQL("NOT TRUE" if is_excluded else "TRUE"),
            )
            for number, (names, is_excluded) in enumerate(shapes)
        ]
    )


def parameters(narrowing: Iterable[Condition]) -> dict[str, Any]:
    """The parameters of `where`."""
    return {
        _placeholder(number, place): storable(value) if isinstance(value, str) else value
        for number, condition in enumerate(narrowing)
        for place, (_, value) in enumerate(condition.values)
    }


def _placeholder(number: int, place: int) -> str:
    return f"filter_{number}_{place}"
