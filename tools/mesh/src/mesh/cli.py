"""The command line `mesh`, for operators of a local mesh and of environments in AWS.

Commands import what they need when they run, so that `mesh --help` returns at once. Exit codes: 0 done, 1 failed
(the reason is one line on stderr), 2 wrong usage, 3 the mesh is not up, 130 interrupted.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from mesh.audit.commands import audit
from mesh.cost.commands import cost
from mesh.db.commands import app as db
from mesh.deploy.commands import deploy
from mesh.dlq.commands import app as dlq
from mesh.evaluate.commands import evaluate
from mesh.forget.commands import forget
from mesh.infra.commands import app as infra
from mesh.outbox.commands import app as outbox
from mesh.packaging.commands import package
from mesh.rebuild.commands import rebuild
from mesh.replay.commands import app as replay
from mesh.reprocess.commands import reprocess
from mesh.secrets.commands import app as secrets
from mesh.state.commands import state
from mesh.trace.commands import trace
from mesh.users.commands import app as users
from mesh.verify.commands import verify
from registry.commands import app as contracts
from registry.commands import new_app as new

app = typer.Typer(
    name="mesh",
    help="Run and operate a Collections mesh: the local one, or an environment in AWS.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command()
def up(
    iam: Annotated[
        bool | None, typer.Option("--iam/--no-iam", help="Enforce the functions' IAM policies (default: MESH_IAM, on).")
    ] = None,
    provision: Annotated[bool, typer.Option(help="Provision what the manifests declare.")] = True,
    mode: Annotated[
        Literal["lambda", "containers"] | None,
        typer.Option(help="What runs the functions: lambda, or containers (default: MESH_MODE, lambda)."),
    ] = None,
) -> None:
    """Start the mesh; does nothing when it is already running."""
    from mesh.local import up
    from mesh.run import guarded

    guarded(lambda: up(iam=iam, provision=provision, mode=mode))


@app.command()
def provision() -> None:
    """Provision a mesh whose servers something else runs, as docker-compose.yml does; idempotent."""
    from mesh.local import provision
    from mesh.run import guarded

    guarded(provision)


@app.command()
def demo(start: Annotated[bool, typer.Option(help="Start the mesh first.")] = True) -> None:
    """Start the mesh and demonstrate it: upload pictures, run one search of each type, hold a conversation."""
    from mesh.local import demo
    from mesh.run import guarded

    guarded(lambda: demo(start_first=start))


@app.command()
def down() -> None:
    """Stop the mesh's processes; its state stays."""
    from mesh.local import down
    from mesh.run import guarded

    guarded(down)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Stop the mesh and delete all its data: users, pictures, events, conversations."""
    from mesh.local import reset
    from mesh.run import guarded

    guarded(lambda: reset(yes=yes))


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Processes, functions, queues with their dead letters, parked events, and the last errors."""
    from mesh.run import guarded
    from mesh.status import show

    guarded(lambda: show(as_json=as_json))


@app.command()
def logs(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="A service; in the local mesh also: postgres, emulator, companion, providers."
        ),
    ],
    env: Annotated[
        str, typer.Option("--env", help="The environment: local, or one whose outputs are saved.")
    ] = "local",
    function: Annotated[str | None, typer.Option(help="Only this function, e.g. events.")] = None,
    since: Annotated[str, typer.Option(help="How far back, e.g. 30s, 10m, 2h.")] = "10m",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, as logged.")] = False,
) -> None:
    """Log lines of a service's functions, or of a process."""
    from mesh.logs import show
    from mesh.run import guarded

    guarded(lambda: show(source, environment=env, function=function, since=since, follow=follow, as_json=as_json))


for command in (package, deploy, verify, cost, trace, state, audit, rebuild, reprocess, forget, evaluate):
    app.command()(command)
app.add_typer(contracts)
app.add_typer(new)
app.add_typer(infra, name="infra")
app.add_typer(db, name="db")
app.add_typer(dlq, name="dlq")
app.add_typer(outbox, name="outbox")
app.add_typer(replay, name="replay")
app.add_typer(secrets, name="secrets")
app.add_typer(users, name="user")


def main() -> None:
    """Entry point of the `mesh` program."""
    app()


if __name__ == "__main__":
    main()
