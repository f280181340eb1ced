"""No event has text that a store refuses: new ones are cleaned, others are not written."""

import pytest

from contracts import REGISTRY, InvalidEventError, is_storable, new_event, storable
from contracts.chat import ChatMessage, TurnCompleted
from contracts.envelope import Event

MOMENT = "2026-11-30T10:00:00Z"


def turn(content: str, **answer: object) -> TurnCompleted:
    message = {"timestamp": MOMENT, "content": content}
    return TurnCompleted(
        turn=1,
        question=ChatMessage.model_validate({**message, "role": "user"}),
        answer=ChatMessage.model_validate({**message, "role": "assistant", **answer}),
        citations=(content,),
        model="m",
        response_time_ms=1,
    )


def event(data: TurnCompleted, session_id: str = "s") -> Event[TurnCompleted]:
    return Event(id="e", subject=session_id, time=data.answer.timestamp, tenant_id="t", correlation_id="c", data=data)


@pytest.mark.parametrize("odd", ["\x00", "\ud800", "\udc00\ud800"], ids=["nul", "half", "halves"])
def test_a_new_event_has_storable_text_only(odd: str) -> None:
    replaced = "\ufffd" * len(odd)
    uses = [{"name": f"a{odd}", f"k{odd}": [odd, 1, None, {"deep": odd}]}]
    made = new_event(turn(f"x{odd}y", tools_used=uses), subject="s", tenant_id="t")
    assert made.data == turn(
        f"x{replaced}y",
        tools_used=[{"name": f"a{replaced}", f"k{replaced}": [replaced, 1, None, {"deep": replaced}]}],
    )
    made.to_wire()


@pytest.mark.parametrize("odd", ["\x00", "\\\x00", "\ud800"], ids=["nul", "backslash", "half"])
def test_no_other_is_written(odd: str) -> None:
    for broken in (event(turn(odd)), event(turn("x", tools_used=[{"a": [odd]}])), event(turn("x"), session_id=odd)):
        with pytest.raises(InvalidEventError) as refused:
            broken.to_wire()
        assert {violation.rule for violation in refused.value.violations} == {"storable-text"}


@pytest.mark.parametrize("odd", ["\x00", "\\\x00", "\ud800"], ids=["nul", "escaped-nul", "half"])
@pytest.mark.parametrize("place", ["known", "unknown"])
def test_no_other_is_read(odd: str, place: str) -> None:
    document = event(turn("x")).to_wire()
    if place == "known":
        document["data"]["answer"]["content"] = odd
    else:
        document["data"]["unknown"] = [{odd: 1}]
    with pytest.raises(InvalidEventError) as refused:
        REGISTRY.read(document)
    assert {violation.rule for violation in refused.value.violations} <= {"storable-text", "json"}


@pytest.mark.parametrize(
    "text",
    ["", "\\u0000", "\\\\u0000", "🍣\t\n\x01\x7f\uffff", "\ufffd"],
    ids=["none", "escape", "escaped", "edges", "mark"],
)
def test_all_other_text_stays_as_it_is(text: str) -> None:
    data = turn(text, tools_used=[{text: [text]}], search_results=[{"a": (1,)}])
    assert is_storable(text)
    assert storable(data) is data
    document = event(data).to_wire()
    assert document["data"]["answer"]["content"] == text
    read = REGISTRY.read(document).data
    assert isinstance(read, TurnCompleted)
    assert read.answer.content == text
