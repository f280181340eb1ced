"""Small readers of untrusted JSON that the wire formats share. All raise BadRequestError with the field's name."""

import base64
import binascii
from typing import Any

from provider_emulator.errors import BadRequestError
from provider_emulator.prompt import JsonObject, Picture
from provider_emulator.vision import size_of


def text_field(body: JsonObject, name: str, *, default: str | None = None) -> str:
    """A non-empty string, or the default if the field is absent."""
    value = body.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value:
        raise BadRequestError(f"{name}: Field required" if value is None else f"{name}: must be a string", name)
    return value


def list_field(body: JsonObject, name: str) -> list[Any]:
    """A list, empty if the field is absent or null."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadRequestError(f"{name}: must be a list", name)
    return value


def object_of(value: Any, name: str) -> JsonObject:  # noqa: ANN401 # any JSON value
    """The value, if it is an object."""
    if not isinstance(value, dict):
        raise BadRequestError(f"{name}: must be an object", name)
    return value


def picture(data: Any, media_type: str, name: str) -> Picture:  # noqa: ANN401 # any JSON value
    """A picture from base64 text; it must decode and be of the declared type."""
    if not isinstance(data, str):
        raise BadRequestError(f"{name}: must be base64 text", name)
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise BadRequestError(f"{name}: invalid base64 data", name) from error
    width, height = size_of(raw, media_type)
    return Picture(raw, media_type, width, height)


def data_url(url: Any, name: str) -> Picture:  # noqa: ANN401 # any JSON value
    """A picture from a data URL. Other addresses are not fetched: the emulator is offline."""
    if not isinstance(url, str) or not url.startswith("data:"):
        raise BadRequestError(f"{name}: only base64 data URLs are supported here", name)
    head, separator, data = url.removeprefix("data:").partition(";base64,")
    if not separator:
        raise BadRequestError(f"{name}: expected a base64-encoded data URL", name)
    return picture(data, head, name)
