"""The catalogue of contracts, and the way from a document on the wire to a typed event."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from contracts import analysis, chat, embedding, imaging, ingest, operations, retired, search, sessions
from contracts.contract import TYPE_PATTERN, VERSION_PATTERN, Contract, fact_of, read_timestamp
from contracts.envelope import Event, ReplayKind, ReprocessMode, envelope_problems, read_cloudevent
from contracts.errors import (
    BrokenRegistryError,
    InvalidEventError,
    NotLivingError,
    NoUpcasterError,
    RegistryFault,
    UnknownEventError,
    Violation,
)
from contracts.upcasters import UPCASTERS
from contracts.upcasting import Upcaster, chain, upcast
from contracts.validation import validate

T = TypeVar("T", bound=Contract)


class Registry:
    """Contracts by event type: living ones, which are published, and retired ones, which are only read.

    Building one examines the naming rules, that a fact has one living major, and that a chain of upcasters leads from
    every retired major to it. `faults` holds what does not: tools report all of it, services start only when `proven`.
    """

    def __init__(
        self,
        contracts: Iterable[type[Contract]],
        retired: Iterable[type[Contract]] = (),
        upcasters: Mapping[str, Upcaster] = UPCASTERS,
    ) -> None:
        self._contracts: dict[str, type[Contract]] = {}
        self._newest: dict[str, type[Contract]] = {}
        self._upcasters = upcasters
        self._faults: list[RegistryFault] = []
        for contract in contracts:
            if self._add(contract) and self._newest.setdefault(contract.fact(), contract) is not contract:
                self._fault(contract, f"{contract.fact()} has two living majors")
        self._living = tuple(self._contracts.values())
        for contract in retired:
            if self._add(contract):
                self._check_way(contract)

    def _add(self, contract: type[Contract]) -> bool:
        """Whether it can be looked up by its type."""
        if missing := [name for name in ("event_type", "schema_version") if not hasattr(contract, name)]:
            self._faults.append(RegistryFault(contract.__name__, f"{contract.__name__} has no {missing[0]}"))
            return False
        name = TYPE_PATTERN.match(contract.event_type)
        if name is None:
            self._fault(contract, f"{contract.__name__}: {contract.event_type!r} breaks the naming rules")
            return False
        version = VERSION_PATTERN.fullmatch(contract.schema_version)
        if version is None or version["major"] != name["major"]:
            self._fault(contract, f"{contract.__name__}: version {contract.schema_version} is not of {name['major']}.x")
        if contract.event_type in self._contracts:
            self._fault(contract, f"{contract.event_type} is declared twice")
            return False
        self._contracts[contract.event_type] = contract
        return True

    def _check_way(self, retired: type[Contract]) -> None:
        try:
            chain(retired.event_type, self.newest(retired.event_type).event_type, self._upcasters)
        except UnknownEventError:
            self._fault(retired, f"{retired.event_type} is retired, and no major of its fact is living")
        except NoUpcasterError as error:
            self._faults.append(RegistryFault(retired.event_type, str(error), upcaster_missing=True))

    def _fault(self, contract: type[Contract], message: str) -> None:
        self._faults.append(RegistryFault(contract.event_type, message))

    @property
    def faults(self) -> tuple[RegistryFault, ...]:
        """What is wrong with the declarations; none, if the registry is proven."""
        return tuple(self._faults)

    def proven(self) -> "Registry":
        """The registry itself.

        Raises:
            BrokenRegistryError: it has faults.
        """
        if self._faults:
            raise BrokenRegistryError(self._faults)
        return self

    def __iter__(self) -> Iterator[type[Contract]]:
        """The living contracts."""
        return iter(self._living)

    def types(self) -> tuple[str, ...]:
        """Every event type that is published, sorted."""
        return tuple(sorted(contract.event_type for contract in self._living))

    def retired(self) -> tuple[type[Contract], ...]:
        """Majors that are no longer published; stored events, archives and dead letters hold them for ever."""
        return tuple(contract for contract in self._contracts.values() if contract not in self._living)

    def majors(self, event_type: str) -> tuple[type[Contract], ...]:
        """All majors of the type's fact, oldest first."""
        found = [contract for contract in self._contracts.values() if contract.fact() == fact_of(event_type)]
        return tuple(sorted(found, key=lambda contract: contract.major()))

    def contract(self, event_type: str) -> type[Contract]:
        """The contract of a type, living or retired.

        Raises:
            UnknownEventError: there is none.
        """
        try:
            return self._contracts[event_type]
        except KeyError:
            raise UnknownEventError(event_type) from None

    def newest(self, event_type: str) -> type[Contract]:
        """The living contract of the type's fact.

        Raises:
            UnknownEventError: there is none.
        """
        try:
            return self._newest[fact_of(event_type)]
        except KeyError:
            raise UnknownEventError(event_type) from None

    def admit(self, event: Event[Contract]) -> None:
        """Check that an event may be published: its payload is the living contract of its type, not a look-alike.

        Raises:
            NotLivingError: it is not.
        """
        if self._newest.get(event.data.fact()) is not type(event.data):
            raise NotLivingError(event.type, type(event.data).__name__)

    def read(self, document: Mapping[str, Any]) -> Event[Contract]:
        """A document of the wire or a store as a typed event of the newest major. Raises like `read_as`."""
        event_type = document.get("type")
        newest = self._newest.get(fact_of(event_type)) if isinstance(event_type, str) else None
        return self.read_as(document, newest or Contract)

    def read_as(self, document: Mapping[str, Any], understood: type[T]) -> Event[T]:
        """A document of any major of a fact as a typed event of the version that the reader understands.

        First the envelope (CloudEvents SDK), then the contract it was written under, then the upcasters.

        Raises:
            UnknownEventError: no contract of its type.
            NoUpcasterError: it is of another fact or of a newer major than is understood.
            InvalidEventError: it breaks the envelope or the contract.
        """
        attributes = {name: value for name, value in document.items() if name != "data"}
        event_type = attributes.get("type")
        data = document.get("data")
        problems = envelope_problems(attributes, data)
        if problems:
            raise InvalidEventError(str(event_type) if event_type else None, tuple(problems))
        attributes["time"] = read_timestamp(attributes["time"])
        read_cloudevent(attributes, data or {})
        contract = self.contract(str(event_type))
        if attributes["source"] != contract.source():
            wrong = Violation("source", "/source", f"{event_type} is published by {contract.source()} alone")
            raise InvalidEventError(contract.event_type, (wrong,))
        return Event(
            id=attributes["id"],
            subject=attributes["subject"],
            time=attributes["time"],
            tenant_id=attributes["tenantid"],
            correlation_id=attributes["correlationid"],
            causation_id=attributes.get("causationid"),
            sequence=int(attributes.get("sequence", "0")),
            traceparent=attributes.get("traceparent"),
            replay_id=attributes.get("replayid"),
            replay_for=attributes.get("replayfor"),
            replay_kind=ReplayKind(attributes["replaykind"]) if "replaykind" in attributes else None,
            replay_budget=attributes.get("replaybudget"),
            replay_force=attributes.get("replayforce"),
            replay_model=attributes.get("replaymodel"),
            replay_prompt=attributes.get("replayprompt"),
            replay_mode=ReprocessMode(attributes["replaymode"]) if "replaymode" in attributes else None,
            replay_run=attributes.get("replayrun"),
            replay_version=attributes.get("replayversion"),
            data=self._payload(contract, data, understood),
        )

    def _payload(self, written: type[Contract], data: object, understood: type[T]) -> T:
        payload = validate(written, data)
        if isinstance(payload, understood):
            return payload
        document = payload.model_dump(mode="json", exclude_none=True)
        return validate(understood, upcast(written.event_type, document, understood, self._upcasters))


