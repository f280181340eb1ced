"""`Idempotency-Key`: one effect, and the first answer, however often a request is sent."""

import gzip
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import BaseModel

from chassis import idempotency
from chassis.database import Connection
from chassis.errors import ProblemError, TransientError
from chassis.http import Caller, CallerDep, HttpEntry, IdempotencyKey, Keep, create_api, once
from chassis.idempotency import KEPT_S, Kept, RequestKey
from chassis.projections import Projections
from chassis.retention import delete_old
from chassis.service import Service
from chassis.settings import Settings
from contracts import new_event
from contracts.ingest import ItemDeleted
from testkit import Answer, Fakes, call
from testkit.fakes import SETTINGS

KEY = "key-1"


class Thing(BaseModel):
    """What the route makes."""

    id: str
    number: int


class Ask(BaseModel):
    """What the route takes."""

    number: int = 0


class Things:
    """A service that makes things; `made` is what its transactions committed."""

    def __init__(self, fakes: Fakes) -> None:
        self.fakes = fakes
        self.service = fakes.under(Service(Settings(service="things", **SETTINGS), fakes.aws))
        self.made: list[str] = []
        fakes.database.tables.append(self)
        self.before: Any = lambda: None
        self.after: Any = lambda: None
        api = create_api()

        @api.post("/things")
        def make(ask: Ask, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> Thing:
            def act(keep: Keep) -> Thing:
                self.before()
                thing = Thing(id=str(uuid.uuid4()), number=ask.number)
                with self.service.database.transaction() as connection:
                    self.made.append(thing.id)
                    keep(connection, thing, subject=thing.id)
                    self.after()
                return thing

            return once(self.service.database, caller, Thing, act)

        self.http = HttpEntry(api)

    def make(self, key: str | None = KEY, tenant: str = "ann", number: int = 1, path: str = "/things") -> Answer:
        headers = {} if key is None else {"Idempotency-Key": key}
        return call(self.http, "POST", path, tenant, body={"number": number}, headers=headers)


@pytest.fixture
def things(fakes: Fakes) -> Things:
    return Things(fakes)


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["detail"]
    return answer.status, answer.body["type"].rpartition(":")[2]


def test_a_request_that_is_sent_again_gets_the_first_answer(things: Things) -> None:
    first, again = things.make(), things.make()
    assert (first.status, first.body) == (again.status, again.body)
    assert things.made == [first.body["id"]]


def test_without_a_key_every_request_counts(things: Things) -> None:
    assert things.make(None).body["id"] != things.make(None).body["id"]
    assert len(things.made) == 2
    assert things.fakes.idempotency.rows == {}


def test_a_key_is_its_tenants_and_another_is_another(things: Things) -> None:
    answers = [things.make(), things.make(tenant="bob"), things.make(key="key-2")]
    assert len({answer.body["id"] for answer in answers}) == len(things.made) == 3


def test_a_request_is_the_same_however_it_is_compressed(things: Things) -> None:
    def send(body: bytes, **headers: str) -> Answer:
        given = {"idempotency-key": KEY, "content-type": "application/json", **headers}
        return call(things.http, "POST", "/things", "ann", body=body, headers=given)

    text = b'{"number": 1}'
    ways = [gzip.compress(text, level, mtime=level) for level in (1, 9)]
    answers = [send(text), *(send(way, **{"content-encoding": "gzip"}) for way in ways)]
    assert [answer.body for answer in answers] == [answers[0].body] * 3
    assert problem(send(gzip.compress(b'{"number": 2}'), **{"content-encoding": "gzip"}))[0] == 422
    assert problem(send(b"damaged", **{"content-encoding": "gzip"})) == (400, "damaged-body")


def test_a_key_of_another_request_is_refused(things: Things) -> None:
    things.make(number=1)
    assert problem(things.make(number=2)) == (422, "idempotency-key-reused")
    headers = {"Idempotency-Key": KEY}
    asked = call(things.http, "POST", "/things", "ann", query={"a": 1}, body={"number": 1}, headers=headers)
    assert problem(asked) == (422, "idempotency-key-reused")
    assert len(things.made) == 1


def test_where_bytes_differ_by_chance_a_fingerprint_tells_requests_apart(things: Things) -> None:
    caller = Caller("ann", "c", "00-0-0-01", idempotency_key=KEY, route="POST /things", fingerprint="by chance")

    def make(fingerprint: bytes, by: Caller) -> Thing:
        def act(keep: Keep) -> Thing:
            with things.service.database.transaction() as connection:
                keep(connection, thing := Thing(id=str(uuid.uuid4()), number=1), subject=thing.id)
            return thing

        return once(things.service.database, by, Thing, act, fingerprint=fingerprint)

    first = make(b"one", caller)
    assert make(b"one", replace(caller, fingerprint="another")) == first
    with pytest.raises(ProblemError, match="another request"):
        make(b"two", caller)


def test_a_request_under_way_is_not_begun_again(things: Things) -> None:
    inner: list[Answer] = []

    def send_again() -> None:
        things.before = lambda: None
        inner.append(things.make())

    things.before = send_again
    assert things.make().status == 200
    (answer,) = inner
    assert (problem(answer), answer.headers["Retry-After"]) == ((409, "request-under-way"), "5")
    assert len(things.made) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "error",
    [ProblemError(HTTPStatus.CONFLICT, "x", "x"), TransientError("db"), KeyError()],
    ids=lambda e: type(e).__name__,
)
def test_what_failed_had_no_effect_and_may_be_sent_again(things: Things, moment: str, error: Exception) -> None:
    def fail() -> None:
        raise error

    setattr(things, moment, fail)
    assert things.make().status >= 400
    assert (things.made, things.fakes.idempotency.rows) == ([], {})
    setattr(things, moment, lambda: None)
    assert things.make().status == 200
    assert len(things.made) == 1


