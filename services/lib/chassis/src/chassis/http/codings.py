"""Content codings: compressed bodies, and answers for callers who take them compressed (RFC 9110, 8.4 and 12.5.3)."""

import base64
import gzip
import io
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chassis.errors import ProblemError
from chassis.http.headers import header
from chassis.http.weights import weights

__all__ = ["MAX_DECODED_BYTES", "compressed", "decoded"]

#: What Lambda hands over at most: compression is no way around it.
MAX_DECODED_BYTES = 6 * 1024 * 1024
#: Below, an answer fits into one packet as it is.
_WORTHWHILE_BYTES = 1024
_GZIP = ("gzip", "x-gzip")


def decoded(raw: bytes, coding: str) -> bytes:
    """A body without its `Content-Encoding`.

    Raises:
        ProblemError: 400, it is damaged; 413, it becomes too large; 415, it is of a coding that is not taken.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return raw
    if coding not in _GZIP:
        detail = f"the body must not be encoded with {coding}; gzip is taken"
        headers = {"Accept-Encoding": "gzip, identity"}
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-coding", detail, headers=headers)
    try:
        body = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(MAX_DECODED_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "damaged-body", "the request body is damaged gzip") from error
    if len(body) > MAX_DECODED_BYTES:
        detail = f"the request body has more than {MAX_DECODED_BYTES} bytes when it is decompressed"
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail, max_bytes=MAX_DECODED_BYTES)
    return body


def compressed(event: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The answer in the coding that the caller prefers; a short one stays as it is."""
    body = (answer.get("body") or "").encode()
    if answer.get("isBase64Encoded") or len(body) < _WORTHWHILE_BYTES:
        return answer
    headers = {**answer["headers"]}
    headers["Vary"] = ", ".join([*filter(None, [headers.get("Vary")]), "Accept-Encoding"])
    if not _prefers_gzip(header(event, "accept-encoding")):
        return answer | {"headers": headers}
    # Without a time, so that the same answer has the same entity tag.
    text = base64.b64encode(gzip.compress(body, mtime=0)).decode()
    return answer | {"headers": headers | {"Content-Encoding": "gzip"}, "body": text, "isBase64Encoded": True}


def _prefers_gzip(accepted: str) -> bool:
    given = weights(accepted)
    anything = given.get("*", 0)
    by_gzip = max((given[name] for name in _GZIP if name in given), default=anything)
    return 0 < by_gzip >= given.get("identity", anything)
