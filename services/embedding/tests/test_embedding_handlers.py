"""Every entry point of embedding in memory: descriptions and rebuilds, and the vectors or failures they lead to."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import budgets
from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.http import HttpEntry
from chassis.queue import EventConsumer
from contracts import Event, ReplayKind, new_event, replayed
from contracts.analysis import Description, ItemAnalyzed
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, RebuildRequested, encode_vector
from contracts.ingest import ItemDeleted
from embedding.bootstrap import EmbeddingService, bootstrap
from embedding.embedder import Answer as Embedded
from embedding.embedder import Embedder, Vector
from embedding.errors import InvalidVectorError, ProviderUnavailableError, TextRejectedError
from embedding.handler import ENTRY_POINTS
from embedding.repository import documents, failures, rebuilds, vectors
from embedding.repository.documents import Counts, Document
from embedding.repository.rebuilds import Rebuild, RebuildStatus
from embedding.repository.vectors import Space, StoredVector
from embedding.settings import EmbeddingSettings
from testkit import Answer, Fakes, call, deliver, envelope, read
from testkit.fakes import SETTINGS, TRACED, caused, example, requested
from testkit.forgetting import assert_forgets
from testkit.replaying import assert_replays

ALICE, BOB, ITEM, REBUILD = "alice", "bob", "item-1", "rebuild-1"
DIMENSIONS = 256
MODEL = "voyage-3.5-lite"

Key = tuple[str, str]


@dataclass
class Documents:
    """Of `embedding.repository.documents`."""

    rows: dict[Key, tuple[int, datetime, Document]] = field(default_factory=dict)

    def save(self, connection: Connection, document: Document, analyzed_at: datetime) -> None:
        key, row = (document.tenant_id, document.item_id), (document.version, analyzed_at, document)
        if key not in self.rows or self.rows[key][:2] < row[:2]:
            self.rows[key] = row

    def current(self, connection: Connection, documents: Collection[Document]) -> set[Document]:
        newest = {document for _, _, document in self.rows.values()}
        return {document for document in documents if document in newest}

    def counts(self, connection: Connection, tenant_id: str) -> Counts:
        return Counts(sum(owner == tenant_id for owner, _ in self.rows), 0, 0, 0)

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)


@dataclass
class Vectors:
    """Of `embedding.repository.vectors`."""

    rows: dict[tuple[str, str, str], StoredVector] = field(default_factory=dict)

    def save(self, connection: Connection, vector: StoredVector) -> None:
        self.rows[vector.tenant_id, vector.item_id, vector.model] = vector

    def is_embedded(self, connection: Connection, document: Document) -> bool:
        return any((row.tenant_id, row.analysis_id) == (document.tenant_id, document.analysis_id) for row in self._all)

    def embedded(self, connection: Connection, documents: Collection[Document], space: Space) -> set[Document]:
        own = {(row.tenant_id, row.item_id, row.analysis_id) for row in self._all if row.model == space.model}
        return {each for each in documents if (each.tenant_id, each.item_id, each.analysis_id) in own}

    def known(
        self, connection: Connection, documents: Iterable[Document], space: Space, since: datetime | None = None
    ) -> Mapping[Key, Vector]:
        asked = {(document.tenant_id, document.sha256) for document in documents}
        fitting = [row for row in self._all if row.model == space.model and (since is None or row.created_at >= since)]
        found = {(row.tenant_id, row.text_sha256 or ""): Vector(values_of(row)) for row in fitting}
        return {key: vector for key, vector in found.items() if key in asked}

    def recorded(self, connection: Connection, documents: Iterable[Document], space: Space) -> Mapping[Key, Vector]:
        return {}

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key[:2] != (tenant_id, item_id)}

    @property
    def _all(self) -> Iterable[StoredVector]:
        return self.rows.values()


@dataclass
class Failures:
    """Of `embedding.repository.failures`."""

    rows: set[tuple[str, str, int, str | None]] = field(default_factory=set)

    def save(
        self, connection: Connection, tenant_id: str, item_id: str, analysis_version: int, analysis_id: str | None
    ) -> None:
        self.rows.add((tenant_id, item_id, analysis_version, analysis_id))

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows = {row for row in self.rows if row[:2] != (tenant_id, item_id)}


@dataclass
class Rebuilds:
    """Of `embedding.repository.rebuilds`: `claims` are the rebuild and the text that each item was last claimed for."""

    documents: Documents
    rows: dict[Key, Rebuild] = field(default_factory=dict)
    claims: dict[Key, Key] = field(default_factory=dict)

    def add(
        self, connection: Connection, tenant_id: str, rebuild_id: str, model: str, total: int, created_at: datetime
    ) -> None:
        new = Rebuild(rebuild_id, model, "running", total, 0, 0, created_at, None)
        self.rows.setdefault((tenant_id, rebuild_id), new)

    def find(self, connection: Connection, tenant_id: str, rebuild_id: str) -> Rebuild | None:
        return self.rows.get((tenant_id, rebuild_id))

    def latest(self, connection: Connection, tenant_id: str) -> Rebuild | None:
        return max(self._of(tenant_id), key=lambda row: row.created_at, default=None)

    def running(self, connection: Connection, tenant_id: str, model: str) -> Rebuild | None:
        return next((row for row in self._of(tenant_id) if (row.model, row.status) == (model, "running")), None)

    def is_superseded(self, connection: Connection, tenant_id: str, rebuild_id: str) -> bool:
        return any(row.created_at > self.rows[tenant_id, rebuild_id].created_at for row in self._of(tenant_id))

    def next_documents(self, connection: Connection, tenant_id: str, rebuild_id: str, limit: int) -> list[Document]:
        own = [document for _, _, document in self.documents.rows.values() if document.tenant_id == tenant_id]
        return [each for each in own if self.claims.get(key_of(each)) != (rebuild_id, each.sha256)][:limit]

    def claim(self, connection: Connection, document: Document, rebuild_id: str, *, failed: bool) -> bool:
        claim = (rebuild_id, document.sha256)
        if not self.documents.current(connection, [document]) or self.claims.get(key_of(document)) == claim:
            return False
        self.claims[key_of(document)] = claim
        row = self.rows[document.tenant_id, rebuild_id]
        counted = replace(row, done=row.done + (not failed), failed=row.failed + failed)
        self.rows[document.tenant_id, rebuild_id] = counted
        return True

    def release(self, connection: Connection, tenant_id: str, item_id: str, *, keep_sha256: str | None = None) -> None:
        if self.claims.get((tenant_id, item_id), ("", keep_sha256))[1] != keep_sha256:
            del self.claims[tenant_id, item_id]

    def end(self, connection: Connection, tenant_id: str, rebuild_id: str, status: RebuildStatus) -> None:
        row = self.rows[tenant_id, rebuild_id]
        if row.status == "running":
            self.rows[tenant_id, rebuild_id] = replace(row, status=status, finished_at=datetime.now(UTC))

    def _of(self, tenant_id: str) -> list[Rebuild]:
        return [row for (owner, _), row in self.rows.items() if owner == tenant_id]


@dataclass
class Model:
    """The provider's models: a vector that tells texts apart, and a token for each of them. `faults` are raised by a
    request that holds the text."""

    fakes: Fakes
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)
    meanwhile: Callable[[], object] = lambda: None
    name: str = ""

    def connect(self, model: str) -> "Model":
        return replace(self, name=model)

    def embed(self, texts: Sequence[str]) -> Embedded:
        assert not self.fakes.database.is_open, "a transaction waits for the provider"
        self.asked.append((self.name, list(texts)))
        self.meanwhile()
        for text in texts:
            if text in self.faults:
                raise self.faults[text]
        return Embedded([self.answers.get(text, values(text)) for text in texts], tokens=len("".join(texts)))


@dataclass
class Embedding:
    """The service in memory."""

    fakes: Fakes
    service: EmbeddingService
    http: HttpEntry
    on_events: EventConsumer
    on_rebuilds: EventConsumer
    model: Model
    documents: Documents
    vectors: Vectors
    failures: Failures
    rebuilds: Rebuilds

    def start(self, *items: str, tenant: str = ALICE, **changes: Any) -> Event[RebuildRequested]:
        """Descriptions of that many items are known, and a rebuild is asked for."""
        for item in items:
            self.documents.save(self.fakes.connection, Document.of(described(item, tenant=tenant)), datetime.now(UTC))
        fact = RebuildRequested(**({"model": "voyage-4", "total": len(items)} | changes))
        return new_event(fact, subject=REBUILD, tenant_id=tenant, traceparent=TRACED["traceparent"])

    def post(self, tenant: str | None = ALICE, body: object = None, **query: object) -> Answer:
        return call(self.http, "POST", "/vector-index/rebuild", tenant, query=query, body=body, headers=TRACED)


def build(fakes: Fakes, **settings: Any) -> Embedding:
    service = fakes.under(
        bootstrap(EmbeddingSettings(**SETTINGS, embedding_dimensions=DIMENSIONS, **settings), fakes.aws)
    )
    model, rows = Model(fakes), Documents()
    vars(service)["embedder"] = Embedder(model.connect, DIMENSIONS, batch_size=2)
    vars(service)["asking_once"] = Embedder(model.connect, DIMENSIONS, batch_size=64)
    return Embedding(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        ENTRY_POINTS.build("on_rebuilds", service),
        model,
        fakes.stand_in(documents, rows),
        fakes.stand_in(vectors, Vectors()),
        fakes.stand_in(failures, Failures()),
        fakes.stand_in(rebuilds, Rebuilds(rows)),
    )


@pytest.fixture
def unit(fakes: Fakes) -> Embedding:
    return build(fakes)


def described(item: str = ITEM, headline: str = "", *, tenant: str = ALICE, version: int = 1) -> Event[ItemAnalyzed]:
    description = Description(category="Animal", headline=headline or f"A picture named {item}")
    return example(
        ItemAnalyzed,
        subject=item,
        tenant=tenant,
        analysis_id=f"{item}-{version}",
        version=version,
        description=description.model_dump(),
    )


def key_of(document: Document) -> Key:
    return document.tenant_id, document.item_id


def text(event: Event[ItemAnalyzed]) -> str:
    return Document.of(event).text


def values(given: str) -> list[float]:
    return [float(len(given)), float(sum(given.encode()))] + [0.0] * (DIMENSIONS - 2)


def values_of(row: StoredVector) -> tuple[float, ...]:
    return tuple(memoryview(row.vector).cast("f").tolist())


def embedded(event: Event[ItemAnalyzed], *, model: str = MODEL, tokens: int | None = None) -> ItemEmbedded:
    """The fact that the description has a vector."""
    document = Document.of(event)
    return ItemEmbedded(
        vector=encode_vector(values(document.text)),
        dimensions=DIMENSIONS,
        model=model,
        analysis_id=event.data.analysis_id,
        analysis_version=event.data.version,
        tokens=len(document.text) if tokens is None else tokens,
        text_sha256=document.sha256,
    )


def failed(event: Event[ItemAnalyzed], reason: EmbeddingFailure, detail: str, *, attempts: int = 1) -> EmbeddingFailed:
    return EmbeddingFailed(
        reason=reason,
        detail=detail,
        analysis_version=event.data.version,
        attempts=attempts,
        analysis_id=event.data.analysis_id,
    )


# Descriptions


def test_a_batch_is_embedded_in_one_request_and_recorded_one_by_one(unit: Embedding) -> None:
    first, second = described("first"), described("second", tenant=BOB)
    assert deliver(unit.on_events, first, second) == []
    assert unit.model.asked == [(MODEL, [text(first), text(second)])]
    assert unit.fakes.recorded == [caused(embedded(first), first), caused(embedded(second), second)]
    assert unit.fakes.published == [event.id for event in unit.fakes.store.events]
    assert set(unit.vectors.rows) == {(ALICE, "first", MODEL), (BOB, "second", MODEL)}


def test_equal_texts_are_embedded_once(unit: Embedding) -> None:
    one, other = described("one", "A cat"), described("other", "A cat")
    deliver(unit.on_events, one, other)
    assert unit.model.asked == [(MODEL, [text(one)])]
    again = described("again", "A cat")
    deliver(unit.on_events, again)
    assert len(unit.model.asked) == 1, "the tenant has paid for it"
    assert unit.fakes.recorded[2:] == [caused(embedded(again, tokens=0), again)]
    foreign = described("foreign", "A cat", tenant=BOB)
    deliver(unit.on_events, foreign)
    assert len(unit.model.asked) == 2, "another tenant has not"
    assert unit.fakes.recorded[3:] == [caused(embedded(foreign), foreign)]


def test_a_duplicate_has_no_effect(unit: Embedding) -> None:
    event = described()
    assert deliver(unit.on_events, event, event) == []
    assert deliver(unit.on_events, event) == []
    assert (len(unit.fakes.recorded), len(unit.model.asked)) == (1, 1)


def test_a_description_that_is_overtaken_is_not_embedded(unit: Embedding) -> None:
    old, new = described(version=1), described("item-1", "A better headline", version=2)
    assert deliver(unit.on_events, new, old) == []
    assert unit.fakes.recorded == [caused(embedded(new), new)]
    assert unit.model.asked == [(MODEL, [text(new)])]


def test_a_vector_of_other_dimensions_than_stated_is_not_recorded(unit: Embedding) -> None:
    fact = example(ItemEmbedded, subject=ITEM, tenant=ALICE, dimensions=3)
    with (
        pytest.raises(PermanentError, match="does not hold 3 float32 values") as refused,
        unit.service.work.on(ALICE, ITEM) as work,
    ):
        work.record(fact)
    assert refused.value.code == "invalid-vector"
    assert unit.vectors.rows == {}


@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "overtaken"])
def test_a_description_that_counts_no_more_when_its_vector_is_there(unit: Embedding, is_deleted: bool) -> None:
    newer = Document.of(described("item-1", "A better headline", version=2))

    def meanwhile() -> None:
        unit.documents.rows.clear()
        if not is_deleted:
            unit.documents.rows[ALICE, ITEM] = 2, datetime.now(UTC), newer

    unit.model.meanwhile = meanwhile
    assert deliver(unit.on_events, described()) == []
    assert (unit.fakes.recorded, unit.vectors.rows) == ([], {})


def test_a_provider_that_asks_to_wait_is_given_that_time(unit: Embedding) -> None:
    first, second, neighbour = described("first"), described("second"), described("known", "A cat")
    deliver(unit.on_events, described("before", "A cat"))
    unit.model.faults[text(first)] = ProviderUnavailableError("429", retry_after_s=77)
    assert deliver(unit.on_events, first, second, neighbour) == [envelope(first), envelope(second)]
    assert unit.fakes.aws.sqs.delays == [77, 77]
    assert [fact.subject for fact in unit.fakes.recorded] == ["before", "known"]
    assert (ALICE, "first") in unit.documents.rows, "it counts as pending meanwhile"
    unit.model.faults.clear()
    assert deliver(unit.on_events, first, second) == []
    assert [fact.subject for fact in unit.fakes.recorded[2:]] == ["first", "second"]


def test_without_a_key_the_description_waits(fakes: Fakes) -> None:
    unit = build(fakes)
    vars(unit.service).pop("embedder")
    consumer = ENTRY_POINTS.build("on_events", unit.service)
    event = described()
    assert deliver(consumer, event) == [envelope(event)]
    assert deliver(consumer, event, receives=3) == []
    (letter,) = fakes.dead_letters()
    assert letter.reason == "gave-up:ProviderUnavailableError"
    assert "/test/voyage-api-key cannot be read" in letter.detail


def test_a_text_that_the_provider_rejects_fails_alone(unit: Embedding) -> None:
    good, bad = described("good"), described("bad")
    unit.model.faults[text(bad)] = TextRejectedError("400")
    assert deliver(unit.on_events, good, bad) == []
    assert unit.fakes.recorded == [
        caused(embedded(good), good),
        caused(failed(bad, EmbeddingFailure.PROVIDER_REJECTED, "400"), bad),
    ]
    assert unit.failures.rows == {(ALICE, "bad", 1, "bad-1")}
    assert unit.fakes.dead_letters() == []


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ([1.0], "1 values instead of 256"),
        ([math.nan] + [1.0] * 255, "a value is not finite"),
        ([0.0] * 256, "the vector is zero"),
    ],
)
def test_an_unusable_vector_is_a_failure_of_its_item_alone(unit: Embedding, answer: list[float], detail: str) -> None:
    good, bad = described("good"), described("bad")
    unit.model.answers[text(bad)] = answer
    assert deliver(unit.on_events, bad, good, receives=2) == []
    failure = failed(bad, EmbeddingFailure.INVALID_OUTPUT, detail, attempts=2)
    by_subject = sorted(unit.fakes.recorded, key=lambda fact: fact.subject)
    assert by_subject == [caused(failure, bad), caused(embedded(good), good)]


@pytest.mark.parametrize(
    ("fault", "detail"),
    [(ProviderUnavailableError("529"), "529"), (ValueError("A picture named item-1"), "ValueError")],
)
def test_the_last_attempt_ends_as_a_failure_and_a_dead_letter(unit: Embedding, fault: Exception, detail: str) -> None:
    event = described()
    unit.model.faults[text(event)] = fault
    assert deliver(unit.on_events, event, receives=3) == []
    failure = failed(event, EmbeddingFailure.GAVE_UP, detail, attempts=3)
    assert unit.fakes.recorded == [caused(failure, event)], "it quotes nothing of the description"
    (letter,) = unit.fakes.dead_letters()
    assert (letter.reason, letter.receives) == (f"gave-up:{type(fault).__name__}", 3)
    assert "A picture" not in letter.detail
    unit.model.faults.clear()
    assert deliver(unit.on_events, event) == [], "redriven from the dead-letter queue, it counts"
    assert unit.fakes.recorded[1:] == [caused(embedded(event), event, sequence=2)]


def test_nothing_is_given_up_of_a_deleted_item(unit: Embedding) -> None:
    event = described()
    unit.model.faults[text(event)] = ProviderUnavailableError("529")
    unit.model.meanwhile = unit.documents.rows.clear
    assert deliver(unit.on_events, event, receives=3) == []
    assert unit.fakes.recorded == []


def test_a_rebuild_of_the_tables_asks_nobody_and_a_reprocessing_does(unit: Embedding) -> None:
    event = described()
    deliver(unit.on_events, replayed(event, replay_id="1", replay_for="embedding"))
    assert (set(unit.documents.rows), unit.model.asked) == ({(ALICE, ITEM)}, [])
    again = replayed(event, replay_id="2", replay_for="embedding", kind=ReplayKind.REPROCESS)
    deliver(unit.on_events, again)
    assert unit.fakes.recorded == [caused(embedded(event), again)]


@pytest.mark.parametrize("transaction", range(4))
def test_a_silent_database_brings_the_description_back(unit: Embedding, transaction: int) -> None:
    """Whichever of the look into the inbox, the fold, the look at what is known, and the record it is."""
    event = described()
    unit.fakes.database.fail(after=transaction)
    assert deliver(unit.on_events, event) == [envelope(event)]
    assert unit.fakes.recorded == []
    assert deliver(unit.on_events, event) == []
    assert len(unit.fakes.recorded) == 1


def test_a_deletion_leaves_nothing_of_the_item(unit: Embedding) -> None:
    deliver(unit.on_events, described(), described(tenant=BOB))
    unit.rebuilds.claims = {(ALICE, ITEM): (REBUILD, "sha"), (BOB, ITEM): (REBUILD, "sha")}
    deleted = example(ItemDeleted, subject=ITEM, tenant=ALICE)
    assert deliver(unit.on_events, deleted, deleted) == []
    assert set(unit.documents.rows) == set(unit.rebuilds.claims) == {(BOB, ITEM)}
    assert set(unit.vectors.rows) == {(BOB, ITEM, MODEL)}
    late = described(version=2)
    assert deliver(unit.on_events, late) == []
    assert (set(unit.documents.rows), len(unit.fakes.recorded)) == ({(BOB, ITEM)}, 2)


def test_a_new_description_ends_the_claim_on_the_old_one(unit: Embedding) -> None:
    unit.rebuilds.claims = {(ALICE, ITEM): (REBUILD, "of the old text")}
    deliver(unit.on_events, described())
    assert unit.rebuilds.claims == {}


def test_the_relay_publishes_what_the_bus_did_not_take(unit: Embedding) -> None:
    with unit.fakes.aws.events.failing("put_events"):
        assert deliver(unit.on_events, described()) == []
    assert unit.fakes.published == []
    assert ENTRY_POINTS.build("relay", unit.service)({}, None) == {"published": 1}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]


# What operators order, within a budget


def ordered(event: Event[ItemAnalyzed], *, replay: str = "replay-1", **how: Any) -> Event[ItemAnalyzed]:
    again = replayed(event, replay_id=replay, replay_for="embedding", kind=ReplayKind.REPROCESS)
    return replace(again, **({"replay_budget": "1.000000", "replay_force": "false"} | how))


def known(unit: Embedding, *events: Event[ItemAnalyzed]) -> None:
    """The descriptions are there, without vectors."""
    for event in events:
        unit.documents.save(unit.fakes.connection, Document.of(event), event.time)


def counted(unit: Embedding, replay: str = "replay-1") -> dict[str, int]:
    row = unit.fakes.budgets.rows[replay]
    return {str(outcome): getattr(row, outcome) for outcome in budgets.Outcome if getattr(row, outcome)}


def spent(unit: Embedding, replay: str = "replay-1") -> float:
    """In millionths of a dollar; a token costs 0.02 of them."""
    return float(unit.fakes.budgets.rows[replay].spent_usd) * 1_000_000


def most(*events: Event[ItemAnalyzed]) -> float:
    return sum(0.02 * (len(text(event)) + 16) for event in events)


def test_what_is_ordered_is_made_in_one_request_and_paid_by_its_tokens(unit: Embedding) -> None:
    first, second = described("first"), described("second", "A much longer headline", tenant=BOB)
    known(unit, first, second)
    orders = [ordered(first), ordered(second)]
    assert deliver(unit.on_events, *orders) == []
    assert unit.model.asked == [(MODEL, [text(first), text(second)])]
    assert unit.fakes.recorded == [
        caused(embedded(event), order) for event, order in zip((first, second), orders, strict=True)
    ]
    assert counted(unit) == {"made": 2}
    assert spent(unit) == pytest.approx(sum(0.02 * (len(text(event)) + 1) for event in (first, second)))


def test_an_equal_text_gives_its_vector_for_nothing_and_what_is_embedded_stays(unit: Embedding) -> None:
    has, equal = described("has", "A cat"), described("equal", "A cat")
    assert deliver(unit.on_events, has) == []
    known(unit, equal)
    orders = [ordered(has), ordered(equal)]
    assert deliver(unit.on_events, *orders) == []
    assert unit.fakes.recorded[1:] == [caused(embedded(equal, tokens=0), orders[1])]
    assert (counted(unit), spent(unit), len(unit.model.asked)) == ({"reused": 2}, 0, 1)
    forced = [ordered(event, replay="replay-2", replay_force="true") for event in (has, equal)]
    assert deliver(unit.on_events, *forced) == []
    assert counted(unit, "replay-2") == {"made": 2}
    assert unit.model.asked[1:] == [(MODEL, [text(has)])], "equal texts are one"
    assert [fact.subject for fact in unit.fakes.recorded[2:]] == ["has", "equal"]


def test_beyond_the_budget_nobody_is_asked(unit: Embedding) -> None:
    event = described()
    known(unit, event)
    assert 1 < most(event) < 2
    assert deliver(unit.on_events, ordered(event, replay_budget="0.000001")) == []
    assert (counted(unit), unit.model.asked, unit.fakes.recorded) == ({"left_over": 1}, [], [])
    assert deliver(unit.on_events, ordered(event, replay="2", replay_budget="0.000002")) == []
    assert counted(unit, "2") == {"made": 1}


@pytest.mark.parametrize("unpaid", [True, False])
def test_what_a_silent_provider_may_have_been_paid_is_spent(unit: Embedding, unpaid: bool) -> None:
    first, second = described("first"), described("second")
    known(unit, first, second)
    orders = [ordered(first), ordered(second)]
    unit.model.faults[text(second)] = ProviderUnavailableError("529", retry_after_s=42, unpaid=unpaid)
    assert deliver(unit.on_events, *orders) == [envelope(order) for order in orders]
    assert unit.fakes.aws.sqs.delays == [42, 42]
    assert spent(unit) == pytest.approx(0 if unpaid else most(first, second))
    assert (counted(unit), unit.fakes.recorded) == ({}, [])
    assert deliver(unit.on_events, orders[1], receives=3) == []
    failure = failed(second, EmbeddingFailure.GAVE_UP, "529", attempts=3)
    assert (counted(unit), unit.fakes.recorded) == ({"failed": 1}, [caused(failure, orders[1])])


def test_without_a_key_nothing_is_spent(fakes: Fakes) -> None:
    unit = build(fakes)
    vars(unit.service).pop("asking_once")
    event = described()
    known(unit, event)
    assert deliver(ENTRY_POINTS.build("on_events", unit.service), ordered(event)) == [envelope(ordered(event))]
    assert (spent(unit), counted(unit)) == (0, {})


def test_what_has_a_vector_keeps_it_when_its_reprocessing_is_given_up(unit: Embedding) -> None:
    event = described()
    deliver(unit.on_events, event)
    unit.model.faults[text(event)] = ProviderUnavailableError("529")
    assert deliver(unit.on_events, ordered(event, replay_force="true"), receives=3) == []
    assert (counted(unit), len(unit.fakes.recorded)) == ({"failed": 1}, 1)


@pytest.mark.parametrize(
    ("fault", "reason", "is_paid"),
    [
        (TextRejectedError("400"), EmbeddingFailure.PROVIDER_REJECTED, False),
        (InvalidVectorError("2 vectors"), EmbeddingFailure.INVALID_OUTPUT, True),
    ],
    ids=["rejected", "unusable"],
)
def test_a_text_without_a_vector_fails_alone_and_is_paid_where_that_is_possible(
    unit: Embedding, fault: Exception, reason: EmbeddingFailure, is_paid: bool
) -> None:
    good, bad = described("good"), described("bad")
    known(unit, good, bad)
    unit.model.faults[text(bad)] = fault
    orders = [ordered(good), ordered(bad)]
    assert deliver(unit.on_events, *orders) == []
    assert unit.fakes.recorded == [
        caused(embedded(good), orders[0]),
        caused(failed(bad, reason, str(fault)), orders[1]),
    ]
    assert counted(unit) == {"made": 1, "failed": 1}
    made = 0.02 * (len(text(good)) + 1)
    # Both were asked for together, and then each alone.
    assert spent(unit) == pytest.approx(made + (most(good, bad) + most(bad) if is_paid else 0))


def test_an_unusable_vector_among_others_is_counted_as_failed(unit: Embedding) -> None:
    good, bad = described("good"), described("bad")
    known(unit, good, bad)
    unit.model.answers[text(bad)] = [0.0] * DIMENSIONS
    orders = [ordered(good), ordered(bad)]
    assert deliver(unit.on_events, *orders) == []
    failure = failed(bad, EmbeddingFailure.INVALID_OUTPUT, "the vector is zero")
    assert unit.fakes.recorded == [caused(embedded(good), orders[0]), caused(failure, orders[1])]
    assert (counted(unit), len(unit.model.asked)) == ({"made": 1, "failed": 1}, 1)
    assert spent(unit) == pytest.approx(0.02 * (len(text(good)) + 1))


def test_what_is_overtaken_is_not_counted(unit: Embedding) -> None:
    known(unit, described(headline="A better headline", version=2))
    assert deliver(unit.on_events, ordered(described())) == []
    assert (unit.fakes.budgets.rows, unit.fakes.recorded, unit.model.asked) == ({}, [], [])


def test_what_is_overtaken_while_the_provider_is_asked_is_paid_and_not_recorded(unit: Embedding) -> None:
    event = described()
    known(unit, event)
    unit.model.meanwhile = lambda: known(unit, described(headline="A better headline", version=2))
    assert deliver(unit.on_events, ordered(event)) == []
    assert (counted(unit), spent(unit) > 0, unit.fakes.recorded) == ({"made": 1}, True, [])


def test_what_others_have_reserved_is_waited_for(unit: Embedding, monkeypatch: pytest.MonkeyPatch) -> None:
    def reserved(*_: object) -> None:
        raise TransientError("the rest is reserved")

    event = described()
    known(unit, event)
    with monkeypatch.context() as patched:
        patched.setattr(budgets, "reserve", reserved)
        assert deliver(unit.on_events, ordered(event)) == [envelope(ordered(event))]
    assert (unit.model.asked, unit.fakes.recorded, unit.fakes.budgets.rows) == ([], [], {})
    assert deliver(unit.on_events, ordered(event)) == []
    assert counted(unit) == {"made": 1}


@pytest.mark.parametrize(
    ("settings", "how", "reason", "detail"),
    [
        ({}, {"replay_model": "voyage-4"}, "not-the-model", "voyage-4 is not"),
        ({"embedding_model": "voyage-3-lite"}, {}, "no-price", "of voyage-3-lite"),
    ],
    ids=["another model", "no price"],
)
def test_what_cannot_be_ordered_is_dead_lettered(
    fakes: Fakes, settings: dict[str, Any], how: dict[str, Any], reason: str, detail: str
) -> None:
    unit = build(fakes, **settings)
    event = described()
    known(unit, event)
    assert deliver(unit.on_events, ordered(event, **how)) == []
    (letter,) = fakes.dead_letters()
    assert letter.reason == reason
    assert detail in letter.detail
    assert (unit.model.asked, fakes.recorded) == ([], [])


def test_what_an_order_costs_is_told_before(fakes: Fakes) -> None:
    told = {"types": [ItemAnalyzed.event_type], "model": MODEL, "each_usd": 8e-06, "most_usd": pytest.approx(240.8e-5)}
    service = build(fakes).service
    assert service.reprocessing(None) == service.reprocessing(MODEL) == told
    assert service.reprocessing("voyage-4")["refused"].startswith(f"descriptions are embedded by {MODEL};")
    assert set(service.reprocessing(None, "a prompt")) == {"refused"}
    unpriced = bootstrap(EmbeddingSettings(**SETTINGS, embedding_model="voyage-3-lite"), fakes.aws)
    assert set(unpriced.reprocessing(None)) == {"refused"}


# Rebuilds


def test_a_rebuild_embeds_every_description_of_its_tenant_in_batches(unit: Embedding) -> None:
    unit.start("foreign", tenant=BOB)
    event = unit.start("one", "two", "three")
    assert deliver(unit.on_rebuilds, event, event) == []
    assert [(model, len(texts)) for model, texts in unit.model.asked] == [("voyage-4", 2), ("voyage-4", 1)]
    expected = [(item, embedded(described(item), model="voyage-4")) for item in ("one", "two", "three")]
    assert unit.fakes.recorded == [caused(fact, event, subject=item) for item, fact in expected]
    assert len(unit.fakes.published) == 3
    row = unit.rebuilds.rows[ALICE, REBUILD]
    assert (row.status, row.total, row.done, row.failed) == ("finished", 3, 3, 0)
    assert row.created_at == event.time


def test_a_rebuild_pays_once_for_equal_texts_and_for_none_made_before(unit: Embedding) -> None:
    earlier = described("earlier", "A cat")
    deliver(unit.on_events, earlier)
    event = unit.start(model=MODEL, total=3)
    for item in ("one", "two"):
        unit.documents.save(unit.fakes.connection, Document.of(described(item, "A cat")), datetime.now(UTC))
    deliver(unit.on_rebuilds, event)
    assert len(unit.model.asked) == 2
    rebuilt = unit.fakes.recorded[1:]
    assert [fact.subject for fact in rebuilt] == ["earlier", "one", "two"]
    assert [fact.data.tokens for fact in rebuilt if isinstance(fact.data, ItemEmbedded)] == [
        *[len(text(earlier))] * 2,
        0,
    ]


def test_a_rebuild_goes_on_where_the_provider_stopped_it(unit: Embedding) -> None:
    event = unit.start("one", "two", "three")
    unit.model.faults[text(described("three"))] = ProviderUnavailableError("429", retry_after_s=30)
    assert deliver(unit.on_rebuilds, event) == [envelope(event)]
    assert unit.fakes.aws.sqs.delays == [30]
    assert [fact.subject for fact in unit.fakes.recorded] == ["one", "two"]
    unit.model.faults.clear()
    assert deliver(unit.on_rebuilds, event, receives=2) == []
    assert [fact.subject for fact in unit.fakes.recorded] == ["one", "two", "three"]
    assert unit.rebuilds.rows[ALICE, REBUILD].status == "finished"


def test_a_failing_rebuild_takes_no_vector_away(unit: Embedding) -> None:
    has_one = described("has one")
    deliver(unit.on_events, has_one)
    event = unit.start("has one", "has none")
    for item in ("has one", "has none"):
        unit.model.faults[text(described(item))] = TextRejectedError("unknown model")
    assert deliver(unit.on_rebuilds, event) == []
    failure = failed(described("has none"), EmbeddingFailure.PROVIDER_REJECTED, "unknown model")
    assert unit.fakes.recorded[1:] == [caused(failure, event, subject="has none")]
    row = unit.rebuilds.rows[ALICE, REBUILD]
    assert (row.status, row.done, row.failed) == ("finished", 0, 2)


def test_a_superseded_rebuild_asks_nobody(unit: Embedding) -> None:
    event = unit.start("one")
    later = event.time + timedelta(seconds=1)
    unit.rebuilds.add(unit.fakes.connection, ALICE, "rebuild-2", "voyage-4", 1, later)
    assert deliver(unit.on_rebuilds, event) == []
    assert (unit.model.asked, unit.fakes.recorded) == ([], [])
    assert unit.rebuilds.rows[ALICE, REBUILD].status == "failed"


def test_a_rebuild_whose_time_is_up_is_continued_by_another_message(fakes: Fakes) -> None:
    unit = build(fakes, rebuild_budget_s=0)
    event = unit.start("one")
    assert deliver(unit.on_rebuilds, event) == []
    assert fakes.recorded == [caused(event.data, event)]
    assert (unit.model.asked, unit.rebuilds.rows[ALICE, REBUILD].status) == ([], "running")


def test_a_rebuild_that_fails_every_time_is_failed(unit: Embedding) -> None:
    event = unit.start("one")
    unit.model.faults[text(described("one"))] = ProviderUnavailableError("529")
    assert deliver(unit.on_rebuilds, event, receives=3) == []
    assert [letter.reason for letter in unit.fakes.dead_letters()] == ["gave-up:ProviderUnavailableError"]
    assert (unit.rebuilds.rows[ALICE, REBUILD].status, unit.fakes.recorded) == ("failed", [])


def test_a_rebuild_skips_what_is_deleted_or_described_again_meanwhile(unit: Embedding) -> None:
    event = unit.start("deleted", "described again")

    def meanwhile() -> None:
        unit.model.meanwhile = lambda: None
        unit.documents.rows.pop((ALICE, "deleted"), None)
        unit.fakes.tombstones.deleted[ALICE, "deleted"] = datetime.now(UTC)
        newer = described("described again", "A better headline", version=2)
        unit.documents.rows[ALICE, "described again"] = 2, newer.time, Document.of(newer)

    unit.model.meanwhile = meanwhile
    assert deliver(unit.on_rebuilds, event) == []
    newest = described("described again", "A better headline", version=2)
    fact = embedded(newest, model="voyage-4")
    assert unit.fakes.recorded == [caused(fact, event, subject="described again")]


# Routes


def test_a_rebuild_is_accepted_recorded_and_shown(unit: Embedding) -> None:
    unit.start("one", "two")
    unit.start("foreign", tenant=BOB)
    answer = unit.post(body={"model": "voyage-4"}, model="voyage-3.5")
    rebuild_id = answer.body["rebuild_id"]
    assert (answer.status, answer.body["status"], answer.body["num_documents"]) == (202, "accepted", 2)
    assert unit.fakes.recorded == [requested(RebuildRequested(model="voyage-4", total=2), ALICE, rebuild_id)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.fakes.store.locks == [(ALICE, "vector-index")], "two at once begin one"
    row = unit.rebuilds.rows[ALICE, rebuild_id]
    assert (row.model, row.total, row.created_at) == ("voyage-4", 2, unit.fakes.store.events[0].time)
    shown = read(unit.http, "/vector-index/status", ALICE).body
    assert (shown["model"], shown["dimensions"], shown["analysed"]) == (MODEL, DIMENSIONS, 2)
    assert (shown["rebuild"]["rebuild_id"], shown["rebuild"]["status"]) == (rebuild_id, "running")
    assert call(unit.http, "GET", "/vector-index/status", BOB).body["rebuild"] is None


def test_a_rebuild_under_way_is_not_begun_again(unit: Embedding) -> None:
    first = unit.post().body
    assert unit.fakes.recorded[0].data == RebuildRequested(model=MODEL, total=0)
    again = unit.post()
    assert (again.status, again.body["status"], again.body["rebuild_id"]) == (202, "running", first["rebuild_id"])
    assert len(unit.fakes.recorded) == 1
    assert unit.post(model="voyage-4").body["status"] == "accepted", "with another model it is another one"
    assert unit.post(BOB).body["status"] == "accepted"


def test_a_rebuild_with_an_unknown_model(unit: Embedding) -> None:
    answer = unit.post(model="voyage-1")
    assert (answer.status, answer.body["type"]) == (422, "urn:collections:problem:unknown-model")
    assert unit.fakes.recorded == []


@pytest.mark.parametrize(("method", "path"), [("POST", "/vector-index/rebuild"), ("GET", "/vector-index/status")])
def test_a_route_needs_a_token_and_the_database(unit: Embedding, method: str, path: str) -> None:
    assert call(unit.http, method, path).status == 401
    unit.fakes.database.fail()
    answer = call(unit.http, method, path, ALICE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert (unit.fakes.recorded, unit.rebuilds.rows) == ([], {})


def test_an_operator_has_stored_events_published_again(unit: Embedding) -> None:
    stored = example(ItemEmbedded, subject="subject-1", tenant="alice")
    assert_replays(unit.fakes, ENTRY_POINTS.build("on_replays", unit.service), stored, consumer="search")


def test_a_tenant_is_forgotten(unit: Embedding) -> None:
    stored = example(ItemEmbedded, subject="subject-1", tenant="alice")
    on_events = ENTRY_POINTS.build("on_events", unit.service)
    assert assert_forgets(unit.fakes, on_events, "alice", stored) == {"events": 1}