def test_an_attempt_whose_place_was_taken_has_no_effect(things: Things) -> None:
    def take() -> None:
        (request,) = things.fakes.idempotency.rows
        del things.fakes.idempotency.rows[request]
        things.fakes.idempotency.claim(things.fakes.connection, request, fingerprint="f", claim="another")

    things.before = take
    assert problem(things.make()) == (409, "conflict")
    assert things.made == []


def test_what_was_made_and_deleted_is_not_made_again(things: Things) -> None:
    made = things.make().body["id"]
    deletion = new_event(ItemDeleted(), subject=made, tenant_id="ann")
    Projections(deletions={ItemDeleted: lambda *_: None}).fold(things.fakes.connection, deletion)
    assert problem(things.make()) == (410, "gone")
    assert things.made == [made]


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "ü", "a\x00b", "a\nb"], ids=["empty", "long", "not ascii", "nul", "line break"]
)
def test_a_malformed_key_is_refused(things: Things, key: str) -> None:
    assert problem(things.make(key)) == (422, "invalid-request")
    assert things.made == []


REQUEST = RequestKey("ann", "POST /things", KEY)


@pytest.fixture
def connection(worker: Service[Settings]) -> Iterator[Connection]:
    with worker.database.transaction() as connection:
        yield connection


def claimed(connection: Connection, claim: str = "one", request: RequestKey = REQUEST) -> Kept | None:
    return idempotency.claim(connection, request, fingerprint="f", claim=claim)


@pytest.mark.integration
def test_the_table_keeps_one_answer(connection: Connection) -> None:
    assert claimed(connection) is None
    assert claimed(connection, "two") == Kept("f", is_answered=False, answer=None)
    assert not idempotency.complete(connection, REQUEST, claim="two", subject="s", answer="2")
    assert idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="1")
    assert not idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="3")
    idempotency.release(connection, REQUEST, claim="one")
    assert claimed(connection, "two") == Kept("f", is_answered=True, answer="1")
    for other in (
        RequestKey("bob", REQUEST.route, KEY),
        RequestKey("ann", "POST /x", KEY),
        RequestKey("ann", "x", "k"),
    ):
        assert claimed(connection, request=other) is None
    idempotency.forget(connection, "bob", "s")
    idempotency.forget(connection, "ann", "other")
    assert claimed(connection) == Kept("f", is_answered=True, answer="1")
    claimed_at = connection.execute("SELECT claimed_at FROM idempotent_requests WHERE subject = 's'")
    at: Any = next(claimed_at)["claimed_at"]
    idempotency.forget(connection, "ann", "s", until=at - timedelta(microseconds=1))
    assert claimed(connection) == Kept("f", is_answered=True, answer="1"), "it is about a later subject"
    idempotency.forget(connection, "ann", "s", until=at)
    assert claimed(connection) == Kept("f", is_answered=True, answer=None)
    assert idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="2") is False


