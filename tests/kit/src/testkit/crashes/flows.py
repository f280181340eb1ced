"""Flows: what a function of a service is asked to do, and what has happened before.

There is one for everything that writes: each queue's function, each request and schedule that records something, the
relay and a replay.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from chassis.queue.entry import REPLAYED
from contracts.envelope import format_time
from testkit.contract_tests.delivery import object_keys, with_fresh_ids
from testkit.contract_tests.examples import published_version_cases
from testkit.crashes.stage import Stage, subscribe
from testkit.crashes.traces import Case
from testkit.crashes.work import Messages, Request, Scheduled, Unpublished, Work
from workspace import REPOSITORY

#: What is to be done in a case.
Makes = Callable[[Stage, Case], Work]


@dataclass(frozen=True)
class Flow:
    """`work` is what is disturbed, together with what clears up behind it; `before` is done without faults."""

    name: str
    service: str
    function: str
    work: Makes
    before: Sequence[Makes] = ()
    afterwards: Sequence[Makes] = ()
    #: Its work is not that of one tenant: cases would do each other's.
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.service}: {self.name}"


def facts(*names: str, entry: str = "on_events", ago: timedelta = timedelta(0), **data: Any) -> Makes:
    """Messages of the queue: the newest golden example of each fact, about the case, with these fields of its data."""

    def make(stage: Stage, case: Case) -> Work:
        documents = [_example(name, stage.service, case) for name in names]
        for document in documents:
            document["data"] |= data
            document["time"] = format_time(datetime.now(UTC) - ago)
            _put_pictures(stage, object_keys(document["data"]))
        return Messages(entry, case, [_enveloped(document) for document in documents])

    return make


def reprocessed(name: str, **how: str) -> Makes:
    """The newest golden example of the fact about the case, replayed so that it is reacted to as ordered.

    Every one of a case is of a replay of its own, and of the case's run.
    """

    def make(stage: Stage, case: Case) -> Work:
        document = _example(name, stage.service, case)
        _put_pictures(stage, object_keys(document["data"]))
        replay = {"replayid": str(uuid.uuid4()), "replayfor": stage.service, "replaykind": "reprocess"}
        document |= replay | {"replaybudget": "50.000000", "replayforce": "false", "replayrun": case.subject} | how
        return Messages("on_events", case, [_enveloped(document)])

    return make


def about_the_tenant(name: str) -> Makes:
    """A message of the queue: the newest golden example of the fact, whose subject is the case's tenant."""

    def make(stage: Stage, case: Case) -> Work:
        document = _example(name, stage.service, case)
        document |= {"subject": case.tenant, "time": format_time(datetime.now(UTC))}
        return Messages("on_events", case, [_enveloped(document)])

    return make