REGISTRY = Registry(
    (
        ingest.ItemUploaded,
        ingest.ItemDeleted,
        ingest.UploadRejected,
        ingest.RetryRequested,
        ingest.ReplayProgressed,
        ingest.ReplayCompleted,
        ingest.TenantForgotten,
        ingest.TenantErased,
        imaging.ImageProcessed,
        imaging.ImageRejected,
        imaging.ReplayProgressed,
        imaging.ReplayCompleted,
        imaging.TenantErased,
        analysis.ItemAnalyzed,
        analysis.CandidateAnalyzed,
        analysis.AnalysisFailed,
        analysis.AnalysisRequested,
        analysis.BudgetSpent,
        analysis.ReplayProgressed,
        analysis.ReplayCompleted,
        analysis.TenantErased,
        embedding.ItemEmbedded,
        embedding.EmbeddingFailed,
        embedding.RebuildRequested,
        embedding.ReplayProgressed,
        embedding.ReplayCompleted,
        embedding.TenantErased,
        search.TenantErased,
        chat.TurnCompleted,
        chat.TurnsErased,
        chat.ReplayProgressed,
        chat.ReplayCompleted,
        chat.TenantErased,
        sessions.SessionDeleted,
        sessions.SessionExpired,
        sessions.ReplayProgressed,
        sessions.ReplayCompleted,
        sessions.TenantErased,
        operations.ReplayRequested,
        operations.ReplayPaused,
        operations.ReplayResumed,
        operations.ReplayCancelled,
        operations.ForgetRequested,
    ),
    retired.CONTRACTS,
)
