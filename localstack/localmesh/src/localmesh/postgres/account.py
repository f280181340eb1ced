"""Under which account the server runs: Postgres refuses to be root.

There are two ways for root, tried in turn: a user namespace in which root appears as `nobody` (nothing changes hands on
disk, but container run-times often forbid namespaces), or `nobody` itself with the one capability that lets it
reach below folders that only root may enter. Any other user starts the server under their own account.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localmesh.errors import PostgresError

_NOBODY = 65534
_IDS = (f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")


@dataclass(frozen=True, slots=True)
class Account:
    """How to start a server binary: what to put before the command, and who must own the files (None: as they are)."""

    name: str
    prefix: tuple[str, ...]
    owner: int | None


def choose_account(binary: Path) -> Account:
    """The first account that can execute `binary` and is not root; `PostgresError` if there is none."""
    if os.geteuid() != 0:
        return Account("own user", (), None)
    for candidate in _candidates():
        if can_use(candidate, binary):
            return candidate
    raise PostgresError(
        "Postgres does not run as root, and neither a user namespace (unshare) nor the user nobody (setpriv) "
        "is available here: start the mesh as an ordinary user"
    )


def can_use(account: Account, binary: Path) -> bool:
    """Whether the account is there on this machine, is not root, and can execute the binary."""
    probe = [*account.prefix, "sh", "-c", 'test "$(id -u)" != 0 && exec "$0" --version', str(binary)]
    try:
        return subprocess.run(probe, capture_output=True, check=False, timeout=10).returncode == 0
    except FileNotFoundError:  # this machine lacks the tool in the prefix
        return False


def _candidates() -> tuple[Account, ...]:
    namespace = ("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}")
    reach = ("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")
    return (
        Account("user namespace", namespace, 0),
        Account("nobody with CAP_DAC_OVERRIDE", ("setpriv", *_IDS, *reach), _NOBODY),
        Account("nobody", ("setpriv", *_IDS, "--inh-caps=-all"), _NOBODY),
    )


def hand_over(folder: Path, account: Account) -> None:
    """Give a cluster to the account, when another account created it; costs one stat when nothing has to change."""
    if account.owner is None or folder.stat().st_uid == account.owner:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.owner, account.owner, follow_symlinks=False)


def die_with_parent() -> tuple[str, ...]:
    """A prefix that ends the server when the process that started it dies (Linux; elsewhere nothing)."""
    return ("setpriv", "--pdeathsig", "INT") if shutil.which("setpriv") else ()
