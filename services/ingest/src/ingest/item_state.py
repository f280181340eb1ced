"""What is known of one item, fact by fact, from events in any order and any number.

Every producer numbers its events about an item (`sequence`), so of each kind of fact the newest is kept and a late
or repeated one changes nothing: the state is the same whichever way the events came. `item_status` interprets it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from contracts import Contract, Event
from contracts.analysis import AnalysisFailed, Description, ItemAnalyzed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from contracts.imaging import ImageProcessed, ImageRejected, Rendition, RenditionKind
from contracts.ingest import ItemUploaded, RetryRequested, RetryStep, UploadRejected

Rank = tuple[int, int, datetime, str]


class Fact(BaseModel):
    """A fact and its place among the facts of its kind."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    sequence: int
    time: datetime

    @property
    def rank(self) -> Rank:
        """Orders facts of a kind; the greatest is the one that counts."""
        return (self.generation, self.sequence, self.time, self.event_id)

    @property
    def generation(self) -> int:
        """Counts before the sequence, where a fact is about a version of something."""
        return 0


class Original(Fact):
    """The original that is stored."""

    filename: str
    original_filename: str
    key: str
    media_type: str
    size: int
    sha256: str


class Refusal(Fact):
    """A direct upload that was not accepted."""

    original_filename: str
    size: int
    reason: str
    detail: str


class Picture(Fact):
    """What imaging made of the original."""

    width: int
    height: int
    phash: str
    thumbnail_key: str | None = None
    rendition_key: str | None = None


class Analysis(Fact):
    """A version of the description."""

    analysis_id: str
    version: int
    description: Description
    provider: str
    model: str
    trace_id: str | None = None

    @property
    def generation(self) -> int:
        return self.version


class Embedded(Fact):
    """A version of the description has a vector."""

    analysis_version: int
    model: str

    @property
    def generation(self) -> int:
        return self.analysis_version


class Failure(Fact):
    """A step that ended without a result; `analysis_version` where it was about one."""

    reason: str
    detail: str
    analysis_version: int = 0

    @property
    def generation(self) -> int:
        return self.analysis_version


class Retry(Fact):
    """Its owner asked for a step to begin again."""

    step: RetryStep


class ItemState(BaseModel):
    """All facts that count."""

    model_config = ConfigDict(frozen=True)

    original: Original | None = None
    refusal: Refusal | None = None
    picture: Picture | None = None
    picture_failure: Failure | None = None
    analysis: Analysis | None = None
    analysis_failure: Failure | None = None
    embedded: Embedded | None = None
    embedding_failure: Failure | None = None
    retry: Retry | None = None
    updated_at: datetime | None = None


F = TypeVar("F", bound=Fact)


def evolve(state: ItemState, event: Event[Contract]) -> ItemState:
    """The state with that event in it.

    Raises:
        KeyError: the event is of a type that does not affect an item's state.
    """
    slot, read = _READERS[type(event.data)]
    kept = _newest(getattr(state, slot), read(event))
    updated_at = event.time if state.updated_at is None else max(state.updated_at, event.time)
    return state.model_copy(update={slot: kept, "updated_at": updated_at})


def is_newer(fact: Fact | None, other: Fact | None) -> bool:
    """Whether the fact came after the other in their producer's own order."""
    return fact is not None and (
        other is None or (fact.sequence, fact.time, fact.event_id) > (other.sequence, other.time, other.event_id)
    )


def _newest(known: F | None, arrived: F) -> F:
    return arrived if known is None or arrived.rank > known.rank else known


def _place(event: Event[Any]) -> dict[str, Any]:
    return {"event_id": event.id, "sequence": event.sequence, "time": event.time}


def _original(event: Event[ItemUploaded]) -> Original:
    return Original(**_place(event), **event.data.model_dump())


def _refusal(event: Event[UploadRejected]) -> Refusal:
    return Refusal(**_place(event), **event.data.model_dump(mode="json"))


def _picture(event: Event[ImageProcessed]) -> Picture:
    data = event.data
    return Picture(
        **_place(event),
        width=data.width,
        height=data.height,
        phash=data.phash,
        thumbnail_key=_rendition(data.renditions, RenditionKind.THUMBNAIL),
        rendition_key=_rendition(data.renditions, RenditionKind.MODEL),
    )


def _rendition(renditions: tuple[Rendition, ...], kind: RenditionKind) -> str | None:
    return next((rendition.key for rendition in renditions if rendition.kind is kind), None)


def _analysis(event: Event[ItemAnalyzed]) -> Analysis:
    data = event.data
    return Analysis(
        **_place(event),
        analysis_id=data.analysis_id,
        version=data.version,
        description=data.description,
        provider=data.provider,
        model=data.model,
        trace_id=data.trace_id,
    )


def _embedded(event: Event[ItemEmbedded]) -> Embedded:
    return Embedded(**_place(event), analysis_version=event.data.analysis_version, model=event.data.model)


def _failure(event: Event[ImageRejected] | Event[AnalysisFailed]) -> Failure:
    return Failure(**_place(event), reason=event.data.reason.value, detail=event.data.detail)


def _embedding_failure(event: Event[EmbeddingFailed]) -> Failure:
    data = event.data
    return Failure(
        **_place(event), reason=data.reason.value, detail=data.detail, analysis_version=data.analysis_version
    )


def _retry(event: Event[RetryRequested]) -> Retry:
    return Retry(**_place(event), step=event.data.step)


#: Event type -> the slot it fills, and how to read it.
_READERS: Mapping[type[Contract], tuple[str, Callable[[Any], Fact]]] = {
    ItemUploaded: ("original", _original),
    UploadRejected: ("refusal", _refusal),
    ImageProcessed: ("picture", _picture),
    ImageRejected: ("picture_failure", _failure),
    ItemAnalyzed: ("analysis", _analysis),
    AnalysisFailed: ("analysis_failure", _failure),
    ItemEmbedded: ("embedded", _embedded),
    EmbeddingFailed: ("embedding_failure", _embedding_failure),
    RetryRequested: ("retry", _retry),
}

#: The contracts that `evolve` knows.
CONTRACTS: tuple[type[Contract], ...] = tuple(_READERS)
