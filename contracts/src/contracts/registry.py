"""The catalogue of contracts, and the way from a document on the wire to a typed event."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from contracts import analysis, chat, embedding, imaging, ingest, sessions
from contracts.contract import TYPE_PATTERN, Contract
from contracts.envelope import EXTENSIONS, Event, read_cloudevent, validate
from contracts.errors import InvalidEventError, UnknownEventError, Violation


class Registry:
    """Contracts by event type. Building one proves the law of names."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._contracts: dict[str, type[Contract]] = {}
        for contract in contracts:
            name = TYPE_PATTERN.match(contract.event_type)
            if name is None:
                raise ValueError(f"{contract.__name__}: {contract.event_type!r} breaks the naming law")
            if contract.schema_version.split(".")[0] != name["major"]:
                raise ValueError(f"{contract.__name__}: version {contract.schema_version} is not of {name['major']}.x")
            if contract.event_type in self._contracts:
                raise ValueError(f"{contract.event_type} is declared twice")
            self._contracts[contract.event_type] = contract

    def __iter__(self) -> Iterator[type[Contract]]:
        return iter(self._contracts.values())

    def types(self) -> tuple[str, ...]:
        """Every event type, sorted."""
        return tuple(sorted(self._contracts))

    def contract(self, event_type: str) -> type[Contract]:
        """The contract of a type.

        Raises:
            UnknownEventError: there is none.
        """
        try:
            return self._contracts[event_type]
        except KeyError:
            raise UnknownEventError(event_type) from None

    def read(self, document: Mapping[str, Any]) -> Event[Contract]:
        """A document of the wire as a typed event: first the envelope (CloudEvents SDK), then the contract.

        Raises:
            UnknownEventError: no contract of its type.
            InvalidEventError: it breaks the envelope or the contract.
        """
        attributes = {name: value for name, value in document.items() if name != "data"}
        event_type = attributes.get("type")
        data = document.get("data")
        problems = _envelope_problems(attributes, data)
        if problems:
            raise InvalidEventError(str(event_type) if event_type else None, tuple(problems))
        attributes["time"] = datetime.fromisoformat(attributes["time"])
        read_cloudevent(attributes, data or {})
        contract = self.contract(str(event_type))
        if attributes["source"] != contract.source():
            wrong = Violation("source", "/source", f"{event_type} is told by {contract.source()} alone")
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
            data=validate(contract, data),
        )


def _envelope_problems(attributes: Mapping[str, Any], data: object) -> list[Violation]:
    """What our envelope asks beyond CloudEvents: the required extensions, a subject, a JSON object as data."""
    problems = [
        Violation("missing", f"/{name}", f"{name} is required")
        for name in ("id", "type", "source", "subject", "time", "tenantid", "correlationid", "dataschema")
        if not attributes.get(name)
    ]
    problems += [
        Violation("string", f"/{name}", f"{name} is text")
        for name, value in attributes.items()
        if name in {"id", "type", "source", "subject", "time", *EXTENSIONS} and not isinstance(value, str)
    ]
    if not isinstance(data, Mapping):
        problems.append(Violation("object", "/data", "data is a JSON object"))
    if not problems and not str(attributes.get("sequence", "0")).isdigit():
        problems.append(Violation("sequence", "/sequence", "sequence is a whole number"))
    if not problems:
        try:
            zone = datetime.fromisoformat(attributes["time"]).tzinfo
        except ValueError:
            problems.append(Violation("time", "/time", "time is RFC 3339"))
        else:
            if zone is None:
                problems.append(Violation("time", "/time", "time carries a zone"))
    return problems


REGISTRY = Registry(
    (
        ingest.ItemUploaded,
        ingest.ItemDeleted,
        ingest.UploadRejected,
        imaging.ImageProcessed,
        imaging.ImageRejected,
        analysis.ItemAnalyzed,
        analysis.AnalysisFailed,
        analysis.AnalysisRequested,
        embedding.ItemEmbedded,
        embedding.EmbeddingFailed,
        embedding.RebuildRequested,
        chat.TurnCompleted,
        sessions.SessionDeleted,
        sessions.SessionExpired,
    )
)
