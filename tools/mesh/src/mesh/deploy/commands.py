"""The command `mesh deploy`.

Exit codes: 0 deployed or nothing to do, 1 failed or not confirmed, 2 wrong usage.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from manifests import Manifests
    from mesh.deploy.planning import Deployment
    from mesh.deploy.running import Result
    from mesh.environments import Environment


def deploy(
    service: Annotated[str, typer.Argument(help="The service to deploy.")],
    env: Annotated[str, typer.Option("--env", help="The environment: local, or one whose outputs are saved.")],
    function: Annotated[str | None, typer.Option(help="Only this function, e.g. http.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    confirm: Annotated[
        str | None, typer.Option("--confirm", metavar="ENV", help="The environment's name, instead of typing it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only build the packages and show what would change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Deploy the code of this checkout to a service's functions; all other properties are Terraform's."""
    from mesh.run import guarded

    guarded(lambda: run(service, env, function, yes=yes, confirm=confirm, dry_run=dry_run, as_json=as_json))


def run(
    service: str, env: str, function: str | None, *, yes: bool, confirm: str | None, dry_run: bool, as_json: bool
) -> None:
    """Package, compare, ask, deploy, report."""
    from manifests import load_manifests
    from mesh.builds import build_here
    from mesh.deploy.planning import plan_deployment
    from mesh.deploy.running import deploy
    from mesh.environments import LOCAL, open_environment
    from mesh.packaging.commands import default_output, make_packages
    from mesh.packaging.index import index_packages
    from workspace import REPOSITORY

    begun = time.monotonic()

    def report(line: str) -> None:
        typer.echo(f"[{time.monotonic() - begun:5.1f} s] {line}", err=True)

    environment = open_environment(env)
    manifests = load_manifests(REPOSITORY)
    output = default_output(env, REPOSITORY)
    built = make_packages(manifests, [service], env, output, report)
    index_packages(manifests, built, output)
    build = build_here(REPOSITORY, local=env == LOCAL)
    if build.git_sha.endswith("-dirty"):
        report("the working tree is dirty: the deployed code is not that of any commit")
    deployment = plan_deployment(environment, manifests, built, build, function=function)
    report("compared with what is deployed")
    _describe(deployment, quiet=as_json)
    results: tuple[Result, ...] = ()
    if deployment.to_do and not dry_run:
        _ask(deployment, service, yes=yes, confirm=confirm)
        results = deploy(deployment, report)
    if not dry_run:
        _rebuild_due(environment, manifests, service, report)
    if as_json:
        typer.echo(json.dumps(_document(deployment, results, service, build.git_sha, dry_run=dry_run), indent=1))
    elif deployment.to_do:
        verb = "would be updated" if dry_run else "updated"
        typer.echo(f"{len(deployment.to_do)} functions {verb}, {time.monotonic() - begun:.1f} s in all")
    else:
        typer.echo("nothing to do: every function runs this code and reports this build")


def _rebuild_due(environment: Environment, manifests: Manifests, service: str, report: Callable[[str], None]) -> None:
    """Rebuild what migrations have changed the meaning of: the code that folds it is there now."""
    from mesh.rebuild.due import run_due

    run_due(environment, manifests, [service], report)


def _describe(deployment: Deployment, *, quiet: bool) -> None:
    for step in deployment.steps:
        for note in step.notes:
            typer.echo(f"note: {step.name}: {note}", err=True)
        if not quiet:
            code = f"{step.code_before[:12]} -> {step.package.code_sha256[:12]}" if step.changes_code else "same code"
            typer.echo(f"  {step.name}: {code}{', build variables' if step.variables else ''}")


def _ask(deployment: Deployment, service: str, *, yes: bool, confirm: str | None) -> None:
    from mesh.environments import LOCAL
    from mesh.infra.workspace import PRODUCTION
    from mesh.prompts import confirm as ask
    from mesh.prompts import confirm_name

    name = deployment.environment.environment
    if name in PRODUCTION:
        confirm_name(f"This updates {service} in production.", name, given=confirm)
    elif confirm is not None:
        confirm_name("", name, given=confirm)
    elif name != LOCAL:
        ask(f"Update {len(deployment.to_do)} functions of {service} in {name}?", yes=yes)


def _document(
    deployment: Deployment, results: tuple[Result, ...], service: str, git_sha: str, *, dry_run: bool
) -> dict[str, object]:
    seconds = {result.step.key: round(result.seconds, 2) for result in results}
    return {
        "environment": deployment.environment.environment,
        "service": service,
        "git_sha": git_sha,
        "dry_run": dry_run,
        "functions": [
            {
                "function": step.key,
                "name": step.name,
                "package": step.package.planned.name,
                "code_before": step.code_before,
                "code": step.package.code_sha256,
                "changes_code": step.changes_code,
                "changes_variables": bool(step.variables),
                "seconds": seconds.get(step.key),
                "notes": list(step.notes),
            }
            for step in deployment.steps
        ],
    }
