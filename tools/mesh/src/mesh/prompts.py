"""Confirmation prompts; on stderr, because stdout may be for a program.

NotConfirmedError   the change was not confirmed
"""

from __future__ import annotations

import typer

from workspace import OperatorError

_UNCHANGED = "nothing was changed"


class NotConfirmedError(OperatorError):
    """The change was not confirmed; nothing was changed."""


def confirm(question: str, *, yes: bool) -> None:
    """Ask for a yes; `yes` skips the question. Raises NotConfirmedError."""
    if yes:
        return
    try:
        confirmed = typer.confirm(question, err=True)
    except typer.Abort as error:
        typer.echo(err=True)  # end the question's line
        raise NotConfirmedError(f"not confirmed (without a terminal: --yes), {_UNCHANGED}") from error
    if not confirmed:
        raise NotConfirmedError(f"not confirmed, {_UNCHANGED}")


def confirm_name(why: str, name: str, *, given: str | None) -> None:
    """Ask for the name to be typed, unless it was given. Raises NotConfirmedError."""
    typed = given
    if typed is None:
        try:
            typed = typer.prompt(f"{why} Type {name} to continue", default="", show_default=False, err=True)
        except typer.Abort as error:
            typer.echo(err=True)
            raise NotConfirmedError(f"not confirmed (without a terminal: --confirm {name}), {_UNCHANGED}") from error
    if typed.strip() != name:
        raise NotConfirmedError(f"{typed.strip() or 'nothing'!r} is not {name!r}, {_UNCHANGED}")
