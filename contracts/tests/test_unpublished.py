"""A rule that a model has and its schema has not, or the other way round, is found and named."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

import pytest
from pydantic import AfterValidator, AnyUrl, ConfigDict, Field, StringConstraints, create_model, model_validator

from contracts import REGISTRY, Contract
from contracts.contract import LocalTime, Part, Timestamp
from contracts.unpublished import unpublished


class Colour(StrEnum):
    """An enumeration."""

    RED = "red"


class Lowered(Part):
    """A part that changes its texts."""

    model_config = ConfigDict(str_to_lower=True)
    name: str


def of_field(annotation: Any, default: Any = ...) -> tuple[str, ...]:
    contract: type[Contract] = create_model("Fact", __base__=Contract, at=(annotation, default))
    return unpublished(contract)


@pytest.mark.parametrize("contract", [*REGISTRY, *REGISTRY.retired()], ids=lambda contract: contract.__name__)
def test_our_models_and_their_schemas_share_their_rules(contract: type[Contract]) -> None:
    assert unpublished(contract) == ()


ALIKE: dict[str, Any] = {
    "moment": Timestamp | None,
    "local time": LocalTime,
    "list of unions": list[int | str | None],
    "pair": tuple[int, str],
    "map": dict[Colour, dict[str, Any]],
    "limits": Annotated[float, Field(ge=0, lt=1)],
    "words": Annotated[str, Field(json_schema_extra={"deprecated": True, "x-replaced-by": "then"})],
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_both_read_alike_is_free(name: str) -> None:
    assert of_field(ALIKE[name]) == ()


STRIPPED = Annotated[str, StringConstraints(strip_whitespace=True)]
FORMATTED = Annotated[str, Field(json_schema_extra={"format": "uri"})]
DIFFERENT: dict[str, tuple[Any, str]] = {
    "uuid": (UUID | None, "Fact.at: the type uuid"),
    "address": (AnyUrl, "Fact.at: the type url"),
    "decimal": (list[Decimal], "Fact.at: the type decimal"),
    "lenient time": (datetime, "Fact.at: the type datetime"),
    "day": (tuple[date, ...], "Fact.at: the type date"),
    "bytes": (bytes, "Fact.at: the type bytes"),
    "set": (frozenset[str], "Fact.at: the type frozenset"),
    "numbered map": (dict[int, str], "Fact.at: keys that are no texts"),
    "validator": (Annotated[int, AfterValidator(abs)] | None, "Fact.at: the validator abs"),
    "stripped": (STRIPPED, "Fact.at: texts are changed: strip_whitespace"),
    "a part with settings": (dict[str, Lowered], "Lowered: texts are changed: to_lower"),
    "alias": (Annotated[str, Field(alias="when")], "Fact.at: an alias"),
    "schema alone": (FORMATTED, "Fact.at: format, which only its schema has"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_one_of_them_alone_says_is_named(name: str) -> None:
    annotation, fault = DIFFERENT[name]
    assert fault in of_field(annotation)


def test_a_validator_of_the_model_hides_nothing_below_it() -> None:
    class Even(Contract):
        event_type: ClassVar[str] = "collections.shop.size-measured.v1"
        size: UUID

        @model_validator(mode="after")
        def _is_even(self) -> Self:
            return self

    assert unpublished(Even) == ("Even: the validator _is_even", "Even.size: the type uuid")


@pytest.mark.parametrize("name", ["type", "cls", "function", "metadata", "config", "members"])
def test_a_field_may_have_the_name_of_anything(name: str) -> None:
    fields: dict[str, Any] = {name: (UUID, ...), "other": (date, ...)}
    part = create_model("Named", __base__=Part, **fields)
    assert of_field(part) == (f"Named.{name}: the type uuid", "Named.other: the type date")
