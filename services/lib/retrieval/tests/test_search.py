"""Search against reference implementations in Python: BM25, cosine, and their fusion."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import tuple_row

from retrieval import (
    AnalyzedItem,
    CollectionStats,
    Filters,
    Fusion,
    Hit,
    InvalidQueryError,
    InvalidVectorError,
    Ranking,
    SearchMode,
    SearchQuery,
    collection_stats,
    maintain_vector_indexes,
    project_analysis,
    project_vector,
    search,
)
from retrieval.search_statements import INDEX_SETTINGS, search_statement
from retrieval.vectors import unit_vector, vector_cursor

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]
MakeVector = Callable[..., list[float]]

NOW = datetime(2026, 2, 1, tzinfo=UTC)
# Words that the stemmer does not change, no stop words, no accents: the reference needs no analyser.
WORDS = ["tokyo", "kyoto", "cat", "dog", "menu", "ramen", "blue", "red", "map", "train", "rain", "shop", "bar", "sun"]
CATEGORIES = ["photo", "receipt"]
MODEL = "model"


class Collection:
    """Random documents and vectors of one tenant, in Postgres and in memory."""

    def __init__(self, conn: Connection[Any], tenant: str, size: int, make_item: MakeItem, seed: int = 1) -> None:
        random = Random(f"{tenant}-{seed}")
        self.tenant = tenant
        self.documents: dict[str, list[str]] = {}
        self.categories: dict[str, str] = {}
        self.vectors: dict[str, list[float]] = {}
        for number in range(size):
            item = f"{tenant}-{number:04}"
            words = random.choices(WORDS, weights=range(len(WORDS), 0, -1), k=random.randint(1, 30))
            category = random.choice(CATEGORIES)
            # The category is searchable text too.
            self.documents[item] = [*words, category]
            self.categories[item] = category
            self.vectors[item] = [random.gauss(0, 1) for _ in range(1024)]
            with conn.transaction():
                project_analysis(conn, tenant, make_item(item, " ".join(words), category=category))
            with conn.transaction():
                store_vector(conn, tenant, item, self.vectors[item])

    def bm25(self, query: str, k1: float = 1.2, b: float = 0.75) -> dict[str, float]:
        """The lucene variant, without the constant factor k1 + 1."""
        count = len(self.documents)
        average = sum(map(len, self.documents.values())) / count
        frequency = Counter(word for words in self.documents.values() for word in set(words))
        scores: dict[str, float] = {}
        for item, words in self.documents.items():
            for word in set(query.split()) & set(words):
                idf = math.log(1 + (count - frequency[word] + 0.5) / (frequency[word] + 0.5))
                tf = words.count(word)
                scores[item] = scores.get(item, 0) + idf * tf / (tf + k1 * (1 - b + b * len(words) / average))
        return scores

    def idf(self, word: str) -> float:
        count, frequency = len(self.documents), sum(word in words for words in self.documents.values())
        return math.log(1 + (count - frequency + 0.5) / (frequency + 0.5))

    def similarity(self, vector: list[float]) -> dict[str, float]:
        return {item: cosine(vector, known) for item, known in self.vectors.items()}


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def store_vector(conn: Connection[Any], tenant: str, item: str, vector: list[float], model: str = MODEL) -> None:
    project_vector(conn, tenant, item, vector=vector, model=model, analysis_version=1, embedded_at=NOW)


@pytest.fixture
def collection(conn: Connection[Any], make_item: MakeItem) -> Collection:
    """Alice's sixty items beside Bob's thirty."""
    Collection(conn, "bob", 30, make_item)
    return Collection(conn, "alice", 60, make_item)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.item_id for hit in hits]


@pytest.mark.parametrize("query", ["tokyo", "cat dog", "sun bar shop rain train", "photo", "tokyo tokyo cat"])
def test_bm25_is_the_reference_on_the_scale_of_fts5(conn: Connection[Any], collection: Collection, query: str) -> None:
    hits = search(conn, SearchQuery("alice", query, SearchMode.BM25, top_k=100))
    expected = collection.bm25(query)
    assert ids(hits) == sorted(expected, key=lambda item: (round(-expected[item], 9), item))
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    for hit in hits:
        assert -hit.score / 2.2 == pytest.approx(expected[hit.item_id], abs=1e-6)
        assert hit.score == hit.bm25


def test_bm25_with_other_constants(conn: Connection[Any], collection: Collection) -> None:
    hits = search(conn, SearchQuery("alice", "cat sun", SearchMode.BM25, top_k=100), Ranking(k1=0.9, b=0.4))
    expected = collection.bm25("cat sun", k1=0.9, b=0.4)
    assert {hit.item_id: pytest.approx(-hit.score / 1.9, abs=1e-6) for hit in hits} == expected


def test_vector_search_is_exact(conn: Connection[Any], collection: Collection, make_vector: MakeVector) -> None:
    vector = make_vector("query")
    query = SearchQuery("alice", mode=SearchMode.VECTOR, vector=vector, model=MODEL, top_k=20, min_similarity=-1)
    hits = search(conn, query)
    expected = collection.similarity(vector)
    best = sorted(expected.values(), reverse=True)[:20]
    assert [hit.score for hit in hits] == pytest.approx(best, abs=2e-4)
    for hit in hits:
        assert hit.score == hit.similarity == pytest.approx(expected[hit.item_id], abs=2e-4)


@pytest.mark.parametrize("approximate", [False, True])
def test_hybrid_is_the_weighted_mean_of_scores_on_an_absolute_scale(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector, approximate: bool
) -> None:
    ranking = Ranking(exact_limit=1 if approximate else 10_000)
    if approximate:
        maintain_vector_indexes(conn, exact_limit=1)
    for number in range(8):
        words = Random(number).sample(WORDS, 3)
        vector = make_vector(number)
        query = SearchQuery("alice", " ".join(words), vector=vector, model=MODEL, top_k=100)
        bm25, cosine = collection.bm25(query.text), collection.similarity(vector)
        bound = sum(map(collection.idf, words))
        matched = {
            item: sum(collection.idf(word) for word in words if word in known)
            for item, known in collection.documents.items()
        }
        most = max(matched.values())
        weight = 0.7 * (most / bound) ** 3
        # Every word stands there as it is written.
        bonus = {item: 0.2 if matched[item] > bound - 1e-9 else 0 for item in cosine}
        expected = {
            item: weight * min(bm25.get(item, 0) / bound + bonus[item], 1) + (1 - weight) * max(cosine[item], 0)
            for item in cosine
            if item in bm25 or cosine[item] >= 0
        }
        hits = search(conn, query, ranking)
        assert {hit.item_id: hit.score for hit in hits} == pytest.approx(expected, abs=2e-4)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(0 <= hit.score <= 1 for hit in hits)


@pytest.mark.parametrize("exact_limit", [10_000, 1])
def test_the_first_results_do_not_depend_on_how_many_are_wanted(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector, exact_limit: int
) -> None:
    maintain_vector_indexes(conn, exact_limit=exact_limit)
    query = SearchQuery("alice", "tokyo cat sun", vector=make_vector(5), model=MODEL, top_k=50)
    hits = search(conn, query, Ranking(exact_limit=exact_limit))
    for top_k in (1, 3, 10, 49):
        assert search(conn, replace(query, top_k=top_k), Ranking(exact_limit=exact_limit)) == hits[:top_k]


def test_a_word_that_stands_in_one_item_alone_comes_first(
    conn: Connection[Any], collection: Collection, make_item: MakeItem, make_vector: MakeVector
) -> None:
    with conn.transaction():
        project_analysis(conn, "alice", make_item("coded", "tokyo cat dog sun receipt with number qx7731"))
    with conn.transaction():
        store_vector(conn, "alice", "coded", make_vector("anything"))
    hits = search(conn, SearchQuery("alice", "qx7731", vector=make_vector("question"), model=MODEL))
    assert hits[0].item_id == "coded"


def test_the_form_that_is_written_comes_before_others_of_the_word(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    for item, summary in (("one", "cross cross"), ("two", "crossings of a river"), ("three", "crossed crossed")):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(item, summary))
        with conn.transaction():
            store_vector(conn, "alice", item, make_vector(item))
    query = SearchQuery("alice", "the crossings", vector=make_vector("question"), model=MODEL)
    assert ids(search(conn, replace(query, mode=SearchMode.BM25)))[0] != "two"
    assert ids(search(conn, query, Ranking(exact_bonus=0)))[0] != "two"
    first = search(conn, query)[0]
    assert first.item_id == "two"
    by_words = first.score - 0.3 * max(first.similarity or 0, 0)
    assert by_words == pytest.approx(0.7 * ((first.keyword_share or 0) + 0.2), abs=1e-6)


def test_words_that_no_item_has_together_weigh_less_than_the_meaning(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    for item, summary in (("one", "night in the harbour"), ("two", "lighthouse on a cliff"), ("three", "train")):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(item, summary))
        with conn.transaction():
            store_vector(conn, "alice", item, make_vector(item))
    query = SearchQuery("alice", "beacon guides ships at night", vector=make_vector("two"), model=MODEL)
    assert ids(search(conn, replace(query, mode=SearchMode.BM25))) == ["one"]
    first = search(conn, query)[0]
    # One of four words is known, and stands in one of three items; idf is ln(1 + (3 - df + .5) / (df + .5)).
    known, unknown = math.log(1 + 2.5 / 1.5), math.log(1 + 3.5 / 0.5)
    assert first.query_coverage == pytest.approx(known / (known + 3 * unknown))
    assert first.coverage is None
    assert first.item_id == "two"


@pytest.mark.parametrize("text", ["???", "the and of", " \t", "\u200b…—"])
@pytest.mark.parametrize("mode", list(SearchMode))
def test_stop_words_and_punctuation_find_nothing(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector, mode: SearchMode, text: str
) -> None:
    query = SearchQuery("alice", text, mode, vector=make_vector(1), model=MODEL, min_similarity=-1)
    assert search(conn, query) == []
    assert search(conn, replace(query, text="the cat"))


def test_reciprocal_ranks_are_those_of_the_predecessor(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector
) -> None:
    ranking = Ranking(fusion=Fusion.RRF, bm25_weight=0.3, vector_weight=0.7)
    for number in range(8):
        text = " ".join(Random(number).sample(WORDS, 3))
        query = SearchQuery("alice", text, vector=make_vector(number), model=MODEL, top_k=7, filters=Filters())
        legs = {
            mode: search(conn, replace(query, mode=mode, top_k=14)) for mode in (SearchMode.BM25, SearchMode.VECTOR)
        }
        expected: dict[str, float] = {}
        for mode, weight in ((SearchMode.BM25, 0.3), (SearchMode.VECTOR, 0.7)):
            for hit in legs[mode]:
                expected[hit.item_id] = expected.get(hit.item_id, 0) + weight / (15 + hit.rank)
        best = sorted(expected, key=lambda item: (-expected[item], item))[:7]
        hits = search(conn, query, ranking)
        assert [(hit.item_id, hit.score) for hit in hits] == [(item, expected[item]) for item in best]


def test_what_was_found_by_meaning_alone_matches_no_words(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    alice = Collection(conn, "alice", 20, make_item)
    query = SearchQuery("alice", "xylophone", vector=alice.vectors["alice-0003"], model=MODEL)
    hits = search(conn, query)
    assert hits[0].item_id == "alice-0003"
    assert [hit.keyword_share for hit in hits] == [hit.bm25 for hit in hits] == [None] * len(hits)


def test_tenants_never_see_each_other(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    alice = Collection(conn, "alice", 20, make_item)
    queries = [
        SearchQuery(
            "alice", "tokyo cat", mode, vector=alice.vectors["alice-0003"], model=MODEL, top_k=50, min_similarity=-1
        )
        for mode in SearchMode
    ]
    before = [search(conn, query) for query in queries]
    bob = Collection(conn, "bob", 40, make_item)
    with conn.transaction():
        # An item of Bob's with the id of one of Alice's.
        project_analysis(conn, "bob", make_item("alice-0003", "tokyo cat", category="bobs"))
    with conn.transaction():
        store_vector(conn, "bob", "alice-0003", bob.vectors["bob-0001"])
    # Scores do not change either: statistics are the tenant's own.
    assert [search(conn, query) for query in queries] == before
    assert all(hits for hits in before)
    for query in queries:
        assert search(conn, replace(query, filters=Filters(category="bobs"))) == []
        assert search(conn, replace(query, tenant_id="carol")) == []
        found = search(conn, replace(query, tenant_id="bob"))
        assert found
        assert {hit.analysis_id.split("-")[0] for hit in found} <= {"bob", "alice"}
        assert {hit.item_id for hit in found if hit.item_id.startswith("alice")} <= {"alice-0003"}


@pytest.mark.parametrize("mode", list(SearchMode))
def test_the_category_filter(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector, mode: SearchMode
) -> None:
    query = SearchQuery(
        "alice",
        "tokyo cat",
        mode,
        vector=make_vector(1),
        model=MODEL,
        top_k=60,
        filters=Filters(category="Receipt"),
        min_similarity=-1,
    )
    hits = search(conn, query)
    assert hits
    assert {hit.category for hit in hits} == {"receipt"}
    if mode is not SearchMode.HYBRID:
        unfiltered = search(conn, replace(query, filters=Filters()))
        receipts = [(hit.item_id, hit.score) for hit in unfiltered if hit.category == "receipt"]
        assert [(hit.item_id, hit.score) for hit in hits] == receipts
    assert search(conn, replace(query, filters=Filters(category="no\x00ne"))) == []


def test_thresholds(conn: Connection[Any], collection: Collection, make_vector: MakeVector) -> None:
    words = SearchQuery("alice", "tokyo sun", SearchMode.BM25, top_k=60)
    hits = search(conn, words)
    limit = hits[4].score
    assert ids(search(conn, replace(words, max_bm25_score=limit))) == [h.item_id for h in hits if h.score <= limit]
    meaning = SearchQuery(
        "alice", mode=SearchMode.VECTOR, vector=make_vector(3), model=MODEL, top_k=60, min_similarity=-1
    )
    near = search(conn, meaning)
    floor = near[9].score
    assert ids(search(conn, replace(meaning, min_similarity=floor))) == ids(near[:10])
    both = replace(meaning, mode=SearchMode.HYBRID, text="tokyo sun", min_similarity=floor, max_bm25_score=limit)
    assert set(ids(search(conn, both))) == set(ids(near[:10])) | {h.item_id for h in hits if h.score <= limit}


def test_ties_are_in_the_order_of_ids(conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector) -> None:
    items = ["b", "Z", "a", "ä", *map(str, Random(1).sample(range(100), 40))]
    for item in items:
        with conn.transaction():
            project_analysis(conn, "alice", make_item(item, "one two three four five six seven"))
        with conn.transaction():
            store_vector(conn, "alice", item, make_vector(1))
    for mode in SearchMode:
        query = SearchQuery("alice", "seven three five one two", mode, vector=make_vector(1), model=MODEL, top_k=44)
        assert ids(search(conn, query)) == sorted(items)
        assert ids(search(conn, replace(query, top_k=7))) == sorted(items)[:7]


@pytest.mark.parametrize(("by_word", "by_meaning"), [("a", "z"), ("z", "a")])
def test_ties_between_the_legs_too(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector, by_word: str, by_meaning: str
) -> None:
    with conn.transaction():
        project_analysis(conn, "alice", make_item(by_word, "cat"))
    with conn.transaction():
        project_analysis(conn, "alice", make_item(by_meaning, "dog"))
    with conn.transaction():
        store_vector(conn, "alice", by_meaning, make_vector(1))
    query = SearchQuery("alice", "cat", vector=make_vector(1), model=MODEL, top_k=2)
    even = Ranking(fusion=Fusion.RRF, bm25_weight=0.5, vector_weight=0.5)
    assert [(hit.item_id, hit.score) for hit in search(conn, query, even)] == [("a", 0.5 / 16), ("z", 0.5 / 16)]
    assert ids(search(conn, replace(query, top_k=1), even)) == ["a"]


def test_forms_of_a_word_count_once(conn: Connection[Any], make_item: MakeItem) -> None:
    with conn.transaction():
        project_analysis(conn, "alice", make_item("i1", "she runs"))
    (once,) = search(conn, SearchQuery("alice", "run", SearchMode.BM25))
    assert search(conn, SearchQuery("alice", "running Runs run", SearchMode.BM25)) == [once]


@pytest.mark.parametrize("exact_limit", [10_000, 1])
def test_a_vector_without_document_displaces_no_other(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector, exact_limit: int
) -> None:
    for item in ("hidden", "shown"):
        with conn.transaction():
            store_vector(conn, "alice", item, make_vector(values=[1.0, 0.0 if item == "hidden" else 0.5]))
    with conn.transaction():
        project_analysis(conn, "alice", make_item("shown"))
    maintain_vector_indexes(conn, exact_limit)
    query = SearchQuery("alice", mode=SearchMode.VECTOR, vector=make_vector(values=[1.0]), model=MODEL, top_k=1)
    assert ids(search(conn, query, Ranking(exact_limit=exact_limit))) == ["shown"]


def test_only_vectors_of_the_model_are_compared(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector
) -> None:
    for item, model in (("i1", "old"), ("i2", "new")):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(item))
        with conn.transaction():
            store_vector(conn, "alice", item, make_vector(1), model)
    query = SearchQuery("alice", mode=SearchMode.VECTOR, vector=make_vector(1), model="new")
    assert ids(search(conn, query)) == ["i2"]
    assert collection_stats(conn, "alice") == CollectionStats(2, 2, {"new": 1, "old": 1})
    assert collection_stats(conn, "bob") == CollectionStats(0, 0, {})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("東京", ["tower"]),
        ("東京タワー", ["tower"]),
        ("猫", ["cat"]),
        ("黒猫", ["cat"]),
        ("京都", []),
        ("ﾀﾜｰ", ["tower"]),
        ("🐈", ["cat"]),
        ("🍣", []),
        ("running", ["run"]),
        ("RUNNERS", []),
        ("cafe", ["run"]),
        ("invoice", ["run"]),
    ],
)
def test_languages(conn: Connection[Any], make_item: MakeItem, query: str, found: list[str]) -> None:
    items = [
        make_item("tower", "夜の東京タワー", image_details={"extracted_text": ["営業中"]}),
        make_item("cat", "窓辺の黒猫🐈‍⬛"),
        make_item("run", "She runs past the Café", media_metadata={"hashtags": ["#run"]}),
    ]
    for item in items:
        with conn.transaction():
            project_analysis(
                conn, "alice", replace(item, original_filename="scan_invoice.pdf" if item.item_id == "run" else "")
            )
    assert ids(search(conn, SearchQuery("alice", query, SearchMode.BM25))) == found


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("the Wi-Fi code", "wifi"),
        ("the WiFi code", "wi-fi"),
        ("the wifi code", "Wi Fi"),
        ("made with Node.js", "nodejs"),
        ("in all 3,410", "3410"),
        ("over the Øresund", "Oresund"),
        ("a night in Łódź", "Lodz"),
        ("Mr O'Brien", "obrien"),
        ("calls getUserName", "username"),
        ("calls getUserName", "getusername"),
        ("learn C++ now", "C++"),
        ("Straße", "strasse"),
        ("state of the art", "state-of-the-art"),
        ("駅", "駅"),
        ("number 42", "42"),
    ],
)
def test_a_word_is_found_however_it_is_written(
    conn: Connection[Any], make_item: MakeItem, written: str, query: str
) -> None:
    for item, text in (("this", written), ("other", "learn C# and C, see the sun")):
        with conn.transaction():
            project_analysis(conn, "alice", make_item(item, text))
    assert ids(search(conn, SearchQuery("alice", query, SearchMode.BM25))) == ["this"]


NASTY = [
    "",
    " ",
    "'",
    '"',
    "'; DROP TABLE documents; --",
    "cat & | ! ( ) : * <-> \\",
    '"unbalanced cat',
    "cat:* AND NOT (bird",
    "%s %(tenant)s {} $1",
    "\x00",
    "cat\x00dog",
    "\ud800",
    "😀👨‍👩‍👧🇯🇵",
    "東京の猫",
    "the and of",
    "x" * 10_000,
    "cat " * 2_500,
    "".join(chr(code) for code in range(1, 3_000)),
    "東" * 10_000,
    " ".join(f"word{number}" for number in range(1_500)),
    "\u202e\u0301\u200d",
]


@pytest.mark.parametrize("mode", [SearchMode.BM25, SearchMode.HYBRID])
def test_any_text_is_a_query(
    conn: Connection[Any], make_item: MakeItem, make_vector: MakeVector, mode: SearchMode
) -> None:
    with conn.transaction():
        project_analysis(conn, "alice", make_item("i1", "a cat and a dog"))
    for text in NASTY:
        hits = search(conn, SearchQuery("alice", text, mode, vector=make_vector(1), model=MODEL))
        assert ids(hits) == (["i1"] if "cat" in text and "cat\x00" not in text else [])


def test_invalid_queries(conn: Connection[Any], make_vector: MakeVector) -> None:
    good = SearchQuery("alice", "cat", vector=make_vector(1), model=MODEL)
    for bad in (
        replace(good, tenant_id=""),
        replace(good, top_k=0),
        replace(good, top_k=1_001),
        replace(good, vector=None),
        replace(good, model=None),
    ):
        with pytest.raises(InvalidQueryError):
            search(conn, bad)
    with pytest.raises(InvalidVectorError):
        search(conn, replace(good, vector=[0.0] * 1024))


def test_a_large_tenant_is_searched_by_its_own_index(
    conn: Connection[Any], collection: Collection, make_vector: MakeVector
) -> None:
    ranking = Ranking(exact_limit=50)
    conn.execute("SET statement_timeout = 20000")
    assert maintain_vector_indexes(conn, exact_limit=50) == ["alice"]
    assert maintain_vector_indexes(conn, exact_limit=50) == []
    assert conn.execute("SHOW statement_timeout").fetchone() == ("20s",)
    conn.execute("ANALYZE vectors")

    query = SearchQuery("alice", "cat", SearchMode.VECTOR, make_vector(5), MODEL, top_k=10, min_similarity=-1)
    assert search(conn, query, ranking) == search(conn, query)
    assert search(conn, replace(query, mode=SearchMode.HYBRID), ranking) == search(
        conn, replace(query, mode=SearchMode.HYBRID)
    )
    photos = replace(query, filters=Filters(category="photo"))
    assert search(conn, photos, ranking) == search(conn, photos)

    assert "vectors_hnsw_" in plan(conn, "alice", approximate=True)
    assert "vectors_hnsw_" not in plan(conn, "bob", approximate=True)
    assert "vectors_hnsw_" not in plan(conn, "alice", approximate=False)

    # Repeated, because psycopg would by then have prepared the statement with a plan for any tenant.
    before = index_scans(conn)
    for _ in range(12):
        search(conn, query, ranking)
    assert index_scans(conn) == before + 12
    search(conn, query)
    assert index_scans(conn) == before + 12

    conn.execute("DROP INDEX " + "vectors_hnsw_" + sha256(b"alice").hexdigest()[:24])
    assert maintain_vector_indexes(conn, exact_limit=50) == ["alice"], "what a rebuild of the table has not brought"
    assert maintain_vector_indexes(conn, exact_limit=1_000) == ["alice"]
    assert "vectors_hnsw_" not in plan(conn, "alice", approximate=True)


def test_an_index_is_built_above_the_limit_and_dropped_below_four_fifths_of_it(
    conn: Connection[Any], collection: Collection
) -> None:
    limits = {"statement_timeout": "20s", "transaction_timeout": "30s", "lock_timeout": "10s"}
    for name, value in limits.items():
        conn.execute(f"SET {name} = '{value}'".encode())
    assert maintain_vector_indexes(conn, exact_limit=60) == []
    assert maintain_vector_indexes(conn, exact_limit=29) == ["alice", "bob"]
    names = {tenant: f"vectors_hnsw_{sha256(tenant.encode()).hexdigest()[:24]}" for tenant in ("alice", "bob")}
    rows = conn.execute("SELECT tenant_id, name FROM vector_indexes ORDER BY tenant_id").fetchall()
    assert [tuple(row) for row in rows] == list(names.items())
    built = conn.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'vectors_hnsw_%'").fetchall()
    assert {name for (name,) in built} == set(names.values())
    assert maintain_vector_indexes(conn, exact_limit=75) == ["bob"], "sixty are four fifths of it"
    assert maintain_vector_indexes(conn, exact_limit=76) == ["alice"]
    assert conn.execute("SELECT count(*) FROM vector_indexes").fetchone() == (0,)
    assert {name: conn.execute(f"SHOW {name}".encode()).fetchone() for name in limits} == {
        name: (value,) for name, value in limits.items()
    }
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    assert conn.execute(held).fetchone() == (0,)


def test_the_index_of_a_tenant_whose_rows_are_all_gone_is_dropped(
    conn: Connection[Any], collection: Collection
) -> None:
    maintain_vector_indexes(conn, exact_limit=1)
    named = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'vectors_hnsw_%'"
    assert conn.execute(named).fetchall()
    conn.execute("DELETE FROM vector_indexes")
    conn.execute("DELETE FROM tenant_stats")
    maintain_vector_indexes(conn, exact_limit=1)
    assert conn.execute(named).fetchall() == []


def index_scans(conn: Connection[Any]) -> int:
    conn.execute("SELECT pg_stat_force_next_flush()")
    query = "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'vectors_hnsw_%'"
    ((count,),) = conn.execute(query).fetchall()
    return int(count)


def plan(conn: Connection[Any], tenant: str, *, approximate: bool) -> str:
    statement = search_statement(SearchMode.VECTOR, approximate=approximate)
    parameters = {
        "tenant": tenant,
        "model": MODEL,
        "vector": unit_vector([1.0] * 1024),
        "min_similarity": 0,
        "tokens": [],
        "vector_alone": True,
        "fetch": 10,
        "ranked": 10,
    }
    with conn.transaction():
        conn.execute(INDEX_SETTINGS, {"ef_search": 100, "max_scan_tuples": 40_000})
        explain = b"EXPLAIN " + statement.as_bytes(conn)
        lines = vector_cursor(conn, tuple_row).execute(explain, parameters, prepare=False).fetchall()
    return "\n".join(line for (line,) in lines)
