"""Decides whether two JSON Schemas are compatible, and proves it with a document."""

from compatibility.checking import check, compare, covers
from compatibility.errors import CompatibilityError, UndecidedError, Unusable, UnusableSchemaError
from compatibility.model import Coverage, Direction, Finding, Mode, Outcome, Rule, Undecided, Verdict
from compatibility.reading import read_schema
from compatibility.schema import Schema

__all__ = [
    "CompatibilityError",
    "Coverage",
    "Direction",
    "Finding",
    "Mode",
    "Outcome",
    "Rule",
    "Schema",
    "Undecided",
    "UndecidedError",
    "Unusable",
    "UnusableSchemaError",
    "Verdict",
    "check",
    "compare",
    "covers",
    "read_schema",
]
