"""Types of fields that requests and answers of several services have."""

from typing import Annotated

from pydantic import Field

__all__ = ["Id"]

#: An id that a service gave.
Id = Annotated[str, Field(json_schema_extra={"format": "uuid", "examples": ["0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10"]})]
