"""Results of a benchmark: figures with their references, limits and verdicts, as tables and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table


class Verdict(StrEnum):
    """A figure compared with its limit."""

    MET = "met"
    MISSED = "missed"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    `reference` was measured beside it, in the same unit. `limit` is the maximum: of the ratio to the reference where
    there is one, else of the value; with `least` it is the minimum.
    """

    subject: str
    measure: str
    value: float
    unit: str
    reference: float | None = None
    limit: float | None = None
    least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """The value in units of its reference."""
        return self.value / self.reference if self.reference else None

    @property
    def verdict(self) -> Verdict:
        """Whether the limit was met."""
        if self.limit is None:
            return Verdict.NONE
        measured = self.value if self.ratio is None else self.ratio
        kept = measured >= self.limit if self.least else measured <= self.limit
        return Verdict.MET if kept else Verdict.MISSED

    def to_json(self) -> dict[str, Any]:
        """The result as JSON."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Section:
    """Figures of one kind; `reference` describes theirs, `notes` are for the reader."""

    title: str
    figures: tuple[Figure, ...]
    reference: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether no limit was missed."""
        return all(figure.verdict is not Verdict.MISSED for figure in self.figures)

    def to_json(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "title": self.title,
            "reference": self.reference,
            "notes": list(self.notes),
            "figures": [figure.to_json() for figure in self.figures],
        }


def show(sections: list[Section], console: Console, *, as_json: bool) -> bool:
    """Print everything; returns whether no limit was missed."""
    if as_json:
        console.print_json(json.dumps([section.to_json() for section in sections]))
    else:
        for section in sections:
            _print(section, console)
    return all(section.is_met for section in sections)


def markdown(sections: list[Section]) -> str:
    """A Markdown table: a row for each figure, a column for each section, and the ratio of the second to the first."""
    rows: dict[tuple[str, str], dict[str, Figure]] = {}
    for section in sections:
        for figure in section.figures:
            rows.setdefault((figure.subject, figure.measure), {})[section.title] = figure
    titles = [section.title for section in sections]
    header = ["what", *titles, *(["ratio"] if len(titles) == 2 else [])]
    lines = [header, ["---", *("--:" for _ in header[1:])]]
    for (subject, measure), found in rows.items():
        values = [found[title].value if title in found else None for title in titles]
        cells = [_number(found[title].value, found[title].unit) if title in found else "" for title in titles]
        if len(titles) == 2:
            first, second = values
            cells.append(f"{second / first:.1f}" if first and second is not None else "")
        lines.append([f"{subject}, {measure}" if measure else subject, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _print(section: Section, console: Console) -> None:
    table = Table(title=section.title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("measure")
    compared = any(figure.reference is not None for figure in section.figures)
    limited = any(figure.limit is not None for figure in section.figures)
    noted = any(figure.note for figure in section.figures)
    numbers = ["value", *(["reference", "ratio"] if compared else []), *(["target", "verdict"] if limited else [])]
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    if noted:
        table.add_column("note", overflow="fold")
    for figure in section.figures:
        cells = [figure.subject, figure.measure, _number(figure.value, figure.unit)]
        if compared:
            cells += ["" if figure.reference is None else _number(figure.reference, figure.unit)]
            cells += ["" if figure.ratio is None else f"{figure.ratio:.2f}"]
        if limited:
            cells += [_limit(figure), figure.verdict.value]
        table.add_row(
            *cells, *([figure.note] if noted else []), style="red" if figure.verdict is Verdict.MISSED else None
        )
    console.print(table)
    if section.reference:
        console.print(f"  reference: {section.reference}", markup=False)
    for note in section.notes:
        console.print(f"  {note}", markup=False)
    console.print()


def _limit(figure: Figure) -> str:
    if figure.limit is None:
        return ""
    sign = "≥" if figure.least else "≤"
    return f"{sign} {figure.limit:g}" if figure.ratio is not None else f"{sign} {_number(figure.limit, figure.unit)}"


def _number(value: float, unit: str) -> str:
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}".rstrip()
