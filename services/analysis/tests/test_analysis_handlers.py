"""Every entry point of analysis in memory: pictures and requests, and the descriptions or failures they lead to."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from anthropic.types.model import Model as AnthropicModel
from openai.types.shared import ChatModel

from analysis.bootstrap import AnalysisService, bootstrap
from analysis.describe import Result, most_usd
from analysis.errors import (
    AnalysisError,
    InvalidOutputError,
    ProviderNotConfiguredError,
    ProviderRejectedError,
    ProviderUnavailableError,
    RefusedError,
)
from analysis.handler import ENTRY_POINTS
from analysis.models import Provider, facts
from analysis.output import ImageDetailsAnswer, MediaMetadataAnswer, PictureDescription
from analysis.prompts import packaged
from analysis.providers import Choice
from analysis.repository import analyses, candidates, leases, pictures, rejections
from analysis.repository.analyses import AnalysisRecord
from analysis.repository.pictures import PictureRecord
from analysis.repository.rejections import Rejection
from analysis.settings import AnalysisSettings
from analysis.vision import Described, Picture, VisionModel
from chassis import budgets
from chassis.database import Connection
from chassis.errors import TransientError
from chassis.http import HttpEntry
from chassis.item_ids import new_item_id
from chassis.observability import MetricUnit, metrics
from chassis.queue import EventConsumer
from contracts import Event, ReplayKind, ReprocessMode, replayed
from contracts.analysis import (
    AnalysisFailed,
    AnalysisFailure,
    AnalysisRequested,
    BudgetSpent,
    CandidateAnalyzed,
    ItemAnalyzed,
)
from contracts.imaging import ImageProcessed, ImageRejected, RenditionKind
from contracts.ingest import ItemDeleted, RetryRequested, RetryStep, UploadRejected
from contracts.operations import OPERATORS
from testkit import Answer, Fakes, call, deliver, envelope, read
from testkit.fakes import SETTINGS, TRACED, FakeObject, caused, example, requested
from testkit.forgetting import assert_forgets
from testkit.invoking import CONTEXT, http_event
from testkit.replaying import assert_replays

ALICE, BOB, ITEM = "alice", "bob", "item-1"
CLAUDE, GPT = "claude-sonnet-5-5", "gpt-5.5"
RENDITION = "alice/renditions/item-1.jpg"
DESCRIPTION = PictureDescription(
    category="Food",
    subcategories=["Ramen", "Dinner"],
    headline="A bowl of ramen",
    summary="Noodles in broth.",
    media_metadata=MediaMetadataAnswer(
        original_poster=None, tagged_accounts=[], location_tags=["Kyoto"], audio_source=None, hashtags=[]
    ),
    image_details=ImageDetailsAnswer(
        extracted_text=[],
        objects=["bowl"],
        themes=[],
        emotions=[],
        vibes=[],
        visual_hierarchy=[],
        key_interest=None,
        likely_source="camera",
    ),
)
DESCRIBED = Described(DESCRIPTION, input_tokens=1000, output_tokens=100)

Key = tuple[str, str]


@dataclass
class Pictures:
    """Of `analysis.repository.pictures`. `after_looking` runs once, after a look at a picture."""

    rows: dict[Key, PictureRecord] = field(default_factory=dict)
    after_looking: Callable[[], object] = lambda: None

    def save(self, connection: Connection, picture: PictureRecord, processed_at: datetime) -> None:
        self.rows[picture.tenant_id, picture.item_id] = picture

    def find(self, connection: Connection, tenant_id: str, item_id: str) -> PictureRecord | None:
        found = self.rows.get((tenant_id, item_id))
        then, self.after_looking = self.after_looking, lambda: None
        then()
        return found

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)


@dataclass
class Rejections:
    """Of `analysis.repository.rejections`."""

    rows: dict[Key, Rejection] = field(default_factory=dict)

    def save(self, connection: Connection, event: Event[ImageRejected] | Event[UploadRejected]) -> None:
        self.rows[event.tenant_id, event.subject] = Rejection(event.data.reason.value, event.data.detail)

    def find(self, connection: Connection, tenant_id: str, item_id: str) -> Rejection | None:
        return self.rows.get((tenant_id, item_id))

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)


@dataclass
class Analyses:
    """Of `analysis.repository.analyses`."""

    rows: list[tuple[str, AnalysisRecord]] = field(default_factory=list)

    def add(self, connection: Connection, tenant_id: str, record: AnalysisRecord) -> None:
        self.rows.append((tenant_id, record))

    def latest_version(self, connection: Connection, tenant_id: str, item_id: str) -> int:
        return max((record.version for record in self.versions(connection, tenant_id, item_id)), default=0)

    def find_result(
        self, connection: Connection, tenant_id: str, sha256: str, prompt_id: str, choice: Choice
    ) -> Result | None:
        same = [record for owner, record in self.rows if (owner, record.sha256) == (tenant_id, sha256)]
        return next((record.result for record in same if _is_by(record, prompt_id, choice)), None)

    def is_described(self, connection: Connection, picture: PictureRecord) -> bool:
        return bool(self._of(connection, picture))

    def is_described_by(self, connection: Connection, picture: PictureRecord, prompt_id: str, choice: Choice) -> bool:
        return any(_is_by(record, prompt_id, choice) for record in self._of(connection, picture))

    def made(
        self,
        connection: Connection,
        tenant_id: str,
        item_id: str,
        *,
        before: int | None = None,
        version: int | None = None,
    ) -> AnalysisRecord | None:
        fitting = [
            record
            for record in self.versions(connection, tenant_id, item_id)
            if (before is None or record.version < before) and version in (None, record.version)
        ]
        return fitting[0] if fitting else None

    def find_latest(self, connection: Connection, tenant_id: str, item_id: str) -> AnalysisRecord | None:
        return next(iter(self.versions(connection, tenant_id, item_id)), None)

    def versions(
        self, connection: Connection, tenant_id: str, item_id: str, *, limit: int = 1000
    ) -> list[AnalysisRecord]:
        own = [record for owner, record in self.rows if (owner, record.item_id) == (tenant_id, item_id)]
        return sorted(own, key=lambda record: -record.version)[:limit]

    def find(self, connection: Connection, tenant_id: str, analysis_id: str) -> AnalysisRecord | None:
        return next(
            (record for owner, record in self.rows if (owner, record.analysis_id) == (tenant_id, analysis_id)), None
        )

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows = [(owner, record) for owner, record in self.rows if (owner, record.item_id) != (tenant_id, item_id)]

    def _of(self, connection: Connection, picture: PictureRecord) -> list[AnalysisRecord]:
        own = self.versions(connection, picture.tenant_id, picture.item_id)
        return [record for record in own if record.sha256 in (picture.sha256, None)]


def _is_by(record: AnalysisRecord, prompt_id: str, choice: Choice) -> bool:
    result = record.result
    return (result.prompt_id, result.provider, result.model) == (prompt_id, choice.provider, choice.model)


@dataclass
class Leases:
    """Of `analysis.repository.leases`: the seconds of each that is held."""

    pictures: Pictures
    rows: dict[Key, float] = field(default_factory=dict)

    def take(
        self, connection: Connection, tenant_id: str, item_id: str, seconds: float, *, seize: bool = False
    ) -> bool:
        key = tenant_id, item_id
        if key not in self.pictures.rows or (key in self.rows and not seize):
            return False
        self.rows[key] = seconds
        return True

    def end(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)

    def is_held(self, connection: Connection, tenant_id: str, item_id: str) -> bool:
        return (tenant_id, item_id) in self.rows


@dataclass
class Candidates:
    """Of `analysis.repository.candidates`."""

    rows: dict[tuple[str, str, str], Event[CandidateAnalyzed]] = field(default_factory=dict)

    def add(self, connection: Connection, event: Event[CandidateAnalyzed]) -> None:
        self.rows[event.tenant_id, event.subject, event.data.run] = event

    def exists(self, connection: Connection, tenant_id: str, item_id: str, run_id: str) -> bool:
        return (tenant_id, item_id, run_id) in self.rows

    def find_result(
        self, connection: Connection, tenant_id: str, sha256: str, prompt_id: str, choice: Choice
    ) -> Result | None:
        return None

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows = {key: event for key, event in self.rows.items() if key[:2] != (tenant_id, item_id)}


@dataclass
class Model:
    """A provider's models. Each of `outcomes` is answered, or raised, once; then every picture is ramen."""

    fakes: Fakes
    provider: Provider
    outcomes: list[Described | Exception] = field(default_factory=list)
    asked: list[tuple[Picture, str, str, float]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def connect(self, key: str) -> VisionModel:
        self.keys.append(key)
        return self

    def describe(self, picture: Picture, instructions: str, model: str, timeout_s: float) -> Described:
        assert not self.fakes.database.is_open, "a transaction waits for the model"
        self.asked.append((picture, instructions, model, timeout_s))
        self.meanwhile()
        outcome = self.outcomes.pop(0) if self.outcomes else DESCRIBED
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class Analysis:
    """The service in memory."""

    fakes: Fakes
    service: AnalysisService
    http: HttpEntry
    on_events: EventConsumer
    claude: Model
    gpt: Model
    pictures: Pictures
    analyses: Analyses
    candidates: Candidates
    leases: Leases
    rejections: Rejections

    def process(self, item: str = ITEM, *, tenant: str = ALICE, **changes: Any) -> Event[ImageProcessed]:
        """The rendition is stored; the event that imaging publishes."""
        key = f"{tenant}/renditions/{item}.jpg"
        self.fakes.aws.s3.objects[key] = FakeObject(b"rendition", "image/jpeg")
        rendition = {"kind": "model", "key": key, "media_type": "image/jpeg", "width": 9, "height": 9, "size": 9}
        names = {"filename": f"{item}.png", "original_filename": "holiday.png", "sha256": "a" * 64}
        return example(ImageProcessed, subject=item, tenant=tenant, **(names | {"renditions": [rendition]} | changes))

    def show(self, item: str = ITEM, *, tenant: str = ALICE) -> None:
        """The picture is known, and not described."""
        event = self.process(item, tenant=tenant)
        deliver(self.on_events, replayed(event, replay_id="known", replay_for="analysis"))

    def analyze(
        self, item: str = ITEM, tenant: str | None = ALICE, *, prefer: str = "", body: Any = None, **query: object
    ) -> Answer:
        """POST /items/{id}/analyze."""
        headers = TRACED | ({"prefer": prefer} if prefer else {})
        return call(self.http, "POST", f"/items/{item}/analyze", tenant, query=query, body=body, headers=headers)

    def get(self, path: str, tenant: str | None = ALICE) -> Answer:
        return call(self.http, "GET", path, tenant)

    def delete(self) -> None:
        """The deletion of the item is applied by another process."""
        self.fakes.tombstones.deleted[ALICE, ITEM] = datetime.now(UTC)

    @property
    def analysis_id(self) -> str:
        """Of what was recorded last."""
        (*_, last) = self.fakes.recorded
        assert isinstance(last.data, ItemAnalyzed)
        return last.data.analysis_id


def build(fakes: Fakes, *, keys: tuple[str, ...] = ("anthropic", "openai"), **settings: Any) -> Analysis:
    given = SETTINGS | {"max_receives": 6, "picture_wait_s": 0} | settings
    service = fakes.under(bootstrap(AnalysisSettings(**given), fakes.aws))
    for name in keys:
        fakes.put_secret(f"{name}-api-key", f"key of {name}")
    claude, gpt, shown = Model(fakes, "anthropic"), Model(fakes, "openai"), Pictures()
    real = service.providers
    vars(service)["providers"] = replace(real, factories={"anthropic": claude.connect, "openai": gpt.connect})
    fakes.stand_in(pictures, shown)
    rejected = fakes.stand_in(rejections, Rejections())
    return Analysis(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        claude,
        gpt,
        shown,
        fakes.stand_in(analyses, Analyses()),
        fakes.stand_in(candidates, Candidates()),
        fakes.stand_in(leases, Leases(shown)),
        rejected,
    )


@pytest.fixture
def unit(fakes: Fakes) -> Analysis:
    return build(fakes)


def analyzed(
    unit: Analysis, item: str = ITEM, *, version: int = 1, model: str = CLAUDE, paid: bool = True
) -> ItemAnalyzed:
    """The fact that is expected; its id is the one that was given."""
    costs = {CLAUDE: 0.003, GPT: 0.008, "claude-opus-5": 0.0075}
    (*_, recorded) = [fact.data for fact in unit.fakes.recorded if fact.subject == item]
    return ItemAnalyzed(
        analysis_id=recorded.analysis_id if isinstance(recorded, ItemAnalyzed) else "missing",
        version=version,
        filename=f"{item}.png",
        original_filename="holiday.png",
        description=DESCRIPTION.description(),
        provider="openai" if model == GPT else "anthropic",
        model=model,
        prompt_id=packaged().id,
        input_tokens=1000 if paid else 0,
        output_tokens=100 if paid else 0,
        cost_usd=costs[model] if paid else 0,
        sha256="a" * 64,
    )


def failed(reason: AnalysisFailure, detail: str, *, attempts: int = 1, model: str = CLAUDE) -> AnalysisFailed:
    return AnalysisFailed(reason=reason, detail=detail, attempts=attempts, provider="anthropic", model=model)


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:collections:problem:")


def missing(answer: Answer) -> str:
    """What is said of something that the caller does not have."""
    assert problem(answer) == (404, "not-found")
    detail: str = answer.body["detail"]
    return detail


# Pictures


def test_a_picture_is_described_and_recorded(unit: Analysis) -> None:
    event = unit.process()
    unit.claude.meanwhile = lambda: seen.append((dict(unit.pictures.rows), dict(unit.leases.rows)))
    seen: list[tuple[dict[Key, PictureRecord], dict[Key, float]]] = []
    assert deliver(unit.on_events, event) == []
    assert unit.fakes.recorded == [caused(analyzed(unit), event)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    ((picture, instructions, model, timeout_s),) = unit.claude.asked
    assert (picture, instructions, model) == (Picture(b"rendition", "image/jpeg"), packaged().instructions, CLAUDE)
    assert timeout_s == 45
    assert unit.claude.keys == ["key of anthropic"]
    assert seen == [({(ALICE, ITEM): PictureRecord.of(event)}, {(ALICE, ITEM): 110})], "committed before"
    assert unit.leases.rows == {}
    assert [(owner, record.item_id) for owner, record in unit.analyses.rows] == [(ALICE, ITEM)]


def test_a_duplicate_is_not_described_again(unit: Analysis) -> None:
    event = unit.process()
    assert deliver(unit.on_events, event, event) == []
    assert deliver(unit.on_events, event) == []
    assert (len(unit.fakes.recorded), len(unit.claude.asked)) == (1, 1)


def test_new_renditions_of_a_described_picture_are_not_paid_for(unit: Analysis) -> None:
    deliver(unit.on_events, unit.process())
    assert deliver(unit.on_events, unit.process()) == []
    assert (len(unit.fakes.recorded), len(unit.claude.asked)) == (1, 1)


def test_equal_content_is_paid_for_once_a_tenant(unit: Analysis) -> None:
    deliver(unit.on_events, unit.process())
    event, foreign = unit.process("item-2"), unit.process("item-2", tenant=BOB)
    assert deliver(unit.on_events, event) == []
    assert unit.fakes.recorded[1:] == [caused(analyzed(unit, "item-2", paid=False), event)]
    assert len(unit.claude.asked) == 1
    assert deliver(unit.on_events, foreign) == []
    assert len(unit.claude.asked) == 2


def test_a_rebuild_asks_nobody_and_a_reprocessing_asks_a_better_model(unit: Analysis) -> None:
    event = unit.process()
    deliver(unit.on_events, event)
    deliver(unit.on_events, replayed(event, replay_id="1", replay_for="analysis"))
    again = replayed(event, replay_id="2", replay_for="analysis", kind=ReplayKind.REPROCESS)
    deliver(unit.on_events, again)
    assert len(unit.claude.asked) == 1, "this model has described it under this prompt"
    models = dict(unit.service.providers.models) | {"anthropic": "claude-opus-5"}
    vars(unit.service.analyst.describer)["providers"] = replace(unit.service.providers, models=models)
    better = replayed(event, replay_id="3", replay_for="analysis", kind=ReplayKind.REPROCESS)
    assert deliver(unit.on_events, better) == []
    expected = analyzed(unit, version=2, model="claude-opus-5")
    assert unit.fakes.recorded[1:] == [caused(expected, better, sequence=2)]


def test_a_picture_without_a_rendition_for_models_is_dead_lettered(unit: Analysis) -> None:
    thumbnail = unit.process().data.renditions[0].model_copy(update={"kind": RenditionKind.THUMBNAIL})
    event = unit.process(renditions=[thumbnail.model_dump()])
    assert deliver(unit.on_events, event) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["no-model-rendition"]
    assert (unit.fakes.recorded, unit.claude.asked, unit.pictures.rows) == ([], [], {})


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (RefusedError("declined"), AnalysisFailure.REFUSED),
        (ProviderRejectedError("unknown model"), AnalysisFailure.PROVIDER_REJECTED),
    ],
)
def test_what_cannot_be_described_is_a_failure(unit: Analysis, outcome: Exception, reason: AnalysisFailure) -> None:
    unit.claude.outcomes = [outcome]
    event = unit.process()
    assert deliver(unit.on_events, event, receives=2) == []
    assert unit.fakes.recorded == [caused(failed(reason, str(outcome), attempts=2), event)]
    assert (unit.fakes.dead_letters(), unit.leases.rows, unit.gpt.asked) == ([], {}, [])


