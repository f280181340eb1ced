"""Facts about vectors, published by the embedding service. The subject is the item's id, or the rebuild's."""

import base64
import struct
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from contracts.contract import Contract, Part
from contracts.operations import ErasureReceipt, ReplayReport
from contracts.personal import Personal


def encode_vector(values: Sequence[float]) -> str:
    """Little-endian float32 values as base64 (4 bytes a dimension, so 5,464 characters for 1,024)."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode("ascii")


def blank_vector(dimensions: int) -> str:
    """A vector that says nothing and can be compared like any other: of unit length, since zero has no direction."""
    return encode_vector([1.0] + [0.0] * (dimensions - 1))


def with_vectors(data: Mapping[str, Any], vector: str) -> dict[str, Any]:
    """The payload of an `ItemEmbedded` with this vector in place of each of its own."""
    replaced = {**data, "vector": vector}
    if "passages" in data:
        replaced["passages"] = [{**passage, "vector": vector} for passage in data["passages"]]
    return replaced


def packed_vector(vector: str, dimensions: int) -> bytes:
    """The values as little-endian float32, 4 bytes a dimension; `encode_vector` wrote them. No schema can say that they
    are as many as the dimensions: whoever keeps or counts the vector finds out here.

    Raises:
        ValueError: the text is not base64 of that many values.
    """
    packed = base64.b64decode(vector, validate=True)
    if len(packed) != 4 * dimensions:
        raise ValueError(f"the vector does not hold {dimensions} float32 values")
    return packed


def vector_values(vector: str, dimensions: int) -> tuple[float, ...]:
    """The values; the inverse of `encode_vector`. Raises like `packed_vector`."""
    return struct.unpack(f"<{dimensions}f", packed_vector(vector, dimensions))


class EmbeddedPassage(Part):
    """A part of a long text in a picture, with a vector of its own.

    The place is that in the entries of `image_details.extracted_text`, joined by one space: in characters (code
    points), the end excluded.
    """

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    vector: str = Field(description="Little-endian float32 values, base64; as many as the item's vector has.")


class ItemEmbedded(Contract):
    """A version of the item's description became a vector."""

    event_type: ClassVar[str] = "collections.embedding.item-embedded.v1"
    schema_version: ClassVar[str] = "1.2"

    # Personal, for a text can be guessed from its vector.
    vector: Annotated[str, Personal()] = Field(description="Little-endian float32 values, base64.")
    dimensions: int = Field(gt=0)
    model: str
    analysis_id: str
    analysis_version: int = Field(ge=1)
    tokens: int = Field(default=0, ge=0)
    text_sha256: str | None = Field(
        default=None,
        description="Of the text that was embedded, lower-case hexadecimal; absent in events before 1.1.",
        pattern="^[0-9a-f]{64}$",
    )
    passages: Annotated[tuple[EmbeddedPassage, ...], Personal()] = Field(
        default=(),
        description="Further vectors of a long item, of the text in its picture; none of a short one and before 1.2.",
    )

    def packed(self) -> bytes:
        """The vector's bytes. Raises like `packed_vector`."""
        return packed_vector(self.vector, self.dimensions)

    def values(self) -> tuple[float, ...]:
        """The vector's values. Raises like `packed_vector`."""
        return vector_values(self.vector, self.dimensions)


class EmbeddingFailure(StrEnum):
    """Why no vector was made."""

    INVALID_OUTPUT = "invalid-output"
    PROVIDER_REJECTED = "provider-rejected"
    GAVE_UP = "gave-up"


class EmbeddingFailed(Contract):
    """No vector could be made of that version, and trying again as before will not help."""

    event_type: ClassVar[str] = "collections.embedding.embedding-failed.v1"
    schema_version: ClassVar[str] = "1.1"

    reason: EmbeddingFailure
    detail: Annotated[str, Personal()]
    analysis_version: int = Field(ge=1)
    attempts: int = Field(ge=1)
    analysis_id: str | None = Field(
        default=None, description="The analysis of that version; absent in events before 1.1."
    )


class RebuildRequested(Contract):
    """A tenant asked for new vectors of all its descriptions; the subject is the rebuild's id."""

    event_type: ClassVar[str] = "collections.embedding.rebuild-requested.v1"
    schema_version: ClassVar[str] = "1.0"

    model: str
    total: int = Field(description="Descriptions to embed when the rebuild was asked for.", ge=0)


class ReplayProgressed(ReplayReport):
    """The replay of embedding's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.embedding.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of embedding's events has ended."""

    event_type: ClassVar[str] = "collections.embedding.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class TenantErased(ErasureReceipt):
    """Embedding has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.embedding.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
