"""The status of an item under any order and any repetition of its events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import Contract, Event, new_event
from contracts.analysis import AnalysisFailed, AnalysisFailure, Description, ItemAnalyzed
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, encode_vector
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, Rendition, RenditionKind
from contracts.ingest import ItemDeleted, ItemUploaded, RetryRequested, RetryStep, UploadRejected, UploadRejection
from ingest.item_state import CONTRACTS, ItemState, evolve
from ingest.item_status import Status, Waiting, next_step, status_of, waiting

SHA = "0" * 64
START = datetime(2026, 1, 1, tzinfo=UTC)
RANKS = [Status.UPLOADED, Status.PROCESSED, Status.ANALYZED, Status.SEARCHABLE]


def uploaded() -> ItemUploaded:
    return ItemUploaded(
        filename="i.png", original_filename="a.png", key="t/images/i.png", media_type="image/png", size=1, sha256=SHA
    )


def upload_rejected() -> UploadRejected:
    return UploadRejected(original_filename="a.png", size=3, reason=UploadRejection.NOT_AN_IMAGE, detail="no picture")


def processed(width: int = 10) -> ImageProcessed:
    thumbnail = Rendition(
        kind=RenditionKind.THUMBNAIL, key=f"t/thumbnails/{width}", media_type="image/webp", width=1, height=1, size=1
    )
    return ImageProcessed(
        filename="i.png",
        original_filename="a.png",
        media_type="image/png",
        sha256=SHA,
        width=width,
        height=20,
        renditions=(thumbnail,),
        phash="0" * 16,
    )


def image_rejected() -> ImageRejected:
    return ImageRejected(reason=ImageRejection.CORRUPT, detail="it is corrupt")


def analyzed(version: int) -> ItemAnalyzed:
    return ItemAnalyzed(
        analysis_id=f"analysis-{version}",
        version=version,
        filename="i.png",
        original_filename="a.png",
        description=Description(category=f"category-{version}"),
        provider="anthropic",
        model="m",
        prompt_id="p",
    )


def analysis_failed() -> AnalysisFailed:
    return AnalysisFailed(
        reason=AnalysisFailure.REFUSED, detail="it was refused", attempts=1, provider="anthropic", model="m"
    )


def embedded(version: int) -> ItemEmbedded:
    return ItemEmbedded(
        vector=encode_vector([1.0]),
        dimensions=1,
        model="v",
        analysis_id=f"analysis-{version}",
        analysis_version=version,
    )


def embedding_failed(version: int) -> EmbeddingFailed:
    return EmbeddingFailed(reason=EmbeddingFailure.GAVE_UP, detail="no answer", analysis_version=version, attempts=5)


def retried(step: RetryStep) -> RetryRequested:
    return RetryRequested(step=step)


def numbered(*contracts: Contract) -> list[Event[Contract]]:
    """The contracts as events a second apart, numbered by each producer for itself."""
    numbers: dict[str, int] = {}
    events: list[Event[Contract]] = []
    for second, data in enumerate(contracts):
        numbers[data.source()] = numbers.get(data.source(), 0) + 1
        event = new_event(data, subject="i", tenant_id="t", time=START + timedelta(seconds=second))
        events.append(replace(event, sequence=numbers[data.source()]))
    return events


def after(events: Sequence[Event[Contract]]) -> ItemState:
    state = ItemState()
    for event in events:
        state = evolve(state, event)
    return state


# Each history with the status in which it ends, whatever the order of delivery.
HISTORIES: list[tuple[str, list[Contract], Status, str | None]] = [
    ("just uploaded", [uploaded()], Status.UPLOADED, None),
    ("processed", [uploaded(), processed()], Status.PROCESSED, None),
    ("described", [uploaded(), processed(), analyzed(1)], Status.ANALYZED, None),
    ("searchable", [uploaded(), processed(), analyzed(1), embedded(1)], Status.SEARCHABLE, None),
    ("a bad direct upload", [upload_rejected()], Status.REJECTED, "no picture"),
    ("a corrupt picture", [uploaded(), image_rejected()], Status.REJECTED, "it is corrupt"),
    ("rejected, then taken by a better decoder", [uploaded(), image_rejected(), processed()], Status.PROCESSED, None),
    ("refused", [uploaded(), processed(), analysis_failed()], Status.FAILED, "no description: it was refused"),
    ("refused, then described", [uploaded(), processed(), analysis_failed(), analyzed(1)], Status.ANALYZED, None),
    (
        "described again, the vector of the first still found",
        [uploaded(), processed(), analyzed(1), embedded(1), analyzed(2)],
        Status.SEARCHABLE,
        None,
    ),
    (
        "a failed new analysis hides nothing",
        [uploaded(), processed(), analyzed(1), embedded(1), analysis_failed()],
        Status.SEARCHABLE,
        "the newest analysis failed: it was refused",
    ),
    (
        "a failed new analysis, corrected by a third",
        [uploaded(), processed(), analyzed(1), embedded(1), analysis_failed(), analyzed(2), embedded(2)],
        Status.SEARCHABLE,
        None,
    ),
    (
        "no vector",
        [uploaded(), processed(), analyzed(1), embedding_failed(1)],
        Status.FAILED,
        "found by its words only, no vector: no answer",
    ),
    (
        "no vector, but one for the next version",
        [uploaded(), processed(), analyzed(1), embedding_failed(1), analyzed(2)],
        Status.ANALYZED,
        None,
    ),
    (
        "refused, and asked for again",
        [uploaded(), processed(), analysis_failed(), retried(RetryStep.ANALYSIS)],
        Status.FAILED,
        "no description: it was refused",
    ),
    (
        "a rebuild that failed",
        [uploaded(), processed(), analyzed(1), embedded(1), embedding_failed(1)],
        Status.SEARCHABLE,
        "the newest vector failed: no answer",
    ),
    (
        "renditions could not be made again",
        [uploaded(), processed(), analyzed(1), embedded(1), image_rejected()],
        Status.SEARCHABLE,
        "making renditions failed: it is corrupt",
    ),
]


@pytest.mark.parametrize(
    ("history", "status", "reason"), [case[1:] for case in HISTORIES], ids=[c[0] for c in HISTORIES]
)
def test_the_status_says_how_far_it_came(history: list[Contract], status: Status, reason: str | None) -> None:
    assert status_of(after(numbered(*history))) == (status, reason)


IMAGING, ANALYSIS, EMBEDDING = RetryStep


@pytest.mark.parametrize(
    ("history", "step", "since"),
    [
        ([uploaded()], IMAGING, 0),
        ([uploaded(), processed()], ANALYSIS, 1),
        ([uploaded(), processed(), analyzed(1)], EMBEDDING, 2),
        ([uploaded(), processed(), analyzed(1), embedded(1)], None, None),
        ([uploaded(), processed(), analyzed(1), embedded(1), analyzed(2)], EMBEDDING, 4),
        ([uploaded(), analyzed(1)], EMBEDDING, 1),
        ([uploaded(), processed(), analysis_failed()], ANALYSIS, None),
        ([uploaded(), processed(), analysis_failed(), processed()], ANALYSIS, 3),
        ([uploaded(), processed(), analysis_failed(), retried(ANALYSIS)], ANALYSIS, 3),
        ([uploaded(), processed(), analysis_failed(), retried(EMBEDDING)], ANALYSIS, None),
        ([uploaded(), processed(), analysis_failed(), retried(ANALYSIS), analysis_failed()], ANALYSIS, None),
        ([uploaded(), processed(), retried(ANALYSIS)], ANALYSIS, 2),
        ([uploaded(), processed(), analyzed(1), embedding_failed(1)], EMBEDDING, None),
        ([uploaded(), processed(), analyzed(1), embedding_failed(1), analyzed(2)], EMBEDDING, 4),
        ([uploaded(), image_rejected()], IMAGING, None),
        ([uploaded(), processed(), image_rejected()], ANALYSIS, None),
        ([upload_rejected()], None, None),
        ([processed()], None, None),
    ],
    ids=[
        "uploaded", "processed", "described", "searchable", "described again", "processed unheard of", "refused",
        "refused and processed again", "refused and asked for again", "asked for another step", "refused again",
        "stuck and asked for again", "no vector", "no vector of the first", "rejected", "rejected later",
        "direct upload rejected", "upload unheard of",
    ],
)  # fmt: skip
def test_an_item_waits_for_the_next_step_since_it_could_begin(
    history: list[Contract], step: RetryStep | None, since: int | None
) -> None:
    state = after(numbered(*history))
    assert next_step(state) is step
    expected = None if step is None or since is None else Waiting(step, START + timedelta(seconds=since))
    assert waiting(state) == expected


def test_every_status_and_every_contract_is_tried() -> None:
    assert {status for _, _, status, _ in HISTORIES} == set(Status)
    assert {type(data) for _, history, _, _ in HISTORIES for data in history} == set(CONTRACTS)


@given(st.data())
def test_order_and_repetition_change_nothing(data: st.DataObject) -> None:
    _, history, status, reason = data.draw(st.sampled_from(HISTORIES))
    events = numbered(*history)
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=6))
    state = after(data.draw(st.permutations(repeated)))
    assert state == after(events)
    assert status_of(state) == (status, reason)


@given(st.permutations(numbered(uploaded(), processed(), analyzed(1), embedded(1), analyzed(2), embedded(2))))
def test_the_status_never_goes_back_on_the_way(events: list[Event[Contract]]) -> None:
    ranks = [RANKS.index(status_of(after(events[:count]))[0]) for count in range(1, len(events) + 1)]
    assert ranks == sorted(ranks)
    assert ranks[-1] == RANKS.index(Status.SEARCHABLE)


@given(st.permutations(numbered(uploaded(), analyzed(1), analyzed(2), analyzed(3), processed(10), processed(30))))
def test_the_newest_of_each_kind_counts(events: list[Event[Contract]]) -> None:
    state = after(events)
    assert state.analysis is not None
    assert (state.analysis.version, state.analysis.description.category) == (3, "category-3")
    assert state.picture is not None
    assert (state.picture.width, state.picture.thumbnail_key) == (30, "t/thumbnails/30")
    assert state.updated_at == START + timedelta(seconds=5)


def test_the_state_survives_storage() -> None:
    for _, history, _, _ in HISTORIES:
        state = after(numbered(*history))
        assert ItemState.model_validate_json(state.model_dump_json(exclude_none=True)) == state


def test_a_deletion_does_not_change_the_state() -> None:
    [event] = numbered(ItemDeleted())
    with pytest.raises(KeyError):
        evolve(ItemState(), event)
