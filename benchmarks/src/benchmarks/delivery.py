"""From PutEvents to a typed handler on our chassis, beside a bare function on the same emulator.

Both get a bus, a rule, a queue and a mapping of the same settings, and events in turn, one at a time. Our consumer
runs with the settings, the role and the database of a real one (sessions.events): only its handler differs.
"""

from __future__ import annotations

import io
import json
import random
import tempfile
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

from benchmarks.figures import Figure, Section
from benchmarks.target_mesh import TargetMesh
from contracts import Event, new_event
from contracts.ingest import RetryRequested, RetryStep
from localmesh.provision.packages import build_package
from manifests import load_manifests
from workspace import REPOSITORY

RATIO_LIMIT: Final = 1.5
_MODEL: Final = "sessions.events"
_WARM_UP: Final = 5
_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = (0.1, 0.2)
_FUNCTIONS: Final = Path(__file__).with_name("functions")


@dataclass(frozen=True, slots=True)
class Route:
    """A route from a bus to a function, and the file in which the function records when it was called."""

    bus: str
    notes: Path


def measure_delivery(mesh: TargetMesh, events: int = 100) -> Section:
    """Send events through both routes. Raises TimeoutError when one does not arrive."""
    with tempfile.TemporaryDirectory(prefix="collections-notes-") as folder, ExitStack() as stack:
        bare = stack.enter_context(_route(mesh, "bare", _bare_package(), Path(folder) / "bare"))
        typed = stack.enter_context(_route(mesh, "typed", _typed_package(), Path(folder) / "typed"))
        client = mesh.client("events")
        for _ in range(_WARM_UP):
            _send(client, bare)
            _send(client, typed)
        pairs = [(_send(client, typed), _send(client, bare)) for _ in range(events)]
    ours, theirs = zip(*pairs, strict=True)
    return Section(
        "PutEvents to handler",
        tuple(
            Figure("delivery", name, _percentile(ours, share), "ms", _percentile(theirs, share), limit=RATIO_LIMIT)
            for name, share in (("p50", 50), ("p95", 95))
        ),
        reference="a function without any of our code, on the same emulator, in turn with ours",
        notes=(
            f"{events} events each, one at a time, consumers idle; from before PutEvents until the handler is called",
        ),
    )


def measure_bare_path(mesh: TargetMesh, events: int = 100) -> Section:
    """PutEvents until a client that waits at a queue has the message: no function at all. Raises TimeoutError."""
    seconds, events_client, sqs = [], mesh.client("events"), mesh.client("sqs")
    with _bus_to_queue(mesh, f"collections-{mesh.settings.environment}-bench-queue") as (bus, url, _):
        for _ in range(_WARM_UP + events):
            time.sleep(random.uniform(*_PAUSE_S))
            begun = time.time()
            events_client.put_events(Entries=[_entry(bus, _event())])
            received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages")
            seconds.append(time.time() - begun)
            if not received:
                raise TimeoutError(f"an event did not reach the queue of {bus} within 20 s")
            sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
    measured = tuple(seconds[_WARM_UP:])
    return Section(
        "PutEvents to SQS",
        tuple(Figure("bare path", f"p{share}", _percentile(measured, share), "ms") for share in (50, 95)),
    )


def _percentile(seconds: tuple[float, ...], share: int) -> float:
    return quantiles(seconds, n=100, method="inclusive")[share - 1] * 1000


def _event() -> Event[RetryRequested]:
    """Of a kind with which a consumer has nothing to do but what its handler does."""
    return new_event(
        RetryRequested(step=RetryStep.ANALYSIS),
        subject=str(uuid.uuid4()),
        tenant_id=str(uuid.uuid4()),
        correlation_id=str(uuid.uuid4()),
    )


def _entry(bus: str, event: Event[RetryRequested]) -> dict[str, str]:
    document = event.to_wire()
    return {
        "EventBusName": bus,
        "Source": document["source"],
        "DetailType": document["type"],
        "Detail": json.dumps(document),
    }


