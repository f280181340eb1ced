"""When a provider asks to be called again, in a header that may say anything."""

import pytest

from chassis.errors import TransientError


@pytest.mark.parametrize(
    ("asked", "kept"), [(0.0, 0.0), (2.5, 2.5), (None, None), (float("nan"), None), (float("inf"), None)]
)
def test_only_a_finite_delay_can_be_kept(asked: float | None, kept: float | None) -> None:
    assert TransientError("busy", retry_after_s=asked).retry_after_s == kept


def test_without_a_wish_there_is_no_delay() -> None:
    assert TransientError("busy").retry_after_s is None
