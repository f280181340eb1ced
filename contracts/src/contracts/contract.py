"""The base of every contract, and the law of their names.

A contract is the payload (`data`) of one event type at one schema version. Types are facts in the past tense,
`collections.<service>.<fact>.v<major>`; the version is `<major>.<minor>`.
"""

import re
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

TYPE_PATTERN = re.compile(r"^collections\.(?P<service>[a-z]+)\.(?P<fact>[a-z]+(?:-[a-z]+)*)\.v(?P<major>[1-9][0-9]*)$")


class Part(BaseModel):
    """A piece of a payload. Frozen; unknown fields are ignored, so that a newer producer does not break a reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Contract(Part):
    """A payload with its event type and schema version."""

    event_type: ClassVar[str]
    schema_version: ClassVar[str]

    @classmethod
    def source(cls) -> str:
        """The CloudEvents `source` of the producer, `collections.<service>`."""
        return cls.event_type.rsplit(".", 2)[0]

    @classmethod
    def dataschema(cls) -> str:
        """The name of the exact schema version, as carried in the envelope."""
        name = cls.event_type.removeprefix("collections.").rsplit(".", 1)[0]
        return f"urn:collections:contract:{name}:{cls.schema_version}"
