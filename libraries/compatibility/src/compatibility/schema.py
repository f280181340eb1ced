"""A schema that passed every check of its form: what the author wrote, and the same in the terms of 2020-12."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from jsonschema.protocols import Validator
from referencing import Registry

from compatibility.formats import FORMAT_CHECKER
from compatibility.model import JsonValue
from compatibility.validators import VALIDATOR, ValidatorClass


@dataclass(frozen=True, eq=False)
class Schema:
    """A usable schema.

    ``source`` is the document as written and ``validator_class`` that of its dialect (known formats are
    asserted). ``document`` is the same in 2020-12 with every reference a plain pointer, and ``nodes`` are its
    subschemas by pointer. ``origins`` maps its pointers to those of ``source``. ``obstacles`` name what no static
    reading can settle; a pair with obstacles can be refuted by a witness but not proven compatible, unless both were
    written alike (``bare``, the source without annotations where there are obstacles). ``remarks`` name what means
    nothing here and may be a mistake: unknown keywords and formats, and that no dialect is named. ``runnable`` is the
    source with patterns spelled for Python; None where that breaks its references.
    """

    name: str
    source: JsonValue
    validator_class: ValidatorClass
    document: JsonValue
    nodes: Mapping[str, JsonValue]
    origins: Mapping[str, str] = field(default_factory=dict)
    obstacles: tuple[str, ...] = ()
    bare: Hashable = None
    remarks: tuple[str, ...] = ()
    runnable: JsonValue = None

    @cached_property
    def validator(self) -> Validator:
        """The validator of the schema as written."""
        if self.runnable is None:
            return self.normal_validator
        built: Validator = self.validator_class(self.runnable, registry=Registry(), format_checker=FORMAT_CHECKER)
        return built

    @cached_property
    def normal_validator(self) -> Validator:
        """The validator of the normalised schema, for questions about its parts."""
        built: Validator = VALIDATOR(self.document, registry=Registry(), format_checker=FORMAT_CHECKER)
        return built

    def accepts(self, instance: JsonValue) -> bool:
        """The validator's verdict on ``instance`` under the schema as written.

        ``OpenQuestionError`` where validators disagree about a format.
        """
        return bool(self.validator.is_valid(instance))

    def origin(self, pointer: str) -> str:
        """The place in ``source`` of a place in ``document``: the longest known prefix is replaced."""
        head, tail = pointer, ""
        while head and head not in self.origins:
            head, _, last = head.rpartition("/")
            tail = f"/{last}{tail}"
        return self.origins.get(head, head) + tail
