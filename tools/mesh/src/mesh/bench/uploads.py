"""From an uploaded picture to one that a search finds: one at a time, and a hundred at once."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from mesh.client import FINAL_STATUSES, Api, Json

_PATIENCE_S: Final = 60.0
_EVERY_S: Final = 0.03
#: What happens between two events of an item's history, by the later event's type.
_STAGES: Final[Mapping[str, str]] = {
    "collections.imaging.image-processed.v1": "uploaded to processed",
    "collections.analysis.item-analyzed.v1": "processed to analysed",
    "collections.embedding.item-embedded.v1": "analysed to embedded",
}


class LostPictureError(Exception):
    """A picture did not become searchable; the message says where it stands."""


@dataclass(frozen=True, slots=True)
class Journey:
    """One picture's way: seconds in all, and seconds of each stage in their order."""

    item_id: str
    seconds: float
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many pictures at once: seconds until all were uploaded, and until all were searchable; stages of each."""

    uploading_s: float
    seconds: float
    stages: Mapping[str, list[float]] = field(default_factory=dict)

    def medians(self) -> dict[str, float]:
        """The median of each stage."""
        return {stage: median(times) for stage, times in self.stages.items()}


def travel(api: Api, picture: Path) -> Journey:
    """Upload a picture and wait until its status and a search say that it is searchable. Raises LostPictureError."""
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
    # What no event marks: the way of the last one to ingest's status, and of the client's question.
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
    """Ids of what a search for the item's own headline finds (it has a mark that no other item has)."""
    headline = item["latest_analysis"]["raw_response"]["headline"]
    answer = api.search(headline, search_type="hybrid", top_k=10, include_answer=False)
    return {result["item_id"] for result in answer["results"]}


def stages_of(api: Api, item_id: str) -> dict[str, float]:
    """Seconds between the events of an item's history."""
    told = api.json("GET", f"/items/{item_id}/events")
    events = told["events"] if isinstance(told, dict) else told
    times = [(event["type"], datetime.fromisoformat(event["time"])) for event in events]
    return {
        _STAGES[after]: (later - earlier).total_seconds()
        for (_, earlier), (after, later) in pairwise(times)
        if after in _STAGES
    }


def travel_together(api: Api, pictures: Sequence[Path], *, uploaders: int = 4, timeout_s: float = 600) -> Crowd:
    """Upload many pictures, several at a time, and wait until a search finds each. Raises LostPictureError."""
    begun = time.monotonic()
    with ThreadPoolExecutor(uploaders) as pool:
        ids = [item["id"] for item in pool.map(api.upload, pictures)]
    uploaded = time.monotonic()
    waiting = set(ids)
    while waiting:
        stand = {item["id"]: item for item in api.items() if item["id"] in waiting}
        waiting -= {item_id for item_id, item in stand.items() if item["status"] in FINAL_STATUSES}
        if waiting and time.monotonic() - begun > timeout_s:
            raise LostPictureError(f"{len(waiting)} of {len(ids)} pictures did not get through in {timeout_s:.0f} s")
        time.sleep(0.5 if waiting else 0)
    done = time.monotonic()
    stages: defaultdict[str, list[float]] = defaultdict(list)
    of_this_run = [item for item in api.items() if item["id"] in set(ids)]
    for item in of_this_run:
        if item["status"] != "searchable":
            raise LostPictureError(f"item {item['id']} is {item['status']}: {item['status_reason']}")
        if item["id"] not in found_by_search(api, item):
            raise LostPictureError(f"item {item['id']} is searchable, but no search finds it")
        for stage, seconds in stages_of(api, item["id"]).items():
            stages[stage].append(seconds)
    if len(of_this_run) != len(ids):
        raise LostPictureError(f"{len(ids)} pictures were taken, {len(of_this_run)} are listed")
    return Crowd(uploaded - begun, done - begun, stages)
