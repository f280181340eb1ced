"""The picture in a form: multipart/form-data (RFC 7578), of which an upload needs the file in one field."""

import io
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, parse_options_header  # type: ignore[import-untyped]

from ingest.errors import MalformedUploadError

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
    media_type, options = parse_options_header(content_type)
    if media_type != "multipart/form-data":
        raise MalformedUploadError(f"send the picture as multipart/form-data in the field {field!r}")
    if not options.get("boundary"):
        raise MalformedUploadError("the Content-Type of a form names its boundary")
    parser = MultipartParser(
        io.BytesIO(body),
        options["boundary"],
        charset="latin-1",  # decodes whatever is sent; names are decoded below
        buffer_size=len(body) or 1,
        headersize_limit=_MAX_HEADER_BYTES,
        # The body is in memory already: nothing goes to temporary files.
        spool_limit=len(body),
        memory_limit=len(body),
    )
    try:
        # All of them: the last boundary shows whether the form is whole.
        parts = parser.parts()
    except MultipartError as error:
        raise MalformedUploadError(f"the form cannot be read: {error}") from error
    for part in parts:
        if _decoded(part.name) == field:
            return FilePart(None if part.filename is None else _decoded(part.filename), part.raw)
    raise MalformedUploadError(f"the form has no file in the field {field!r}")


def _decoded(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "replace")
