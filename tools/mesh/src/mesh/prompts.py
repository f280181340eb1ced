"""Asking before something changes; on stderr, because stdout may be for a program.

NotConfirmedError   nobody has said yes
"""

from __future__ import annotations

import typer

from workspace import OperatorError

_UNCHANGED = "nothing was changed"


class NotConfirmedError(OperatorError):
    """Nobody has said yes; nothing was changed."""


def confirm(question: str, *, yes: bool) -> None:
    """A yes to go on; `yes` says it beforehand. Raises NotConfirmedError."""
    if yes:
        return
    try:
        said = typer.confirm(question, err=True)
    except typer.Abort as error:
        typer.echo(err=True)  # the question's line has no end
        raise NotConfirmedError(f"not confirmed (without a terminal: --yes), {_UNCHANGED}") from error
    if not said:
        raise NotConfirmedError(f"not confirmed, {_UNCHANGED}")


def confirm_name(why: str, name: str, *, given: str | None) -> None:
    """The name must be typed, or be given beforehand. Raises NotConfirmedError."""
    typed = given
    if typed is None:
        try:
            typed = typer.prompt(f"{why} Type {name} to go on", default="", show_default=False, err=True)
        except typer.Abort as error:
            typer.echo(err=True)
            raise NotConfirmedError(f"not confirmed (without a terminal: --confirm {name}), {_UNCHANGED}") from error
    if typed.strip() != name:
        raise NotConfirmedError(f"{typed.strip() or 'nothing'!r} is not {name!r}, {_UNCHANGED}")
