"""Search by a picture: the vision model says what it shows, and items that mean much the same are found.

The model is the one that answers: search has its key already. No embedder of ours compares pictures themselves.
"""

import base64
import binascii
import time
from http import HTTPStatus

from chassis.errors import ProblemError
from chassis.media_type import GIF, JPEG, PNG, WEBP, identify
from search.bootstrap import SearchService
from search.errors import PictureRejectedError
from search.requests import PictureResults, PictureSearch, found_item

_TYPES = (PNG, JPEG, WEBP, GIF)
_WANTED = "send png, jpeg, webp or gif in base64"


def search_by_picture(service: SearchService, tenant_id: str, body: PictureSearch, deadline: float) -> PictureResults:
    """The items nearest in meaning to what the picture shows, by `deadline` (of `time.monotonic`).

    Raises:
        ProblemError: 400, it is no picture of a type that is taken; 422, the vision model does not take it.
        AnswerError: the vision model is unavailable, rejects the request or declines.
        retrieval.EmbeddingError: what it shows cannot be embedded.
        ConfigurationError: a provider is not configured.
        TransientError: the database is unavailable.
    """
    started = time.perf_counter()
    content, media_type = _picture(body.picture)
    try:
        description = service.answerer.describe(content, media_type, deadline)
    except PictureRejectedError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "picture-rejected", str(error)) from error
    hits = service.searcher.like(
        tenant_id, description, top_k=body.top_k, filters=body.filters, min_similarity=body.min_similarity_score
    )
    return PictureResults(
        description=description,
        results=[found_item(hit) for hit in hits],
        total_results=len(hits),
        retrieval_time_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def _picture(text: str) -> tuple[bytes, str]:
    """Its bytes, and their media type."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not-an-image", f"this is no base64; {_WANTED}") from error
    file_type = identify(content)
    if file_type is None:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "not-an-image", f"this is not a picture; {_WANTED}")
    if file_type not in _TYPES:
        raise ProblemError(HTTPStatus.BAD_REQUEST, "unsupported-type", f"this is {file_type.description}; {_WANTED}")
    return content, file_type.media_type
