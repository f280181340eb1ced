"""Search latency for a tenant of n items, beside numpy's dot product over the same vectors in the same run.

Starts a separate Postgres with little memory, unless given one. Texts are synthetic (80 words of 50,000, Zipf)
and vectors low-rank clusters with noise: this measures speed, not relevance. Times are milliseconds as the caller sees
them. Compare the ratio to numpy, not the times: a busy machine slows both. Tenants above `Ranking.exact_limit` are
searched by their HNSW index. `with facets` is a hybrid search for photos, six of ten items, and counts three facets.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection

from localmesh.postgres import Postgres
from retrieval import (
    AnalyzedItem,
    Filters,
    SearchMode,
    SearchQuery,
    maintain_vector_indexes,
    project_analysis,
    project_vector,
    search,
    search_and_count,
)
from workspace import REPOSITORY

MIGRATIONS = REPOSITORY / "services/lib/retrieval/migrations"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = "3f2b1c9e-0000-4000-8000-{size:012}"
FACETS = ("category", "place", "tag")
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Data:
    """One tenant's items; rows of `vectors` and `texts` belong together."""

    tenant: str
    items: list[str]
    texts: list[str]
    vectors: Vectors


def make_data(size: int, random: np.random.Generator) -> Data:
    # Zipf without stop words: the most frequent word is in one document of five, not in all.
    shares = 1 / (np.arange(50_000) + 30)
    words = random.choice(50_000, p=shares / shares.sum(), size=(size, 80))
    topics = random.normal(size=(20, 100)) @ random.normal(size=(100, 1024))
    vectors = topics[random.integers(20, size=size)] + 0.7 * random.normal(size=(size, 100)) @ random.normal(
        size=(100, 1024)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Data(
        TENANT.format(size=size),
        [f"{size:08}-0000-4000-8000-{number:012}" for number in range(size)],
        [" ".join(f"w{word}" for word in row) for row in words],
        vectors.astype(np.float32),
    )


def described(number: int, text: str) -> dict[str, Any]:
    """Six of ten items are photos; there are 8 places, of which each has one, and 40 tags, of which each has two."""
    media = {"location_tags": [f"city {number % 8}"], "hashtags": [f"t{number % 40}", f"t{number * 7 % 40}"]}
    category = "photo" if number % 10 < 6 else "receipt"
    return {"category": category, "headline": "", "summary": text, "media_metadata": media}


def load(conn: Connection[Any], data: Data) -> tuple[float, float]:
    """Project everything, one transaction each; milliseconds per analysis and per vector."""
    started = time.perf_counter()
    for number, (item, text) in enumerate(zip(data.items, data.texts, strict=True)):
        description = described(number, text)
        with conn.transaction():
            project_analysis(conn, data.tenant, AnalyzedItem(item, 1, item, NOW, f"{item}.png", "", description))
    between = time.perf_counter()
    for item, vector in zip(data.items, data.vectors.tolist(), strict=True):
        with conn.transaction():
            project_vector(conn, data.tenant, item, vector=vector, model="m", analysis_version=1, embedded_at=NOW)
    ended = time.perf_counter()
    count = len(data.items) / 1000
    return (between - started) / count, (ended - between) / count


def measure(run: Callable[[int], object], count: int) -> list[float]:
    for number in range(3):
        run(number)
    times = []
    for number in range(count):
        started = time.perf_counter()
        run(number)
        times.append(1000 * (time.perf_counter() - started))
    return sorted(times)


def shown(times: list[float]) -> str:
    return f"{statistics.median(times):7.2f} /{times[int(0.95 * len(times))]:7.2f}"


def bench(conn: Connection[Any], data: Data, count: int, random: np.random.Generator) -> None:
    asked = random.integers(len(data.items), size=count)
    noisy = data.vectors[asked] + random.normal(size=(count, 1024)).astype(np.float32) * 0.02
    texts = [" ".join(random.permutation(data.texts[row].split())[:4]) for row in asked]
    queries = [
        SearchQuery(data.tenant, text, SearchMode.HYBRID, vector, "m")
        for text, vector in zip(texts, noisy.tolist(), strict=True)
    ]
    dot = measure(lambda number: np.argpartition(-(data.vectors @ noisy[number % count]), 9), count)
    asked_by = {mode: [replace(query, mode=mode) for query in queries] for mode in SearchMode}
    found = {mode: measure(searching(conn, asked_by[mode]), count) for mode in SearchMode}
    narrowed = [replace(query, filters=Filters(category="photo")) for query in queries]
    counted = measure(lambda number: search_and_count(conn, narrowed[number % count], FACETS), count)
    hits = recall(conn, data, queries, noisy)
    vector = found[SearchMode.VECTOR]
    columns = [shown(times) for times in (found[SearchMode.BM25], vector, found[SearchMode.HYBRID], counted, dot)]
    ratio = statistics.median(vector) / statistics.median(dot)
    print(f"{len(data.items):>7,} |", " | ".join(columns), f"| {ratio:6.1f}x | {hits:.3f}")


def searching(conn: Connection[Any], queries: list[SearchQuery]) -> Callable[[int], object]:
    return lambda number: search(conn, queries[number % len(queries)])


def recall(conn: Connection[Any], data: Data, queries: list[SearchQuery], noisy: Vectors) -> float:
    """The share of the true ten nearest (float32) that the vector search finds."""
    shares = []
    for query, vector in zip(queries, noisy, strict=True):
        nearest = {data.items[row] for row in np.argsort(-(data.vectors @ vector))[:10]}
        found = {hit.item_id for hit in search(conn, replace(query, mode=SearchMode.VECTOR))}
        shares.append(len(nearest & found) / len(nearest))
    return statistics.mean(shares)


def table_size(conn: Connection[Any], documents: int) -> str:
    names = ("documents", "postings", "vectors")
    sizes = conn.execute(
        "SELECT pg_total_relation_size(t::regclass) FROM unnest(%s::text[]) t", (list(names),)
    ).fetchall()
    return ", ".join(f"{name} {size / documents / 1024:.1f} kB" for name, (size,) in zip(names, sizes, strict=True))


def run(conn: Connection[Any], sizes: list[int], count: int) -> None:
    random = np.random.default_rng(1)
    conn.execute("CREATE SCHEMA bench")
    conn.execute("SET search_path = bench, public")
    for migration in sorted(MIGRATIONS.glob("*.sql")):
        conn.execute(migration.read_bytes())
    tenants = [make_data(size, random) for size in sizes]
    for data in tenants:
        analysis, vector = load(conn, data)
        print(f"projected {len(data.items):,}: {analysis:.2f} ms an analysis, {vector:.2f} ms a vector")
    started = time.perf_counter()
    indexed = maintain_vector_indexes(conn)
    print(f"HNSW indexes built: {len(indexed)}, {time.perf_counter() - started:.1f} s")
    conn.execute("VACUUM ANALYZE")
    print("per document:", table_size(conn, sum(sizes)))
    print("\np50 / p95 ms, top 10")
    columns = (f"{name:^16}" for name in ("bm25", "vector", "hybrid", "with facets", "numpy dot"))
    print("      n |", " | ".join(columns), "| vec/dot | recall@10")
    for data in tenants:
        bench(conn, data, count, random)


def measure_search(sizes: list[int], queries: int, dsn: str | None) -> None:
    """Print the table; `dsn` is an empty database with pgvector in `public`, else a server is started."""
    with ExitStack() as stack:
        if dsn is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="collections-bench-"))
            dsn = stack.enter_context(Postgres(Path(folder), fast=True)).dsn()
        conn = stack.enter_context(psycopg.connect(dsn, autocommit=True))
        for extension in ("vector", "pg_trgm"):
            conn.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} WITH SCHEMA public")
        run(conn, sizes, queries)