def test_a_missing_rendition_is_a_failure(unit: Analysis) -> None:
    event = unit.process()
    unit.fakes.aws.s3.objects.clear()
    assert deliver(unit.on_events, event) == []
    detail = "the rendition for the model is not in the bucket"
    assert unit.fakes.recorded == [caused(failed(AnalysisFailure.RENDITION_MISSING, detail), event)]


def test_bad_output_is_asked_for_once_more_and_paid_for(unit: Analysis) -> None:
    bad = InvalidOutputError("cut off", input_tokens=10, output_tokens=20)
    unit.claude.outcomes = [bad]
    event = unit.process()
    assert deliver(unit.on_events, event) == []
    (recorded,) = [fact.data for fact in unit.fakes.recorded]
    assert isinstance(recorded, ItemAnalyzed)
    assert (recorded.input_tokens, recorded.output_tokens) == (1010, 120)
    unit.claude.outcomes = [bad, bad]
    event = unit.process("item-2", sha256="b" * 64)
    assert deliver(unit.on_events, event) == []
    assert unit.fakes.recorded[1:] == [caused(failed(AnalysisFailure.INVALID_OUTPUT, "cut off"), event)]


def test_the_first_deliveries_wait_for_the_first_provider(unit: Analysis) -> None:
    event = unit.process()
    for receives in (1, 2):
        unit.claude.outcomes = [ProviderUnavailableError("529", retry_after_s=42)]
        assert deliver(unit.on_events, event, receives=receives) == [envelope(event)]
        assert unit.leases.rows == {}, "a caller in the meantime need not wait"
    assert (unit.fakes.aws.sqs.delays, unit.fakes.recorded, unit.gpt.asked) == ([42, 42], [], [])
    unit.claude.outcomes = [ProviderUnavailableError("529")]
    assert deliver(unit.on_events, event, receives=3) == []
    assert unit.fakes.recorded == [caused(analyzed(unit, model=GPT), event)]
    assert unit.gpt.keys == ["key of openai"]


