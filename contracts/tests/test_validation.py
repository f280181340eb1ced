"""The fast verdict is the published schemas' verdict: emitting and consuming alike."""

import json
import re
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts import REGISTRY, Contract, InvalidEventError, NotLivingError, new_event
from contracts.analysis import Description
from contracts.contract import Part
from contracts.imaging import ImageProcessed
from contracts.ingest import ItemDeleted, ItemUploaded
from contracts.schemas import consumer_schema, examples, producer_schema
from contracts.sessions import Idle, SessionExpired
from contracts.validation import validate, validate_written

ROOT = Path(__file__).parents[1]
FORMATS = FormatChecker(formats=())
Place = tuple[str | int, ...]
ODD: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        1.0,
        2.0,
        -0.0,
        1e22,
        "1",
        "1.0",
        "",
        "x",
        "2026-11-22",
        "2026-11-22 09:30:00Z",
        "1732267800",
    ),
    *("2026-11-22t09:30:00.1234567890z", "2026-11-22T09:30:00Z\n"),
    *("2026-11-22T09:30:00", "2026-02-31T09:30:00", "2026-02-30T09:30:00Z", [], ["x"], [None], {}, {"x": 1}),
]


def payloads() -> dict[str, tuple[type[Contract], dict[str, Any]]]:
    """The payload of every golden example, with the contract of its own version."""
    return {
        f"{event_type}/{path.stem}": (REGISTRY.contract(event_type), json.loads(path.read_text())["data"])
        for event_type, _, path in examples(ROOT / "examples")
    }


PAYLOADS = payloads()


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Every place in a document."""
    if here:
        yield here
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*here, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*here, index))


@FORMATS.checks("date-time")
def is_rfc_3339(value: object) -> bool:
    """The format as the RFC has it, without leap seconds."""
    if not isinstance(value, str):
        return True
    shape = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", value.upper(), re.ASCII)
    try:
        return shape is not None and datetime.fromisoformat(value.upper()).tzinfo is not None
    except ValueError:
        return False


def accepts(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except InvalidEventError:
        return False
    return True


def changed(payload: dict[str, Any], place: Place, change: str, odd: Any) -> dict[str, Any]:
    """The payload with one thing wrong at a place, or right in another way."""
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    target: Any = copy
    for step in place[:-1]:
        target = target[step]
    match change:
        case "replace":
            target[place[-1]] = odd
        case "remove":
            del target[place[-1]]
        case "add" if isinstance(target, dict):
            target["something_new"] = odd
    return copy


@pytest.mark.parametrize("name", PAYLOADS)
def test_our_verdict_is_the_published_schemas_verdict(name: str) -> None:
    contract, payload = PAYLOADS[name]
    if not payload:
        pytest.skip("an event without fields has nothing to change")
    closed = Draft202012Validator(producer_schema(contract), format_checker=FORMATS)
    tolerant = Draft202012Validator(consumer_schema(contract), format_checker=FORMATS)
    verdicts = {True: 0, False: 0}
    changes = st.sampled_from(["replace", "replace", "remove", "add"])

    @given(st.sampled_from(list(places(payload))), changes, st.sampled_from(ODD))
    def check(place: Place, change: str, odd: Any) -> None:
        document = changed(payload, place, change, odd)
        emitted = accepts(validate_written, contract, json.dumps(document).encode())
        consumed = accepts(validate, contract, document)
        verdicts[emitted] += 1
        assert emitted == closed.is_valid(document)
        assert consumed == tolerant.is_valid(document)

    check()
    assert verdicts[False] > 0


@pytest.mark.parametrize("number", [3.0, 1e22])
def test_a_whole_number_is_an_integer_however_it_is_written(number: float) -> None:
    _, payload = PAYLOADS["collections.ingest.item-uploaded.v1/photo"]
    document = {**payload, "size": number}
    read = validate(ItemUploaded, document)
    written = validate_written(ItemUploaded, json.dumps(document).encode())
    assert type(read.size) is type(written.size) is int
    assert read.size == written.size == number


@pytest.mark.parametrize("odd", [3.5, "3", "3.0", True, None, [3.0]])
def test_nothing_else_becomes_an_integer(odd: object) -> None:
    _, payload = PAYLOADS["collections.ingest.item-uploaded.v1/photo"]
    # A whole number elsewhere in the document does not help.
    for document in ({**payload, "size": odd}, {**payload, "size": odd, "unknown": 4.0}):
        with pytest.raises(InvalidEventError) as refused:
            validate(ItemUploaded, document)
        assert [violation.path for violation in refused.value.violations] == ["/data/size"]


def test_what_is_no_json_is_refused_as_before() -> None:
    with pytest.raises(InvalidEventError) as refused:
        validate_written(ItemUploaded, b'{"size": 3.0')
    assert [violation.rule for violation in refused.value.violations] == ["json_invalid"]


def test_whole_numbers_are_read_wherever_they_are() -> None:
    _, payload = PAYLOADS["collections.sessions.session-expired.v3/idle"]
    (kind,) = {kind for kind in ("after_s", "allowed") if kind in payload["cause"]}
    document = {**payload, "cause": {**payload["cause"], kind: 60.0}}
    assert getattr(validate(SessionExpired, document).cause, kind) == 60
    _, payload = PAYLOADS["collections.imaging.image-processed.v1/photo-with-exif"]
    document = {**payload, "renditions": [{**rendition, "width": 8.0} for rendition in payload["renditions"]]}
    read = validate(ImageProcessed, document)
    assert [rendition.width for rendition in read.renditions] == [8] * len(payload["renditions"])
    with pytest.raises(InvalidEventError):
        validate_written(ImageProcessed, json.dumps({**document, "unknown": 1}).encode())


def patterns(schema: Any) -> Iterator[str]:
    """Every pattern in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from patterns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from patterns(part)


