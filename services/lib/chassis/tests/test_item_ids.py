"""Ids of items: each tells for which tenant it was issued, and sorts by when."""

import time
import uuid
from http import HTTPStatus

import pytest

from chassis.http import no_such_item
from chassis.item_ids import is_issued, new_item_id


def test_an_id_is_a_uuid_of_its_own_version() -> None:
    found = {uuid.UUID(new_item_id("ann")) for _ in range(1000)}
    assert len(found) == 1000
    assert {(each.version, each.variant) for each in found} == {(8, uuid.RFC_4122)}
    assert all(abs(time.time() - (each.int >> 80) / 1000) < 60 for each in found)


def test_an_id_is_its_tenants_alone() -> None:
    mine = [new_item_id("ann") for _ in range(100)]
    assert all(is_issued("ann", each) for each in mine)
    assert not any(is_issued(other, each) for each in mine for other in ("bob", "", "ann "))


@pytest.mark.parametrize("bit", [*range(128 - 48)], ids=str)
def test_no_bit_of_an_id_can_be_changed(bit: int) -> None:
    changed = uuid.UUID(int=uuid.UUID(new_item_id("ann")).int ^ 1 << bit)
    assert not is_issued("ann", str(changed))


@pytest.mark.parametrize("age_days", [-1, 1, 14, 1000])
def test_an_id_is_its_tenants_for_ever_and_sorts_by_its_age(age_days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events may be late by weeks: what waits as a dead letter."""
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now - 86400 * age_days)
    issued = new_item_id("ann")
    monkeypatch.setattr("time.time", lambda: now)
    assert is_issued("ann", issued)
    assert (issued < new_item_id("ann")) is (age_days > 0)


def test_what_is_said_of_an_item_that_was_not_heard_of() -> None:
    issued = new_item_id("ann")
    own, foreign = no_such_item("ann", issued), no_such_item("bob", issued)
    assert (own.status, own.code, own.detail) == (
        HTTPStatus.CONFLICT,
        "not-processed-yet",
        f"item {issued} is not processed yet; try again",
    )
    assert (foreign.status, foreign.code, foreign.detail) == (
        HTTPStatus.NOT_FOUND,
        "not-found",
        f"item {issued} not found",
    )


def test_what_is_no_such_id() -> None:
    issued = new_item_id("ann")
    for other in (
        "",
        "item",
        str(uuid.uuid4()),
        issued.upper(),
        f"{{{issued}}}",
        issued.replace("-", ""),
        f"{issued} ",
    ):
        assert not is_issued("ann", other)