def test_tokens_fallbacks_and_what_is_reused_are_counted(unit: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[tuple[object, ...]] = []
    add_metric = metrics.add_metric

    def counting(*counted: Any) -> None:
        counts.append(counted)
        add_metric(*counted)

    monkeypatch.setattr(metrics, "add_metric", counting)

    def described(event: Event[ImageProcessed], **how: Any) -> set[tuple[object, ...]]:
        counts.clear()
        assert deliver(unit.on_events, event, **how) == []
        names = {"InputTokens", "OutputTokens", "ProviderFallbacks", "DescriptionsReused"}
        return {counted for counted in counts if counted[0] in names}

    tokens = {("InputTokens", MetricUnit.Count, 1000), ("OutputTokens", MetricUnit.Count, 100)}
    assert described(unit.process()) == tokens
    assert described(unit.process("item-2")) == {("DescriptionsReused", MetricUnit.Count, 1)}
    unit.claude.outcomes = [ProviderUnavailableError("529")]
    fallback = {("ProviderFallbacks", MetricUnit.Count, 1)}
    assert described(unit.process("item-3", sha256="b" * 64), receives=3) == tokens | fallback


def test_when_both_providers_are_unavailable_the_first_ones_wish_counts(unit: Analysis) -> None:
    event = unit.process()
    unit.claude.outcomes = [ProviderUnavailableError("529", retry_after_s=42)]
    unit.gpt.outcomes = [ProviderUnavailableError("503", retry_after_s=7)]
    assert deliver(unit.on_events, event, receives=3) == [envelope(event)]
    assert unit.fakes.aws.sqs.delays == [42]


@pytest.mark.parametrize(
    ("keys", "model"), [(("openai",), GPT), (("anthropic",), CLAUDE)], ids=["only the second", "only the first"]
)
def test_a_provider_without_a_key_is_passed_over(fakes: Fakes, keys: tuple[str, ...], model: str) -> None:
    unit = build(fakes, keys=keys)
    event = unit.process()
    assert deliver(unit.on_events, event) == []
    assert fakes.recorded == [caused(analyzed(unit, model=model), event)]


def test_without_any_key_or_fallback_the_picture_waits(fakes: Fakes) -> None:
    unit = build(fakes, keys=())
    event = unit.process()
    assert deliver(unit.on_events, event) == [envelope(event)]
    fakes.put_secret("anthropic-api-key", "key of anthropic")
    unit.claude.outcomes = [ProviderUnavailableError("529")]
    assert deliver(unit.on_events, event, receives=3) == [envelope(event)], "nothing else is configured"
    assert deliver(unit.on_events, event) == []
    assert fakes.recorded == [caused(analyzed(unit), event)]


@pytest.mark.parametrize(
    ("fault", "detail"),
    [(ProviderUnavailableError("529"), "529"), (ValueError("holiday.png"), "ValueError")],
)
def test_the_last_attempt_ends_as_a_failure_and_a_dead_letter(unit: Analysis, fault: Exception, detail: str) -> None:
    event = unit.process()
    unit.claude.outcomes, unit.gpt.outcomes = [fault], [fault]
    assert deliver(unit.on_events, event, receives=6) == []
    failure = failed(AnalysisFailure.GAVE_UP, detail, attempts=6)
    assert unit.fakes.recorded == [caused(failure, event)], "it quotes nothing of the picture"
    (letter,) = unit.fakes.dead_letters()
    assert letter.reason == f"gave-up:{type(fault).__name__}"
    assert "holiday" not in letter.detail
    assert unit.leases.rows == {}
    assert deliver(unit.on_events, event) == [], "redriven from the dead-letter queue, it counts"
    assert unit.fakes.recorded[1:] == [caused(analyzed(unit), event, sequence=2)]


def test_nothing_is_given_up_of_a_deleted_item(unit: Analysis) -> None:
    unit.claude.outcomes, unit.claude.meanwhile = [ValueError()], unit.delete
    assert deliver(unit.on_events, unit.process(), receives=6) == []
    assert unit.fakes.recorded == []


@pytest.mark.parametrize("outcome", [DESCRIBED, RefusedError("declined")], ids=["described", "failed"])
def test_an_item_that_is_deleted_meanwhile_gets_no_description(unit: Analysis, outcome: Described | Exception) -> None:
    unit.claude.outcomes, unit.claude.meanwhile = [outcome], unit.delete
    assert deliver(unit.on_events, unit.process()) == []
    assert (unit.fakes.recorded, unit.analyses.rows) == ([], [])


def test_a_deletion_leaves_nothing_of_the_item_and_nothing_is_described_after_it(unit: Analysis) -> None:
    deliver(unit.on_events, unit.process(), unit.process(tenant=BOB))
    unit.leases.rows = {(ALICE, ITEM): 1, (BOB, ITEM): 1}
    deletion = example(ItemDeleted, subject=ITEM, tenant=ALICE)
    assert deliver(unit.on_events, deletion, deletion) == []
    assert set(unit.pictures.rows) == set(unit.leases.rows) == {(BOB, ITEM)}
    assert [owner for owner, _ in unit.analyses.rows] == [BOB]
    assert deliver(unit.on_events, unit.process()) == []
    assert (len(unit.fakes.recorded), len(unit.claude.asked)) == (2, 2)


def test_what_another_was_quicker_to_describe_is_recorded_once(unit: Analysis) -> None:
    event, asked = unit.process(), request()

    def meanwhile() -> None:
        unit.claude.meanwhile = lambda: None
        deliver(ENTRY_POINTS.build("on_events", unit.service), asked)

    unit.claude.meanwhile = meanwhile
    assert deliver(unit.on_events, event) == []
    assert len(unit.claude.asked) == 2
    assert [fact.causation_id for fact in unit.fakes.recorded] == [asked.id]


@pytest.mark.parametrize("transaction", range(5))
def test_a_silent_database_brings_the_picture_back(unit: Analysis, transaction: int) -> None:
    """Whichever of the look into the inbox, the fold, the lease, the look at what is paid for, and the record it is."""
    event = unit.process()
    unit.fakes.database.fail(after=transaction)
    assert deliver(unit.on_events, event) == [envelope(event)]
    assert unit.fakes.recorded == []
    assert deliver(unit.on_events, event) == [], "a lease that was left is this message's own"
    assert unit.fakes.recorded == [caused(analyzed(unit), event)]


def test_a_silent_bucket_brings_the_picture_back(unit: Analysis) -> None:
    event, broken = unit.process(), "{}"
    with unit.fakes.aws.s3.failing("get_object"):
        assert deliver(unit.on_events, event, broken) == [envelope(event)]
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["not-an-envelope"]
    assert deliver(unit.on_events, event) == []


def test_the_relay_publishes_what_the_bus_did_not_take(unit: Analysis) -> None:
    with unit.fakes.aws.events.failing("put_events"):
        assert deliver(unit.on_events, unit.process()) == []
    assert unit.fakes.published == []
    assert ENTRY_POINTS.build("relay", unit.service)({}, None) == {"published": 1}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]


