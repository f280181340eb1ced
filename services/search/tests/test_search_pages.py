"""Pages of results: whatever is added and deleted between two, none is shown twice and none that stays is missed."""

import base64
import json
import uuid
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from chassis.errors import MalformedCursorError
from retrieval import (
    DEFAULT_RANKING,
    AnalyzedItem,
    Filters,
    Hit,
    Order,
    Picture,
    QueryEmbedder,
    Ranking,
    SearchMode,
    project_analysis,
    project_deletion,
    project_picture,
    project_vector,
)
from search import cursors
from search.cursors import Cursor
from search.searching import Question, Searcher
from testkit import MakeSchema
from testkit.schemas import migrations_of

TENANT = "alice"
WORDS = ["ramen", "kyoto", "receipt", "poster"]
START = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = Question("ramen kyoto", SearchMode.HYBRID, 2)


def vector_of(seed: object) -> list[float]:
    random = Random(str(seed))
    return [abs(random.gauss(0, 1)) for _ in range(1024)]


class Embedder(QueryEmbedder):
    """One vector for every query."""

    def __init__(self) -> None:
        """Without a client."""

    @property
    def model(self) -> str:
        return "model"

    def embed(self, tenant_id: str, text: str, model: str | None = None) -> tuple[float, ...]:
        return tuple(vector_of("query"))


@dataclass
class Shelf:
    """A tenant's collection, and pages of it."""

    conn: Connection[Any]
    items: set[str] = field(default_factory=set)

    def add(self, words: str, minute: int, category: str = "photo") -> str:
        item = f"i{len(self.items):03}"
        description = {"category": category, "headline": "", "summary": words}
        added = START + timedelta(minutes=minute)
        with self.conn.transaction():
            project_analysis(self.conn, TENANT, AnalyzedItem(item, 1, item, added, f"{item}.png", "", description))
        if len(self.items) % 2:
            with self.conn.transaction():
                taken_at = added.replace(tzinfo=None) - timedelta(days=len(words))
                project_picture(self.conn, TENANT, Picture(item, added, 4, 3, taken_at=taken_at))
        with self.conn.transaction():
            vector = vector_of(item)
            project_vector(self.conn, TENANT, item, vector=vector, model="model", analysis_version=1, embedded_at=added)
        self.items.add(item)
        return item

    def delete(self, item: str) -> None:
        with self.conn.transaction():
            project_deletion(self.conn, TENANT, item, START)

    def clear(self) -> None:
        self.items.clear()
        self.conn.execute("TRUNCATE documents, postings, vectors, pictures, tenant_stats, deleted_items")

    def pages(self, question: Question, ranking: Ranking = DEFAULT_RANKING) -> Iterator[list[Hit]]:
        searcher = Searcher(lambda: nullcontext(self.conn), Embedder, ranking)
        cursor: str | None = None
        while True:
            found = searcher.find(TENANT, replace(question, cursor=cursor))
            yield found.hits
            if (cursor := found.next_cursor) is None:
                return


@pytest.fixture
def shelf(service_schema: MakeSchema) -> Iterator[Shelf]:
    dsn = service_schema("search", migrations_of("search")).dsn
    with psycopg.connect(dsn, autocommit=True) as conn:
        yield Shelf(conn)


_texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
_changes = st.lists(st.one_of(_texts, st.integers(0, 11)), max_size=4)


@pytest.mark.integration
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    texts=st.lists(_texts, min_size=4, max_size=10),
    changes=st.lists(_changes, min_size=1, max_size=5),
    mode=st.sampled_from(SearchMode),
    order=st.sampled_from(Order),
    text=st.sampled_from(["ramen kyoto", "category:photo"]),
    top_k=st.integers(1, 4),
)
def test_no_item_comes_twice_and_none_that_stays_is_missed(
    shelf: Shelf, texts: list[str], changes: list[Any], mode: SearchMode, order: Order, text: str, top_k: int
) -> None:
    shelf.clear()
    stays = {shelf.add(words, minute=number * 2) for number, words in enumerate(texts)}
    question = Question(text, mode, top_k, order=order)
    # Few are ranked, so that what is added meanwhile would push others out. In a hybrid search it may: words that weigh
    # otherwise change which are the best by words.
    by_rank = order is not Order.RELEVANCE and mode is not SearchMode.BM25
    ranking = Ranking(window=200 if by_rank and mode is SearchMode.HYBRID else 3)
    wanted = {hit.item_id for hits in shelf.pages(question, ranking) for hit in hits}
    later = 1_000_000 if by_rank else -7
    shown: list[Hit] = []
    for page in shelf.pages(question, ranking):
        assert len(page) <= top_k
        shown += page
        assert len({hit.item_id for hit in shown}) == len(shown)
        for change in changes.pop(0) if changes else []:
            if isinstance(change, str):
                shelf.add(change, minute=2 * len(shelf.items) + later)
            else:
                item = sorted(shelf.items)[change % len(shelf.items)]
                shelf.delete(item)
                stays.discard(item)
    assert wanted & stays <= {hit.item_id for hit in shown}
    assert [hit.rank for hit in shown] == list(range(1, len(shown) + 1))
    times = [hit.place(order).time for hit in shown]
    if order is not Order.RELEVANCE:
        dated = [time for time in times if time]
        assert dated == sorted(dated, reverse=order in (Order.NEWEST, Order.TAKEN_NEWEST))
        assert times[len(dated) :] == [None] * (len(times) - len(dated)), "what has no such time comes last"


