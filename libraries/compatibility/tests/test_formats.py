"""The formats mean what the validators take them for: jsonschema's checks, for IRIs those of jsonschema-rs, and
pydantic as our contracts run it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import (
    UUID1,
    UUID3,
    UUID4,
    UUID5,
    UUID6,
    UUID7,
    UUID8,
    AnyUrl,
    IPvAnyAddress,
    TypeAdapter,
    ValidationError,
)

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
    **{"uuid1": UUID1, "uuid3": UUID3, "uuid4": UUID4, "uuid5": UUID5, "uuid6": UUID6, "uuid7": UUID7, "uuid8": UUID8},
}
#: Those that jsonschema checks by a package which takes two seconds to import.
IRIS = {name: jsonschema_rs.validator_for({"format": name}, validate_formats=True) for name in ("iri", "iri-reference")}
#: What jsonschema checks with its extra for formats: all but those, and those that pydantic adds.
JSONSCHEMA = [name for name in FORMATS if not re.fullmatch(r"iri(-reference)?|ipvanyaddress|uuid\d", name)]
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
    *(f"12345678-1234-{version}234-8234-123456789abc" for version in range(1, 9)),
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
    *("a.b.c.", "ü@exämple.org", f"{'a' * 64}.org", "a_b.org", "xn--nxasmq6b", "a-.org", "1.org", "a.1", "ü.org"),
    *("http://ü.org/é", "https://a.org/ü", "/ü", "http://[::1]/", "http://a.org:99999/", "?q", "#f", "12\n", "१", ".5"),
    *("{+x}", "{?x,y}", "{x:3}", "P1.5D", "P-0W", "P+1D", "5D", "0d:01:00", "10#", "307#", "(?<a>b)", "a{1,", "a**"),
    *(
        "12345678-1234-1234-1234-1234567_9abc",
        "12345678-1234-1234-1234-12345678 abc",
        "1234१678-1234-1234-1234-123456789abc",
    ),
    *("/a", "/a/~0~1", "/~2", "a/b", "#", "0#", "1/a", "/{a}", "/{a", "[a-z]+", "[", "(a", "a.org", "-a", "a..b"),
]
CHARACTERS = "0123456789abcdefABCXYZTtzZ:-+.,/\\@#?%{}[]()~_ \n\té१ü P*"


def surely(name: str, text: str) -> bool | None:
    """What is claimed of a text; None: it depends."""
    try:
        return FORMAT_CHECKER.conforms(text, name)
    except OpenQuestionError:
        return None


def by_jsonschema(name: str, text: str) -> bool:
    checker = Draft202012Validator.FORMAT_CHECKER
    assert name in checker.checkers
    return bool(checker.conforms(text, name))


def by_jsonschema_rs(name: str, text: str) -> bool:
    return IRIS[name].is_valid(text)


def by_pydantic(name: str, text: str) -> bool:
    model = MODELS[name]
    try:
        model.validate_json(json.dumps(text), strict=True)
    except ValidationError:
        return False
    return True


MODELS = {name: TypeAdapter(kind) for name, kind in PYDANTIC.items()}
ASKED = [
    *((by_jsonschema, name) for name in JSONSCHEMA),
    *((by_jsonschema_rs, name) for name in IRIS),
    *((by_pydantic, name) for name in PYDANTIC),
]
each_validator = pytest.mark.parametrize(("validator", "name"), ASKED)


@pytest.mark.sampled(12)
@each_validator
def test_what_is_claimed_is_what_the_validator_says(validator: Callable[[str, str], bool], name: str) -> None:
    claims = {text: surely(name, text) for text in TEXTS}
    assert {text: claim for text, claim in claims.items() if claim is not None} == {
        text: validator(name, text) for text, claim in claims.items() if claim is not None
    }
    assert True in claims.values()
    assert False in claims.values()


def edited(text: str, edits: list[tuple[int, str]]) -> str:
    """The text with characters put in or replaced at some places."""
    for place, character in edits:
        at = place % (len(text) + 1)
        text = text[:at] + character + text[at + place % 2 :]
    return text


@pytest.mark.sampled(12)
@each_validator
def test_nothing_wrong_is_claimed_of_texts_that_are_nearly_right(
    validator: Callable[[str, str], bool], name: str
) -> None:
    edits = st.lists(st.tuples(st.integers(0, 99), st.sampled_from(CHARACTERS)), max_size=3)

    @given(st.sampled_from(TEXTS), edits)
    def check(text: str, changes: list[tuple[int, str]]) -> None:
        claim = surely(name, edited(text, changes))
        assert claim in (None, validator(name, edited(text, changes)))

    check()


def test_the_formats_of_pydantic_are_called_so_in_its_schemas() -> None:
    assert {name: model.json_schema()["format"] for name, model in MODELS.items()} == {name: name for name in MODELS}


@pytest.mark.sampled(12)
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


@pytest.mark.parametrize(
    ("writer", "reader", "outcome"),
    [
        ("idn-hostname", "hostname", Outcome.INCOMPATIBLE),
        ("iri", "uri-reference", Outcome.INCOMPATIBLE),
        ("iri-reference", "uri-reference", Outcome.INCOMPATIBLE),
        ("uuid", "hostname", Outcome.COMPATIBLE),
        ("date", "uri-reference", Outcome.COMPATIBLE),
        ("idn-email", "email", Outcome.UNDECIDED),  # pydantic and jsonschema take any letters, others ASCII alone
        ("iri", "uri", Outcome.UNDECIDED),  # pydantic encodes the others
        ("ipv4", "hostname", Outcome.UNDECIDED),
    ],
)
def test_formats_of_the_same_thing(writer: str, reader: str, outcome: Outcome) -> None:
    old, new = (read_schema({"type": "string", "format": name}) for name in (writer, reader))
    assert compare(old, new).outcome is outcome


def test_a_value_that_depends_on_the_validator_hides_no_other() -> None:
    old = read_schema({"enum": ["2026-11-22T09:30:60Z", "never"]})
    new = read_schema({"type": "string", "format": "date-time"})
    assert [finding.witness for finding in compare(old, new).findings] == ["never"]
