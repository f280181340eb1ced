"""The status of an item, as a function of the facts known of it.

uploaded -> processed -> analyzed -> searchable; or rejected (the picture cannot be taken); or failed (a step gave up).
What was reached stays: a later attempt that fails (another analysis, other renditions, another vector) does not
hide an item that is described and found already. Its status stays and the reason describes the failure, until an
attempt succeeds.
"""

from enum import StrEnum

from ingest.item_state import Failure, ItemState, is_newer


class Status(StrEnum):
    """How far an item has come."""

    UPLOADED = "uploaded"
    PROCESSED = "processed"
    ANALYZED = "analyzed"
    SEARCHABLE = "searchable"
    REJECTED = "rejected"
    FAILED = "failed"


def status_of(state: ItemState) -> tuple[Status, str | None]:
    """The status and, where there is one, its reason in a sentence for the user."""
    if state.original is None and state.refusal is not None:
        return Status.REJECTED, state.refusal.detail
    if state.analysis is not None:
        return _status_of_described(state)
    if is_newer(state.picture_failure, state.picture):
        return Status.REJECTED, _sentence(state.picture_failure)
    if state.analysis_failure is not None:
        return Status.FAILED, f"no description: {_sentence(state.analysis_failure)}"
    if state.picture is not None:
        return Status.PROCESSED, None
    return Status.UPLOADED, None


def _status_of_described(state: ItemState) -> tuple[Status, str | None]:
    failed_again = _failed_again(state)
    if state.embedded is not None:
        return Status.SEARCHABLE, failed_again
    failure, analysis = state.embedding_failure, state.analysis
    if failure is not None and analysis is not None and failure.analysis_version >= analysis.version:
        return Status.FAILED, f"found by its words only, no vector: {_sentence(failure)}"
    return Status.ANALYZED, failed_again


def _failed_again(state: ItemState) -> str | None:
    """Why the newest attempt at a step failed, if it did."""
    if is_newer(state.picture_failure, state.picture):
        return f"making renditions failed: {_sentence(state.picture_failure)}"
    if is_newer(state.analysis_failure, state.analysis):
        return f"the newest analysis failed: {_sentence(state.analysis_failure)}"
    if state.embedded is not None and is_newer(state.embedding_failure, state.embedded):
        return f"the newest vector failed: {_sentence(state.embedding_failure)}"
    return None


def _sentence(failure: Failure | None) -> str:
    return "" if failure is None else failure.detail or failure.reason