def test_patterns_mean_the_same_to_every_engine() -> None:
    """ECMA-262 takes ASCII digits for a class of digits, Rust all of Unicode: contracts spell their characters out."""
    found = {pattern for contract in REGISTRY for pattern in patterns(consumer_schema(contract))}
    assert found
    for pattern in found:
        plain = re.sub(r"\\\.|\[[^]\\]+\]", "", pattern)
        assert re.fullmatch(r"\^[^\\.$^]*\$", plain), pattern


def test_unknown_fields_are_consumed_but_never_emitted() -> None:
    contract, payload = PAYLOADS["collections.analysis.item-analyzed.v1/receipt"]
    payload = json.loads(json.dumps(payload))
    payload["description"]["image_details"]["colours"] = ["red"]
    assert accepts(validate, contract, payload)
    with pytest.raises(InvalidEventError) as refused:
        validate_written(contract, json.dumps(payload).encode())
    (violation,) = refused.value.violations
    assert (violation.rule, violation.path) == ("extra_forbidden", "/data/description/image_details/colours")


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "a number as text": ({"size": "5"}, "/data/size"),
    "a number out of range": ({"size": 0}, "/data/size"),
    "a digest of another length": ({"sha256": "ab"}, "/data/sha256"),
    "nothing at all": ({"key": None}, "/data/key"),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_bypasses_the_model_is_not_emitted(name: str) -> None:
    change, path = FORGED[name]
    _, payload = PAYLOADS["collections.ingest.item-uploaded.v1/photo"]
    forged = ItemUploaded.model_validate(payload).model_copy(update=change)
    with warnings.catch_warnings(), pytest.raises(InvalidEventError) as refused:
        warnings.simplefilter("error")  # pydantic's would quote the value
        new_event(forged, subject="item", tenant_id="tenant").to_wire()
    assert path in [violation.path for violation in refused.value.violations]


def test_only_living_registered_contracts_are_published() -> None:
    class MoreThanDeleted(ItemDeleted):
        schema_version: ClassVar[str] = "1.0"
        colour: str = "red"

    old = REGISTRY.contract("collections.sessions.session-expired.v1")
    expired = old.model_validate({"reason": "idle", "last_activity": "2026-11-22T09:30:00Z"})
    for data in (MoreThanDeleted(), expired):
        with pytest.raises(NotLivingError):
            REGISTRY.admit(new_event(data, subject="item", tenant_id="tenant"))
    REGISTRY.admit(new_event(ItemDeleted(), subject="item", tenant_id="tenant"))


@pytest.mark.parametrize(("subject", "tenant"), [("item", ""), ("", "tenant")])
def test_an_incomplete_envelope_is_not_emitted(subject: str, tenant: str) -> None:
    with pytest.raises(InvalidEventError):
        new_event(ItemDeleted(), subject=subject, tenant_id=tenant).to_wire()


def test_writing_twice_gives_equal_documents_that_share_nothing() -> None:
    expired = SessionExpired(cause=Idle(kind="idle", after_s=1), last_turn_at=datetime(2026, 11, 22, tzinfo=UTC))
    event = new_event(expired, subject="session", tenant_id="tenant")
    first = event.to_wire()
    second = event.to_wire()
    assert first == second
    first["data"]["cause"]["kind"] = "changed"
    first["subject"] = "changed"
    assert event.to_wire() == second


@pytest.mark.parametrize(
    ("cause", "rule", "path"),
    [
        ({"kind": "idle"}, "missing", "/data/cause/after_s"),
        ({"kind": "idle", "after_s": "secret"}, "int_type", "/data/cause/after_s"),
        ({"kind": "secret", "after_s": 1}, "union_tag_invalid", "/data/cause"),
        ({"after_s": 1}, "union_tag_not_found", "/data/cause"),
        ("secret", "dict_type", "/data/cause"),
    ],
)
def test_paths_lead_into_the_document_and_messages_quote_nothing(cause: object, rule: str, path: str) -> None:
    with pytest.raises(InvalidEventError) as refused:
        validate(SessionExpired, {"cause": cause, "last_turn_at": "2026-11-22T09:30:00Z"})
    assert [(violation.rule, violation.path) for violation in refused.value.violations] == [(rule, path)]
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("odd", ["\ud800", {"a": {1, 2}}, float("nan")])
def test_what_is_no_json_is_an_invalid_event(odd: object) -> None:
    with pytest.raises(InvalidEventError):
        validate(SessionExpired, {"cause": {"kind": "idle", "after_s": odd}, "last_turn_at": "2026-11-22T09:30:00Z"})


def test_errors_of_the_models_quote_no_input() -> None:
    assert Part.model_config.get("hide_input_in_errors")
    with pytest.raises(ValueError, match="category") as refused:
        Description.model_validate({"category": "", "headline": 5, "summary": ["a secret"]})
    assert "secret" not in str(refused.value)
