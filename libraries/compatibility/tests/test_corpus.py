"""Every case of the corpus: the rules it names, both ways; witnesses proven; compatible pairs fuzzed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from compatibility import Rule, Schema, compare, read_schema
from compatibility.fuzzing import fuzz

CORPUS = Path(__file__).parent / "corpus"
DOCUMENTS_PER_PAIR = 500
DOCUMENTS_ON_A_PUSH = 50


@dataclass(frozen=True)
class Case:
    """One pair of schemas, read in one direction."""

    why: str
    writer: Any
    reader: Any
    rules: tuple[str, ...]
    #: The paths of the findings; None: any.
    places: tuple[str, ...] | None = None

    def schemas(self) -> tuple[Schema, Schema]:
        """The two schemas, named for findings."""
        return read_schema(self.writer, name="writer"), read_schema(self.reader, name="reader")


def cases() -> Iterator[Case]:
    """Both directions of every case on file."""
    for path in sorted(CORPUS.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text("utf-8")):
            places = tuple(case["places"]) if "places" in case else None
            yield Case(case["why"], case["writer"], case["reader"], tuple(sorted(case["rules"])), places)
            yield Case(f"{case['why']}, reversed", case["reader"], case["writer"], tuple(sorted(case["reverse"])))


ALL = list(cases())


@pytest.mark.sampled(120)
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.why)
def test_the_verdict_names_exactly_the_expected_rules(case: Case) -> None:
    writer, reader = case.schemas()
    coverage = compare(writer, reader)
    assert coverage.undecided == ()
    assert sorted({finding.rule.value for finding in coverage.findings}) == list(case.rules)
    if case.places is not None:
        assert sorted({finding.path for finding in coverage.findings}) == sorted(case.places)
    for finding in coverage.findings:
        assert writer.accepts(finding.witness), finding
        assert not reader.accepts(finding.witness), finding


@pytest.mark.sampled(120)
@pytest.mark.parametrize("case", [case for case in ALL if not case.rules], ids=lambda case: case.why)
def test_no_document_contradicts_a_compatible_verdict(case: Case, whole: bool) -> None:
    writer, reader = case.schemas()
    fuzzed = fuzz(writer, reader, DOCUMENTS_PER_PAIR if whole else DOCUMENTS_ON_A_PUSH, seed=1)
    assert fuzzed.rejected == ()
    assert fuzzed.tried > 0 or compare(writer, read_schema(False)).findings == (), "the writer's documents were missed"


def test_the_corpus_is_as_large_as_promised_and_described() -> None:
    assert len(ALL) >= 2 * 150
    names = [case.why for case in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", list(Rule))
def test_every_rule_fires_somewhere_and_stays_silent_elsewhere(rule: Rule) -> None:
    assert any(rule.value in case.rules for case in ALL)
    assert any(rule.value not in case.rules for case in ALL)
