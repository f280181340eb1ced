"""Faults of Voyage's SDK as ours; opens no socket."""

from typing import Any

import pytest
import voyageai.error

from chassis.retry_after import retry_after_s
from chassis.voyage import VoyageFault, translated


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [
        ("RateLimitError", 429, VoyageFault.LIMITED),
        ("ServerError", 500, VoyageFault.UNAVAILABLE),
        ("ServiceUnavailableError", 503, VoyageFault.UNAVAILABLE),
        ("APIError", 529, VoyageFault.UNAVAILABLE),
        ("Timeout", None, VoyageFault.UNAVAILABLE),
        ("APIConnectionError", None, VoyageFault.UNAVAILABLE),
        ("AuthenticationError", 401, VoyageFault.REFUSED),
        ("APIError", 403, VoyageFault.REFUSED),
        ("InvalidRequestError", 400, VoyageFault.REQUEST_REFUSED),
        ("MalformedRequestError", 422, VoyageFault.REQUEST_REFUSED),
        ("APIError", 404, VoyageFault.REQUEST_REFUSED),
    ],
)
def test_faults(name: str, status: int | None, fault: VoyageFault) -> None:
    make: Any = getattr(voyageai.error, name)
    error = translated(make("a private text", http_status=status))
    assert error.fault is fault
    assert error.retry_after_s is None
    assert str(error) == f"voyage: {status} {name}" if status else f"voyage: {name}"


def test_when_the_provider_asks_to_be_called_again() -> None:
    make: Any = voyageai.error.RateLimitError
    assert translated(make("no", http_status=429, headers={"retry-after": "9"})).retry_after_s == 9
    assert translated(make("no", http_status=429, headers={"Retry-After": "soon"})).retry_after_s is None
    assert translated(make("no", http_status=429)).retry_after_s is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "9"}, 9.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"x-retry-after": "9"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Mon, 30 Nov 2026 02:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_only_a_number_of_seconds_is_a_delay(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds
