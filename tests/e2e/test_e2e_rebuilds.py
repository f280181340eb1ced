"""A read model is rebuilt beside the live one while the mesh works: no search fails, finds less, or stays stale."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from manifests import load_manifests
from mesh.client import Api
from mesh.environments.opening import local_environment
from mesh.rebuild.running import Runner, Wanted
from testkit import eventually
from testkit.operator import RunningMesh
from workspace import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


# Two processors serve everything.
_PAUSE_S = 0.1


@dataclass
class Seen:
    """What searches found, one after the other."""

    found: list[set[str]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)


@pytest.fixture(scope="module")
def mesh(mesh_alone: RunningMesh) -> RunningMesh:
    """All that its read models hold can be folded from its stores, which tests of delivery do not leave so."""
    return mesh_alone


@contextmanager
def searching(api: Api) -> Iterator[Seen]:
    """Search all the time; ask for so many that everything is found."""
    seen, stop = Seen(), threading.Event()

    def search() -> None:
        while not stop.is_set():
            try:
                seen.found.append(found(api))
            except Exception as error:  # whatever it is, it is shown
                seen.faults.append(error)
            stop.wait(_PAUSE_S)

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join(30)


def found(api: Api) -> set[str]:
    """Items that a search by keyword finds; every picture's file name has the word."""
    answer = api.search("picture", search_type="bm25", top_k=50, include_answer=False)
    return {result["item_id"] for result in answer["results"]}


@pytest.mark.scheduled
def test_search_is_rebuilt_and_rolled_back_while_items_arrive(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path]
) -> None:
    items = {str(alice.upload(picture(f"number {number}"), name="picture.png")["id"]) for number in range(2)}
    alice.follow(list(items))
    eventually(lambda: found(alice) == items, timeout_s=60)
    manifests = load_manifests(REPOSITORY)
    runner = Runner(local_environment(mesh.settings), manifests, Wanted("search", why="a test"), quiet=True)
    with searching(alice) as seen:
        runner.rebuilds.begin(who="a test", why="a test", changed=(), tenants=(), subjects=())
        meanwhile = str(alice.upload(picture("meanwhile"), name="picture.png")["id"])
        outcome = runner.prepare()
        runner.judge(outcome)
        switched = runner.switch(outcome)
        eventually(lambda: found(alice) == items | {meanwhile}, timeout_s=60)
        rolled_back = runner.rebuilds.roll_back(switched.id)
        assert found(alice) == items | {meanwhile}, "nothing is stale after a rollback"

    assert {each.table for each in outcome.comparisons if each.live_rows} >= {"documents", "postings", "vectors"}
    assert all(each.is_equal for each in outcome.comparisons)
    assert outcome.rebuild.applied >= 4
    assert (switched.state, rolled_back.state) == ("switched", "rolled-back")
    assert seen.faults == []
    assert len(seen.found) > 10
    for before, now in zip(seen.found, seen.found[1:], strict=False):
        assert before <= now, "a search finds less than the one before"

    single = Wanted("search", why="a test", items=(meanwhile,))
    alone = Runner(local_environment(mesh.settings), manifests, single, quiet=True)
    outcome = alone.prepare()
    alone.judge(outcome)
    assert {each.table: each.live_rows for each in outcome.comparisons}["documents"] == 1
    assert alone.switch(outcome).state == "switched"
    assert found(alice) == items | {meanwhile}
