"""What a search can be narrowed by: one field of `Filters` is all there is to a filter.

From the field follow the parameter of the HTTP API and the argument of the agents' search tools (`retrieval.requests`),
and the condition in each leg of a search (`retrieval.search_statements`). The filter's column belongs to `documents`,
where a projection writes it, and is repeated in `vectors` (`retrieval.statements`), where the exact scan reads it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, LiteralString, get_args, get_type_hints

from psycopg import sql

from retrieval.text import spelled, storable

MAX_TEXT = 200
"""Characters of a text that a filter takes."""

MAX_PIXELS = 100_000
"""Of a side of a picture."""

Orientation = Literal["landscape", "portrait", "square"]


def key(text: str) -> str:
    """The text as it is compared: its words, without case and accents. `@Ann_Lee` and `ann lee` are one person.

    Capitals begin no word: `TikTok` and `tiktok` are one.
    """
    return spelled(text.lower()).strip()


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


def a_clock_time(text: str) -> datetime | None:
    """A day or a time in ISO 8601 as a camera's clock shows it."""
    try:
        return on_the_clock(datetime.fromisoformat(text))
    except ValueError:
        return None


def on_the_clock(time: datetime) -> datetime:
    """The time as a clock shows it; cameras write no offset, so none is compared."""
    return time.replace(tzinfo=None)


def a_count(text: str) -> int | None:
    """A number of pixels."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) and 0 < int(text) <= MAX_PIXELS else None


def an_orientation(text: str) -> str | None:
    """How a picture stands."""
    return text.lower() if text.lower() in get_args(Orientation) else None


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


def _within(description: str, column: str, example: str) -> Filter:
    """A filter by words that stand in a text beside each other."""
    condition: LiteralString = "strpos(' ' || {column} || ' ', ' ' || {value} || ' ') > 0"
    return Filter(description, column, condition, {"max_length": MAX_TEXT, "examples": [example]}, compared=key)


def _pixels(description: str, column: str, example: int) -> Filter:
    """A filter by the least number of pixels."""
    limits = {"ge": 1, "le": MAX_PIXELS, "examples": [example]}
    return Filter(description, column, "{column} >= {value}", limits, read=a_count)


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
        _within("Only items that probably come from there: camera, an app, a web site.", "source", "Instagram"),
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
    taken_from: Annotated[
        datetime | None,
        Filter(
            "Only pictures that were taken then or later, by the camera's clock; an offset is not looked at.",
            column="taken_at",
            condition="{column} >= {value}",
            limits={"examples": ["2026-03-01T00:00:00Z"]},
            read=a_clock_time,
            compared=on_the_clock,
        ),
    ] = None
    taken_before: Annotated[
        datetime | None,
        Filter(
            "Only pictures that were taken before then, by the camera's clock.",
            column="taken_at",
            condition="{column} < {value}",
            limits={"examples": ["2026-04-01T00:00:00Z"]},
            read=a_clock_time,
            compared=on_the_clock,
        ),
    ] = None
    camera: Annotated[
        str | None,
        _within("Only pictures taken with this camera: words of its make and model.", "camera", "iPhone 15"),
    ] = None
    orientation: Annotated[
        Orientation | None,
        Filter(
            "Only pictures that stand so, as they are shown.",
            column="orientation",
            condition="{column} = {value}",
            limits={"examples": ["portrait"]},
            read=an_orientation,
        ),
    ] = None
    width_from: Annotated[int | None, _pixels("Only pictures of at least so many pixels in width.", "width", 1920)] = (
        None
    )
    height_from: Annotated[
        int | None, _pixels("Only pictures of at least so many pixels in height.", "height", 1080)
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


def _span(name: str, compared: Callable[[datetime], datetime]) -> Callable[[str], Values | None]:
    def values(text: str) -> Values | None:
        """From the first to the last moment of the text's year, month or day."""
        span = a_span(text)
        if span is None:
            return None
        return (f"{name}_from", compared(span[0])), (f"{name}_before", compared(span[1]))

    return values


#: The fields of the query language: what a text after `field:` narrows by, None where it is no value of it.
FIELDS: Mapping[str, Callable[[str], Values | None]] = {
    **{name: _field(name) for name in FILTERS},
    "type": _field("media_type"),
    "added": _span("added", in_utc),
    "taken": _span("taken", on_the_clock),
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
