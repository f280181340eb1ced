"""The routes. Nothing of Voyage or LangChain is imported here: asking for a rebuild only records that it was asked."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict

from chassis.http import Caller, CallerDep, ProblemError, Response, create_api
from chassis.work import UnitsOfWork
from contracts import new_event
from contracts.embedding import RebuildRequested
from embedding import rebuild_repository
from embedding.rebuild_repository import Rebuild, RebuildStatus


class RebuildRequest(BaseModel):
    """What to rebuild with."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model: str | None = None


class RebuildAnswer(BaseModel):
    """A rebuild was accepted, or one is under way already."""

    status: Literal["accepted", "running"]
    num_documents: int
    message: str
    rebuild_id: str


class RebuildProgress(BaseModel):
    """How far a rebuild is."""

    rebuild_id: str
    model: str
    status: RebuildStatus
    total: int
    done: int
    failed: int
    created_at: datetime
    finished_at: datetime | None


class VectorIndexStatus(BaseModel):
    """The caller's descriptions and their vectors; `rebuild` is the latest one."""

    model: str
    dimensions: int
    analysed: int
    embedded: int
    pending: int
    failed: int
    rebuild: RebuildProgress | None


def build(work: UnitsOfWork, *, model: str, models: frozenset[str], dimensions: int) -> APIGatewayHttpResolver:
    """The resolver of this service's routes. `models` are those that a rebuild may use besides the configured one."""
    api = create_api()

    @api.post("/vector-index/rebuild", summary="Embed all items again", responses={202: {"description": "Accepted"}})
    def rebuild(
        caller: CallerDep,
        body: Annotated[RebuildRequest | None, Body()] = None,
        asked_model: Annotated[str | None, Query(alias="model")] = None,
    ) -> Response[RebuildAnswer]:
        """Answers at once; the status route shows the progress. The model may come in the query or as JSON."""
        chosen = (body.model if body else None) or asked_model or model
        if chosen not in models | {model}:
            known = ", ".join(sorted(models | {model}))
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-model", f"model is one of: {known}")
        return Response(
            status_code=HTTPStatus.ACCEPTED.value,
            content_type="application/json",
            body=request_rebuild(work, caller, chosen),
        )

    @api.get("/vector-index/status", summary="How many items have a vector")
    def status(caller: CallerDep) -> VectorIndexStatus:
        """Counts of the caller's items and the progress of the latest rebuild."""
        with work.database.transaction() as connection:
            counts = rebuild_repository.counts(connection, caller.tenant_id)
            latest = rebuild_repository.latest_rebuild(connection, caller.tenant_id)
        return VectorIndexStatus(
            model=model, dimensions=dimensions, rebuild=_progress(latest) if latest else None, **asdict(counts)
        )

    return api


def request_rebuild(work: UnitsOfWork, caller: Caller, model: str) -> RebuildAnswer:
    """Ask for a rebuild, unless one with that model is under way."""
    # One lock a tenant: two clicks are one rebuild.
    with work.on(caller.tenant_id, "vector-index") as unit:
        running = rebuild_repository.running_rebuild(unit.connection, caller.tenant_id, model)
        if running is not None:
            return RebuildAnswer(
                status="running",
                num_documents=running.total,
                message=f"a rebuild is under way: {running.done} of {running.total} done",
                rebuild_id=running.rebuild_id,
            )
        rebuild_id, total = str(uuid.uuid4()), rebuild_repository.counts(unit.connection, caller.tenant_id).analysed
        created_at = datetime.now(UTC)
        rebuild_repository.add_rebuild(unit.connection, caller.tenant_id, rebuild_id, model, total, created_at)
        unit.record(
            new_event(
                RebuildRequested(model=model, total=total),
                subject=rebuild_id,
                tenant_id=caller.tenant_id,
                correlation_id=caller.correlation_id,
                traceparent=caller.traceparent,
                time=created_at,
            )
        )
    return RebuildAnswer(
        status="accepted",
        num_documents=total,
        message=f"{total} items will be embedded again with {model}",
        rebuild_id=rebuild_id,
    )


def _progress(rebuild: Rebuild) -> RebuildProgress:
    return RebuildProgress(**asdict(rebuild))
