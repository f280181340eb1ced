"""What was recorded under any version that was ever published is read and folded as on the day it was recorded.

`UPDATE_SNAPSHOTS=1 make test ARGS=tests/convergence/test_golden_histories.py` records the histories of new versions,
and the digests of rows where a projection is meant to have changed.
"""

import os

import pytest

from testkit.convergence import Folding
from testkit.histories import FOLDER, History, digest, published, record, recorded

UPDATING = bool(os.environ.get("UPDATE_SNAPSHOTS"))


def histories() -> list[History]:
    found = [(version, recorded(*version)) for version in published()]
    return [history or (record(*version) if UPDATING else History(*version)) for version, history in found]


def test_every_version_that_was_ever_published_has_a_history() -> None:
    if UPDATING:
        for history in histories():
            history.save()
    missing = [str(history) for history in histories() if not history.documents]
    assert not missing, f"record them (see this module's docstring): {missing}"
    for history in histories():
        assert history.event_type in {document["type"] for document in history.documents}
        assert len(history.events()) == len(history.documents)


def test_no_history_is_of_a_version_that_was_never_published() -> None:
    assert {path.name for path in FOLDER.iterdir()} <= {History(*version).path.name for version in published()}


@pytest.mark.integration
def test_every_history_leaves_the_rows_that_it_left(folding: Folding) -> None:
    folded = 0
    for history in histories():
        events = folding.consumed(history.events())
        if events:
            found = digest(folding.fold(events))
            if UPDATING:
                history.rows[folding.service] = found
                history.save()
            assert history.rows.get(folding.service) == found, f"{history}: the fold of {folding.service} has changed"
            folded += 1
    assert folded