def request(method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Makes:
    """A request of the tenant with an Idempotency-Key; `{id}` stands for the case's subject, in the body too."""

    def make(stage: Stage, case: Case) -> Work:
        sent = body
        if isinstance(body, dict):
            sent = json.loads(json.dumps(body).replace("{id}", case.subject))
        keyed = {"idempotency-key": case.subject, **(headers or {})}
        return Request(case, method, path.replace("{id}", case.subject), body=sent, headers=keyed)

    return make


def unpublished(make: Makes) -> Makes:
    """The same, and what it recorded is left to the relay."""
    return lambda stage, case: Unpublished(make(stage, case))


def schedule(entry: str) -> Makes:
    """One run."""
    return lambda _, __: Scheduled(entry)


def arrival(stage: Stage, case: Case) -> Work:
    """S3 announces the object of the tenant's direct upload."""
    [row] = stage.rows("SELECT item_id FROM uploads WHERE tenant_id = %(tenant)s", {"tenant": case.tenant})
    key = f"{case.tenant}/uploads/{row['item_id']}"
    _put_pictures(stage, [key])
    detail = {"bucket": {"name": stage.deployment.settings["images_bucket"]}, "object": {"key": key}}
    return Messages("on_uploads", case, [{"source": "aws.s3", "detail-type": "Object Created", "detail": detail}])


def replay(stage: Stage, case: Case) -> Work:
    """An operator's order to send the tenant's events to search once more."""
    deployment = stage.deployment
    reports = {"detail-type": [f"collections.{stage.service}.replay-progressed.v1"]}
    subscribe(deployment, "reports", reports, deployment.settings["queue_url"])
    # Those of the consumer, where the replay looks whether events wait.
    consumers = f"{deployment.settings['queue_url'].rpartition('/')[2]}search-events"
    for name in (consumers, f"{consumers}{REPLAYED}"):
        deployment.aws.sqs.create_queue(QueueName=name)
    document = _example("operator.replay-requested.v1", stage.service, case)
    types = [f"collections.{stage.service}.{fact}" for fact in ("item-uploaded.v1", "item-deleted.v1")]
    selection = {"types": types, "tenants": [case.tenant]}
    document["data"] = {
        "who": "a test", "why": "a test", "consumer": "search", "kind": "rebuild", "selection": selection, "rate": 20,
    }  # fmt: skip
    return Messages("on_replays", case, [_enveloped(document)])


def _example(fact: str, consumer: str, case: Case) -> dict[str, Any]:
    *_, newest = published_version_cases(REPOSITORY / "contracts", f"collections.{fact}")
    example = next(each for _, each in sorted(newest.documents().items()) if "replayid" not in each)
    return with_fresh_ids(example, consumer, tenant=case.tenant, subject=case.subject)


def _enveloped(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"source": document["source"], "detail-type": document["type"], "detail": document}


def _put_pictures(stage: Stage, keys: Any) -> None:
    for key in keys:
        stage.put_picture(key, _picture())


def _picture() -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def _form() -> tuple[bytes, dict[str, str]]:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    return head + _picture() + b"\r\n--edge--\r\n", {"content-type": "multipart/form-data; boundary=edge"}


_FORM, _OF_A_FORM = _form()
_UPLOADED, _PROCESSED = "ingest.item-uploaded.v1", "imaging.image-processed.v1"
_ANALYZED, _EMBEDDED = "analysis.item-analyzed.v1", "embedding.item-embedded.v1"
_FORGOTTEN = "ingest.tenant-forgotten.v1"
_DELETED, _TURN = "ingest.item-deleted.v1", "chat.turn-completed.v1"
_QUESTION = {"message": "Which pictures are there?", "session_id": "{id}"}
_OFFER = {"filename": "a.jpg", "media_type": "image/jpeg", "bytes": len(_picture())}

FLOWS = (
    Flow(
        "upload a picture",
        "ingest",
        "http",
        request("POST", "/items", _FORM, headers=_OF_A_FORM),
        afterwards=[schedule("sweep")],
    ),
    Flow("delete an item", "ingest", "http", request("DELETE", "/items/{id}"), [facts(_UPLOADED)]),
    Flow(
        "accept a direct upload",
        "ingest",
        "uploads",
        arrival,
        [request("POST", "/items/uploads", _OFFER)],
        [schedule("sweep")],
    ),
    Flow("follow an item", "ingest", "events", facts(_PROCESSED, _ANALYZED, _EMBEDDED), [facts(_UPLOADED)]),
    Flow("remove an original", "ingest", "events", facts(_DELETED), [facts(_UPLOADED)]),
    Flow(
        "forget a person's pictures",
        "ingest",
        "events",
        about_the_tenant(_FORGOTTEN),
        [request("POST", "/items", _FORM, headers=_OF_A_FORM)],
    ),
    Flow("replay", "ingest", "replays", replay, [request("POST", "/items", _FORM, headers=_OF_A_FORM)]),
    Flow("process a picture", "imaging", "events", facts(_UPLOADED)),
    Flow("remove renditions", "imaging", "events", facts(_DELETED), [facts(_UPLOADED)]),
    Flow("relay", "imaging", "relay", schedule("relay"), [unpublished(facts(_UPLOADED))], alone=True),
    Flow("describe a picture", "analysis", "events", facts(_PROCESSED)),
    Flow(
        "describe beside the live version",
        "analysis",
        "events",
        reprocessed(_PROCESSED, replaymode="candidates", replaymodel="claude-opus-5-5"),
        [facts(_PROCESSED)],
    ),
    Flow(
        "return to an earlier description",
        "analysis",
        "events",
        reprocessed(_PROCESSED, replaymode="rollback"),
        [facts(_PROCESSED), reprocessed(_PROCESSED, replaymodel="claude-opus-5-5")],
    ),
    Flow(
        "describe by request",
        "analysis",
        "http",
        request("POST", "/items/{id}/analyze", {"force_reanalyze": True}),
        [facts(_PROCESSED)],
    ),
    Flow("forget descriptions", "analysis", "events", facts(_DELETED), [facts(_PROCESSED)]),
    Flow("embed a description", "embedding", "events", facts(_ANALYZED)),
    Flow(
        "rebuild vectors",
        "embedding",
        "rebuilds",
        facts("embedding.rebuild-requested.v1", entry="on_rebuilds", model="voyage-4"),
        [facts(_ANALYZED)],
    ),
    Flow("ask for a rebuild", "embedding", "http", request("POST", "/vector-index/rebuild", {}), [facts(_ANALYZED)]),
    Flow("fold the read model", "search", "events", facts(_PROCESSED, _ANALYZED, _EMBEDDED)),
    Flow("delete from the read model", "search", "events", facts(_DELETED), [facts(_PROCESSED, _ANALYZED, _EMBEDDED)]),
    Flow("take a turn", "chat", "http", request("POST", "/chat", _QUESTION)),
    Flow(
        "end a conversation",
        "chat",
        "events",
        facts("sessions.session-deleted.v1"),
        [request("POST", "/chat", _QUESTION)],
    ),
    Flow("keep a turn", "sessions", "events", facts(_TURN, turn=1)),
    Flow("forget a tenant", "sessions", "events", about_the_tenant(_FORGOTTEN), [facts(_TURN, turn=1)]),
    Flow("delete a conversation", "sessions", "http", request("DELETE", "/chat/{id}"), [facts(_TURN, turn=1)]),
    Flow(
        "expire a conversation",
        "sessions",
        "cleanup",
        schedule("cleanup"),
        [facts(_TURN, ago=timedelta(hours=5), turn=1)],
        alone=True,
    ),
)
