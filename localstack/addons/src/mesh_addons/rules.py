"""Rules of EventBridge: a disabled one gets nothing, and StartReplay works, with its FilterArns.

LocalStack delivers to disabled rules as well, and replayed events to every rule of the bus. It keeps the time of an
archived event as text where its own code expects a datetime, so that StartReplay answers 500 as soon as the archive
holds an event of the time asked for. Replays select by whole minutes in LocalStack, by milliseconds on AWS: here by
seconds, which is what an archived event has.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localstack.services.events import archive, provider, replay


def correct() -> None:
    """Replace the three places that are wrong."""
    archive.ArchiveService._normalize_datetime = lambda _, value: time_of(value).replace(microsecond=0)
    replay.re_format_event = _with_time(replay.re_format_event)
    provider.EventsProvider._process_rules = _choosing(provider.EventsProvider._process_rules)


def time_of(value: datetime | str) -> datetime:
    """The time of an archived event, or a border of a replay; without a zone it is UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _with_time(original: Any) -> Any:
    def re_format_event(event: dict[str, Any], bus: str) -> Any:
        return {**original(event, bus), "Time": time_of(event["time"])}

    return re_format_event


def _choosing(original: Any) -> Any:
    def process_rules(
        self: Any,
        rule: Any,
        region: str,
        account: str,
        event: dict[str, Any],
        *rest: Any,
    ) -> None:
        if str(rule.state) == "DISABLED":
            return
        if name := event.get("replay-name"):
            found = self.get_store(region, account).replays.get(name)
            wanted = (found.destination.get("FilterArns") or ()) if found else ()
            if wanted and rule.arn not in wanted:
                return
        original(self, rule, region, account, event, *rest)

    return process_rules
