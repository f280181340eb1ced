"""What is measured on the golden set, its baseline, and what has become worse."""

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from psycopg import Connection

from benchmarks.golden.asking import MODEL, Collection, Found, items, queries
from benchmarks.golden.fitting import fit, told
from benchmarks.golden.fusion import Fit, fit_fusion, legs_of, scored
from benchmarks.golden.making import SEED, Item, is_held_out
from benchmarks.golden.places import BASELINE
from benchmarks.search import MIGRATIONS
from localmesh.postgres import Postgres
from mesh.evaluate.scoring import Query, Report
from retrieval.confidence import Thresholds
from retrieval.query import DEFAULT_RANKING, Fusion, Ranking, SearchMode
from retrieval.text import document_tokens

MAX_DROP = 0.01
THRESHOLDS = Thresholds(similarity={MODEL: 0.37})
"""Fitted on the half that is not held out, for the AI provider emulator's embedder (`--fit`)."""
WAYS: dict[str, tuple[SearchMode, Ranking]] = {
    "hybrid": (SearchMode.HYBRID, DEFAULT_RANKING),
    "bm25": (SearchMode.BM25, DEFAULT_RANKING),
    "vector": (SearchMode.VECTOR, DEFAULT_RANKING),
    "rrf": (SearchMode.HYBRID, replace(DEFAULT_RANKING, fusion=Fusion.RRF, bm25_weight=0.3, vector_weight=0.7)),
}
_WORDS = 200


@contextmanager
def loaded(dsn: str | None = None) -> Iterator[Collection]:
    """The golden items in a database of their own: an empty one with pgvector in `public`, else a server is started."""
    with ExitStack() as stack:
        if dsn is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="collections-golden-"))
            dsn = stack.enter_context(Postgres(Path(folder), fast=True)).dsn()
        conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        _create(conn)
        yield Collection(conn, items())


def _create(conn: Connection[Any]) -> None:
    for extension in ("vector", "pg_trgm"):
        conn.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public")
    conn.execute("CREATE SCHEMA golden")
    conn.execute("SET search_path = golden, public")
    for migration in sorted(MIGRATIONS.glob("*.sql")):
        conn.execute(migration.read_bytes())


def held_out(found: Sequence[Found], *, held: bool = True) -> list[Found]:
    """The answers to the queries that are held out, or to the others."""
    return [each for each in found if is_held_out(each.query.id) is held]


def measure(collection: Collection) -> dict[str, Any]:
    """By way of searching NDCG@10 of the held-out queries, by kind; and the goals, all between 0 and 1."""
    asked = queries().queries
    found = {way: collection.ask(asked, *how) for way, how in WAYS.items()}
    reports = {way: collection.report(way, held_out(each), THRESHOLDS) for way, each in found.items()}
    tells = told(held_out(found["hybrid"]), THRESHOLDS)
    return {
        "ndcg": {way: _by_kind(report) for way, report in reports.items()},
        "goals": {
            "no_result": round(tells.no_result, 4),
            "given_up": round(tells.given_up, 4),
            "typo_cost": round(_typo_cost(collection.report("all", found["hybrid"], THRESHOLDS)), 4),
            "unique_words_first": round(unique_words_first(collection, items()), 4),
        },
    }


def _by_kind(report: Report) -> dict[str, float]:
    kinds = {kind: report.figures(kind) for kind in report.kinds()}
    every = {"all": report.figures(), **{kind: figures for kind, figures in kinds.items() if figures}}
    return {kind: round(figures["ndcg"].mean, 4) for kind, figures in every.items()}


def _typo_cost(report: Report) -> float:
    """How much NDCG a mistake costs, beside the same query without it."""
    values = {scored.id: scored.values.get("ndcg", 0.0) for scored in report.queries}
    pairs = [(value, values["multi-" + name[5:]]) for name, value in values.items() if name.startswith("typo-")]
    return statistics.fmean(right - wrong for wrong, right in pairs)


def unique_words_first(collection: Collection, made: Sequence[Item]) -> float:
    """Of a sample of the words that stand in one item only, the share for which a hybrid search puts it first."""
    frequency = Counter(token for item in made for token in set(document_tokens(item.text)))
    unique = [
        Query(id=f"{item.original_filename} {word}", text=word, kind="word", relevant={item.original_filename: 1})
        for item in made
        for word in dict.fromkeys(item.text.split())
        if word.isalnum() and len(word) > 3 and document_tokens(word) and frequency[document_tokens(word)[0]] == 1
    ]
    sample = Random(SEED).sample(unique, _WORDS)
    found = collection.ask(sample)
    return statistics.fmean(bool(each.hits) and collection.name(each.hits[0]) in each.query.relevant for each in found)


def fusions(collection: Collection) -> dict[str, Any]:
    """NDCG@10 of both halves: of the defaults, of what fits one best, and of the best of one weight for all queries."""
    legs = legs_of(collection, queries().queries)
    halves = [[each for each in legs if is_held_out(each.query.id) is held] for held in (False, True)]
    fits = {
        "defaults": scored(DEFAULT_RANKING, *halves),
        "best": fit_fusion(*halves),
        "best of one weight for all queries": fit_fusion(*halves, powers=[0]),
    }
    return {name: _shown(fit) for name, fit in fits.items()}


def _shown(fit: Fit) -> dict[str, float]:
    ranking = fit.ranking
    return {
        "weight of words": ranking.bm25_weight,
        "power": ranking.coverage_power,
        "bonus of the written form": ranking.exact_bonus,
        "fitted": fit.fitted,
        "held out": fit.held_out,
    }


def fitted(collection: Collection) -> dict[str, Any]:
    """Thresholds fitted on one half, and how well they tell on it and on the other."""
    found = collection.ask(queries().queries)
    thresholds = fit(held_out(found, held=False))
    halves = {"fitted": held_out(found, held=False), "held out": held_out(found)}
    shares = {half: told(each, thresholds) for half, each in halves.items()}
    return {
        "similarity": thresholds.similarity[MODEL],
        **{half: {"no_result": tells.no_result, "given_up": tells.given_up} for half, tells in shares.items()},
    }


def drops(now: dict[str, Any], before: dict[str, Any] | None = None) -> list[str]:
    """What is worse than the baseline by more than `MAX_DROP`, in words."""
    known = before or json.loads(BASELINE.read_text(encoding="utf-8"))
    pairs = [
        (f"NDCG@10 of {way}, {kind}", now["ndcg"][way][kind] - value)
        for way, kinds in known["ndcg"].items()
        for kind, value in kinds.items()
    ]
    less_is_better = {"given_up", "typo_cost"}
    pairs += [
        (name, (now["goals"][name] - value) * (-1 if name in less_is_better else 1))
        for name, value in known["goals"].items()
    ]
    return [f"{name} is {-change:.3f} worse than the baseline" for name, change in pairs if change < -MAX_DROP]
