"""What a request carries: its bytes, its JSON object, and the text in both. Everything malformed is a 4xx problem."""

import base64
import math
from collections.abc import Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic_core import from_json

from chassis.errors import ProblemError
from chassis.http.codings import decoded
from chassis.http.headers import header
from contracts import is_storable

__all__ = ["JSON_ONLY", "json_object", "raw_body", "refuse_unstorable"]

JSON_ONLY = "the body must be application/json"
_LONGEST_NAME = 100
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})


def raw_body(event: Mapping[str, Any]) -> bytes:
    """The body of an API Gateway event, decompressed.

    Raises:
        ProblemError: 400, the gateway marks it as base64, and it is not; see `codings.decoded`.
    """
    text: str = event.get("body") or ""
    try:
        sent = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ones
        raise ProblemError(HTTPStatus.BAD_REQUEST, "damaged-body", "the request body is damaged") from error
    return decoded(sent, header(event, "content-encoding"))


def json_object(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The JSON object in the body; None where there is none, or `null`.

    A body without a media type is read as JSON. One byte order mark is skipped.

    Raises:
        ProblemError: see `raw_body`; 415, its media type is not JSON, or its charset is not UTF-8.
        RequestValidationError: it is no JSON (RFC 8259), no object, or has text that no store of ours can hold.
    """
    main_type, _, subtype, charset = _media_type(header(event, "content-type").strip() or "application/json")
    if main_type != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise _unsupported(JSON_ONLY)
    if charset not in _UTF_8:
        raise _unsupported(f"{JSON_ONLY} in UTF-8")
    raw = raw_body(event).removeprefix(b"\xef\xbb\xbf")
    if not raw:
        return None
    try:
        # Linear in the body, and limited in depth and in the digits of a number.
        document = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise _invalid("json_invalid", f"JSON decode error: {error}", "body") from error
    if document is not None and not isinstance(document, dict):
        raise _invalid("dict_type", "Input should be an object", "body")
    refuse_unstorable(document, "body")
    return document


def _media_type(text: str) -> tuple[str, str, str, str]:
    message = Message()
    message["content-type"] = text
    try:
        return *message.get_content_type().partition("/"), str(message.get_param("charset", "utf-8")).lower()
    except ValueError as error:  # of a parameter's number with thousands of digits, or of a lone surrogate
        raise _unsupported(JSON_ONLY) from error


def refuse_unstorable(value: object, *place: str | int) -> None:
    """Refuse text with U+0000 or a lone surrogate, and numbers beyond any float.

    Raises:
        RequestValidationError: naming the place.
    """
    for fault, message, steps in _unstorable(value, place):
        raise _invalid(fault, message, *steps)


def _unstorable(value: object, place: tuple[str | int, ...]) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
    match value:
        case str() if not is_storable(value):
            yield "string_characters", "Input should be text without U+0000 and lone surrogates", place
        case float() if not math.isfinite(value):
            yield "finite_number", "Input should be a finite number", place
        case list():
            for position, entry in enumerate(value):
                yield from _unstorable(entry, (*place, position))
        case dict():
            for name, entry in value.items():
                yield from _unstorable(name, place)
                yield from _unstorable(entry, (*place, name))


def _invalid(fault: str, message: str, *place: str | int) -> RequestValidationError:
    # A name may be as long as the body is, and an answer has its limit.
    shown = tuple(step if isinstance(step, int) else step[:_LONGEST_NAME] for step in place)
    return RequestValidationError([{"type": fault, "loc": shown, "msg": message}])


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
