"""What a search can be narrowed by: one field of `Filters` is all there is to a filter.

From the field follow the parameter of the HTTP API and the argument of the agents' search tools (`retrieval.requests`),
and the condition in each leg of a search (`retrieval.search_statements`). The filter's column belongs to `documents`,
where a projection writes it, and is repeated in `vectors` (`retrieval.statements`), where the exact scan reads it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, LiteralString, get_type_hints

from psycopg import sql

from retrieval.text import storable


@dataclass(frozen=True, slots=True)
class Filter:
    """How one filter is named, described and limited, and how it narrows.

    `condition` is SQL over one column, with `{column}` and `{value}`; `limits` are keyword arguments of pydantic's
    `Field`, and examples. `parameter` is the filter's name in the HTTP API where it is not the field's.
    """

    description: str
    column: str
    condition: LiteralString
    limits: Mapping[str, Any] = field(default_factory=dict)
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What every hit of a search has to match; None does not narrow, nor does an empty text, which clients send."""

    category: Annotated[
        str | None,
        Filter(
            "Only items of exactly this category, in upper or lower case.",
            column="category",
            condition="lower({column}) = lower({value})",
            limits={"max_length": 200, "examples": ["Food"]},
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


def where(names: Iterable[str]) -> sql.Composed:
    """The conditions of these filters, each after an AND, on a table with their columns."""
    return sql.Composed(
        [
            sql.SQL(f" AND {FILTERS[name].condition}").format(
                column=sql.Identifier(FILTERS[name].column), value=sql.Placeholder(_placeholder(name))
            )
            for name in names
        ]
    )


def parameters(filters: Filters) -> dict[str, Any]:
    """The parameters of `where`."""
    return {
        _placeholder(name): storable(value) if isinstance(value, str) else value
        for name, value in filters.given().items()
    }


def _placeholder(name: str) -> str:
    return f"filter_{name}"
