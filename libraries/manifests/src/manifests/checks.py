"""Rules that span several manifests: each takes all of them and yields its violations."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from manifests.catalogue import Manifests
from manifests.errors import Problem
from manifests.model import EVENT_TYPE, Service, Trigger

Check = Callable[[Manifests], Iterator[Problem]]


def check(manifests: Manifests) -> list[Problem]:
    """Every problem that any rule finds."""
    return [problem for rule in RULES for problem in rule(manifests)]


def consumed_events_are_published(manifests: Manifests) -> Iterator[Problem]:
    """A consumed event is published now or was in an older major: archives and dead-letter queues still hold those."""
    published: dict[str, int] = {}
    of_services = [event for service in manifests.services.values() for event in service.publishes]
    for event in (*of_services, *manifests.operators.publishes):
        fact, _, major = event.rpartition(".v")
        published[fact] = max(published.get(fact, 0), int(major))
    for service in manifests.services.values():
        for position, item in enumerate(service.consumes):
            fact, _, major = (item.event or "").rpartition(".v")
            if item.event and int(major) > published.get(fact, 0):
                yield _problem(service, f"consumes.{position}.event", f"{item.event} is published by no service")


def events_belong_to_their_publisher(manifests: Manifests) -> Iterator[Problem]:
    """The type of an event names the service that publishes it."""
    for service in manifests.services.values():
        for position, event in enumerate(service.publishes):
            match = EVENT_TYPE.match(event)
            if match and match["service"] != service.service:
                yield _problem(service, f"publishes.{position}", f"{event} is not an event of {service.service}")


def publishers_have_a_publishing_function(manifests: Manifests) -> Iterator[Problem]:
    """Declared events and the permission to publish go together."""
    for service in manifests.services.values():
        allowed = [name for name, function in service.functions.items() if function.publish]
        if service.publishes and not allowed:
            yield _problem(service, "publishes", "no function has publish: true")
        if not service.publishes:
            for name in allowed:
                yield _problem(service, f"functions.{name}.publish", "the service publishes nothing")


def consumers_exist_and_have_a_queue(manifests: Manifests) -> Iterator[Problem]:
    """Events are routed to a declared function with a queue, and every queue receives at least one event."""
    for service in manifests.services.values():
        for position, item in enumerate(service.consumes):
            function = service.functions.get(item.function)
            if function is None:
                yield _problem(service, f"consumes.{position}.function", f"no function {item.function!r}")
            elif function.trigger is not Trigger.QUEUE:
                yield _problem(service, f"consumes.{position}.function", f"{item.function!r} has no queue")
        consumers = {item.function for item in service.consumes}
        for name, function in service.functions.items():
            if function.trigger is Trigger.QUEUE and name not in consumers:
                yield _problem(service, f"functions.{name}.queue", "no event is routed to it")


def an_event_goes_to_one_function_of_a_service(manifests: Manifests) -> Iterator[Problem]:
    """A service has one inbox: a second function would find the event already applied."""
    for service in manifests.services.values():
        counts = Counter(item.event for item in service.consumes if item.event)
        for event, count in counts.items():
            if count > 1:
                yield _problem(service, "consumes", f"{event} is named {count} times")


def handlers_belong_to_their_service(manifests: Manifests) -> Iterator[Problem]:
    """A handler is `<service>.<module>.<attribute>`; the service's own tests check that it exists."""
    for ref in manifests.functions:
        if not ref.function.handler.startswith(f"{ref.service.service}."):
            message = f"{ref.function.handler} is not in the package {ref.service.service}"
            yield _problem(ref.service, f"functions.{ref.name}.handler", message)


def routes_are_unique(manifests: Manifests) -> Iterator[Problem]:
    """A route has one function; the names of path parameters are ignored."""
    owners: dict[str, str] = {}
    for ref in manifests.functions:
        for position, route in enumerate(ref.function.routes):
            path = f"functions.{ref.name}.routes.{position}"
            shape = route.method + re.sub(r"\{[^}+]*", "{", route.path)
            if shape in owners:
                yield _problem(ref.service, path, f"{route.key} is already {owners[shape]}")
            owners.setdefault(shape, f"{ref.service.service}: {path}")


