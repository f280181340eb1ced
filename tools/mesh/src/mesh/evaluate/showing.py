"""Reports as Markdown and as JSON."""

from collections.abc import Mapping
from typing import Any

from mesh.evaluate.scoring import Figure, Report

_NAMES = {"ndcg": "NDCG@{k}", "mrr": "MRR", "precision": "P@{k}", "recall": "R@{k}"}


def markdown(report: Report) -> str:
    """Tables: by kind with 95 % intervals, then what was said to have no answer, and latency."""
    heads = [name.format(k=report.k) for name in _NAMES.values()]
    rows = [_row("all", report), *(_row(kind, report, kind) for kind in report.kinds())]
    nothing, latency = report.no_result(), report.latency_ms()
    return "\n".join(
        [
            f"# {report.name}",
            "",
            f"| kind | queries | {' | '.join(heads)} |",
            "| --- " * (2 + len(heads)) + "|",
            *rows,
            "",
            f"No result: precision {_share(nothing['precision'])}, recall {_share(nothing['recall'])}.",
            f"Latency: {latency['p50']:.0f} ms p50, {latency['p95']:.0f} ms p95."
            f" Errors: {sum(scored.error is not None for scored in report.queries)}.",
        ]
    )


def _row(title: str, report: Report, kind: str | None = None) -> str:
    figures = report.figures(kind)
    count = sum(kind in (None, scored.kind) for scored in report.queries)
    cells = [_cell(figures[name]) if name in figures else "" for name in _NAMES]
    return f"| {title} | {count} | {' | '.join(cells)} |"


def _cell(figure: Figure) -> str:
    return f"{figure.mean:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def compared(changes: Mapping[str, Figure], k: int) -> str:
    """A table of differences."""
    rows = [f"| {_NAMES[name].format(k=k)} | {_cell(figure)} |" for name, figure in changes.items()]
    return "\n".join(["| metric | difference (95 %) |", "| --- | --- |", *rows])


def document(report: Report) -> dict[str, Any]:
    """The whole report, which `--compare` reads, with its figures."""
    return report.model_dump(mode="json") | {
        "figures": _dumped(report.figures()),
        "by_kind": {kind: _dumped(report.figures(kind)) for kind in report.kinds()},
        "no_result": report.no_result(),
        "latency_ms_quantiles": report.latency_ms(),
    }


def _dumped(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.model_dump() for name, figure in figures.items()}
