"""What operators order for all descriptions: their vectors once more, within a budget.

Of each text the most that it can cost is reserved in the replay's budget before the request, by all workers together;
what the request did cost is counted with each result. It is sent once: what is sent again might be paid twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chassis import budgets
from chassis.budgets import Reservation
from chassis.database import Database
from chassis.errors import PermanentError, TransientError
from chassis.work import UnitOfWork
from contracts import Contract, Event
from contracts.analysis import ItemAnalyzed
from embedding import passages, prices
from embedding.embedder import Embedder, Outcome, Vector
from embedding.errors import NotEmbeddedError, ProviderUnavailableError, TextRejectedError
from embedding.repository import documents, vectors
from embedding.repository.documents import Document
from embedding.repository.vectors import Space

#: Records a description's outcome.
Record = Callable[[UnitOfWork, Event[ItemAnalyzed], Outcome], None]
Key = tuple[str, str | None]


@dataclass(frozen=True)
class Reprocessing:
    """Embeds descriptions of replays that have a budget. The `embedder` sends no request a second time."""

    database: Database
    embedder: Embedder
    space: Space
    _found: dict[Key, "_Found"] = field(default_factory=dict)

    def prepare(self, events: Sequence[Event[ItemAnalyzed]]) -> None:
        """Find the vectors of those descriptions that are current, or reserve their price and make them.

        Raises:
            PermanentError: the model has no known price, or is not the one that was ordered.
            NotEmbeddedError: the provider rejects several texts together; each is to be prepared alone.
            TransientError: the database does not answer.
        """
        self._found.clear()
        if not events:
            return
        described = {_key(event): Document.of(event) for event in events}
        with self.database.transaction() as connection:
            current = documents.current(connection, described.values())
            known = vectors.known(connection, current, self.space)
            embedded = vectors.embedded(connection, current, self.space)
        for event in events:
            document = described[_key(event)]
            if document not in current:
                self._found[_key(event)] = _Found(None)
            elif document in embedded and not event.is_forced:
                self._found[_key(event)] = _Found(budgets.Outcome.REUSED)
            elif (vector := known.get((document.tenant_id, document.sha256))) is not None and not event.is_forced:
                self._found[_key(event)] = _Found(budgets.Outcome.REUSED, vector)
            else:
                self._found[_key(event)] = self._reserved(event, document)
        self._ask({key: described[key] for key, found in self._found.items() if found.reservation is not None})

    def complete(self, event: Event[ItemAnalyzed], record: Record) -> Callable[[UnitOfWork], None] | None:
        """What is to be stored of what `prepare` has found.

        Raises:
            TransientError: the provider did not answer, or others have reserved the rest of the budget.
        """
        found = self._found.get(_key(event)) or _Found(None)
        if isinstance(found.outcome, TransientError):
            raise found.outcome
        if found.counted is None:
            return None  # deleted, or overtaken by a newer description

        def apply(work: UnitOfWork) -> None:
            if found.reservation is not None:
                budgets.settle(work.connection, found.reservation, found.cost_usd)
            budgets.count(work.connection, event, found.counted or budgets.Outcome.FAILED)
            if isinstance(found.outcome, Vector) or (
                isinstance(found.outcome, NotEmbeddedError) and not _has_vector(work, event)
            ):
                record(work, event, found.outcome)

        return apply

    def give_up(self, work: UnitOfWork, event: Event[ItemAnalyzed]) -> bool:
        """The last attempt failed; True where the description has a vector, and keeps it."""
        budgets.count(work.connection, event, budgets.Outcome.FAILED)
        return _has_vector(work, event)

    def _reserved(self, event: Event[Contract], document: Document) -> "_Found":
        if event.replay_model not in {None, self.space.model}:
            raise PermanentError("not-the-model", f"{event.replay_model} is not the model of new descriptions")
        texts = passages.texts_of(document, self.space.dimensions)
        most = prices.cost_usd(self.space.model, sum(map(prices.most_tokens, texts)))
        if most is None:
            raise PermanentError("no-price", f"no price is known of {self.space.model}, so no budget holds")
        try:
            reservation = budgets.reserve(self.database, event, most)
        except TransientError as error:
            return _Found(budgets.Outcome.FAILED, error)
        if reservation is None:
            return _Found(budgets.Outcome.LEFT_OVER)
        return _Found(budgets.Outcome.MADE, reservation=reservation)

    def _ask(self, reserved: dict[Key, Document]) -> None:
        """What is reserved, in as few requests as the provider takes."""
        waiting = dict(reserved)
        for asked in passages.requests(reserved, self.space.dimensions, self.embedder.batch_size):
            waiting = {key: document for key, document in waiting.items() if key not in asked}
            try:
                self._request(asked)
            except NotEmbeddedError:
                # All events are prepared again, each alone: what was asked before is paid, the others are not.
                for key in reserved.keys() - asked.keys():
                    self._settle({key: reserved[key]}, 0 if key in waiting else self._found[key].cost_usd)
                raise

    def _request(self, asked: dict[Key, Document]) -> None:
        dimensions = self.space.dimensions
        different = passages.texts(asked.values(), dimensions)
        try:
            made = self.embedder.ask(different, self.space.model)
        except ProviderUnavailableError as error:
            self._settle(asked, 0 if error.unpaid else None)
            self._found.update((key, _Found(budgets.Outcome.FAILED, error)) for key in asked)
            return
        except NotEmbeddedError as error:
            cost = 0 if isinstance(error, TextRejectedError) else None
            if len(asked) > 1:
                self._settle(asked, cost)
                raise
            for key in asked:
                reservation = self._found[key].reservation
                self._found[key] = _Found(budgets.Outcome.FAILED, error, reservation, cost)
            return
        # The shares are rounded: a token more for each is never less than what was counted.
        tokens = sum(vector.tokens + 1 for vector in made.values() if isinstance(vector, Vector))
        costs = prices.shares(different, prices.cost_usd(self.space.model, tokens) or 0)
        for key, document in asked.items():
            outcome, reservation = passages.outcome(document, made, dimensions), self._found[key].reservation
            counted = budgets.Outcome.MADE if isinstance(outcome, Vector) else budgets.Outcome.FAILED
            share = sum(costs[text] for text in passages.texts_of(document, dimensions))
            self._found[key] = _Found(counted, outcome, reservation, share)

    def _settle(self, asked: dict[Key, Document], cost_usd: float | None) -> None:
        with self.database.transaction() as connection:
            for key in asked:
                if (reservation := self._found[key].reservation) is not None:
                    budgets.settle(connection, reservation, cost_usd)


@dataclass(frozen=True, slots=True)
class _Found:
    """How an event is counted (None: not at all), what is recorded of it, and what is settled."""

    counted: budgets.Outcome | None
    outcome: Outcome | TransientError | None = None
    reservation: Reservation | None = None
    cost_usd: float | None = None


def _key(event: Event[ItemAnalyzed]) -> Key:
    return event.id, event.replay_id


def _has_vector(work: UnitOfWork, event: Event[ItemAnalyzed]) -> bool:
    return vectors.is_embedded(work.connection, Document.of(event))
