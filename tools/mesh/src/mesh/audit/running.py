"""One audit: every event and its deliveries, then the read models item by item, then the bucket."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from chassis.backlog import backlog
from contracts import ReplayKind
from mesh.audit import deliveries, objects, read_models
from mesh.audit.asking import Services, at_once
from mesh.audit.deliveries import Lacking
from mesh.audit.model import Difference, Findings, Kind, Recorded, Scope, Subject, only_confirmed
from mesh.dlq.letters import Selection
from mesh.dlq.queues import DeadLetterQueues
from mesh.replay.asking import Owners
from mesh.trace.asking import consumers_of

if TYPE_CHECKING:
    from manifests import Manifests
    from mesh.environments import Environment

#: Told what is being done, how much of it is done, and of how much where that is known.
Report = Callable[[str, int, int | None], None]
#: When the latest event of a subject without any was recorded.
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
#: At most so many subjects are named in a request, which is some 1 MB; for more everything is looked at again.
_NARROWED: Final = 20_000
#: Evidence by itself; anything else may have been under way, and is asked once more.
_EVIDENT: Final = frozenset({Kind.DEAD_LETTER, Kind.PARKED})


class Auditor:
    """Audits one environment."""

    def __init__(self, environment: Environment, manifests: Manifests, report: Report) -> None:
        self._environment = environment
        self._manifests = manifests
        self._services = Services(environment)
        self._report = report
        self._s3 = environment.client("s3")

    def audit(self, scope: Scope) -> Findings:
        """Everything that differs, at a first look and at a second.

        Raises ServiceOutdatedError, FunctionFailedError, and botocore's errors.
        """
        findings = self._look(scope)
        doubtful = frozenset(each.subject for each in findings.differences if each.kind not in _EVIDENT)
        if doubtful:
            narrowed = replace(scope, subjects=doubtful, since=None) if len(doubtful) <= _NARROWED else scope
            again = self._look(narrowed, also=_unrecorded(findings)).differences
            evident = [each for each in findings.differences if each.kind in _EVIDENT]
            findings.differences = evident + only_confirmed(findings.differences, again)
        return findings

    def _look(self, scope: Scope, also: Sequence[Subject] = ()) -> Findings:
        findings = Findings()
        self._deliveries(scope, findings)
        if scope.is_whole:
            self._subjects_with_rows(scope, findings)
        for subject in also:
            findings.subjects.setdefault(subject, _NEVER)
        named = self._read_models(scope, findings)
        self._objects(scope, findings, named)
        return findings

    def _deliveries(self, scope: Scope, findings: Findings) -> None:
        consumers = consumers_of(self._manifests)
        lacking: list[Lacking] = []
        now = datetime.now(UTC)

        def follow(owner: str) -> list[Recorded]:
            waiting: list[Recorded] = []
            for page in self._services.recorded(owner, scope):
                for event in page:
                    # What is not on the bus cannot have arrived: its item is under way.
                    at = now if event.state else event.recorded_at
                    findings.subjects[event.of] = max(findings.subjects.get(event.of, at), at)
                findings.events += len(page)
                settled = [event for event in page if not event.state and event.recorded_at < scope.before]
                lacking.extend(deliveries.lacking(self._services, settled, consumers))
                waiting += [event for event in page if event.state]
                self._report("events", findings.events, None)
            return waiting

        for owner in self._services.owners:
            unpublished = follow(owner)
            findings.differences += [deliveries.parked(event) for event in unpublished if event.state == "parked"]
            findings.skipped["events that wait in the outbox"] += sum(e.state == "waiting" for e in unpublished)
        letters = DeadLetterQueues(self._environment).letters(Selection())
        differences, skipped = deliveries.judge(
            lacking, letters, scope, waiting=self._backlog, is_rebuild=self._rebuilds()
        )
        findings.differences += differences
        findings.differences += [
            deliveries.dead_letter(each) for each in letters if deliveries.is_selected(each, scope)
        ]
        findings.skipped.update(skipped)

    def _subjects_with_rows(self, scope: Scope, findings: Findings) -> None:
        """Rows may be about what no event is about."""
        for service in self._services.names:
            for subject in self._services.subjects(service, scope.tenant):
                findings.subjects.setdefault(subject, _NEVER)

    def _read_models(self, scope: Scope, findings: Findings) -> objects.Named:
        named = objects.Named()
        subjects = findings.settled(scope.before)
        findings.skipped["items with events that are under way"] += len(findings.subjects) - len(subjects)
        explained = {(each.service, each.of) for each in findings.differences}
        done = 0

        def count(number: int) -> None:
            nonlocal done
            done += number
            self._report("items", done, len(subjects))

        facts = read_models.facts_of(self._manifests)
        for compared in read_models.compare(self._services, subjects, facts, until=datetime.now(UTC), done=count):
            named.add(compared.documents)
            findings.not_compared |= compared.not_compared
            # What was not delivered is missing in the rows as well.
            findings.differences += [e for e in compared.differences if (e.service, e.of) not in explained]
        self._derived(findings, explained)
        return named

    def _derived(self, findings: Findings, explained: Collection[tuple[str, Subject]]) -> None:
        tenants, done = {tenant for tenant, _ in findings.subjects}, 0
        asked = len(tenants) * len(self._services.names)

        def count(number: int) -> None:
            nonlocal done
            done += number
            self._report("tenants of services", done, asked)

        for differences in read_models.derived(self._services, tenants, done=count):
            findings.differences += [each for each in differences if (each.service, each.of) not in explained]

    def _objects(self, scope: Scope, findings: Findings, named: objects.Named) -> None:
        found: list[objects.Stored] = []
        tenants = {tenant for tenant, _ in findings.subjects}
        for page in objects.stored(self._s3, self._environment.images_bucket, scope, tenants):
            found += page
            self._report("objects", len(found), None)
        findings.objects = len(found)
        ids = {each.tenant: each.tenant_id for each in found}
        for each in objects.compare(named, found, scope, findings.subjects):
            is_original = each.kind is Kind.OBJECT_MISSING and each.replay is None
            findings.differences.append(self._with_version(each, ids) if is_original else each)

    def _with_version(self, missing: Difference, ids: dict[str, str]) -> Difference:
        """The missing original, with what is left of it."""
        tenant, _, rest = missing.what.partition("/")
        version = None
        if tenant in ids:
            version = objects.noncurrent(self._s3, self._environment.images_bucket, ids[tenant])(rest)
        left = f"S3 has its version {version}" if version else "S3 has no version of it"
        return missing.model_copy(update={"advice": f"{missing.advice}; {left}"})

    def _backlog(self, consumer: str, event_type: str) -> int:
        return self._queued(next(f for f, types in self._queues(consumer) if event_type in types))

    def _queues(self, consumer: str) -> list[tuple[str, set[str | None]]]:
        service = self._manifests.services[consumer]
        functions = {item.function for item in service.consumes}
        return [(f"{consumer}.{f}", {i.event for i in service.consumes if i.function == f}) for f in functions]

    def _queued(self, function: str) -> int:
        url = self._environment.functions[function].queue_url
        return backlog(self._environment.client("sqs"), url) if url else 0

    def _rebuilds(self) -> Callable[[str, str], bool]:
        owners = Owners(self._environment)

        @cache
        def is_rebuild(service: str, replay: str) -> bool:
            return any(each.kind is ReplayKind.REBUILD for each in owners.show(replay, [service]))

        return is_rebuild

    def wait_for(self, consumers: Sequence[str], *, enough: Callable[[], bool]) -> None:
        """Wait until the queues of these services are empty, or it is enough."""
        functions = [function for consumer in consumers for function, _ in self._queues(consumer)]
        while any(at_once(self._queued, functions)) and not enough():
            time.sleep(1)


def _unrecorded(findings: Findings) -> list[Subject]:
    """What differs and has no event: the second look cannot find it by its events."""
    return [each.of for each in findings.differences if findings.subjects.get(each.of, _NEVER) == _NEVER]
