"""What a search can be narrowed by: one field of `Filters` is all there is to a filter.

From the field follow the parameter of the HTTP API and the argument of the agents' search tools (`retrieval.requests`),
and the condition in each leg of a search (`retrieval.search_statements`). The filter's column belongs to `documents`,
where a projection writes it, and is repeated in `vectors` (`retrieval.statements`), where the exact scan reads it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, LiteralString, get_type_hints

from psycopg import sql

from retrieval.text import spelled, storable

MAX_TEXT = 200
"""Characters of a text that a filter takes."""


def key(text: str) -> str:
    """The text as it is compared: its words, without case and accents. `@Ann_Lee` and `ann lee` are one person."""
    return spelled(text).strip()


def a_text(text: str) -> str | None:
    """The value of a filter by text, as it is written in a query."""
    return text if 0 < len(text) <= MAX_TEXT and key(text) else None


def a_yes_or_no(text: str) -> bool | None:
    """The value of a filter that holds or does not."""
    return {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())


def a_time(text: str) -> datetime | None:
    """A day or a time in ISO 8601, in UTC where no offset is given."""
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def in_utc(time: datetime) -> datetime:
    """The time, one without an offset taken to be in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def a_span(text: str) -> tuple[datetime, datetime] | None:
    """The first moment of a year, month or day, such as `2026-03`, and the first after it."""
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
        if day:
            return first, first + timedelta(days=1)
        months = first.year * 12 + first.month - 1 + (1 if month else 12)
        return first, first.replace(year=months // 12, month=months % 12 + 1)
    except (ValueError, OverflowError):
        return None


_SPAN = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")


def media_type_key(text: str) -> str:
    """`image/jpeg`, `JPG` and `photo.jpeg` are `jpeg`."""
    name = text.lower().rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    return {"jpg": "jpeg", "tif": "tiff", "heif": "heic"}.get(name, name)


@dataclass(frozen=True, slots=True)
class Filter:
    """How one filter is named, described and limited, and how it narrows.

    `condition` is SQL over one column, with `{column}` and `{value}`; `limits` are keyword arguments of pydantic's
    `Field`, and examples. `parameter` is the filter's name in the HTTP API where it is not the field's. `read` makes a
    value of what stands after `name:` in a query, None of what is no value; `compared` is the value as the column has
    it.
    """

    description: str
    column: str
    condition: LiteralString
    limits: Mapping[str, Any] = field(default_factory=dict)
    parameter: str | None = None
    read: Callable[[str], Any] = a_text
    compared: Callable[[Any], Any] = lambda value: value


def _among(description: str, column: str, *examples: str) -> Filter:
    """A filter by one of several keys that an item may have."""
    limits = {"max_length": MAX_TEXT, "examples": list(examples)}
    return Filter(description, column, "{column} @> ARRAY[{value}::text]", limits, compared=key)


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
    subcategory: Annotated[str | None, _among("Only items with this subcategory.", "subcategories", "ramen")] = None
    place: Annotated[
        str | None, _among("Only items of this place: a venue, city or country of theirs.", "places", "Kyoto")
    ] = None
    person: Annotated[
        str | None, _among("Only items that this account posted or is tagged in.", "people", "@ann_lee")
    ] = None
    tag: Annotated[str | None, _among("Only items with this hashtag or theme.", "tags", "#travel")] = None
    source: Annotated[
        str | None,
        Filter(
            "Only items that probably come from there: camera, an app, a web site.",
            column="source",
            condition="strpos(' ' || {column} || ' ', ' ' || {value} || ' ') > 0",
            limits={"max_length": MAX_TEXT, "examples": ["Instagram"]},
            compared=key,
        ),
    ] = None
    has_text: Annotated[
        bool | None,
        Filter(
            "Only items in which text was read, or none.",
            column="has_text",
            condition="{column} = {value}",
            limits={"examples": [True]},
            read=a_yes_or_no,
        ),
    ] = None
    media_type: Annotated[
        str | None,
        Filter(
            "Only items whose original is of this type, such as image/png or png.",
            column="media_type",
            condition="{column} = {value}",
            limits={"max_length": MAX_TEXT, "examples": ["image/png"]},
            compared=media_type_key,
        ),
    ] = None
    added_from: Annotated[
        datetime | None,
        Filter(
            "Only items that were added then or later: first described, which is seconds after their upload.",
            column="added_at",
            condition="{column} >= {value}",
            limits={"examples": ["2026-03-01T00:00:00Z"]},
            read=a_time,
            compared=in_utc,
        ),
    ] = None
    added_before: Annotated[
        datetime | None,
        Filter(
            "Only items that were added before then.",
            column="added_at",
            condition="{column} < {value}",
            limits={"examples": ["2026-04-01T00:00:00Z"]},
            read=a_time,
            compared=in_utc,
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


def _added(text: str) -> Values | None:
    span = a_span(text)
    return None if span is None else (("added_from", span[0]), ("added_before", span[1]))


#: The fields of the query language: what a text after `field:` narrows by, None where it is no value of it.
FIELDS: Mapping[str, Callable[[str], Values | None]] = {
    **{name: _field(name) for name in FILTERS},
    "type": _field("media_type"),
    "added": _added,
}


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
        _placeholder(number, place): FILTERS[name].compared(storable(value) if isinstance(value, str) else value)
        for number, condition in enumerate(narrowing)
        for place, (name, value) in enumerate(condition.values)
    }


def _placeholder(number: int, place: int) -> str:
    return f"filter_{number}_{place}"
