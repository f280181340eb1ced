"""`.env` files: read like the local mesh's settings, and updated without touching their other contents."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from pydantic import SecretStr

from mesh.secrets.errors import DotenvError
from mesh.secure_files import write_private

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+=,-]+")
_COMMENT: Final = re.compile(r"(?=([^\S\r\n]+#[^\r\n]*))")


def read_dotenv(path: Path) -> dict[str, SecretStr]:
    """Variables with their values, stripped of surrounding spaces. Raises DotenvError when there is no file."""
    return _values(_text(path))


def update_dotenv(path: Path, values: Mapping[str, SecretStr]) -> None:
    """Set variables; comments and all other lines stay, new variables are appended. The file's mode becomes 0600.

    Raises DotenvError when a value would not be read back unchanged; then nothing is written.
    """
    text = _updated(_text(path) if path.exists() else "", values)
    after = _values(text)
    for name, value in values.items():
        if after.get(name) != value:
            raise DotenvError(f"the value of {name} cannot be represented in a .env file")
    write_private(path, text)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # verbatim, with its line endings
    except FileNotFoundError:
        raise DotenvError(f"{path} does not exist; `.env.example` shows what belongs into it") from None
    except (OSError, UnicodeDecodeError) as error:  # the latter's message could quote the file
        raise DotenvError(f"{path} cannot be read ({type(error).__name__})") from None


def _values(text: str) -> dict[str, SecretStr]:
    found = dotenv_values(stream=io.StringIO(text))
    return {name: SecretStr((value or "").strip()) for name, value in found.items()}


def _updated(text: str, values: Mapping[str, SecretStr]) -> str:
    missing, lines = dict(values), []
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None and binding.key in values:
            lines.append(_line(binding, values[binding.key]))
            missing.pop(binding.key, None)
        else:
            lines.append(binding.original.string)
    if missing and lines and not lines[-1].endswith(("\n", "\r")):
        lines.append("\n")
    return "".join([*lines, *(f"{name}={_quoted(value)}\n" for name, value in missing.items())])


def _line(binding: Binding, value: SecretStr) -> str:
    """The line with a new value; everything before the variable and after its value stays."""
    written = binding.original.string
    before, _, _ = written.partition(str(binding.key))
    return f"{before}{binding.key}={_quoted(value)}{_comment(binding)}{_end(written)}"


def _comment(binding: Binding) -> str:
    """The trailing comment: text that can be removed without changing the value, since a `#` may be part of it."""
    written = binding.original.string
    for found in _COMMENT.finditer(written):
        without = written[: found.start(1)] + written[found.end(1) :]
        if [each.value for each in parse_stream(io.StringIO(without))] == [binding.value]:
            return found.group(1)
    return ""


def _end(written: str) -> str:
    return written[len(written.rstrip("\r\n")) :]


def _quoted(value: SecretStr) -> str:
    text = value.get_secret_value()
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
