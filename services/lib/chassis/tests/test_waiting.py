"""Waiting for what is on its way."""

import pytest

from chassis.http.waiting import wait_for


class Clock:
    """Time passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("chassis.http.waiting.time", clock)
    return clock


def test_what_is_there_is_answered_at_once(clock: Clock) -> None:
    assert wait_for(lambda: "found", 5) == "found"
    assert clock.naps == []


def test_what_comes_is_waited_for(clock: Clock) -> None:
    assert wait_for(iter([None, None, ""]).__next__, 5) == ""
    assert clock.naps == [0.2, 0.2]


def test_what_does_not_come_ends_with_the_time(clock: Clock) -> None:
    looked: list[float] = []
    assert wait_for(lambda: looked.append(clock.now), 1, poll_s=0.5) is None
    assert looked == [100.0, 100.5, 101.0]


def test_without_time_one_look_is_taken(clock: Clock) -> None:
    looked: list[float] = []
    assert wait_for(lambda: looked.append(clock.now), 0) is None
    assert (looked, clock.naps) == ([100.0], [])
