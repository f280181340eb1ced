"""The formats mean what the validators take them for: jsonschema's checks, and pydantic as our contracts run it."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator
from pydantic import AnyUrl, IPvAnyAddress, TypeAdapter, ValidationError

from compatibility import Outcome, compare, read_schema
from compatibility.formats import FORMAT_CHECKER, FORMATS
from compatibility.questions import OpenQuestionError
from compatibility.strings import StringDemand, find_string

PYDANTIC: dict[str, Any] = {
    "date-time": datetime,
    "date": date,
    "time": time,
    "duration": timedelta,
    "uuid": UUID,
    "ipv4": IPv4Address,
    "ipv6": IPv6Address,
    "ipvanyaddress": IPvAnyAddress,
    "uri": AnyUrl,
}
TEXTS = [
    *("", "a", "0", "-1", "1.5", "1732267800", " ", "é", "no such thing", "a b", "a\n", "٣", "{", ")", "*", "~", "\\"),
    *("2026-11-22", "2026-02-29", "2024-02-29", "2000-02-29", "1900-02-29", "0000-01-01", "0001-01-01", "9999-12-31"),
    *("2026-13-01", "2026-11-31", "20261122", "2026-11-22T00:00:00", "2026-W47-7", "2026-11-22\n"),
    *("2026-11-22T09:30:00Z", "2026-11-22t09:30:00z", "2026-11-22 09:30:00Z", "2026-11-22_09:30:00Z"),
    *(
        "2026-11-22T09:30:60Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T09:30Z",
        "2026-11-22T09:30:00",
        "2026-02-30T00:00:00Z",
    ),
    *(
        "2026-11-22T09:30:00.123456789Z",
        "2026-11-22T09:30:00+23:59",
        "2026-11-22T09:30:00+24:00",
        "2026-11-22T09:30:00Z\n",
    ),
    *(
        "09:30",
        "09:30:00",
        "09:30:00Z",
        "09:30:00+01:00",
        "09:30:00.5Z",
        "24:00:00Z",
        "09:60:00Z",
        "093000Z",
        "9:30:00Z",
    ),
    *("P1D", "PT1H", "PT1H2M3S", "P1Y2M", "P1W", "P", "PT", "-P1D", "p1d", "1 day, 00:00:00", "00:01:00", "P1DT2H"),
    *(
        "12345678-1234-1234-1234-123456789abc",
        "12345678-1234-4234-8234-123456789ABC",
        "12345678123412341234123456789abc",
    ),
    *("{12345678-1234-1234-1234-123456789abc}", "urn:uuid:12345678-1234-1234-1234-123456789abc"),
    *("12345678-1234-1234-1234-123456789ab", "g2345678-1234-1234-1234-123456789abc"),
    *("1.2.3.4", "255.255.255.255", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1.2.3.4/8"),
    *("::", "::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "fe80::1%eth0", "::ffff:1.2.3.4", "12345::", "g::", ":"),
    *(
        "a@b.org",
        "@",
        "a@",
        "a b@c.org",
        '"a b"@c.org',
        "http://a.org",
        "https://a.org/x/y1",
        "urn:x",
        "a:",
        ":",
        "//a",
    ),
    *("/a", "/a/~0~1", "/~2", "a/b", "#", "0#", "1/a", "/{a}", "/{a", "[a-z]+", "[", "(a", "a.org", "-a", "a..b"),
]


def surely(name: str, text: str) -> bool | None:
    """What is claimed of a text; None: it depends."""
    try:
        return FORMAT_CHECKER.conforms(text, name)
    except OpenQuestionError:
        return None


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_claimed_is_what_jsonschema_says(name: str) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    if name not in checker.checkers:
        pytest.skip("jsonschema checks it only with packages that are not installed, or never")
    claims = {text: surely(name, text) for text in TEXTS}
    assert {text: claim for text, claim in claims.items() if claim is not None} == {
        text: checker.conforms(text, name) for text, claim in claims.items() if claim is not None
    }
    assert True in claims.values()
    assert False in claims.values()


@pytest.mark.parametrize("name", PYDANTIC)
def test_what_is_claimed_is_what_pydantic_says(name: str) -> None:
    model = TypeAdapter(PYDANTIC[name])
    assert model.json_schema()["format"] == name

    def accepted(text: str) -> bool:
        try:
            model.validate_json(json.dumps(text), strict=True)
        except ValidationError:
            return False
        return True

    claims = {text: surely(name, text) for text in TEXTS}
    assert {text: claim for text, claim in claims.items() if claim is not None} == {
        text: accepted(text) for text, claim in claims.items() if claim is not None
    }
    assert True in claims.values()
    assert False in claims.values()


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_surely_of_a_format_may_be_written_and_what_is_written_perhaps_read(name: str) -> None:
    known = FORMATS[name]
    for narrow, wide in ((known.surely, known.written), (known.written, known.perhaps)):
        assert find_string(StringDemand(matching=frozenset({narrow}), failing=frozenset({wide}))) is None
    assert find_string(StringDemand(matching=frozenset({known.surely}))) is not None
    assert find_string(StringDemand(failing=frozenset({known.perhaps}))) is not None


def test_what_depends_on_the_validator_is_undecided_and_said_so() -> None:
    old, new = read_schema({"enum": ["2026-11-22T09:30:60Z"]}), read_schema({"type": "string", "format": "date-time"})
    coverage = compare(old, new)
    assert coverage.outcome is Outcome.UNDECIDED
    assert [item.reason for item in coverage.undecided] == [
        "it depends on the validator whether '2026-11-22T09:30:60Z' is a date-time"
    ]
    old, new = (read_schema({"type": "string", "format": name}) for name in ("idn-email", "email"))
    assert [item.reason for item in compare(old, new).undecided] == [
        "it depends on the validator what is a email or a idn-email"
    ]


def test_a_value_that_depends_on_the_validator_hides_no_other() -> None:
    old = read_schema({"enum": ["2026-11-22T09:30:60Z", "never"]})
    new = read_schema({"type": "string", "format": "date-time"})
    assert [finding.witness for finding in compare(old, new).findings] == ["never"]
