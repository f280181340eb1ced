"""Every function that records something has a flow in the crash matrix."""

from manifests import load_manifests
from testkit.crashes.flows import FLOWS
from workspace import REPOSITORY

#: Why a function has none.
WITHOUT = {
    "imaging.http": "a request without Idempotency-Key: sent again it is another request, and makes renditions again",
    "search.maintenance": "relays as that of imaging does; what else it does is the upkeep of indexes",
    "ingest.sweep": "runs behind the flows of uploads, whose leavings it clears away",
}
#: Functions of the chassis, which are the same in every service: one stands for all.
OF_THE_CHASSIS = ("relay", "replays")


def test_every_function_that_records_has_a_flow() -> None:
    recording = {
        (ref.service.service, ref.name)
        for ref in load_manifests(REPOSITORY).functions
        if ref.function.publish or ref.service.consumed_by(ref.name)
    }
    flows = {(flow.service, flow.function) for flow in FLOWS}
    assert flows <= recording
    missing = {f"{service}.{name}" for service, name in recording - flows if name not in OF_THE_CHASSIS}
    assert missing == set(WITHOUT)
    assert {name for _, name in flows} >= set(OF_THE_CHASSIS)