# What operators order, within a budget

BETTER = "claude-opus-5"


def ordered(event: Event[ImageProcessed], *, replay: str = "replay-1", **how: Any) -> Event[ImageProcessed]:
    again = replayed(event, replay_id=replay, replay_for="analysis", kind=ReplayKind.REPROCESS)
    return replace(again, **({"replay_budget": "9.000000", "replay_force": "false", "replay_model": BETTER, **how}))


def counted(unit: Analysis, replay: str = "replay-1") -> dict[str, int]:
    row = unit.fakes.budgets.rows[replay]
    return {str(outcome): getattr(row, outcome) for outcome in budgets.Outcome if getattr(row, outcome)}


def spent(unit: Analysis, replay: str = "replay-1") -> float:
    return float(unit.fakes.budgets.rows[replay].spent_usd)


def most(unit: Analysis) -> float:
    plan = unit.service.analyst.plan(model=BETTER)
    found = most_usd(plan.choice, plan.prompt)
    assert found is not None
    return found


def test_what_is_ordered_is_made_paid_and_of_its_run(unit: Analysis) -> None:
    event = unit.process()
    deliver(unit.on_events, event)
    order = ordered(event)
    unit.claude.meanwhile = lambda: seen.append(dict(unit.leases.rows))
    seen: list[dict[Key, float]] = []
    assert deliver(unit.on_events, order) == []
    fact = analyzed(unit, version=2, model=BETTER).model_copy(update={"run": "replay-1"})
    assert unit.fakes.recorded[1:] == [caused(fact, order, sequence=2)]
    assert (counted(unit), spent(unit), unit.leases.rows) == ({"made": 1}, 0.0075, {})
    assert seen == [{(ALICE, ITEM): 110}], "a request waits for it"
    assert [timeout_s for *_, timeout_s in unit.claude.asked] == [45, 45]
    assert deliver(unit.on_events, ordered(event, replay="replay-2")) == []
    assert (counted(unit, "replay-2"), spent(unit, "replay-2")) == ({"reused": 1}, 0), "it is described so"
    equal = unit.process("item-2")
    deliver(unit.on_events, order := ordered(equal, replay="replay-3"))
    fact = analyzed(unit, "item-2", model=BETTER, paid=False).model_copy(update={"run": "replay-3"})
    assert unit.fakes.recorded[2:] == [caused(fact, order)], "of equal content the same is known"
    assert (counted(unit, "replay-3"), spent(unit, "replay-3")) == ({"reused": 1}, 0)
    assert len(unit.claude.asked) == 2
    assert deliver(unit.on_events, ordered(event, replay="replay-4", replay_force="true")) == []
    assert (counted(unit, "replay-4"), spent(unit, "replay-4"), len(unit.claude.asked)) == ({"made": 1}, 0.0075, 3)


def test_a_candidate_is_recorded_beside_the_live_version(unit: Analysis) -> None:
    event = unit.process()
    deliver(unit.on_events, event)
    order = ordered(event, replay_mode=ReprocessMode.CANDIDATES)
    unit.claude.meanwhile = lambda: seen.append(dict(unit.leases.rows))
    seen: list[dict[Key, float]] = []
    assert deliver(unit.on_events, order) == []
    (made,) = unit.fakes.recorded[1:]
    assert isinstance(made.data, CandidateAnalyzed)
    assert made.data.duration_ms is not None
    assert 0 <= made.data.duration_ms < 2000
    expected = CandidateAnalyzed(
        candidate_id=made.data.candidate_id,
        run="replay-1",
        description=DESCRIPTION.description(),
        provider="anthropic",
        model=BETTER,
        prompt_id=packaged().id,
        input_tokens=1000,
        output_tokens=100,
        cost_usd=0.0075,
        duration_ms=made.data.duration_ms,
        sha256="a" * 64,
    )
    assert made == caused(expected, order, sequence=2)
    assert (counted(unit), spent(unit), seen) == ({"made": 1}, 0.0075, [{}])
    again = ordered(event, replay="replay-2", replay_mode=ReprocessMode.CANDIDATES, replay_run="replay-1")
    assert deliver(unit.on_events, again) == []
    assert (counted(unit, "replay-2"), len(unit.claude.asked)) == ({"reused": 1}, 2), "the run has its candidate"


@pytest.mark.parametrize("has_one", [True, False], ids=["described", "not described"])
@pytest.mark.parametrize(
    ("fault", "is_paid"),
    [
        (ProviderRejectedError("400"), False),
        (RefusedError("declined"), True),
        (InvalidOutputError("cut off"), True),
        (None, False),
    ],
    ids=["rejected", "refused", "invalid", "no rendition"],
)
def test_what_fails_spends_what_may_have_been_paid(
    unit: Analysis, fault: Exception | None, is_paid: bool, has_one: bool
) -> None:
    event = unit.process()
    if has_one:
        deliver(unit.on_events, event)
    else:
        unit.show()
    before = list(unit.fakes.recorded)
    if fault is None:
        unit.fakes.aws.s3.objects.clear()
    else:
        unit.claude.outcomes = [fault, fault]
    order = ordered(event)
    assert deliver(unit.on_events, order, receives=2) == []
    assert counted(unit) == {"failed": 1}
    assert spent(unit) == pytest.approx(most(unit) if is_paid else 0)
    assert (unit.leases.rows, unit.gpt.asked) == ({}, [])
    if has_one:
        assert unit.fakes.recorded == before
    else:
        (failure,) = unit.fakes.recorded
        assert isinstance(failure.data, AnalysisFailed)
        detail = str(fault) if fault else "the rendition for the model is not in the bucket"
        assert (failure.data.detail, failure.data.attempts, failure.data.model) == (detail, 2, BETTER)


