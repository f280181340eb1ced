"""The status of an item, as a function of the facts known of it.

uploaded -> processed -> analyzed -> searchable; or rejected (the picture cannot be taken); or failed (a step gave up).
What was reached stays: a later attempt that fails (another analysis, other renditions, another vector) does not
hide an item that is described and found already. Its status stays and the reason describes the failure, until an
attempt succeeds.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from contracts.ingest import RetryStep
from ingest.item_state import Fact, Failure, ItemState, is_newer


class Status(StrEnum):
    """How far an item has come."""

    UPLOADED = "uploaded"
    PROCESSED = "processed"
    ANALYZED = "analyzed"
    SEARCHABLE = "searchable"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The service that an item waits for, and since when."""

    step: RetryStep
    since: datetime


def next_step(state: ItemState) -> RetryStep | None:
    """The step that would bring the item further, whether it has failed or not; None where all are done."""
    if state.original is None:
        return None
    if state.analysis is not None:
        embedded = state.embedded.analysis_version if state.embedded else 0
        return RetryStep.EMBEDDING if embedded < state.analysis.version else None
    return RetryStep.IMAGING if state.picture is None else RetryStep.ANALYSIS


def waiting(state: ItemState) -> Waiting | None:
    """What the item waits for; nothing where its next step has failed, and was not asked for again since."""
    step = next_step(state)
    if step is None or status_of(state)[0] is Status.REJECTED:
        return None
    begun: Fact | None
    begun, failure = {
        RetryStep.IMAGING: (state.original, state.picture_failure),
        RetryStep.ANALYSIS: (state.picture, state.analysis_failure),
        RetryStep.EMBEDDING: (state.analysis, state.embedding_failure),
    }[step]
    asked = state.retry if state.retry is not None and state.retry.step is step else None
    since = max(fact.time for fact in (begun, asked) if fact is not None)
    return None if failure is not None and failure.time >= since else Waiting(step, since)


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
