"""Sources of a password: a file, standard input, a prompt, or random; never an argument, which others can see."""

from __future__ import annotations

import secrets
import string
import sys
from pathlib import Path
from typing import TextIO

import typer
from pydantic import SecretStr

from manifests.platform import PasswordPolicy
from mesh.users.errors import PasswordRefusedError

_STDIN = Path("-")
_GENERATED_LENGTH = 20
_SYMBOLS = "-_.=+"


def read_password(file: Path | None, *, confirm: bool = False) -> SecretStr:
    """The first line of a file, of standard input for `-`; without a file from a prompt, twice with `confirm`.

    Raises PasswordRefusedError when there is nothing to read, or no terminal.
    """
    stdin: TextIO | None = sys.stdin  # None when it was closed before the start
    if file is None:
        if stdin is None or not stdin.isatty():
            raise PasswordRefusedError("no password: give one with --password-file FILE, or - for standard input")
        # On stderr, because a token goes to stdout.
        return SecretStr(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
    try:
        if file == _STDIN:
            text = stdin.readline() if stdin is not None else ""
        else:
            text = file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise PasswordRefusedError(f"no password in {file} ({type(error).__name__})") from None
    if not text.strip("\r\n"):
        raise PasswordRefusedError(f"no password in {'standard input' if file == _STDIN else file}")
    return SecretStr(text.strip("\r\n"))


def generate_password(policy: PasswordPolicy) -> SecretStr:
    """A random password, long enough for the policy and with every character class that a policy can require."""
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SYMBOLS)
    length = max(_GENERATED_LENGTH, policy.minimum_length)
    letters = [secrets.choice(kind) for kind in kinds]
    letters += [secrets.choice("".join(kinds)) for _ in range(length - len(letters))]
    secrets.SystemRandom().shuffle(letters)
    return SecretStr("".join(letters))
