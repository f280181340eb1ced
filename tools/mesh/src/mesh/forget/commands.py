"""The command `mesh forget`. It imports what it needs when it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.environments import Environment
    from mesh.forget.asking import Held, Report


def forget(
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id, or the address of the account.")],
    env: Annotated[
        str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")
    ] = "local",
    why: Annotated[str, typer.Option("--why", help="The reason; it is part of the order.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased, and erase nothing.")] = False,
    confirm: Annotated[str | None, typer.Option("--confirm", metavar="TENANT", help="Do not ask for the name.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Erase everything of a tenant in every service, for good, and delete the account; asks for the name."""
    from mesh.run import guarded

    guarded(lambda: _forget(env, tenant, why, dry_run=dry_run, given=confirm, as_json=as_json))


def _forget(env: str, named: str, why: str, *, dry_run: bool, given: str | None, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.forget import asking
    from mesh.forget.errors import NothingHeldError
    from mesh.prompts import confirm_name

    environment = open_environment(env)
    tenant, account = _found(environment, named)
    held = asking.held(environment, tenant)
    done = asking.report(environment, tenant)
    if not held and account is None and done.waiting:
        raise NothingHeldError(f"nothing is held of a tenant {named} in {env}")
    if dry_run or not as_json:
        _print_held(env, tenant, held, account, as_json=as_json)
    if dry_run:
        return
    confirm_name(f"This cannot be undone: everything of {named} in {env} is erased.", named, given=given)
    report = _erase(environment, tenant, why, done, quiet=as_json)
    if account is not None:
        from mesh.users.pool import UserPool

        UserPool(environment).delete(account)
    _print_report(env, tenant, report, account, as_json=as_json)


def _found(environment: Environment, named: str) -> tuple[str, str | None]:
    """The tenant's id, and the name of the account if there is one."""
    from mesh.forget.errors import TenantUnknownError
    from mesh.users.errors import UserUnknownError
    from mesh.users.pool import UserPool

    pool = UserPool(environment)
    if "@" not in named:
        return named, pool.name_of(named)
    try:
        return pool.find(named).sub, named
    except UserUnknownError as error:
        raise TenantUnknownError(f"{error}; give the tenant's id if the account is deleted already") from None


def _erase(environment: Environment, tenant: str, why: str, done: Report, *, quiet: bool) -> Report:
    from contracts.operations import ForgetRequested
    from mesh.forget import asking, following
    from mesh.replay import ordering

    if done.waiting:
        ordering.publish(environment, ForgetRequested(who=ordering.who(environment), why=why), tenant)
    try:
        return following.follow(lambda: asking.report(environment, tenant), quiet=quiet)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("the services go on erasing; repeat the command for the report") from interrupt


def _print_held(env: str, tenant: str, held: Held, account: str | None, *, as_json: bool) -> None:
    if as_json:
        document = {
            "environment": env,
            "tenant": tenant,
            "services": held.services,
            "objects": held.objects,
            "dead_letters": held.dead_letters,
            "account": account is not None,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    from mesh.tables import print_table

    if rows := held.rows():
        print_table(("service", "store", "there are"), rows)
    typer.echo(f"tenant {tenant}, {'with' if account else 'without'} an account")


def _print_report(env: str, tenant: str, report: Report, account: str | None, *, as_json: bool) -> None:
    if as_json:
        document = {
            "environment": env,
            "tenant": tenant,
            "services": report.services,
            "account_deleted": account is not None,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    from mesh.tables import print_table

    print_table(("service", "store", "erased"), report.rows())
    typer.echo(f"everything of {tenant} is erased; docs/forgetting.md says what backups and the archive hold")