@pytest.mark.parametrize("unpaid", [True, False])
def test_what_a_silent_provider_may_have_been_paid_is_spent(unit: Analysis, unpaid: bool) -> None:
    unit.show()
    order = ordered(unit.process())
    unit.claude.outcomes = [ProviderUnavailableError("529", retry_after_s=42, unpaid=unpaid)]
    assert deliver(unit.on_events, order, receives=5) == [envelope(order)]
    assert (unit.fakes.aws.sqs.delays, unit.leases.rows, unit.gpt.asked) == ([42], {}, [])
    assert spent(unit) == pytest.approx(0 if unpaid else most(unit))
    assert (counted(unit), unit.fakes.recorded) == ({}, [])
    unit.claude.outcomes = [ProviderUnavailableError("529", unpaid=unpaid)]
    assert deliver(unit.on_events, order, receives=6) == []
    failure = failed(AnalysisFailure.GAVE_UP, "529", attempts=6)
    assert (counted(unit), unit.fakes.recorded) == ({"failed": 1}, [caused(failure, order)])
    assert unit.leases.rows == {}


@pytest.mark.parametrize("second", [ProviderUnavailableError("529", unpaid=True), ProviderRejectedError("400")])
def test_a_second_attempt_that_is_not_paid_for_follows_one_that_was(unit: Analysis, second: AnalysisError) -> None:
    unit.show()
    unit.claude.outcomes = [InvalidOutputError("cut off", input_tokens=10, output_tokens=20), second]
    deliver(unit.on_events, ordered(unit.process()))
    assert spent(unit) == pytest.approx(most(unit))


def test_a_call_that_is_not_begun_spends_nothing(fakes: Fakes) -> None:
    unit = build(fakes, analysis_budget_s=1.9)
    unit.show()
    order = ordered(unit.process())
    assert deliver(unit.on_events, order) == [envelope(order)]
    assert (spent(unit), counted(unit), unit.claude.asked) == (0, {}, [])


def test_a_silent_bucket_spends_nothing(unit: Analysis) -> None:
    unit.show()
    order = ordered(unit.process())
    with unit.fakes.aws.s3.failing("get_object"):
        assert deliver(unit.on_events, order) == [envelope(order)]
    assert (spent(unit), counted(unit), unit.leases.rows) == (0, {}, {})


def test_a_candidate_that_is_given_up_says_nothing_about_its_item(unit: Analysis) -> None:
    unit.show()
    order = ordered(unit.process(), replay_mode=ReprocessMode.CANDIDATES)
    unit.leases.rows = {(ALICE, ITEM): 1}
    for receives in (1, 6):
        unit.claude.outcomes = [ProviderUnavailableError("529", unpaid=True)]
        deliver(unit.on_events, order, receives=receives)
    assert (counted(unit), unit.fakes.recorded) == ({"failed": 1}, [])
    assert unit.leases.rows == {(ALICE, ITEM): 1}, "it is a request's"


def test_beyond_the_budget_nobody_is_asked_and_it_is_told_once(unit: Analysis) -> None:
    orders = [ordered(unit.process(item), replay_budget="0.000001") for item in ("one", "two")]
    for item in ("one", "two"):
        unit.show(item)
    assert deliver(unit.on_events, *orders) == []
    assert (counted(unit), unit.claude.asked, unit.leases.rows) == ({"left_over": 2}, [], {})
    (told,) = unit.fakes.recorded
    assert told.data == BudgetSpent(budget_usd=0.000001, spent_usd=0)
    assert (told.tenant_id, told.subject, told.correlation_id) == (OPERATORS, "replay-1", "replay-1")


def test_a_candidate_beyond_the_budget_ends_no_lease(unit: Analysis) -> None:
    unit.show()
    unit.leases.rows = {(ALICE, ITEM): 1}
    order = ordered(unit.process(), replay_budget="0.000001", replay_mode=ReprocessMode.CANDIDATES)
    assert deliver(unit.on_events, order) == []
    assert (counted(unit), unit.leases.rows) == ({"left_over": 1}, {(ALICE, ITEM): 1})


