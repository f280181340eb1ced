"""multipart/form-data (RFC 7578), as much of it as an upload needs: the file in one field.

The whole body is in memory already; parts are slices of it, split at the delimiter at the beginning of a line, as the
standard has it, so that the bytes of the file come out as they went in.
"""

import re
from dataclasses import dataclass

from ingest.errors import MalformedUploadError

_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*([a-z]+\*?)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))', re.IGNORECASE)
_MAX_HEADER_BYTES = 8192


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form: the name the sender gave it, and its bytes."""

    filename: str | None
    content: bytes


def file_part(content_type: str, body: bytes, field: str = "file") -> FilePart:
    """The first file in that field.

    Raises:
        MalformedUploadError: the body is no form, is cut off, or has no such file.
    """
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type != "multipart/form-data":
        raise MalformedUploadError(f"send the picture as multipart/form-data in the field {field!r}")
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise MalformedUploadError("the Content-Type of a form names its boundary")
    delimiter = b"\r\n--" + (found[1] or found[2]).encode()
    # A delimiter begins a line; the body begins with one without the line before it.
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise MalformedUploadError("the form is cut off: its last boundary is missing")
    for piece in pieces[1:-1]:
        headers, blank, content = piece.partition(b"\r\n\r\n")
        if not blank or len(headers) > _MAX_HEADER_BYTES:
            raise MalformedUploadError("a part of the form has no proper headers")
        parameters = _disposition(headers.decode("utf-8", "replace"))
        if parameters.get("name") == field:
            return FilePart(parameters.get("filename"), content)
    raise MalformedUploadError(f"the form has no file in the field {field!r}")


def _disposition(headers: str) -> dict[str, str]:
    """The parameters of a part's Content-Disposition."""
    for line in headers.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return {
                parameter.lower(): _unquoted(quoted) if quoted else plain
                for parameter, quoted, plain in _PARAMETER.findall(value)
            }
    return {}


def _unquoted(text: str) -> str:
    # Browsers write %22 for a quotation mark (and only some of them escape by backslash).
    return re.sub(r'\\(["\\])', r"\1", text).replace("%22", '"')
