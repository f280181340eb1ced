"""JSON pointers (RFC 6901)."""

from __future__ import annotations

from urllib.parse import quote, unquote

from compatibility.model import JsonValue


def child(pointer: str, *tokens: str | int) -> str:
    """The pointer that many tokens deeper."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def tokens(pointer: str) -> list[str]:
    """The tokens of a pointer, unescaped."""
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]


def resolve(document: JsonValue, pointer: str) -> JsonValue:
    """What stands in the document at the pointer."""
    found = document
    for token in tokens(pointer):
        found = found[int(token)] if isinstance(found, list) else found[token]
    return found


def as_reference(pointer: str) -> str:
    """A pointer as the URI fragment of a ``$ref``."""
    return "#" + quote(pointer, safe="/~!$&'()*+,;=:@-._")


def from_reference(reference: str) -> str:
    """The pointer in a ``$ref`` that ``as_reference`` made."""
    return unquote(reference[1:])
