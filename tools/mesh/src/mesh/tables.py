"""Tables as commands print them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_PIPE = 160


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str | int]]) -> None:
    """Print rows below their headings; numbers are right-aligned."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_PIPE
    listed = list(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if any(isinstance(row[at], int) for row in listed) else "left")
    for row in listed:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print(table)