def _send(client: Any, route: Route) -> float:
    event = _event()
    entry = _entry(route.bus, event)
    # The emulator's poller sleeps for 50 ms after a batch: an event within it would wait for a random time.
    time.sleep(random.uniform(*_PAUSE_S))
    begun = time.time()
    client.put_events(Entries=[entry])
    while time.time() - begun < _PATIENCE_S:
        for line in route.notes.read_text(encoding="ascii").splitlines()[-20:]:
            noted, _, when = line.partition(" ")
            if noted == event.id:
                return float(when) - begun
        time.sleep(0.002)
    raise TimeoutError(f"an event did not reach {route.bus} within {_PATIENCE_S:.0f} s")


def _bare_package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("measured.py", (_FUNCTIONS / "bare.py").read_text(encoding="utf-8"))
    return buffer.getvalue()


def _typed_package() -> bytes:
    service = load_manifests(REPOSITORY).services[_MODEL.partition(".")[0]]
    buffer = io.BytesIO(build_package(REPOSITORY, service).content)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("measured.py", (_FUNCTIONS / "typed.py").read_text(encoding="utf-8"))
    return buffer.getvalue()


@contextmanager
def _route(mesh: TargetMesh, name: str, package: bytes, notes: Path) -> Iterator[Route]:
    """A bus and a queue, a mapping and a function, for the duration of the block."""
    notes.touch()
    functions = mesh.client("lambda")
    resource = f"collections-{mesh.settings.environment}-bench-{name}"
    model = mesh.provisioned.functions[_MODEL]
    like = functions.get_function_configuration(FunctionName=model.name)
    with ExitStack() as stack:
        _, queue_url, queue_arn = stack.enter_context(_bus_to_queue(mesh, resource))
        variables = {**like["Environment"]["Variables"], "NOTES": str(notes), "QUEUE_URL": queue_url}
        variables["DEAD_LETTER_QUEUE_URL"] = (
            queue_url  # nothing is expected to fail; a failed message is delivered again
        )
        functions.create_function(
            FunctionName=resource,
            Runtime=like["Runtime"],
            Role=like["Role"],
            Handler="measured.handler",
            Code={"ZipFile": package},
            MemorySize=like["MemorySize"],
            Timeout=10,
            Environment={"Variables": variables},
        )
        stack.callback(functions.delete_function, FunctionName=resource)
        functions.get_waiter("function_active_v2").wait(FunctionName=resource)
        mapping = functions.create_event_source_mapping(
            FunctionName=resource,
            EventSourceArn=queue_arn,
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 2},
        )
        stack.callback(functions.delete_event_source_mapping, UUID=mapping["UUID"])
        yield Route(resource, notes)


@contextmanager
def _bus_to_queue(mesh: TargetMesh, resource: str) -> Iterator[tuple[str, str, str]]:
    """Names a bus, and the URL and the ARN of the queue that gets the events put on it, while the block runs.

    The prefix lets the next provisioning remove leftovers of a killed run.
    """
    sqs, events = mesh.client("sqs"), mesh.client("events")
    pattern = json.dumps({"detail-type": [RetryRequested.event_type]})
    with ExitStack() as stack:
        url = sqs.create_queue(QueueName=resource, Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
        stack.callback(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.create_event_bus(Name=resource)
        stack.callback(events.delete_event_bus, Name=resource)
        events.put_rule(Name=resource, EventBusName=resource, EventPattern=pattern)
        stack.callback(events.delete_rule, Name=resource, EventBusName=resource)
        events.put_targets(Rule=resource, EventBusName=resource, Targets=[{"Id": "queue", "Arn": arn}])
        stack.callback(events.remove_targets, Rule=resource, EventBusName=resource, Ids=["queue"])
        yield resource, url, arn
