"""Texts as HTML; everything that does not come from here is escaped."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from contracts.personal import MASK
from registry.catalogue import short_name
from registry.deployment_records import short_commit

# A JSON text as `json.dumps` writes it: a key, a text, or a number or word.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)')
_CODE = re.compile(r"`([^`]+)`")
_MAIL = re.compile(r"[^@\s<>\"'?&]+@[^@\s<>\"'?&]+")


def words(text: str) -> Markup:
    """A sentence with its `code` set as such."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # escaped first


def paragraphs(text: str) -> Markup:
    """A text whose paragraphs are apart by an empty line."""
    return Markup("").join(Markup("<p>{}</p>").format(words(part)) for part in text.split("\n\n") if part.strip())


def first_paragraph(text: str) -> Markup:
    """What stands before the first empty line."""
    return words(text.split("\n\n", 1)[0])


def json_markup(document: Any) -> Markup:  # noqa: ANN401  # any JSON value
    """JSON with its parts marked, so that the page can colour them."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    parts: list[str] = []
    position = 0
    for token in _TOKEN.finditer(text):
        string, colon, word = token.groups()
        kind = "key" if colon else "masked" if string == f'"{MASK}"' else "text" if string else "word"
        parts.append(str(escape(text[position : token.start()])))
        parts.append(f'<span class="{kind}">{escape(string or word)}</span>{colon or ""}')
        position = token.end()
    return Markup("".join([*parts, str(escape(text[position:]))]))  # every part escaped


def field_id(name: str) -> str:
    """The id of a field's row; an id has no white space."""
    return f"field-{'-'.join(name.split())}"


def contact_link(contact: str) -> str:
    """Where an owner's contact leads; empty where it is neither an address nor a page, such as a channel."""
    if _MAIL.fullmatch(contact):
        return f"mailto:{quote(contact, safe='@+')}"
    return contact if contact.startswith(("https://", "http://")) else ""


def moment(at: datetime) -> str:
    """To the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


FILTERS: dict[str, Callable[..., str]] = {
    "words": words,
    "paragraphs": paragraphs,
    "first_paragraph": first_paragraph,
    "json": json_markup,
    "field_id": field_id,
    "quoted": quote,
    "contact_link": contact_link,
    "commit": short_commit,
    "moment": moment,
    "short": short_name,
}
