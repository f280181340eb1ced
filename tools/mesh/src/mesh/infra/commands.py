"""The sub-app `mesh infra`.

Commands import what they need when they run. Exit codes: 0 done, 1 failed (the reason is one line on stderr), 2 wrong
usage, 3 the local mesh is not up, 4 there are differences (`diff` alone), 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.infra.workspace import Workspace

app = typer.Typer(
    name="infra",
    help="Manage environments with Terraform: plan, apply, diff, outputs, destroy. ENV local is the mesh on this "
    "machine, normally provisioned by `mesh up`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="A folder of terraform/environments, e.g. dev.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document; nothing else on stdout.")]
Package = Annotated[
    bool,
    typer.Option("--package/--no-package", help="Build the packages that have changed, or use the existing ones."),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="The repository; default: this command's own.", show_default=False)
]


@app.command()
def bootstrap(
    destroy: Annotated[
        bool, typer.Option("--destroy", help="Delete the bucket, after the account's last environment.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="With --destroy: the account's number, instead of typing it.")
    ] = None,
    root: Root = None,
) -> None:
    """Create the bucket for Terraform's state, once per account; idempotent."""

    def run() -> None:
        from mesh.infra.bootstrapping import bootstrap, unbootstrap

        if destroy:
            unbootstrap(_root(root), account=confirm)
        else:
            bootstrap(_root(root), yes=yes)

    _guarded(run)


@app.command()
def plan(env: Env, package: Package = True, as_json: AsJson = False, root: Root = None) -> None:
    """Show what `apply` would do, per service and shared module; lost data is marked. The plan stays in
    build/terraform/ENV.tfplan."""

    def run() -> None:
        from mesh.infra.running import plan

        plan(_workspace(root, env), package=package, json_wanted=as_json)

    _guarded(run)


@app.command()
def apply(
    env: Env,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; not for prod, nor where data would be lost.")
    ] = False,
    confirm: Annotated[
        str | None, typer.Option(metavar="ENV", help="The environment's name, instead of typing it.")
    ] = None,
    package: Package = True,
    root: Root = None,
) -> None:
    """Plan, show the plan, ask, apply exactly that plan, and save the outputs for the other commands. For prod, and
    where data would be lost, the environment's name must be typed."""

    def run() -> None:
        from mesh.infra.running import apply

        apply(_workspace(root, env), package=package, yes=yes, name=confirm)

    _guarded(run)


@app.command()
def diff(env: Env, package: Package = True, as_json: AsJson = False, root: Root = None) -> None:
    """Does the environment differ from the code? Exit code 0 no, 4 yes, 1 undetermined."""

    def run() -> None:
        from mesh.infra.running import diff

        diff(_workspace(root, env), package=package, json_wanted=as_json)

    _guarded(run)


@app.command()
def destroy(
    env: Env,
    confirm: Annotated[
        str | None, typer.Option(metavar="ENV", help="The environment's name, instead of typing it.")
    ] = None,
    root: Root = None,
) -> None:
    """Show everything that will be destroyed, and destroy it: Terraform's resources, secrets in Parameter Store, log
    groups, the saved outputs. The environment's name must always be typed; nothing is changed while a resource is
    protected."""

    def run() -> None:
        from mesh.infra.destroying import destroy

        destroy(_workspace(root, env), name=confirm)

    _guarded(run)


@app.command()
def outputs(env: Env, as_json: AsJson = False, root: Root = None) -> None:
    """Read names and addresses from the environment's state, save them in .environments/ENV.json and print them."""

    def run() -> None:
        from mesh.infra.running import outputs

        outputs(_workspace(root, env), json_wanted=as_json)

    _guarded(run)


def _guarded(command: Callable[[], None]) -> None:
    from mesh.infra.errors import MeshNotUpError
    from mesh.run import NOT_UP, guarded

    def run() -> None:
        try:
            command()
        except MeshNotUpError as error:
            typer.secho(f"mesh: {error}", err=True, fg="red")
            raise typer.Exit(NOT_UP) from error

    guarded(run)


def _root(root: Path | None) -> Path:
    from workspace import REPOSITORY

    return REPOSITORY if root is None else root.resolve()


def _workspace(root: Path | None, env: str) -> Workspace:
    from mesh.infra.workspace import Workspace

    return Workspace(_root(root), env)
