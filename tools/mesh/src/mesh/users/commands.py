"""The sub-app `mesh user`. Commands import what they need when they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="user",
    help="Users of an environment: create, sign in as, list and delete them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The user's e-mail address.")]
Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", metavar="FILE", help="Its first line is the password; -: standard input."),
]


@app.command()
def create(
    email: Email,
    env: Env = "local",
    password_file: PasswordFile = None,
    generate: Annotated[bool, typer.Option("--generate", help="Generate a random password, shown once.")] = False,
    save_password: Annotated[
        Path | None,
        typer.Option("--save-password", metavar="FILE", help="Generate a random password into this file (mode 0600)."),
    ] = None,
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Succeed when the user already exists.")] = False,
) -> None:
    """Create a user who can sign in at once. Without an option the password is prompted for."""
    from mesh.run import guarded

    if sum((password_file is not None, generate, save_password is not None)) > 1:
        raise typer.BadParameter("use only one of --password-file, --generate and --save-password")
    guarded(
        lambda: _create(
            email,
            env,
            password_file,
            save_password,
            by_chance=generate or save_password is not None,
            if_missing=if_missing,
        )
    )


@app.command()
def token(
    email: Email,
    env: Env = "local",
    password_file: PasswordFile = None,
    id_token: Annotated[bool, typer.Option("--id-token", help="The identity token, not the access token.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write to this file (mode 0600) instead of stdout.")
    ] = None,
) -> None:
    """Sign in and print the access token, which the API requires."""
    from mesh.run import guarded

    guarded(lambda: _token(email, env, password_file, output, identity=id_token))


@app.command()
def delete(
    email: Email, env: Env = "local", yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
) -> None:
    """Delete a user. Their pictures stay: delete those through the API first."""
    from mesh.run import guarded

    guarded(lambda: _delete(email, env, yes=yes))


@app.command("list")
def list_users(
    env: Env = "local", as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False
) -> None:
    """List all users."""
    from mesh.run import guarded

    guarded(lambda: _list(env, as_json=as_json))


def _create(
    email: str, env: str, password_file: Path | None, save: Path | None, *, by_chance: bool, if_missing: bool
) -> None:
    from manifests import load_manifests
    from mesh.environments import open_environment
    from mesh.secure_files import write_private
    from mesh.users.errors import PasswordRefusedError, UserExistsError, UserUnknownError
    from mesh.users.passwords import generate_password, read_password
    from mesh.users.pool import UserPool
    from workspace import REPOSITORY

    pool = UserPool(open_environment(env))
    try:
        unfinished = pool.find(email).is_unfinished  # before a password is prompted for
    except UserUnknownError:
        begin = pool.create
    else:
        begin = pool.set_password
        if if_missing:
            lacking = ", and has never set a password" if unfinished else ""
            typer.echo(f"{email} exists in {env} already{lacking}; nothing was changed")
            return
        if not unfinished:
            raise UserExistsError(f"{email} exists in {env} already; --if-missing accepts that")
        typer.echo(f"{email} exists and has never set a password: setting one now")
    if by_chance:
        password = generate_password(load_manifests(REPOSITORY).platform.identity.password)
    else:
        password = read_password(password_file, confirm=True)
    if save is not None:  # before the user is created, in case the password cannot be saved
        if save.exists():
            raise PasswordRefusedError(f"{save} exists already and is not overwritten")
        write_private(save, password.get_secret_value() + "\n")
    try:
        begin(email, password)
    except BaseException:
        if save is not None:
            save.unlink()
        raise
    typer.echo(f"{email} can sign in to {env}")
    if save is not None:
        typer.echo(f"the password is in {save}")
    elif by_chance:
        typer.echo(f"password: {password.get_secret_value()}")


def _token(email: str, env: str, password_file: Path | None, output: Path | None, *, identity: bool) -> None:
    from mesh.environments import open_environment
    from mesh.secure_files import write_private
    from mesh.users.passwords import read_password
    from mesh.users.pool import UserPool

    tokens = UserPool(open_environment(env)).sign_in(email, read_password(password_file))
    given = (tokens.identity if identity else tokens.access).get_secret_value()
    if output is None:
        typer.echo(given)
        return
    write_private(output, given + "\n")
    typer.echo(f"the token is in {output}", err=True)


def _delete(email: str, env: str, *, yes: bool) -> None:
    from mesh.environments import open_environment
    from mesh.prompts import confirm
    from mesh.users.pool import UserPool

    pool = UserPool(open_environment(env))
    found = pool.find(email)
    typer.echo(f"the pictures of {email} (tenant {found.sub}) stay: `mesh forget` erases them")
    confirm(f"Delete {email} in {env}?", yes=yes)
    pool.delete(email)
    typer.echo(f"{email} is deleted in {env}")


def _list(env: str, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.tables import print_table
    from mesh.users.pool import UserPool

    everybody = sorted(UserPool(open_environment(env)).users(), key=lambda user: user.email)
    if as_json:
        document = [
            {
                "email": user.email,
                "sub": user.sub,
                "status": user.status,
                "enabled": user.enabled,
                "created": user.created.isoformat(),
            }
            for user in everybody
        ]
        typer.echo(json.dumps(document, indent=2))
        return
    rows = [
        (user.email, user.status, "yes" if user.enabled else "no", f"{user.created:%Y-%m-%d %H:%M}", user.sub)
        for user in everybody
    ]
    print_table(("email", "status", "enabled", "created", "sub"), rows)