@pytest.mark.integration
def test_pages_one_after_another_are_one_search(shelf: Shelf) -> None:
    """Also where items tie: eight of the twelve have the same words, and two each the same time."""
    for number in range(12):
        shelf.add("ramen" if number % 3 else "ramen kyoto", minute=number // 2)
    for mode, order, text in product(SearchMode, Order, ("ramen kyoto", "type:png")):
        question = Question(text, mode, 50, order=order)
        (whole,) = shelf.pages(question)
        pages = list(shelf.pages(replace(question, top_k=4)))
        assert [len(page) for page in pages] == [4, 4, 4], "the last of them says so: there is no empty one"
        assert [(hit.item_id, hit.rank, hit.score) for page in pages for hit in page] == [
            (hit.item_id, hit.rank, hit.score) for hit in whole
        ]


@pytest.mark.integration
def test_what_is_added_meanwhile_pushes_out_nothing_that_was_ranked(shelf: Shelf) -> None:
    for number in range(8):
        shelf.add("ramen", minute=number)
    question, ranking = Question("ramen", SearchMode.VECTOR, 2, order=Order.OLDEST), Ranking(window=4)
    before = [[hit.item_id for hit in page] for page in shelf.pages(question, ranking)]
    pages = shelf.pages(question, ranking)
    assert [hit.item_id for hit in next(pages)] == before[0]
    for _ in range(8):
        shelf.add("ramen", minute=1_000_000)
    assert [[hit.item_id for hit in page] for page in pages] == before[1:]


@pytest.mark.integration
def test_ranked_pages_end(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        shelf.add("ramen", minute=number)
    monkeypatch.setattr(cursors, "MAX_RANKED", 6)
    assert [len(page) for page in shelf.pages(replace(ASKED, top_k=3))] == [3, 3]
    in_time = replace(ASKED, top_k=3, order=Order.NEWEST)
    assert [len(page) for page in shelf.pages(in_time)] == [3, 3, 3]


def cursor(tenant: str = TENANT, question: Question = ASKED) -> str:
    return Cursor(2, ("one", "two")).encode(tenant, question.identity)


@pytest.mark.parametrize(
    "text",
    [
        cursor("bob"),
        cursor(question=replace(ASKED, text="ramen")),
        cursor(question=replace(ASKED, mode=SearchMode.BM25)),
        cursor(question=replace(ASKED, filters=Filters(place="Kyoto"))),
        cursor(question=replace(ASKED, order=Order.NEWEST)),
        cursor(question=replace(ASKED, min_similarity=0.5)),
        cursor()[:-3],
        "x" + cursor(),
        Cursor(5, ("one",)).encode(TENANT, ASKED.identity),
        Cursor(1, ("nul\x00",)).encode(TENANT, ASKED.identity),
        Cursor(1, (7,)).encode(TENANT, ASKED.identity),  # type: ignore[arg-type]
        Cursor().encode(TENANT, ASKED.identity),
        "eJw",
        "é",
        "",
        "x" * 70_000,
    ],
)
def test_a_cursor_of_another_is_refused(text: str) -> None:
    with pytest.raises(MalformedCursorError, match="this query"):
        Cursor.decode(text, TENANT, ASKED.identity)


def test_a_page_may_have_another_size() -> None:
    question = replace(ASKED, top_k=50, explain=True, facets=("category",))
    assert Cursor.decode(cursor(), TENANT, question.identity) == Cursor(2, ("one", "two"))


def test_a_cursor_of_ten_results_is_short() -> None:
    following = Cursor(10, tuple(str(uuid.UUID(int=Random(number).getrandbits(128))) for number in range(10)))
    assert len(following.encode(TENANT, ASKED.identity)) < 512


@pytest.mark.integration
@pytest.mark.parametrize("mode", SearchMode)
def test_a_later_page_is_explained_as_the_first(shelf: Shelf, mode: SearchMode) -> None:
    for minute in range(5):
        shelf.add("ramen kyoto", minute)
    searcher = Searcher(lambda: nullcontext(shelf.conn), Embedder, Ranking())
    question = Question("ramen kyoto", mode, 2, explain=True)
    first = searcher.find(TENANT, question)
    second = searcher.find(TENANT, replace(question, cursor=first.next_cursor))
    for found in (first, second):
        ranks = [found.explanations[hit.item_id] for hit in found.hits]
        assert len(ranks) == 2
        assert all(each.keyword_rank for each in ranks) or mode is SearchMode.VECTOR
        assert all(each.vector_rank for each in ranks) or mode is SearchMode.BM25


@pytest.mark.integration
def test_items_without_a_time_are_on_later_pages_of_a_listing(shelf: Shelf) -> None:
    """As rows are between a migration and the rebuild that it asks for."""
    for minute in range(4):
        shelf.add("ramen", minute)
    shelf.conn.execute("UPDATE documents SET added_at = NULL")
    shelf.conn.execute("UPDATE vectors SET added_at = NULL")
    listed = [hit.item_id for page in shelf.pages(Question("category:photo", SearchMode.HYBRID, 2)) for hit in page]
    assert sorted(listed) == sorted(shelf.items)


@pytest.mark.parametrize("shown", ["0.5", "Infinity", "true", str(2**40)])
def test_a_cursor_that_no_page_leaves_is_refused(shown: str) -> None:
    mark = json.loads(unpacked(Cursor(1, ("a",)).encode(TENANT, "q")))[0]
    place = f'["{mark}",{shown},[],["2026-01-01T00:00:00+00:00","a"],null]'
    forged = base64.urlsafe_b64encode(zlib.compress(place.encode())).decode().rstrip("=")
    with pytest.raises(MalformedCursorError):
        Cursor.decode(forged, TENANT, "q")


def unpacked(cursor: str) -> bytes:
    return zlib.decompress(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
