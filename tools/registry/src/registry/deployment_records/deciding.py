"""Is a release compatible with what is deployed? Every pair of producer and consumer is compared, in both roles.

Inside a major the reader's tolerant schema must accept every document of the writer's closed one; that is proven, and
what cannot be proven counts as a no. Another major needs a subscription of the reader to it, which its manifest shows:
older majors that it reads through upcasters are listed there too.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from compatibility import UndecidedError, UnusableSchemaError, covers, read_schema
from registry.deployment_records.record import ContractVersion, Environment, Release


@dataclass(frozen=True, slots=True)
class Pair:
    """A producer of a version of a fact, and a consumer that reads the versions in `understood`."""

    event: str
    published: str
    producer: str
    consumer: str
    understood: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it may not be deployed: the pair, a stable code, a path in the document, and a sentence."""

    pair: Pair
    code: str
    path: str
    message: str
    witness: Any = None

    def __str__(self) -> str:
        pair = self.pair
        reads = " and ".join(pair.understood) or "nothing"
        where = f" at {self.path}" if self.path else ""
        return (
            f"{pair.consumer} reads {reads} of {pair.event}, {pair.producer} publishes {pair.published}: "
            f"{self.message}{where} [{self.code}]"
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer with everything compared; `notes` do not block a deployment."""

    service: str
    git_sha: str
    environment: str
    pairs: tuple[Pair, ...]
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]

    @property
    def may_go_out(self) -> bool:
        """Whether there is no reason against it."""
        return not self.reasons

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "may_go_out": self.may_go_out}


def decide(candidate: Release, environment: Environment) -> Answer:
    """Compare a release with everything deployed; it replaces the release of the same service."""
    others = [entry.release for name, entry in environment.services.items() if name != candidate.service]
    pairs: list[Pair] = []
    reasons: list[Reason] = []
    for producer, consumer in [(candidate, candidate), *_both_ways(candidate, others)]:
        for published in producer.publishes:
            consumed = [version for version in consumer.understands if version.fact == published.fact]
            if consumed:
                pair = Pair(
                    published.fact, _name(published), producer.service, consumer.service, tuple(map(_name, consumed))
                )
                pairs.append(pair)
                reasons += _reasons(pair, published, consumed)
    return Answer(
        candidate.service,
        candidate.git_sha,
        environment.environment,
        tuple(pairs),
        tuple(reasons),
        tuple(_unpublished(candidate, others)),
    )


def _both_ways(candidate: Release, others: list[Release]) -> Iterator[tuple[Release, Release]]:
    for other in others:
        yield candidate, other
        yield other, candidate


def _name(version: ContractVersion) -> str:
    return f"{version.event.rpartition('.')[2]} ({version.version})"


def _reasons(pair: Pair, published: ContractVersion, consumed: list[ContractVersion]) -> Iterator[Reason]:
    reader = next((version for version in consumed if version.event == published.event), None)
    if reader is None:
        yield Reason(pair, "major-not-understood", "", f"{pair.consumer} has no subscription to {published.event}")
        return
    if reader.schema_ == published.schema_:
        return
    try:
        findings = covers(
            read_schema(published.schema_, name=f"{pair.producer}'s {published}"),
            read_schema(reader.schema_, name=f"{pair.consumer}'s {reader}"),
        )
    except UndecidedError as error:
        yield Reason(pair, "undecided", "", f"it could not be proven that every such document is understood: {error}")
    except UnusableSchemaError as error:
        yield Reason(pair, f"unusable-schema:{error.code}", "", error.detail)
    else:
        for finding in findings:
            yield Reason(pair, finding.rule, finding.path, finding.message, finding.witness)


def _unpublished(candidate: Release, others: list[Release]) -> Iterator[str]:
    """Facts that a consumer expects and no deployed producer would publish."""
    published = {version.fact for release in (candidate, *others) for version in release.publishes}
    for consumer in (candidate, *others):
        for fact in sorted({version.fact for version in consumer.understands} - published):
            own = fact.rsplit(".", 2)[-2] == candidate.service
            if consumer is candidate or own:
                yield f"{consumer.service} consumes {fact}, which no service there publishes"