def table_grants_name_own_tables(manifests: Manifests) -> Iterator[Problem]:
    """A function has access only to tables that its own service declares."""
    for ref in manifests.functions:
        for table in ref.function.tables:
            if table not in ref.service.tables:
                yield _problem(ref.service, f"functions.{ref.name}.tables.{table}", "is not in tables of this service")


def backlogs_are_of_own_queues(manifests: Manifests) -> Iterator[Problem]:
    """A function asks only for the backlog of a queue of its own service."""
    for ref in manifests.functions:
        if (name := ref.function.backlog_of) is not None:
            other = ref.service.functions.get(name)
            if other is None or other.queue is None:
                message = f"{name} is no function of this service that has a queue"
                yield _problem(ref.service, f"functions.{ref.name}.backlog_of", message)


def table_names_are_unique(manifests: Manifests) -> Iterator[Problem]:
    """Table names do not contain the service, so they must be unique across services."""
    owners: dict[str, str] = {}
    for service in manifests.services.values():
        for table in service.tables:
            owner = owners.setdefault(table, service.service)
            if owner != service.service:
                yield _problem(service, f"tables.{table}", f"is already a table of {owner}")


def aws_events_name_a_known_bucket(manifests: Manifests) -> Iterator[Problem]:
    """There is one bucket, `images`."""
    for service in manifests.services.values():
        for position, item in enumerate(service.consumes):
            if item.aws_event and item.aws_event.bucket != "images":
                yield _problem(service, f"consumes.{position}.aws_event.bucket", f"no bucket {item.aws_event.bucket!r}")


def image_keys_have_a_known_prefix(manifests: Manifests) -> Iterator[Problem]:
    """Key patterns are `*/<prefix>/*` or `<prefix>/*` with a prefix that the platform declares."""
    known = set(manifests.platform.images.prefixes)
    for ref in manifests.functions:
        for access in ("read", "write", "delete", "tag"):
            for pattern in getattr(ref.function.images, access):
                if not known & set(pattern.split("/")):
                    path = f"functions.{ref.name}.images.{access}"
                    yield _problem(ref.service, path, f"{pattern} is below none of the prefixes {sorted(known)}")


def retrieval_needs_a_database(manifests: Manifests) -> Iterator[Problem]:
    """The read model lives in the schema of the service."""
    for service in manifests.services.values():
        if service.retrieval and not service.database:
            yield _problem(service, "retrieval", "needs database: true")


def extras_are_optional_dependencies(manifests: Manifests) -> Iterator[Problem]:
    """A function's extras are groups in the pyproject.toml of its service, and every group is used by a function."""
    for service in manifests.services.values():
        file = manifests.service_folder(service.service) / "pyproject.toml"
        project = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        groups = set(project.get("project", {}).get("optional-dependencies", {}))
        for name, function in service.functions.items():
            for extra in function.extras:
                if extra not in groups:
                    message = f"{extra!r} is not an optional-dependencies group in the service's pyproject.toml"
                    yield _problem(service, f"functions.{name}.extras", message)
        for group in sorted(groups - {extra for function in service.functions.values() for extra in function.extras}):
            yield _problem(service, "functions", f"the optional dependencies {group!r} are in no function's extras")


RULES: tuple[Check, ...] = (
    consumed_events_are_published,
    events_belong_to_their_publisher,
    publishers_have_a_publishing_function,
    consumers_exist_and_have_a_queue,
    an_event_goes_to_one_function_of_a_service,
    handlers_belong_to_their_service,
    routes_are_unique,
    table_grants_name_own_tables,
    backlogs_are_of_own_queues,
    table_names_are_unique,
    aws_events_name_a_known_bucket,
    image_keys_have_a_known_prefix,
    retrieval_needs_a_database,
    extras_are_optional_dependencies,
)


def _problem(service: Service, path: str, message: str) -> Problem:
    return Problem(Path("services") / service.service / "service.yaml", path, message)