def test_what_others_have_reserved_is_waited_for(unit: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    def reserved(*_: object) -> None:
        raise TransientError("the rest is reserved")

    unit.show()
    order = ordered(unit.process())
    with monkeypatch.context() as patched:
        patched.setattr(budgets, "reserve", reserved)
        assert deliver(unit.on_events, order) == [envelope(order)]
    assert (unit.claude.asked, unit.fakes.recorded, unit.fakes.budgets.rows) == ([], [], {})
    assert deliver(unit.on_events, order) == []
    assert counted(unit) == {"made": 1}


@pytest.mark.parametrize("mode", [None, ReprocessMode.CANDIDATES], ids=["versions", "candidates"])
def test_an_item_that_is_deleted_meanwhile_is_paid_and_not_described(unit: Analysis, mode: Any) -> None:
    unit.show()
    unit.claude.meanwhile = unit.delete
    assert deliver(unit.on_events, ordered(unit.process(), replay_mode=mode)) == []
    assert (counted(unit), spent(unit), unit.fakes.recorded) == ({"made": 1}, 0.0075, [])


@pytest.mark.parametrize(
    ("how", "reason", "detail"),
    [
        ({"replay_model": "claude-of-the-future"}, "no-price", "claude-of-the-future"),
        ({"replay_prompt": "another@2"}, "unknown-prompt", "another@2"),
    ],
)
def test_what_cannot_be_ordered_is_dead_lettered(unit: Analysis, how: dict[str, Any], reason: str, detail: str) -> None:
    unit.show()
    assert deliver(unit.on_events, ordered(unit.process(), **how)) == []
    (letter,) = unit.fakes.dead_letters()
    assert letter.reason == reason
    assert detail in letter.detail
    assert (unit.claude.asked, unit.fakes.recorded) == ([], [])


def test_what_an_order_costs_is_told_before(unit: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyses, "usual_tokens", lambda connection: None)
    told = {
        "types": [ImageProcessed.event_type],
        "provider": "anthropic",
        "model": BETTER,
        "prompt": packaged().id,
        "each_usd": pytest.approx(0.03),
        "most_usd": most(unit),
    }
    assert unit.service.reprocessing(BETTER) == told
    monkeypatch.setattr(analyses, "usual_tokens", lambda connection: (1000, 100))
    brief = unit.service.reprocessing(BETTER, "collections-app-brief@1")
    assert (brief["each_usd"], brief["prompt"]) == (0.0075, "collections-app-brief@1")
    assert brief["most_usd"] != told["most_usd"]
    assert unit.service.reprocessing(None)["model"] == CLAUDE
    assert "claude-of-the-future" in unit.service.reprocessing("claude-of-the-future")["refused"]
    assert "another@2" in unit.service.reprocessing(None, "another@2")["refused"]


def test_a_rollback_repeats_what_was_before_the_run_or_is_named(unit: Analysis) -> None:
    event = unit.process()
    deliver(unit.on_events, event)
    deliver(unit.on_events, ordered(event))

    def roll_back(replay: str, **which: Any) -> Event[ImageProcessed]:
        how = {"replay_budget": "0.000000", "replay_model": None, "replay_mode": ReprocessMode.ROLLBACK}
        order = ordered(event, replay=replay, **how, **which)
        assert deliver(unit.on_events, order) == []
        return order

    order = roll_back("back", replay_run="replay-1")
    changes = {"run": "back", "restores": 1}
    third = analyzed(unit, version=3, paid=False).model_copy(update=changes)
    assert unit.fakes.recorded[2:] == [caused(third, order, sequence=3)]
    assert (counted(unit, "back"), spent(unit, "back"), len(unit.claude.asked)) == ({"reused": 1}, 0, 2)
    roll_back("again", replay_run="replay-1")
    assert counted(unit, "again") == {"left_over": 1}, "the current one is not of the run"
    order = roll_back("named", replay_version="2")
    changes = {"run": "named", "restores": 2}
    fourth = analyzed(unit, version=4, model=BETTER, paid=False).model_copy(update=changes)
    assert unit.fakes.recorded[3:] == [caused(fourth, order, sequence=4)]
    roll_back("current", replay_version="4")
    assert counted(unit, "current") == {"left_over": 1}
    roll_back("missing", replay_version="9")
    assert counted(unit, "missing") == {"left_over": 1}
    assert len(unit.fakes.recorded) == 4


# Requests that nobody waits for


def request(**options: Any) -> Event[AnalysisRequested]:
    return example(
        AnalysisRequested, subject=ITEM, tenant=ALICE, **({"force": False, "provider": None, "model": None} | options)
    )


def test_a_request_is_described_by_what_was_asked_for(unit: Analysis) -> None:
    unit.show()
    event = request(model="claude-opus-5")
    assert deliver(unit.on_events, event, event) == []
    assert unit.fakes.recorded == [caused(analyzed(unit, model="claude-opus-5"), event)]
    event = request(provider="openai")
    assert deliver(unit.on_events, event) == []
    assert unit.fakes.recorded[1:] == [caused(analyzed(unit, version=2, model=GPT), event, sequence=2)]
    unit.gpt.outcomes = [ProviderUnavailableError("503")]
    event = request(provider="openai", force=True)
    assert deliver(unit.on_events, event, receives=3) == [envelope(event)], "who chose a model gets that or nothing"


def test_a_request_describes_again_only_when_forced(unit: Analysis) -> None:
    deliver(unit.on_events, unit.process())
    assert deliver(unit.on_events, request()) == []
    assert len(unit.claude.asked) == 1
    event = request(force=True)
    assert deliver(unit.on_events, event) == []
    assert unit.fakes.recorded[1:] == [caused(analyzed(unit, version=2), event, sequence=2)]
    assert len(unit.claude.asked) == 2, "what is paid for already is not used again"


def test_a_request_for_what_is_not_there_or_not_possible(unit: Analysis) -> None:
    assert deliver(unit.on_events, request()) == []
    assert unit.fakes.dead_letters() == []
    unit.show()
    assert deliver(unit.on_events, request(provider="mistral")) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["unknown-provider"]
    assert (unit.fakes.recorded, unit.claude.asked) == ([], [])


def test_a_request_that_fails_every_time_names_the_model_that_was_asked_for(unit: Analysis) -> None:
    unit.show()
    unit.claude.outcomes = [ProviderUnavailableError("529")]
    event = request(model="claude-opus-5")
    assert deliver(unit.on_events, event, receives=6) == []
    failure = failed(AnalysisFailure.GAVE_UP, "529", attempts=6, model="claude-opus-5")
    assert unit.fakes.recorded == [caused(failure, event)]


# POST /items/{id}/analyze


def test_a_caller_who_waits_gets_the_description(unit: Analysis) -> None:
    unit.show()
    answer = unit.analyze()
    assert unit.fakes.recorded == [requested(analyzed(unit), ALICE, ITEM)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert (answer.status, answer.body) == (
        200,
        {
            "id": unit.analysis_id,
            "item_id": ITEM,
            "version": 1,
            "category": "Food",
            "summary": "Noodles in broth.",
            "raw_response": DESCRIPTION.description().model_dump(mode="json"),
            "provider_used": "anthropic",
            "model_used": CLAUDE,
            "trace_id": None,
            "created_at": answer.body["created_at"],
        },
    )
    assert unit.leases.rows == {}
    assert unit.analyze().body == answer.body, "the existing one"
    assert len(unit.claude.asked) == 1
    again = unit.analyze(force_reanalyze=True)
    assert (again.body["version"], len(unit.claude.asked)) == (2, 2)


@pytest.mark.parametrize(
    ("body", "query", "model"),
    [
        (None, {}, CLAUDE),
        (None, {"provider": "openai"}, GPT),
        ({"provider": "openai"}, {"provider": "anthropic"}, GPT),
        ({"model": "claude-opus-5"}, {"model": "claude-haiku-4-5"}, "claude-opus-5"),
    ],
)
def test_the_body_goes_before_the_query(unit: Analysis, body: Any, query: dict[str, Any], model: str) -> None:
    unit.show()
    assert unit.analyze(body=body, **query).body["model_used"] == model


def test_a_body_can_take_back_what_the_query_forces(unit: Analysis) -> None:
    unit.show()
    first = unit.analyze().body
    assert unit.analyze(body={"force_reanalyze": False}, force_reanalyze=True).body == first
    assert unit.analyze(body={"force_reanalyze": True}).body["version"] == 2


@pytest.mark.parametrize(
    "query",
    [
        {"model": "claude-opus-99"},
        {"model": "gpt-99"},
        {"model": "claude-opus-5-20991231"},
        {"model": GPT, "provider": "anthropic"},
        {"model": CLAUDE, "provider": "openai"},
    ],
)
@pytest.mark.parametrize("prefer", ["", "respond-async"])
@pytest.mark.parametrize("force", [True, False])
def test_an_unknown_model_is_refused_before_anything_is_asked_or_stored(
    unit: Analysis, query: dict[str, Any], prefer: str, force: bool
) -> None:
    unit.show()
    answer = unit.analyze(prefer=prefer, force_reanalyze=force, **query)
    assert problem(answer) == (422, "unknown-model")
    allowed = answer.body["allowed"]
    provider = query.get("provider")
    assert (CLAUDE in allowed, GPT in allowed) == (provider != "openai", provider != "anthropic")
    assert allowed[0] in answer.body["detail"]
    assert (unit.claude.asked, unit.gpt.asked, unit.fakes.recorded, unit.leases.rows) == ([], [], [], {})


def test_an_operator_adds_models(fakes: Fakes) -> None:
    settings = AnalysisSettings(**SETTINGS, openai_models="gpt-99, our-own", anthropic_model="mine")
    providers = bootstrap(settings, fakes.aws).providers
    assert providers.offered["openai"] == {"gpt-99", "our-own", settings.openai_model}
    assert "mine" in providers.offered["anthropic"]
    assert providers.choose(model="our-own").provider == "openai"


def test_the_offered_models_are_known_to_the_sdks_and_have_prices() -> None:
    names = {"anthropic": set(get_args(get_args(AnthropicModel)[0])), "openai": set(get_args(ChatModel))}
    for provider, offered in bootstrap(AnalysisSettings()).providers.offered.items():
        assert set(offered) <= names[provider]
        assert {known.provider if (known := facts(model)) else None for model in offered} == {provider}


@pytest.mark.parametrize("query", [{"provider": "mistral"}, {"model": "no such model!"}, {"force_reanalyze": "maybe"}])
def test_a_malformed_request_asks_nobody(unit: Analysis, query: dict[str, Any]) -> None:
    unit.show()
    assert problem(unit.analyze(**query)) == (422, "invalid-request")
    assert unit.claude.asked == []


@pytest.mark.parametrize(
    ("outcome", "status", "code", "retry_after"),
    [
        (RefusedError("declined"), 422, "refused", None),
        (ProviderRejectedError("unknown model"), 502, "provider-rejected", None),
        (ProviderUnavailableError("529"), 503, "provider-unavailable", "5"),
        (ProviderNotConfiguredError("401"), 503, "provider-not-configured", "5"),
        (ValueError("holiday.png"), 500, "internal", None),
    ],
)
def test_a_caller_who_waits_is_answered_with_the_problem(
    fakes: Fakes, outcome: Exception, status: int, code: str, retry_after: str | None
) -> None:
    unit = build(fakes, keys=("anthropic",))
    unit.show()
    unit.claude.outcomes = [outcome]
    answer = unit.analyze()
    assert (problem(answer), answer.headers.get("Retry-After")) == ((status, code), retry_after)
    assert "holiday" not in answer.text
    assert code == "internal" or "anthropic" in answer.body["detail"] or str(outcome) in answer.body["detail"]
    assert fakes.recorded == []


def test_a_failed_request_leaves_no_lease(unit: Analysis) -> None:
    unit.show()
    unit.claude.outcomes = [RefusedError("declined")]
    assert unit.analyze().status == 422
    assert unit.leases.rows == {}
    unit.leases.rows = {(ALICE, ITEM): 1}
    unit.claude.outcomes = [RefusedError("declined")]
    assert unit.analyze(force_reanalyze=True).status == 422
    assert unit.leases.rows == {(ALICE, ITEM): 1}, "a forced request has none of its own"


@pytest.mark.parametrize(
    ("keys", "query", "refused"),
    [
        ((), {}, "anthropic"),
        (("anthropic",), {"provider": "openai"}, "openai"),
        (("anthropic",), {"model": GPT}, "openai"),
        (("openai",), {"provider": "anthropic"}, "anthropic"),
        (("openai",), {"model": CLAUDE}, "anthropic"),
        (("openai",), {}, None),
        (("anthropic",), {}, None),
        (("anthropic",), {"provider": "anthropic"}, None),
    ],
)
@pytest.mark.parametrize("prefer", ["", "respond-async"])
@pytest.mark.parametrize("force", [True, False])
def test_what_no_provider_with_a_key_can_answer_is_not_accepted(
    fakes: Fakes, keys: tuple[str, ...], query: dict[str, Any], refused: str | None, prefer: str, force: bool
) -> None:
    unit = build(fakes, keys=keys)
    unit.show()
    answer = unit.analyze(prefer=prefer, force_reanalyze=force, **query)
    if refused is None:
        assert (answer.status, len(fakes.recorded)) == (202 if prefer else 200, 1)
        return
    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "provider-not-configured"), "5")
    assert answer.body["detail"] == f"there is no working key for {refused}"
    assert (fakes.recorded, unit.leases.rows) == ([], {})


