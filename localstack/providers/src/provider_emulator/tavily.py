"""Tavily's wire format: a web search over a small corpus of documents written for this project."""

import functools
import json
import time
import uuid
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import urlsplit

from provider_emulator.errors import BadRequestError
from provider_emulator.exchange import Outcome, Task
from provider_emulator.faults import Provider
from provider_emulator.prompt import JsonObject, Kind
from provider_emulator.text_embedding import DEFAULT_DIMENSIONS
from provider_emulator.wire import list_field, text_field
from provider_emulator.words import content_words, overlap, sentences

_MOST_RESULTS = 20
_OVERLAP_WEIGHT = 0.3
_LEAST_SCORE = 0.15


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the built-in web."""

    url: str
    title: str
    content: str

    @property
    def text(self) -> str:
        return f"{self.title}. {self.content}"


class TavilyDialect:
    """Errors as `{"detail": {"error": "..."}}`."""

    provider: Provider = "tavily"

    def error(self, status: int, message: str, param: str | None) -> JsonObject:
        return {"detail": {"error": message}}


@functools.cache
def pages() -> tuple[Page, ...]:
    """The packaged corpus: travel, food, museums, technology."""
    rows = json.loads(files(__package__).joinpath("data/web_documents.json").read_text(encoding="utf-8"))
    return tuple(Page(row["url"], row["title"], row["content"]) for row in rows)


async def search(task: Task) -> Outcome:
    """POST /tavily/search: pages by meaning and shared words, best first; nothing below a score of 0.15."""
    started = time.perf_counter()
    query = text_field(task.body, "query")
    limit = task.body.get("max_results")
    if limit is None:
        limit = 5
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= _MOST_RESULTS:
        raise BadRequestError(f"max_results must be an integer of 0 to {_MOST_RESULTS}")
    include, exclude = _domains(task.body, "include_domains"), _domains(task.body, "exclude_domains")
    chosen = [page for page in pages() if (not include or _within(page, include)) and not _within(page, exclude)]
    results = await _ranked(task, query, chosen, limit)
    summary = sentences(results[0]["content"])[0] if results and task.body.get("include_answer") else None
    return Outcome(
        Kind.WEB_SEARCH,
        {
            "query": query,
            "follow_up_questions": None,
            "answer": summary,
            "images": [],
            "results": results,
            "response_time": round(time.perf_counter() - started, 3),
            "request_id": str(uuid.uuid4()),
        },
    )


async def _ranked(task: Task, query: str, chosen: list[Page], limit: int) -> list[JsonObject]:
    if not chosen or not limit:
        return []
    vectors = await task.engine.embed([query, *(page.text for page in chosen)], DEFAULT_DIMENSIONS)
    cosines = (vectors[1:] @ vectors[0]).tolist()
    terms = content_words(query)
    scored = []
    for page, cosine in zip(chosen, cosines, strict=True):
        score = (1 - _OVERLAP_WEIGHT) * max(cosine, 0.0) + _OVERLAP_WEIGHT * overlap(terms, page.text)
        if score >= _LEAST_SCORE:
            scored.append((round(score, 5), page))
    scored.sort(key=lambda each: (-each[0], each[1].url))
    raw = bool(task.body.get("include_raw_content"))
    return [
        {
            "url": page.url,
            "title": page.title,
            "content": page.content,
            "score": score,
            "raw_content": page.text if raw else None,
        }
        for score, page in scored[:limit]
    ]


def _domains(body: JsonObject, name: str) -> list[str]:
    domains = list_field(body, name)
    if not all(isinstance(domain, str) for domain in domains):
        raise BadRequestError(f"{name} must be a list of domains")
    return [domain.lower().removeprefix("www.") for domain in domains]


def _within(page: Page, domains: list[str]) -> bool:
    host = urlsplit(page.url).hostname or ""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
