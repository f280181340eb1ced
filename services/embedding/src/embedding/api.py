"""The routes: parse, call, answer. Nothing of Voyage or LangChain is imported here."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict

from chassis.http import CallerDep, HttpEntry, Response, create_api, documented
from chassis.model_names import require_listed
from embedding.bootstrap import EmbeddingService
from embedding.rebuild_request import request_rebuild
from embedding.repository import documents, rebuilds
from embedding.repository.rebuilds import RebuildStatus


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


def http(service: EmbeddingService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service))


def routes(service: EmbeddingService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()
    configured = service.space

    @api.post(
        "/vector-index/rebuild",
        summary="Embed all items again",
        responses=documented(
            (HTTPStatus.UNPROCESSABLE_ENTITY, "The model is not one of those offered; `allowed` names them"),
            success={202: {"description": "Accepted"}},
        ),
    )
    def rebuild(
        caller: CallerDep,
        body: Annotated[RebuildRequest | None, Body()] = None,
        asked_model: Annotated[str | None, Query(alias="model")] = None,
    ) -> Response[RebuildAnswer]:
        """Answers at once; the status route shows the progress. The model may come in the query or as JSON."""
        model = (body.model if body else None) or asked_model or configured.model
        require_listed(model, service.models)
        asked, accepted = request_rebuild(service.work, caller, model)
        answer = RebuildAnswer(
            status="accepted" if accepted else "running",
            num_documents=asked.total,
            message=f"{asked.total} items will be embedded again with {model}"
            if accepted
            else f"a rebuild is under way: {asked.done} of {asked.total} done",
            rebuild_id=asked.rebuild_id,
        )
        return Response(status_code=HTTPStatus.ACCEPTED.value, content_type="application/json", body=answer)

    @api.get("/vector-index/status", summary="How many items have a vector")
    def status(caller: CallerDep) -> VectorIndexStatus:
        """Counts of the caller's items and the progress of the latest rebuild."""
        with service.database.transaction() as connection:
            counts = documents.counts(connection, caller.tenant_id)
            latest = rebuilds.latest(connection, caller.tenant_id)
        return VectorIndexStatus(
            model=configured.model,
            dimensions=configured.dimensions,
            rebuild=RebuildProgress(**asdict(latest)) if latest else None,
            **asdict(counts),
        )

    return api