def test_what_is_described_is_answered_whoever_has_a_key(fakes: Fakes) -> None:
    unit = build(fakes, keys=("anthropic",))
    unit.show()
    first = unit.analyze()
    assert unit.analyze(prefer="respond-async", provider="openai").body == first.body


def test_bad_output_and_a_missing_rendition(unit: Analysis) -> None:
    unit.show()
    unit.claude.outcomes = [InvalidOutputError("cut off"), InvalidOutputError("cut off")]
    assert problem(unit.analyze()) == (502, "invalid-output")
    unit.fakes.aws.s3.objects.clear()
    assert problem(unit.analyze()) == (409, "rendition-missing")


def test_a_caller_who_waits_is_answered_by_the_other_provider_at_once(unit: Analysis) -> None:
    unit.show()
    unit.claude.outcomes = [ProviderUnavailableError("529")]
    assert unit.analyze().body["provider_used"] == "openai"


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_only_ones_own_living_items_are_described(unit: Analysis, prefer: str) -> None:
    unit.show()
    assert missing(unit.analyze("unknown", prefer=prefer)) == "item unknown not found"
    assert missing(unit.analyze(tenant=BOB, prefer=prefer)) == f"item {ITEM} not found"
    unit.delete()
    assert missing(unit.analyze(prefer=prefer)) == f"item {ITEM} not found"
    assert (unit.fakes.recorded, unit.claude.asked) == ([], [])


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_an_item_that_is_deleted_while_its_caller_waits(unit: Analysis, prefer: str) -> None:
    unit.show()
    unit.pictures.after_looking = unit.delete
    assert missing(unit.analyze(prefer=prefer)) == f"item {ITEM} not found"
    assert unit.fakes.recorded == []


def test_an_item_that_is_deleted_while_its_caller_is_answered_is_named(unit: Analysis) -> None:
    unit.show()
    unit.claude.meanwhile = unit.delete
    assert missing(unit.analyze()) == f"item {ITEM} not found"


