"""Time from upload to searchable: one picture at a time, and a hundred at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from mesh.client import FINAL_STATUSES, Api, Json

_PATIENCE_S: Final = 60.0
_EVERY_S: Final = 0.03
_CROWD_EVERY_S: Final = 0.5
CROWD_TIMEOUT_S: Final = 600.0
#: Names of the stages of an item's history, by the type of the event that ends each.
_STAGES: Final[Mapping[str, str]] = {
    "collections.imaging.image-processed.v1": "uploaded to processed",
    "collections.analysis.item-analyzed.v1": "processed to analysed",
    "collections.embedding.item-embedded.v1": "analysed to embedded",
}


class LostPictureError(Exception):
    """A picture did not become searchable; the message has its status."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One picture's timing: total seconds, and seconds of each stage in order."""

    item_id: str
    seconds: float
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many pictures at once: seconds until all were uploaded, and until each reached a final status or timed out."""

    item_ids: tuple[str, ...]
    uploading_s: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """The results of a crowd: pictures that no search finds, by id with their status; seconds by stage."""

    lost: Mapping[str, str]
    stages: Mapping[str, Sequence[float]]


def travel(api: Api, picture: Path) -> Journey:
    """Upload a picture and wait until it is searchable by status and by search. Raises LostPictureError."""
    begun = time.monotonic()
    item_id = api.upload(picture)["id"]
    uploaded = time.monotonic()
    item = _await_end(api, item_id, begun)
    settled = time.monotonic()
    while item_id not in found_by_search(api, item):
        if time.monotonic() - begun > _PATIENCE_S:
            raise LostPictureError(f"item {item_id} is {item['status']}, but no search finds it")
        time.sleep(_EVERY_S)
    done = time.monotonic()
    stages = {
        "upload request": uploaded - begun,
        **stages_of(api, item_id),
        "search request": done - settled,
    }
    # Not marked by an event: delivery of the last event to ingest, and the client's request.
    stages["embedded to status seen"] = max(done - begun - sum(stages.values()), 0)
    return Journey(item_id, done - begun, stages)


def _await_end(api: Api, item_id: str, begun: float) -> Json:
    while (item := api.item(item_id))["status"] not in FINAL_STATUSES:
        if time.monotonic() - begun > _PATIENCE_S:
            raise LostPictureError(f"item {item_id} is still {item['status']} after {_PATIENCE_S:.0f} s")
        time.sleep(_EVERY_S)
    if item["status"] != "searchable":
        raise LostPictureError(f"item {item_id} is {item['status']}: {item['status_reason']}")
    return item


def found_by_search(api: Api, item: Json) -> set[str]:
    """Ids found by a search for the item's own headline, which has a unique mark."""
    headline = item["latest_analysis"]["raw_response"]["headline"]
    answer = api.search(headline, search_type="hybrid", top_k=10, include_answer=False)
    return {result["item_id"] for result in answer["results"]}


def stages_of(api: Api, item_id: str) -> dict[str, float]:
    """Seconds between the events of an item's history."""
    history = api.json("GET", f"/items/{item_id}/events")
    events = history["events"] if isinstance(history, dict) else history
    times = [(event["type"], datetime.fromisoformat(event["time"])) for event in events]
    return {
        _STAGES[after]: (later - earlier).total_seconds()
        for (_, earlier), (after, later) in pairwise(times)
        if after in _STAGES
    }


def travel_together(
    api: Api, pictures: Sequence[Path], *, uploaders: int = 4, timeout_s: float = CROWD_TIMEOUT_S
) -> Crowd:
    """Upload many pictures, several at a time, and wait until each reaches a final status, or times out."""
    begun = time.monotonic()
    with ThreadPoolExecutor(uploaders) as pool:
        ids = tuple(item["id"] for item in pool.map(api.upload, pictures))
    uploaded = time.monotonic()
    waiting = set(ids)
    while time.monotonic() - begun < timeout_s:
        waiting -= {item["id"] for item in api.items() if item["status"] in FINAL_STATUSES}
        if not waiting:
            break
        time.sleep(_CROWD_EVERY_S)
    return Crowd(ids, uploaded - begun, time.monotonic() - begun)


def inspect(api: Api, crowd: Crowd) -> Inspection:
    """Search for each picture, and read the stages from its history."""
    lost: dict[str, str] = {}
    stages: defaultdict[str, list[float]] = defaultdict(list)
    items = {item["id"]: item for item in api.items()}
    for item_id in crowd.item_ids:
        item = items.get(item_id)
        if item is None or item["status"] != "searchable" or item_id not in found_by_search(api, item):
            lost[item_id] = item["status"] if item else "not listed"
            continue
        for stage, seconds in stages_of(api, item_id).items():
            stages[stage].append(seconds)
    return Inspection(lost, stages)
