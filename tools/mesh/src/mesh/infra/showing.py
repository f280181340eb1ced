"""A plan's summary, as text and as JSON."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.table import Table

from mesh.infra.summary import Action, Change, Summary
from mesh.infra.terraform import Json

_STYLES = {Action.DESTROY: "red", Action.REPLACE: "yellow"}
_ALWAYS = frozenset({Action.CREATE, Action.CHANGE, Action.REPLACE, Action.DESTROY})
_FIRST = 10  # the rest is counted, not listed


def print_summary(console: Console, summary: Summary, *, everything_goes: bool = False) -> None:
    """Print counts per part, then every change to review before confirming. With `everything_goes` only destroyed
    resources that lose data are listed."""
    if not summary.differs:
        console.print("no differences")
    if summary.changes:
        console.print(_table(summary))
    for change in summary.changes:
        if change.action in _STYLES and not change.loses and not everything_goes:
            console.print(_line(change), style=_STYLES[change.action], markup=False, soft_wrap=True)
    for change in summary.losses:
        console.print(f"DATA LOSS: {_line(change)}: {change.loses}", style="bold red", soft_wrap=True)
    if summary.outputs and not summary.changes:
        console.print(f"outputs that change: {', '.join(summary.outputs)}", soft_wrap=True)
    _some(console, "changed outside Terraform since the last apply", summary.drifted)


def as_json(summary: Summary) -> Json:
    """The summary as JSON."""
    return {
        "differs": summary.differs,
        "counts": _counts(summary.counts),
        "parts": {part: _counts(counts) for part, counts in summary.parts.items()},
        "changes": [
            {
                "address": change.address,
                "part": change.part,
                "action": change.action.value,
                "because": list(change.because),
                "loses": change.loses,
            }
            for change in summary.changes
        ],
        "outputs": list(summary.outputs),
        "drifted": list(summary.drifted),
    }


def in_words(summary: Summary) -> str:
    """One line, such as `3 create, 1 replace`."""
    counts = summary.counts
    parts = [f"{counts[action]} {action.value}" for action in Action if counts[action]]
    return ", ".join(parts) or ("outputs only" if summary.differs else "no differences")


def _table(summary: Summary) -> Table:
    used = [action for action in Action if summary.counts[action]]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("part")
    for action in used:
        table.add_column(action.value, justify="right", style=_STYLES.get(action))
    rows = [*summary.parts.items(), ("all", summary.counts)]
    for part, counts in rows:
        table.add_row(part, *(str(counts[action] or "") for action in used), end_section=part == rows[-2][0])
    return table


def _line(change: Change) -> str:
    because = f" (because of {', '.join(change.because)})" if change.because else ""
    return f"{change.action.value}: {change.address}{because}"


def _some(console: Console, what: str, names: tuple[str, ...]) -> None:
    for name in names[:_FIRST]:
        console.print(f"{what}: {name}", markup=False, soft_wrap=True)
    if len(names) > _FIRST:
        console.print(f"{what}: {len(names) - _FIRST} more")


def _counts(counts: Counter[Action]) -> dict[str, int]:
    return {action.value: counts[action] for action in Action if action in _ALWAYS or counts[action]}