def test_the_run_of_a_description_can_be_found(unit: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    run = SimpleNamespace(trace_id="trace-1", input_tokens=0, output_tokens=0)
    monkeypatch.setattr("analysis.tracing.LangSmith.run", lambda self, **about: nullcontext(run))
    assert deliver(unit.on_events, unit.process()) == []
    (fact,) = unit.fakes.recorded
    assert fact.data == analyzed(unit).model_copy(update={"trace_id": "trace-1"})
    assert (run.input_tokens, run.output_tokens) == (1000, 100)


@pytest.mark.parametrize(("left_s", "asked"), [(2.0, 1), (1.99, 0)])
def test_a_call_that_gets_two_seconds_is_begun(
    left_s: float, asked: int, unit: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.describe.time", SimpleNamespace(monotonic=lambda: 0.0))
    analyst = unit.service.analyst
    plan = analyst.plan(None, None)
    with nullcontext() if asked else pytest.raises(ProviderUnavailableError):
        analyst.describer.describe(
            lambda: Picture(b"", "image/jpeg"), plan.choice, plan.prompt, deadline=left_s, fallback=False
        )
    assert [timeout_s for *_, timeout_s in unit.claude.asked] == [left_s] * asked


@pytest.mark.parametrize(("prefer", "status"), [("", 200), ("respond-async", 202)])
def test_a_request_that_is_sent_again_under_its_key_is_one(unit: Analysis, prefer: str, status: int) -> None:
    def send(key: str = "key-1") -> Answer:
        headers = {"idempotency-key": key, "prefer": prefer}
        return call(unit.http, "POST", f"/items/{ITEM}/analyze", ALICE, body={"force_reanalyze": True}, headers=headers)

    unit.show()
    first, again = send(), send()
    assert (first.status, first.body) == (again.status, again.body) == (status, first.body)
    assert (again.headers.get("Preference-Applied"), len(unit.fakes.recorded)) == (prefer or None, 1)
    send("key-2")
    assert len(unit.fakes.recorded) == 2


def test_the_first_answer_stays_when_there_is_a_newer_version(unit: Analysis) -> None:
    def send(*, force: bool, key: str) -> Any:
        path, body = f"/items/{ITEM}/analyze", {"force_reanalyze": force}
        return call(unit.http, "POST", path, ALICE, body=body, headers={"idempotency-key": key}).body["version"]

    unit.show()
    versions = [
        send(force=True, key="a"),
        send(force=False, key="b"),
        send(force=True, key="c"),
        send(force=False, key="b"),
    ]
    assert versions == [1, 1, 2, 1]


def test_no_answer_is_kept_about_an_item_that_is_deleted_meanwhile(
    unit: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deletion has erased what was kept before."""
    unit.show()
    assert unit.analyze().status == 200
    find = analyses.find_latest

    def deleted_meanwhile(*arguments: Any) -> Any:
        found = find(*arguments)
        unit.delete()
        return found

    monkeypatch.setattr(analyses, "find_latest", deleted_meanwhile)
    answer = call(unit.http, "POST", f"/items/{ITEM}/analyze", ALICE, headers={"idempotency-key": "key"})
    assert missing(answer) == f"item {ITEM} not found"
    assert unit.fakes.idempotency.rows == {}


@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_an_item_that_was_not_heard_of_yet_is_not_missing(unit: Analysis, prefer: str) -> None:
    """Its id tells when and for whom it was issued; another tenant's is missing like any other."""
    item = new_item_id(ALICE)
    answer = unit.analyze(item, prefer=prefer)
    assert (problem(answer), answer.headers["Retry-After"]) == ((409, "not-processed-yet"), "5")
    assert (unit.get(f"/items/{item}/analyses").status, unit.get(f"/items/{item}/analyses").body) == (200, [])
    assert problem(unit.get(f"/items/{item}/analyses", BOB)) == (404, "not-found")
    assert problem(unit.analyze(item, BOB, prefer=prefer)) == (404, "not-found")
    unit.fakes.tombstones.deleted[ALICE, item] = datetime.now(UTC)
    assert problem(unit.get(f"/items/{item}/analyses")) == (404, "not-found")
    assert problem(unit.analyze(item, prefer=prefer)) == (404, "not-found")


@pytest.mark.parametrize("rejected", [ImageRejected, UploadRejected])
@pytest.mark.parametrize("prefer", ["", "respond-async"])
def test_of_a_rejected_item_the_reason_is_told(
    unit: Analysis, prefer: str, rejected: type[ImageRejected] | type[UploadRejected]
) -> None:
    rejection = example(rejected, subject=ITEM, tenant=ALICE)
    assert deliver(unit.on_events, rejection, rejection) == []
    answer = unit.analyze(prefer=prefer)
    assert problem(answer) == (422, f"image-{rejection.data.reason}")
    assert answer.body["detail"] == rejection.data.detail
    assert unit.get(f"/items/{ITEM}/analyses").body == []
    assert problem(unit.get(f"/items/{ITEM}/analyses", BOB)) == (404, "not-found")
    assert problem(unit.analyze(tenant=BOB, prefer=prefer)) == (404, "not-found")
    unit.show()
    assert unit.analyze(prefer=prefer).status in (200, 202), "it was processed after all"
    deliver(unit.on_events, example(ItemDeleted, subject=ITEM, tenant=ALICE), rejection)
    assert unit.rejections.rows == {}
    assert problem(unit.analyze(prefer=prefer)) == (404, "not-found")


def test_what_another_was_quicker_to_describe_is_the_answer(unit: Analysis) -> None:
    unit.show()
    event = request()

    def meanwhile() -> None:
        unit.claude.meanwhile = lambda: None
        deliver(unit.on_events, event)

    unit.claude.meanwhile = meanwhile
    assert unit.analyze().body["id"] == unit.analysis_id
    assert [fact.causation_id for fact in unit.fakes.recorded] == [event.id]


def test_a_picture_that_is_being_described_is_waited_for(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.requests._POLL_S", 0)
    unit = build(fakes, analysis_budget_s=0.01)
    unit.show()
    unit.leases.rows = {(ALICE, ITEM): 1}
    answer = unit.analyze()
    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "analysis-under-way"), "5")
    assert unit.claude.asked == []


def test_a_picture_on_its_way_is_waited_for(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.requests._POLL_S", 0)
    unit = build(fakes, picture_wait_s=5)
    picture = PictureRecord.of(unit.process())
    unit.pictures.after_looking = lambda: unit.pictures.rows.update({(ALICE, ITEM): picture} if picture else {})
    assert unit.analyze().status == 200


def test_what_the_gateway_has_waited_is_taken_off_the_budget(fakes: Fakes) -> None:
    unit = build(fakes, analysis_budget_s=20)
    unit.show()
    event = http_event("POST", f"/items/{ITEM}/analyze", ALICE)
    event["requestContext"]["timeEpoch"] = (time.time() - 8) * 1000
    assert unit.http(event, CONTEXT)["statusCode"] == 200
    assert 11 < unit.claude.asked[0][3] < 12


def test_a_model_that_could_not_answer_in_time_is_not_asked(fakes: Fakes) -> None:
    unit = build(fakes, analysis_budget_s=1.9)
    unit.show()
    assert problem(unit.analyze()) == (503, "provider-unavailable")
    event = unit.process()
    assert deliver(unit.on_events, event, receives=3) == [envelope(event)]
    assert (unit.claude.asked, unit.gpt.asked, fakes.recorded) == ([], [], [])


@pytest.mark.parametrize("prefer", ["respond-async", "wait=1, Respond-Async; x=1"])
def test_a_caller_who_does_not_wait_gets_a_promise(unit: Analysis, prefer: str) -> None:
    unit.show()
    answer = unit.analyze(prefer=prefer, model="claude-opus-5")
    assert (answer.status, answer.body["status"], answer.body["item_id"]) == (202, "accepted", ITEM)
    assert answer.headers["Preference-Applied"] == "respond-async"
    fact = AnalysisRequested(force=False, provider=None, model="claude-opus-5")
    assert unit.fakes.recorded == [requested(fact, ALICE, ITEM)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.claude.asked == []


def test_a_promise_is_given_once_while_the_picture_is_described(unit: Analysis) -> None:
    unit.show()
    unit.leases.rows = {(ALICE, ITEM): 1}
    assert unit.analyze(prefer="respond-async").status == 202
    assert unit.fakes.recorded == []
    assert unit.analyze(prefer="respond-async", force_reanalyze=True).status == 202
    assert [fact.data for fact in unit.fakes.recorded] == [AnalysisRequested(force=True)]


def test_who_does_not_wait_gets_what_is_there(unit: Analysis) -> None:
    unit.show()
    first = unit.analyze().body
    answer = unit.analyze(prefer="respond-async")
    assert (answer.status, answer.body) == (200, first)
    assert "Preference-Applied" not in answer.headers
    assert len(unit.fakes.recorded) == 1


# GET /items/{id}/analyses, GET /analyses/{id}


def test_the_newest_description_is_sent_to_embedding_once_more(unit: Analysis) -> None:
    unit.show()
    unit.analyze()
    unit.analyze(force_reanalyze=True)
    newest = unit.fakes.store.events[-1]
    unit.fakes.aws.events.entries.clear()
    for step in RetryStep:
        assert deliver(unit.on_events, example(RetryRequested, subject=ITEM, tenant=ALICE, step=step)) == []
    (entry,) = unit.fakes.aws.events.entries
    sent = json.loads(entry["Detail"])
    assert (sent["id"], sent["replayfor"], sent["replaykind"]) == (newest.id, "embedding", "reprocess")
    assert len(unit.claude.asked) == 2


def test_a_failed_description_is_tried_again_where_that_is_asked_for(unit: Analysis) -> None:
    """Imaging sends the picture once more: a replay that is to be reacted to."""
    unit.claude.outcomes = [RefusedError("no")]
    event = unit.process()
    deliver(unit.on_events, event)
    again = replayed(event, replay_id="asked", replay_for="analysis", kind=ReplayKind.REPROCESS)
    assert deliver(unit.on_events, again) == []
    assert [type(fact.data) for fact in unit.fakes.recorded] == [AnalysisFailed, ItemAnalyzed]
    assert deliver(unit.on_events, again) == []
    assert len(unit.claude.asked) == 2


def test_versions_are_listed_newest_first_and_shown_one_by_one(unit: Analysis) -> None:
    unit.show()
    assert unit.get(f"/items/{ITEM}/analyses").body == [], "its picture is known"
    first = unit.analyze().body
    second = unit.analyze(force_reanalyze=True).body
    assert unit.get(f"/items/{ITEM}/analyses").body == [second, first]
    assert read(unit.http, f"/analyses/{first['id']}", ALICE).body == first
    assert first in read(unit.http, f"/items/{ITEM}/analyses", ALICE).body
    assert missing(unit.get(f"/items/{ITEM}/analyses", BOB)) == f"item {ITEM} not found"
    assert missing(unit.get(f"/analyses/{first['id']}", BOB)) == f"analysis {first['id']} not found"
    assert missing(unit.get("/analyses/unknown")) == "analysis unknown not found"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", f"/items/{ITEM}/analyze"), ("GET", f"/items/{ITEM}/analyses"), ("GET", "/analyses/analysis-1")],
)
def test_a_route_needs_a_token_and_the_database(unit: Analysis, method: str, path: str) -> None:
    unit.show()
    assert call(unit.http, method, path).status == 401
    unit.fakes.database.fail()
    answer = call(unit.http, method, path, ALICE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (unit.fakes.recorded, unit.claude.asked) == ([], [])


def test_an_operator_has_stored_events_published_again(unit: Analysis) -> None:
    stored = example(ItemAnalyzed, subject="subject-1", tenant="alice")
    assert_replays(unit.fakes, ENTRY_POINTS.build("on_replays", unit.service), stored, consumer="search")


def test_a_tenant_is_forgotten(unit: Analysis) -> None:
    stored = example(ItemAnalyzed, subject="subject-1", tenant="alice")
    on_events = ENTRY_POINTS.build("on_events", unit.service)
    assert assert_forgets(unit.fakes, on_events, "alice", stored) == {"events": 1}
