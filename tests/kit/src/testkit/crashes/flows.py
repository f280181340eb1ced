"""Flows: what a function of a service is asked to do, and what has happened before."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from testkit.contract_tests.delivery import object_keys, with_fresh_ids
from testkit.contract_tests.examples import published_version_cases
from testkit.crashes.stage import Stage
from testkit.crashes.traces import Case
from testkit.crashes.work import Messages, Work
from workspace import REPOSITORY


@dataclass(frozen=True)
class Flow:
    """`work` is what is disturbed; `before` is done without faults, in the same case."""

    name: str
    service: str
    function: str
    work: Callable[[Stage, Case, bytes], Work]
    before: Sequence[Callable[[Stage, Case, bytes], Work]] = ()

    def __str__(self) -> str:
        return f"{self.service}: {self.name}"


def facts(*names: str, entry: str = "on_events") -> Callable[[Stage, Case, bytes], Work]:
    """Messages of the queue with the newest golden example of each fact, about the case."""

    def work(stage: Stage, case: Case, picture: bytes) -> Work:
        documents = [_document(name, stage.service, case) for name in names]
        stage.put_pictures((key for document in documents for key in object_keys(document["data"])), picture)
        return Messages(entry, case, [_enveloped(document) for document in documents])

    return work


def _document(fact: str, consumer: str, case: Case) -> dict[str, Any]:
    *_, newest = published_version_cases(REPOSITORY / "contracts", f"collections.{fact}")
    example = next(each for _, each in sorted(newest.documents().items()) if "replayid" not in each)
    return with_fresh_ids(example, consumer, tenant=case.tenant, subject=case.subject)


def _enveloped(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": document["source"], "detail-type": document["type"], "detail": document}


_UPLOADED, _PROCESSED = "ingest.item-uploaded.v1", "imaging.image-processed.v1"
_ANALYZED, _EMBEDDED = "analysis.item-analyzed.v1", "embedding.item-embedded.v1"
_DELETED = "ingest.item-deleted.v1"

FLOWS = (
    Flow("process a picture", "imaging", "events", facts(_UPLOADED)),
    Flow("remove renditions", "imaging", "events", facts(_DELETED), [facts(_UPLOADED)]),
)
