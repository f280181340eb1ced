"""The routes: parse, call, answer. Nothing of Voyage or LangChain is imported here."""

from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.http import CallerDep, HttpEntry, Id, Response, create_api, documented
from chassis.model_names import require_listed
from embedding.bootstrap import EmbeddingService
from embedding.rebuild_request import request_rebuild
from embedding.repository import documents, rebuilds
from embedding.repository.rebuilds import RebuildStatus

_MODEL = "The model to embed with, one that is offered; the configured one otherwise."
_A_MODEL = "voyage-4-lite"


class RebuildRequest(BaseModel):
    """What to rebuild with."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    model: str | None = Field(default=None, max_length=100, description=_MODEL, examples=[_A_MODEL])


class RebuildAnswer(BaseModel):
    """A rebuild was accepted, or one is under way already."""

    status: Literal["accepted", "running"] = Field(description="Whether this request began it.")
    num_documents: int = Field(ge=0, description="Items that it embeds again.", examples=[1234])
    message: str = Field(description="The same for people.", examples=["1234 items will be embedded again"])
    rebuild_id: Id = Field(description="Of the rebuild.")


class RebuildProgress(BaseModel):
    """How far a rebuild is."""

    rebuild_id: Id = Field(description="Of the rebuild.")
    model: str = Field(description="The model it embeds with.", examples=[_A_MODEL])
    status: RebuildStatus = Field(description="How far it is.")
    total: int = Field(ge=0, description="Items that it embeds again.", examples=[1234])
    done: int = Field(ge=0, description="Of them, those that have a new vector.", examples=[1200])
    failed: int = Field(ge=0, description="Of them, those that got none.", examples=[0])
    created_at: datetime = Field(description="When it began.", examples=["2026-11-30T09:15:00Z"])
    finished_at: datetime | None = Field(description="When it ended; null before.", examples=["2026-11-30T09:17:00Z"])


class VectorIndexStatus(BaseModel):
    """The caller's descriptions and their vectors; `rebuild` is the latest one."""

    model: str = Field(description="The model of new vectors.", examples=[_A_MODEL])
    dimensions: int = Field(ge=1, description="Numbers in a vector.", examples=[1024])
    analysed: int = Field(ge=0, description="Items that have a description.", examples=[1234])
    embedded: int = Field(ge=0, description="Of them, those that have a vector.", examples=[1230])
    pending: int = Field(ge=0, description="Of them, those that will get one.", examples=[3])
    failed: int = Field(ge=0, description="Of them, those that get none.", examples=[1])
    rebuild: RebuildProgress | None = Field(description="The latest rebuild; null before the first.")


def http(service: EmbeddingService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database)


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
        asked_model: Annotated[
            str | None, Query(alias="model", max_length=100, description=_MODEL, examples=[_A_MODEL])
        ] = None,
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
