"""The sub-app `mesh dlq`. Commands import what they need when they run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.dlq.letters import Letter, Selection
    from mesh.dlq.queues import DeadLetterQueues

app = typer.Typer(
    name="dlq",
    help="Dead letters, which no consumer could apply: list, show, redrive, discard.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
Queue = Annotated[
    str | None, typer.Option("--queue", metavar="QUEUE", help="Only this queue (imaging.events), or this service's.")
]
Reason = Annotated[str | None, typer.Option("--reason", help="Only with this reason, e.g. invalid-event.")]
Type = Annotated[str | None, typer.Option("--type", help="Only events of this type, e.g. ingest.item-uploaded.v1.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant: the id, or its hash in the logs.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Only these letters.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show which letters that would be.")]
Limit = Annotated[int, typer.Option(min=1, help="At most so many letters are shown, oldest first; all are counted.")]


@app.command("list")
def list_letters(
    env: Env = "local",
    queue: Queue = None,
    reason: Reason = None,
    of_type: Type = None,
    tenant: Tenant = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """How many dead letters there are by queue, reason and type, and the oldest; nothing of what the events say."""
    from mesh.run import guarded

    def command() -> None:
        found = _queues(env, queue).letters(_selection((), reason, of_type, tenant))
        counted = Counter((letter.queue, letter.reason, letter.type) for letter in found)
        counts = [(*key, count) for key, count in sorted(counted.items())]
        if as_json:
            names = ("queue", "reason", "type", "letters")
            counted_rows = [dict(zip(names, row, strict=True)) for row in counts]
            letters = [letter.model_dump() for letter in found[:limit]]
            document = {"environment": env, "total": len(found), "counts": counted_rows, "letters": letters}
            typer.echo(json.dumps(document, indent=2))
        elif found:
            from mesh.tables import print_table

            print_table(("queue", "reason", "type", "letters"), counts)
            typer.echo()
            _print(found, limit)
        else:
            typer.echo(f"no such dead letters in {env}" if reason or of_type or tenant else f"no dead letters in {env}")

    guarded(command)


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter, as `mesh dlq list` shows it.")],
    env: Env = "local",
    queue: Queue = None,
    as_json: AsJson = False,
) -> None:
    """One dead letter: why it is there, which event it holds, whether today's code reads it. No contents."""
    from mesh.run import guarded

    def command() -> None:
        (letter,) = _named(_queues(env, queue), _selection([letter_id], None, None, None))
        if as_json:
            typer.echo(letter.model_dump_json(indent=2))
            return
        for name, value in letter.model_dump().items():
            if value not in {"", 0}:
                typer.echo(f"{name.replace('_', ' ') + ':':<16}{_line(str(value))}")

    guarded(command)


@app.command()
def redrive(
    ids: Ids = None,
    env: Env = "local",
    queue: Queue = None,
    reason: Reason = None,
    of_type: Type = None,
    tenant: Tenant = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to their queues, to be handled like any message; shows them and asks first.

    Events of older majors are upcast, and what was applied before has no second effect. What fails again comes back.
    """
    from mesh.run import guarded

    def command() -> None:
        from mesh.prompts import confirm

        queues = _queues(env, queue)
        found = _named(queues, _selection(ids or (), reason, of_type, tenant))
        _preview(found, env, as_json=as_json)
        if found and not dry_run:
            confirm(f"Send these back to their queues in {env} ({len(found)})?", yes=yes)
        _report("redriven", [] if dry_run else queues.redrive(found), found, env, dry_run=dry_run, as_json=as_json)

    guarded(command)


@app.command()
def discard(
    ids: Ids = None,
    env: Env = "local",
    queue: Queue = None,
    reason: Reason = None,
    of_type: Type = None,
    tenant: Tenant = None,
    everything: Annotated[bool, typer.Option("--all", help="All dead letters of the environment.")] = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the environment's name.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good; shows them, and the environment's name has to be typed.

    Which ones has to be said: by ids, by a filter, or by --all.

    The facts stay in the event store of the service that recorded them; this consumer will not have applied them.
    """
    from mesh.run import guarded

    if not (ids or queue or reason or of_type or tenant or everything or dry_run):
        raise typer.BadParameter("which letters? Give ids, a filter, or --all")

    def command() -> None:
        from mesh.prompts import confirm_name

        queues = _queues(env, queue)
        found = _named(queues, _selection(ids or (), reason, of_type, tenant))
        _preview(found, env, as_json=as_json)
        if found and not dry_run:
            confirm_name(f"{len(found)} dead letters will be deleted.", env, given=env if yes else None)
        _report("discarded", [] if dry_run else queues.discard(found), found, env, dry_run=dry_run, as_json=as_json)

    guarded(command)


def _queues(env: str, only: str | None) -> DeadLetterQueues:
    from mesh.dlq.queues import DeadLetterQueues
    from mesh.environments import open_environment

    return DeadLetterQueues(open_environment(env), only)


def _selection(ids: Sequence[str], reason: str | None, of_type: str | None, tenant: str | None) -> Selection:
    from mesh.dlq.letters import Selection

    return Selection(frozenset(ids), reason, of_type, tenant)


def _named(queues: DeadLetterQueues, selection: Selection) -> list[Letter]:
    """The selected letters. Raises LetterUnknownError when one that is named is not among them."""
    from mesh.dlq.errors import LetterUnknownError

    found = queues.letters(selection)
    if missing := selection.ids - {letter.id for letter in found}:
        raise LetterUnknownError(f"no such dead letter: {', '.join(sorted(missing))}; nothing was changed")
    return found


def _preview(found: Sequence[Letter], env: str, *, as_json: bool) -> None:
    if as_json:
        return
    if found:
        _print(found, len(found))
    else:
        typer.echo(f"no such dead letters in {env}")


def _report(
    done: str, taken: Sequence[Letter], found: Sequence[Letter], env: str, *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        chosen = found if dry_run else taken
        letters = [letter.model_dump() for letter in chosen]
        typer.echo(json.dumps({"environment": env, "dry_run": dry_run, done: letters}, indent=2))
    elif dry_run:
        typer.echo(f"dry run: nothing was changed ({len(found)} would be {done})")
    elif found:
        gone = len(found) - len(taken)
        typer.echo(f"{done}: {len(taken)}" + (f"; {gone} were no longer there" if gone else ""))


def _print(letters: Sequence[Letter], limit: int) -> None:
    from mesh.tables import print_table

    rows = [
        (each.id, each.queue, each.sent_at[:19].replace("T", " "), each.type, each.receives, _reason(each), each.today)
        for each in letters[:limit]
    ]
    print_table(("letter", "queue", "since", "type", "receives", "reason", "today"), rows)
    if len(letters) > limit:
        typer.echo(f"{len(letters) - limit} more; --limit {len(letters)} shows all")


def _reason(letter: Letter) -> str:
    from mesh.dlq.letters import MOVED

    return letter.detail if letter.reason == MOVED else f"{letter.reason}: {letter.detail}"


def _line(text: str) -> str:
    """Without what would control a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
