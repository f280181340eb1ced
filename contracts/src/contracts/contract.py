"""The base of every contract, its naming rules, and the types for times.

A contract is the payload (`data`) of one event type at one schema version. Types are facts in the past tense,
`collections.<service>.<fact>.v<major>`; the version is `<major>.<minor>`.
"""

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

TYPE_PATTERN = re.compile(r"^collections\.(?P<service>[a-z]+)\.(?P<fact>[a-z]+(?:-[a-z]+)*)\.v(?P<major>[1-9][0-9]*)$")
#: `<major>.<minor>`, each written one way only.
VERSION_PATTERN = re.compile(r"^(?P<major>[1-9][0-9]*)\.(?:0|[1-9][0-9]*)$")

_CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
#: RFC 3339 takes letters of either case and any number of digits of a second, of which six are kept.
_ZONED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE | re.ASCII,
)


def read_timestamp(value: object) -> datetime:
    """An RFC 3339 date-time; pydantic refuses what this raises."""
    # pydantic also takes Unix time, a space for the T, and times without seconds: none of it is RFC 3339.
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _ZONED.fullmatch(value):
        with suppress(ValueError):  # the 30th of February; its own message would quote it
            return datetime.fromisoformat(value.upper())
    raise PydanticCustomError("date-time", "Input should be an RFC 3339 date-time with a zone")


#: A moment; on the wire an RFC 3339 date-time.
Timestamp = Annotated[AwareDatetime, BeforeValidator(read_timestamp)]
#: What a clock showed somewhere: ISO 8601 without a zone, which is no `date-time` of JSON Schema. A text, since the
#: published pattern lets pass what no calendar has, such as a 31st of February.
LocalTime = Annotated[str, Field(pattern=rf"^{_CLOCK}$")]


class Part(BaseModel):
    """A piece of a payload. Frozen; a reader ignores unknown fields, so that a newer producer does not break it.

    Errors never quote the input: payloads are personal.
    """

    # Validators are built when first used: a function reads a few of the contracts that it imports.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)


class Contract(Part):
    """A payload with its event type and schema version."""

    event_type: ClassVar[str]
    schema_version: ClassVar[str]

    @classmethod
    def source(cls) -> str:
        """The CloudEvents `source` of the producer, `collections.<service>`."""
        return cls.event_type.rsplit(".", 2)[0]

    @classmethod
    def fact(cls) -> str:
        """What all majors of the fact share, `collections.<service>.<fact>`."""
        return fact_of(cls.event_type)

    @classmethod
    def major(cls) -> int:
        """The major version."""
        return major_of(cls.event_type)

    @classmethod
    def dataschema(cls) -> str:
        """The name of the exact schema version, as carried in the envelope."""
        return schema_name(cls.event_type, cls.schema_version)


def fact_of(event_type: str) -> str:
    """`collections.<service>.<fact>` of `collections.<service>.<fact>.v<major>`."""
    return event_type.rpartition(".v")[0]


def major_of(event_type: str) -> int:
    """The major version of an event type that follows the naming rules.

    Raises:
        ValueError: it does not.
    """
    name = TYPE_PATTERN.match(event_type)
    if name is None:
        raise ValueError(f"{event_type!r} breaks the naming rules")
    return int(name["major"])


def schema_name(event_type: str, version: str) -> str:
    """`urn:collections:contract:<service>.<fact>:<version>`, the CloudEvents `dataschema`."""
    return f"urn:collections:contract:{fact_of(event_type).removeprefix('collections.')}:{version}"
