"""What the containers of `docker-compose.yml` run, where Docker takes the place of the supervisor and its keepers.

`python -m localmesh.compose prepare` makes the state's folders and the database's password, `run NAME` becomes a
server (`companion`, `providers`) and `check NAME` says whether it answers.
"""

from __future__ import annotations

import argparse
import os
import secrets
from typing import NoReturn

from localmesh.config import MeshSettings
from localmesh.lifecycle import make_state
from localmesh.members import Member, members_of
from workspace import OperatorError

SERVERS = ("companion", "providers")


def prepare(settings: MeshSettings) -> None:
    """Make the state's folders; and a password for Postgres, unless there is one."""
    make_state(settings)
    password = settings.postgres_password_file
    password.parent.mkdir(mode=0o755, exist_ok=True)
    if not password.exists():
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24), encoding="ascii")


def run(member: Member) -> NoReturn:
    """Become the server, started as the supervisor would start it."""
    member.prepare()
    command = member.command()
    os.execve(command[0], command, {**os.environ, **member.environment})  # noqa: S606 - it takes the place of this


def read_arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The command and, for `run` and `check`, the server; ends with exit code 2 for others."""
    parser = argparse.ArgumentParser(prog="python -m localmesh.compose", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare")
    for name in ("run", "check"):
        commands.add_parser(name).add_argument("server", choices=SERVERS)
    return parser.parse_args(given)


def main() -> None:
    """Do what the arguments say; exit code 1 with one line for what goes wrong."""
    given, settings = read_arguments(), MeshSettings()
    try:
        if given.command == "prepare":
            prepare(settings)
            return
        (member,) = [one for one in members_of(settings, all_of_them=True) if one.name == given.server]
        if given.command == "run":
            run(member)
    except OperatorError as error:
        raise SystemExit(str(error)) from error
    raise SystemExit(0 if member.is_ready() else 1)


if __name__ == "__main__":
    main()
