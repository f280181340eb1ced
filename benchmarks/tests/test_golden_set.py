"""The golden set: what its sources say, and that searches find it as well as they did."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.golden.asking import MODEL, Found, items, queries
from benchmarks.golden.fitting import Told, fit, told
from benchmarks.golden.fusion import Legs, fit_fusion, legs_of, mean_ndcg
from benchmarks.golden.long_items import long_items, recall
from benchmarks.golden.making import is_held_out
from benchmarks.golden.measuring import drops, loaded, measure
from benchmarks.golden.places import FOLDER
from benchmarks.golden.writing import contents
from mesh.evaluate.scoring import Query
from retrieval.confidence import Thresholds
from retrieval.query import DEFAULT_RANKING, Hit, ScoreType, SearchMode
from testkit.servers import FreshDatabase

HIT = Hit("a", 1, 0.5, ScoreType.HYBRID, -1.0, 0.5, "", "", "", "", "", "a", 1, {}, "", 0.5)


def test_the_set_is_what_its_sources_make() -> None:
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in contents()} == contents()


def test_the_set_is_large_and_half_of_it_is_held_out() -> None:
    asked, made = queries().queries, items()
    kinds = Counter(query.kind for query in asked)
    names = {item.original_filename for item in made}
    assert len(names) == len(made) >= 300
    assert len(asked) >= 200
    assert kinds["no-result"] >= 40
    assert kinds.keys() >= {"exact", "single", "multi", "semantic", "typo", "filter", "german", "spanish", "japanese"}
    assert all(query.relevant.keys() <= names for query in asked)
    assert 0.4 < sum(is_held_out(query.id) for query in asked) / len(asked) < 0.6


def test_thresholds_are_fitted_to_what_tells_the_two_apart() -> None:
    answered, other = Query(id="1", text="a", kind="x", relevant={"a": 1}), Query(id="2", text="b", kind="x")
    found = [
        Found(answered, [replace(HIT, similarity=0.6, keyword_share=None, bm25=None)], 1.0),
        Found(answered, [replace(HIT, similarity=0.1, coverage=1.0, query_coverage=1.0)], 1.0),
        Found(other, [replace(HIT, similarity=0.3, coverage=0.1, query_coverage=0.4)], 1.0),
    ]
    fitted = fit(found)
    assert 0.5 < fitted.similarity[MODEL] <= 0.6
    assert told(found, fitted) == Told(1.0, 0.0)
    assert told(found, Thresholds(similarity={MODEL: 0.65})) == Told(1.0, 1.0)
    assert told(found, Thresholds(similarity={MODEL: 0.5})) == Told(0.0, 0.0)


def two_items(wanted: str, coverage: float, *, is_written: bool = False) -> Legs:
    """`words` is what words favour, `meaning` what is nearest."""
    query = Query(id=wanted, text=wanted, kind="x", relevant={wanted: 1})
    written = np.array([0.0, float(is_written)])
    return Legs(query, ["meaning", "words"], np.array([0.0, 0.4]), written, np.array([0.9, 0.1]), coverage)


def test_the_fusion_is_as_the_ranking_says() -> None:
    known = two_items("words", 1.0)
    assert known.best(replace(DEFAULT_RANKING, exact_bonus=0)) == ["words", "meaning"]
    assert known.best(replace(DEFAULT_RANKING, bm25_weight=0.6, vector_weight=0.4)) == ["meaning", "words"]
    written = two_items("words", 1.0, is_written=True)
    assert written.best(replace(DEFAULT_RANKING, bm25_weight=0.6, vector_weight=0.4, exact_bonus=0.2)) == [
        "words",
        "meaning",
    ]
    unknown = two_items("meaning", 0.5)
    assert unknown.best(DEFAULT_RANKING) == ["meaning", "words"]
    assert unknown.best(replace(DEFAULT_RANKING, coverage_power=0)) == ["words", "meaning"]


def test_a_fusion_is_fitted_on_one_half_and_scored_on_the_other() -> None:
    fit = fit_fusion([two_items("words", 1.0), two_items("meaning", 0.9)], [two_items("meaning", 1.0)])
    assert fit.fitted == 1.0
    assert fit.held_out < 1.0
    assert fit.ranking.coverage_power > 0
    alone = fit_fusion([two_items("words", 1.0)], [two_items("words", 1.0)])
    assert alone.ranking == DEFAULT_RANKING
    both = [two_items("words", 1.0), two_items("meaning", 0.9)]
    assert fit_fusion(both, both, powers=[0]).fitted < 1.0


def test_a_drop_is_named_and_a_rise_is_none() -> None:
    before = {"ndcg": {"bm25": {"all": 0.5}}, "goals": {"typo_cost": 0.01, "no_result": 0.5}}
    after = {"ndcg": {"bm25": {"all": 0.48}}, "goals": {"typo_cost": 0.03, "no_result": 0.6}}
    assert drops(before, before) == []
    assert drops(after, before) == [
        "NDCG@10 of bm25, all is 0.020 worse than the baseline",
        "typo_cost is 0.020 worse than the baseline",
    ]


@pytest.mark.integration
@pytest.mark.scheduled
def test_searches_find_as_well_as_they_did(fresh_database: FreshDatabase) -> None:
    with loaded(fresh_database.dsn) as collection:
        measured = measure(collection)
        assert drops(measured) == []
        offline = legs_of(collection, [query for query in queries().queries if is_held_out(query.id)])
        assert mean_ndcg(offline, DEFAULT_RANKING) == pytest.approx(measured["ndcg"]["hybrid"]["all"], abs=1e-4)
        pages, asked = long_items()
        collection.add(pages)
        assert recall(collection, asked, SearchMode.HYBRID, with_passages=False) < 0.1, "the beginning has nothing"
        assert recall(collection, asked, SearchMode.HYBRID) > 0.55
        assert recall(collection, asked, SearchMode.VECTOR) > 0.55
