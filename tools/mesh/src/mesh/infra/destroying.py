"""`destroy`: Terraform's resources, and those left around them."""

from __future__ import annotations

import typer

from manifests import Names, load_manifests
from mesh.environments import EnvironmentUnusableError, load_outputs
from mesh.infra.attachments import Attachment, detach, find_attachments
from mesh.infra.errors import ProtectedError
from mesh.infra.identity import Identity
from mesh.infra.leftovers import Leftovers, delete_leftovers, find_leftovers
from mesh.infra.preparing import prepare
from mesh.infra.running import console, make_plan, progress_printer, temporary_plan
from mesh.infra.showing import in_words, print_summary
from mesh.infra.summary import protected
from mesh.infra.terraform import Json
from mesh.infra.workspace import Workspace
from mesh.prompts import confirm_name


def destroy(workspace: Workspace, *, name: str | None) -> None:
    """Show what will be destroyed, ask for the environment's name, destroy it. Raises InfraError, NotConfirmedError."""
    environment = workspace.environment
    ready = prepare(workspace, progress_printer(), destroying=True)
    groups = _log_groups(workspace, ready.identity)
    with temporary_plan(workspace, "destroy") as file:
        summary, document = make_plan(ready, file, destroy=True)
        print_summary(console(), summary, everything_goes=True)
        _refuse_protected(workspace, protected(document))
        left = find_leftovers(ready.identity, environment, groups) if ready.identity else Leftovers()
        attached = find_attachments(ready.identity, environment) if ready.identity else ()
        _print_leftovers(left, attached, _log_groups_of(document))
        if not summary.differs and not left:
            _delete_saved_outputs(workspace)
            typer.echo(f"{environment}: nothing is left to destroy")
            return
        where = f"{environment} in account {ready.identity.account}" if ready.identity else environment
        confirm_name(f"Everything in {where} will be destroyed for good.", environment, given=name)
        if summary.differs:
            if ready.identity:
                detach(ready.identity, attached)
            ready.terraform.apply(file)
    if ready.identity:
        # Look again: the last invocations have logged since, and the database may have left a snapshot.
        left = find_leftovers(ready.identity, environment, groups)
        delete_leftovers(ready.identity, left)
    _delete_saved_outputs(workspace)
    typer.echo(f"{environment}: {in_words(summary)}, done")
    if ready.identity:
        _print_remaining(left)


def _refuse_protected(workspace: Workspace, addresses: list[str]) -> None:
    if not addresses:
        return
    raise ProtectedError(
        f"protected from deletion: {', '.join(addresses)}. `TF_VAR_deletion_protection=false make infra-apply "
        f"ENV={workspace.environment}` lifts that; then destroy again"
    )


def _log_groups_of(plan: Json) -> set[str]:
    """Log groups that Terraform manages."""
    changes = (
        item["change"] for item in plan.get("resource_changes", ()) if item["type"] == "aws_cloudwatch_log_group"
    )
    return {change["before"]["name"] for change in changes if change.get("before")}


def _print_leftovers(left: Leftovers, attached: tuple[Attachment, ...], known: set[str]) -> None:
    for attachment in attached:
        typer.echo(f"detach: {attachment}")
    for parameter in left.parameters:
        typer.echo(f"destroy: parameter {parameter}")
    for group in left.log_groups:
        if group not in known:
            typer.echo(f"destroy: log group {group}")


def _print_remaining(left: Leftovers) -> None:
    for snapshot in left.snapshots:
        typer.echo(
            f"a snapshot of the database stays: `aws rds delete-db-snapshot --db-snapshot-identifier {snapshot}`"
        )
    typer.echo("the state bucket stays: `mesh infra bootstrap --destroy` after the account's last environment")


def _log_groups(workspace: Workspace, identity: Identity | None) -> set[str]:
    """Log groups of the functions in the manifests and in the saved outputs."""
    if identity is None:
        return set()
    names = Names(workspace.environment, identity.region, identity.account)
    groups = {names.log_group(ref) for ref in load_manifests(workspace.root).functions}
    try:
        known = load_outputs(workspace.environment, workspace.outputs_folder)
    except EnvironmentUnusableError:
        return groups
    return groups | {function.log_group for function in known.functions.values()}


def _delete_saved_outputs(workspace: Workspace) -> None:
    (workspace.outputs_folder / f"{workspace.environment}.json").unlink(missing_ok=True)
