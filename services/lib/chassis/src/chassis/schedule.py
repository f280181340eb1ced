"""Entry points for schedules."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chassis import forgetting, inspection, parked_events
from chassis.observability import MetricUnit, logger, metrics
from chassis.rebuilds.retiring import retire
from chassis.service import Service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["Entry", "answering", "clear_up", "relay", "relayed", "scheduled"]

Entry = Callable[[dict[str, Any], "LambdaContext"], dict[str, Any]]


def scheduled(name: str, job: Callable[[], dict[str, Any]]) -> Entry:
    """A Lambda entry point that runs the job and logs its result; an exception appears as the function's error."""

    def entry(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        metrics.add_metric("ScheduledRuns", MetricUnit.Count, 1)
        try:
            outcome = job()
        finally:
            metrics.flush_metrics()  # what a failing run has measured, alarms look at too
        logger.info(name, extra=outcome)
        return outcome

    return entry


def relay(service: Service[Any]) -> Entry:
    """The entry point of a service's outbox relay, which also answers operators."""
    return answering(service, scheduled("relay", lambda: relayed(service)))


def relayed(service: Service[Any]) -> dict[str, Any]:
    """Publish what a crash left in the outbox, prune and clear up; says how many events were published."""
    try:
        return {"published": service.relay()}
    finally:
        clear_up(service)


def clear_up(service: Service[Any]) -> None:
    """Erase what was under way when a tenant was forgotten; drop what a rebuild has left when its time is over."""
    retire(service.database, service.settings.database_schema)
    if late := forgetting.look_again(service):
        logger.info("forgotten tenants erased once more", extra={"stores": dict(late)})


def answering(service: Service[Any], run: Entry) -> Entry:
    """The entry point, which also answers operators: see `chassis.parked_events`, `inspection`, `audit`, and more."""

    def entry(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        if "parked" in event:
            return parked_events.answer(service.database, event["parked"])
        if "inspect" in event:
            return inspection.answer(service, event["inspect"])
        if "audit" in event:
            from chassis import audit  # which no scheduled run needs

            return audit.answer(service, event["audit"])
        if "forgetting" in event:
            return forgetting.answer(service, event["forgetting"])
        if "replays" in event:
            from chassis import replays  # with what queues need, which no scheduled run does

            return replays.answer(service, event["replays"])
        if "rebuilds" in event:
            from chassis.rebuilds import asking

            return asking.answer(service, event["rebuilds"])
        return run(event, context)

    return entry
