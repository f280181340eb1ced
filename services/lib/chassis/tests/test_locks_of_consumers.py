"""A consumer's units of work hold the lock of the event's tenant and subject, also where the fold comes first."""

from collections.abc import Callable

import pytest

from chassis.errors import PermanentError
from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event
from contracts.ingest import UploadRejected
from testkit import Fakes, deliver
from testkit.fakes import SETTINGS, example


def well(event: Event[UploadRejected]) -> None:
    """Nothing is left to do."""


def never(event: Event[UploadRejected]) -> None:
    raise PermanentError("never", "no")


@pytest.mark.parametrize("react", [well, never])
@pytest.mark.parametrize("fold_first", [False, True])
def test_no_unit_of_work_is_anothers(
    react: Callable[[Event[UploadRejected]], None], fold_first: bool, fakes: Fakes
) -> None:
    service = fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))
    consumer = EventConsumer(service, [on(UploadRejected, react, fold_first=fold_first)])
    assert deliver(consumer, example(UploadRejected, subject="item", tenant="alice")) == []
    assert len(fakes.store.locks) >= 1 + (fold_first and react is well)
    assert set(fakes.store.locks) == {("alice", "item")}
