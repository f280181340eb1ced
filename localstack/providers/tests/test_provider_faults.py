"""The fault book applies where it should, as often as it should; the log hides what it should."""

import base64
import json

import pytest
from pydantic import ValidationError

from provider_emulator.faults import Fault, FaultBook
from provider_emulator.request_log import digest, loggable_body


def test_a_counted_fault_wears_out_and_is_still_listed() -> None:
    book = FaultBook()
    book.add(Fault(provider="voyage", kind="status", status=429, count=2))
    assert book.take("anthropic", b"") is None
    assert [book.take("voyage", b"") is not None for _ in range(3)] == [True, True, False]
    (armed,) = book.all()
    assert (armed.applied, armed.remaining) == (2, 0)
    assert book.clear() == 1
    assert book.all() == []


def test_match_and_any_provider() -> None:
    book = FaultBook()
    book.add(Fault(provider="*", kind="slow", match="needle"))
    assert book.take("tavily", b"hay") is None
    assert book.take("tavily", b"a needle") is not None
    assert book.take("openai", b"a needle") is not None


def test_a_refusal_strikes_models_only() -> None:
    book = FaultBook()
    book.add(Fault(provider="*", kind="refusal"))
    assert book.take("voyage", b"") is None
    assert book.take("openai", b"") is not None
    with pytest.raises(ValidationError):
        Fault(provider="tavily", kind="refusal")


def test_the_log_copies_no_body_of_very_many_values() -> None:
    assert loggable_body({"many": [0] * 19_998})["many"][-1] == 0
    left_out = {"left_out": "more than 20000 values"}
    assert loggable_body({"many": [0] * 19_999}) == left_out
    assert loggable_body([{"a": [[]]}] * 7000) == left_out


def test_the_log_keeps_no_image_and_no_key() -> None:
    image = base64.b64encode(bytes(range(256)) * 8).decode()
    body = {
        "api_key": "sk-secret",
        "text": "x " * 2500,
        "image": {"data": image},
        "url": f"data:image/png;base64,{image}",
        "short": "aGVsbG8=",
    }
    kept = digest(body)
    assert "sk-secret" not in json.dumps(kept)
    assert kept["image"]["data"] == kept["url"]
    assert kept["url"]["bytes"] == 2048
    assert len(kept["url"]["sha256"]) == 64
    assert kept["short"] == "aGVsbG8="
    assert kept["text"].endswith("… (5000 characters)")
