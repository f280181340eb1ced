"""Figures, their verdicts, and their output."""

import io
import json

import pytest
from rich.console import Console

from benchmarks.figures import Figure, Section, Verdict, markdown, show


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("a", "time", 12.0, "ms"), Verdict.NONE),
        (Figure("a", "time", 12.0, "ms", limit=12.0), Verdict.MET),
        (Figure("a", "time", 12.1, "ms", limit=12.0), Verdict.MISSED),
        # With a reference the limit is one of the ratio, whatever the value.
        (Figure("a", "time", 120.0, "ms", reference=100.0, limit=1.2), Verdict.MET),
        (Figure("a", "time", 121.0, "ms", reference=100.0, limit=1.2), Verdict.MISSED),
        (Figure("a", "rate", 2.0, "1/s", limit=3.0, least=True), Verdict.MISSED),
        (Figure("a", "rate", 3.0, "1/s", limit=3.0, least=True), Verdict.MET),
    ],
)
def test_a_figure_is_judged_by_its_limit(figure: Figure, verdict: Verdict) -> None:
    assert figure.verdict is verdict


def shown(section: Section, *, as_json: bool) -> tuple[str, bool]:
    out = io.StringIO()
    met = show([section], Console(file=out, width=160), as_json=as_json)
    return out.getvalue(), met


def test_a_table_shows_value_reference_ratio_target_and_verdict() -> None:
    section = Section("Imports", (Figure("chat.http", "CPU", 130.0, "ms", reference=100.0, limit=1.2),), "SDKs alone")
    text, met = shown(section, as_json=False)
    row = next(line for line in text.splitlines() if line.startswith("chat.http"))
    assert row.split() == ["chat.http", "CPU", "130", "ms", "100", "ms", "1.30", "≤", "1.2", "missed"]
    assert "reference: SDKs alone" in text
    assert not met


def test_json_has_the_same_content() -> None:
    section = Section("Imports", (Figure("chat.http", "CPU", 110.0, "ms", reference=100.0, limit=1.2),), notes=("n",))
    text, met = shown(section, as_json=True)
    (read,) = json.loads(text)
    assert met
    assert read["title"] == "Imports"
    assert read["notes"] == ["n"]
    assert read["figures"][0]["ratio"] == pytest.approx(1.1)
    assert read["figures"][0]["verdict"] == "met"


def test_a_markdown_table_has_sections_beside_each_other() -> None:
    one = Section("ministack", (Figure("start", "cold", 4.0, "s"), Figure("lost", "", 0, "", limit=0)))
    other = Section("localstack", (Figure("start", "cold", 10.0, "s"), Figure("only here", "", 12.5, "MB")))
    assert markdown([one, other]).splitlines() == [
        "| what | ministack | localstack | ratio |",
        "| --- | --: | --: | --: |",
        "| start, cold | 4 s | 10 s | 2.5 |",
        "| lost | 0 |  |  |",
        "| only here |  | 12.5 MB |  |",
    ]
    assert markdown([one]).splitlines()[2] == "| start, cold | 4 s |"
