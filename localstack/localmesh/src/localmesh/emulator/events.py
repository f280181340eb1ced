"""EventBridge as AWS has it.

Entries are validated, a replay reaches only the rules it names, and policies can distinguish sources. Rules about other
types of events than the one at hand cost next to nothing.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

MAX_REQUEST_BYTES: Final = 262_144
_TIME_BYTES: Final = 14


def correct(eventbridge: Any, iam_actions: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Replace PutEvents, the delivery of replayed events, and what policies see of an event."""
    iam_actions.request_tag_context = _distinguishing_sources(iam_actions.request_tag_context)
    eventbridge._put_events = _validating(eventbridge, eventbridge._put_events)
    eventbridge._dispatch_event = _filtering(eventbridge, eventbridge._dispatch_event)
    eventbridge._matches_pattern_view = _by_type_first(eventbridge._matches_pattern_view)
    eventbridge.new_uuid = _new_id


def entry_fault(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """AWS's error code and message for a bad entry; None for a good one."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        return "MalformedDetail", "Detail is malformed."
    return None if isinstance(detail, dict) else ("MalformedDetail", "Detail is malformed.")


def entry_bytes(entry: Mapping[str, Any]) -> int:
    """The size AWS counts: UTF-8 bytes of the texts, and 14 for a time."""
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return sum(len(text.encode()) for text in texts if text) + (_TIME_BYTES if entry.get("Time") is not None else 0)


@lru_cache(maxsize=1024)
def only_types(pattern: str) -> frozenset[str] | None:
    """The detail types that the pattern is about; None where it is not only about events of types that it names."""
    try:
        named = json.loads(pattern)["detail-type"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_named = isinstance(named, list) and all(isinstance(each, str) for each in named)
    return frozenset(named) if is_named else None


def merge(faults: Sequence[tuple[str, str] | None], accepted: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Results in the order of the request: an error where there was one, else the next accepted entry's result."""
    rest = iter(accepted)
    return [next(rest) if fault is None else {"ErrorCode": fault[0], "ErrorMessage": fault[1]} for fault in faults]


def source_context(body: bytes) -> dict[str, str]:
    """The condition keys of a PutEvents request.

    A policy condition is about one value, a request may carry several: such a request gets a value that no policy has,
    so that it is refused, as on AWS, where every entry has to be allowed.
    """
    try:
        entries = json.loads(body)["Entries"]
        found = {
            "events:source": {str(entry.get("Source", "")) for entry in entries},
            "events:detail-type": {str(entry.get("DetailType", "")) for entry in entries},
        }
    except (ValueError, KeyError, TypeError, AttributeError):  # malformed requests are answered by PutEvents itself
        return {}
    return {key: values.pop() if len(values) == 1 else ", ".join(sorted(values)) for key, values in found.items()}


def _distinguishing_sources(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def request_tag_context(service: str, iam_action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        context = original(service, iam_action, body, params)
        return {**context, **source_context(body)} if iam_action == "events:PutEvents" else context

    return request_tag_context


def _validating(eventbridge: Any, original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ANN401 - untyped
    def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:  # noqa: ANN401 - untyped
        entries = data.get("Entries") or []
        if allow_aws_source or len(entries) > 10:
            return original(data, allow_aws_source)
        if sum(map(entry_bytes, entries)) > MAX_REQUEST_BYTES:
            return eventbridge.error_response_json(
                "ValidationException", "Total size of the entries in the request is over the limit.", 400
            )
        faults = [entry_fault(entry) for entry in entries]
        if not any(faults):
            return original(data, allow_aws_source)
        good = [entry for entry, fault in zip(entries, faults, strict=True) if fault is None]
        status, headers, body = original({**data, "Entries": good}, allow_aws_source)
        answer = json.loads(body)
        answer["Entries"] = merge(faults, answer["Entries"])
        answer["FailedEntryCount"] = sum("ErrorCode" in result for result in answer["Entries"])
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        return status, headers, json.dumps(answer).encode()

    return put_events


def _filtering(eventbridge: Any, original: Callable[..., Any]) -> Callable[..., Any]:  # noqa: ANN401 - untyped
    def dispatch_event(event: dict[str, Any], view: Any = None) -> None:  # noqa: ANN401 - untyped
        replay = eventbridge._replays.get(event.get("ReplayName")) if event.get("ReplayName") else None
        wanted = set((replay or {}).get("Destination", {}).get("FilterArns") or ())
        if not wanted:
            original(event, view)
            return
        view = view or eventbridge._pattern_event_view(event)
        for key, rule in list(eventbridge._rules.items()):
            addressed = rule.get("Arn") in wanted and rule.get("EventBusName", "default") == event.get("EventBusName")
            if not (addressed and rule.get("State") == "ENABLED" and rule.get("EventPattern")):
                continue
            if eventbridge._matches_pattern_view(rule["EventPattern"], view, f"rule {key}"):
                for target in eventbridge._targets.get(key, []):
                    eventbridge._invoke_target(target, event, rule, view)

    return dispatch_event


def _new_id() -> str:
    """A random UUID without a system call, in which another thread would take its turn: one for each event."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def _by_type_first(original: Callable[..., bool]) -> Callable[..., bool]:
    """MiniStack evaluates the whole pattern of each rule for each event, which takes as long as all the rest."""

    def matches(pattern: Any, view: Any, owner: str = "rule") -> bool:  # noqa: ANN401 - untyped
        types = only_types(pattern) if isinstance(pattern, str) else None
        if types is not None and view.envelope()["detail-type"] not in types:
            return False
        return original(pattern, view, owner)

    return matches
