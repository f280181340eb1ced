"""The picture in a form: multipart/form-data (RFC 7578), of which an upload needs the file in one field."""

import io
import re
from dataclasses import dataclass
from urllib.parse import unquote

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartParser,
    MultipartPart,
    parse_options_header,
)

from ingest.errors import MalformedUploadError

_MAX_HEADER_BYTES = 8192
# RFC 8187 asks for the first; the second is what its predecessor, RFC 5987, asked for beside it.
_EXTENDED_CHARSETS = ("utf-8", "iso-8859-1")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:\\.|[^\\"])*"|[^;"]*)')


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a form: the name the sender gave it, and its bytes."""

    filename: str | None
    content: bytes


def file_part(content_type: str, body: bytes, field: str = "file") -> FilePart:
    """The file in that field.

    Raises:
        MalformedUploadError: the body is no form, is cut off, or has no such file, or several.
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
        parts = [part for part in parser.parts() if _decoded(part.name) == field]
    except MultipartError as error:
        raise MalformedUploadError(f"the form cannot be read: {error}") from error
    if not parts:
        raise MalformedUploadError(f"the form has no file in the field {field!r}")
    if len(parts) > 1:
        raise MalformedUploadError(f"the form has {len(parts)} files in the field {field!r}; send one a request")
    return FilePart(_filename(parts[0]), parts[0].raw)


def _filename(part: MultipartPart) -> str | None:
    """The sender's name for the file: `filename*` before `filename` (RFC 6266), as some HTTP libraries send both.

    The first that can be read counts. The numbered parts of RFC 2231 are for mail, and passed over (RFC 8187).
    """
    for name, value in _PARAMETER.findall(part.disposition):
        charset, _, text = value.strip().strip('"').partition("'")
        _, has_language, text = text.partition("'")
        if name.lower() == "filename*" and has_language and charset.lower() in _EXTENDED_CHARSETS:
            return unquote(text, charset, "replace")
    return None if part.filename is None else _decoded(part.filename)


def _decoded(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "replace")