@pytest.mark.integration
def test_the_table_forgets_all_of_a_subject_that_is_deleted_for_good(connection: Connection) -> None:
    claimed(connection)
    assert idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="1")
    idempotency.forget(connection, "ann", "s")
    assert claimed(connection) == Kept("f", is_answered=True, answer=None)


@pytest.mark.integration
def test_the_table_lets_go(connection: Connection) -> None:
    claimed(connection)
    idempotency.release(connection, REQUEST, claim="another")
    assert claimed(connection, "two") is not None
    idempotency.release(connection, REQUEST, claim="one")
    assert claimed(connection, "two") is None
    connection.execute("UPDATE idempotent_requests SET claimed_until = now() - interval '1 second'")
    assert claimed(connection, "three") is None, "the attempt has died"
    assert idempotency.complete(connection, REQUEST, claim="three", subject="s", answer="3")
    connection.execute("UPDATE idempotent_requests SET claimed_until = now() - interval '1 hour'")
    assert claimed(connection, "four") == Kept("f", is_answered=True, answer="3")
    assert delete_old(connection, idempotency.RETENTION, limit=9) == 0
    connection.execute("UPDATE idempotent_requests SET claimed_at = now() - make_interval(secs => %s)", (KEPT_S + 1,))
    assert claimed(connection, "four") is None, "it was kept for long enough"
    connection.execute("UPDATE idempotent_requests SET claimed_at = now() - make_interval(secs => %s)", (KEPT_S + 1,))
    assert delete_old(connection, idempotency.RETENTION, limit=9) == 1


@pytest.mark.integration
def test_an_attempt_ends_its_own_request_alone(connection: Connection) -> None:
    others = [replace(REQUEST, tenant_id="bob"), replace(REQUEST, route="POST /x"), replace(REQUEST, key="key-2")]
    for request in (REQUEST, *others):
        assert claimed(connection, request=request) is None
    idempotency.release(connection, REQUEST, claim="one")
    assert not idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="1"), "it is not there"
    for request in others:
        assert claimed(connection, "two", request) == Kept("f", is_answered=False, answer=None)
        assert idempotency.complete(connection, request, claim="one", subject="s", answer=request.key)
    assert claimed(connection, "two", others[2]) == Kept("f", is_answered=True, answer="key-2")
    (row,) = connection.execute(
        "SELECT DISTINCT claimed_until - claimed_at AS claimed_for, subject FROM idempotent_requests"
    )
    assert row == {"claimed_for": timedelta(seconds=40), "subject": "s"}


@pytest.mark.integration
def test_a_request_that_is_begun_anew_has_nothing_of_the_one_before(connection: Connection) -> None:
    claimed(connection)
    assert idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="1")
    age = "UPDATE idempotent_requests SET claimed_at = now() - make_interval(secs => %s)"
    connection.execute(age, (KEPT_S,))
    assert claimed(connection, "two") == Kept("f", is_answered=True, answer="1"), "not longer than it is kept"
    connection.execute(age, (KEPT_S + 1,))
    assert idempotency.claim(connection, REQUEST, fingerprint="g", claim="two") is None
    assert claimed(connection, "three") == Kept("g", is_answered=False, answer=None)
    idempotency.forget(connection, "ann", "s")
    assert not idempotency.complete(connection, REQUEST, claim="one", subject="s", answer="1")
    assert idempotency.complete(connection, REQUEST, claim="two", subject="t", answer="2")
    assert claimed(connection) == Kept("g", is_answered=True, answer="2")


def test_a_request_that_is_released_at_that_moment_is_as_one_under_way() -> None:
    class Gone:
        """A row that is in the way, and gone when it is read."""

        def execute(self, *_: object) -> "Gone":
            return self

        def fetchone(self) -> None:
            return None

    connection: Any = Gone()
    assert claimed(connection) == Kept("f", is_answered=False, answer=None)
