"""The routes: parse, call, answer."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query
from pydantic import BaseModel, ConfigDict, Field

from analysis.bootstrap import AnalysisService
from analysis.models import Provider
from analysis.repository.analyses import AnalysisRecord
from analysis.requests import AnalyzeOptions, Requests
from chassis.database import Connection
from chassis.http import CallerDep, HttpEntry, Id, IdempotencyKey, Keep, Response, create_api, documented, once
from contracts.analysis import Description

_MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$"
_FORCE = "Make a new version although there is one."
_PROVIDER = "Whose model is to describe it; the configured one's otherwise, or another's while that is unavailable."
_MODEL = "The model that is to describe it; one that is offered."
_A_MODEL = "claude-sonnet-5"


class Analysis(BaseModel):
    """One version of an item's description."""

    id: Id = Field(description="Of this version; `GET /analyses/{id}` has it.")
    item_id: Id = Field(description="Of the item that is described.")
    version: int = Field(ge=1, description="Versions of an item count 1, 2, …", examples=[1])
    category: str = Field(description="The kind of picture, in a word or two.", examples=["Food"])
    summary: str = Field(description="Two or three sentences.", examples=["A bowl of ramen with an egg."])
    raw_response: Description = Field(description="All that the model said.")
    provider_used: str = Field(description="Whose model described it.", examples=["anthropic"])
    model_used: str = Field(description="The model's name at its provider.", examples=["claude-sonnet-5"])
    trace_id: str | None = Field(
        description="Of the run in LangSmith; null where none was traced.",
        examples=["1f0c2b6e-52b4-4c0a-9d0f-7d9f3a1d3f10"],
    )
    created_at: datetime = Field(description="When it was described.", examples=["2026-11-30T09:15:02Z"])

    @classmethod
    def of(cls, record: AnalysisRecord) -> "Analysis":
        """As the API shows it."""
        result = record.result
        return cls(
            id=record.analysis_id,
            item_id=record.item_id,
            version=record.version,
            category=result.description.category,
            summary=result.description.summary,
            raw_response=result.description,
            provider_used=result.provider,
            model_used=result.model,
            trace_id=result.trace_id,
            created_at=record.created_at,
        )


class AnalyzeRequest(BaseModel):
    """How to analyse; what is missing here may be in the query."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    force_reanalyze: bool | None = Field(default=None, description=_FORCE, examples=[True])
    provider: Provider | None = Field(default=None, description=_PROVIDER)
    model: str | None = Field(default=None, pattern=_MODEL_PATTERN, description=_MODEL, examples=[_A_MODEL])


class AnalyzeAccepted(BaseModel):
    """The analysis will be made; its result appears in the item's analyses."""

    status: Literal["accepted"] = Field(default="accepted", description="Always this.")
    item_id: Id = Field(description="Of the item.")
    message: str = Field(
        default="the analysis will be made; look at the item's analyses", description="The same for people."
    )


_Analyzed = Analysis | AnalyzeAccepted
_NO_ITEM = (HTTPStatus.NOT_FOUND, "The caller has no such item")
_ANALYZE_RESPONSES = documented(
    _NO_ITEM,
    (HTTPStatus.CONFLICT, "The item has no picture for models, or is not processed yet"),
    (HTTPStatus.UNPROCESSABLE_ENTITY, "The request is malformed, the model unknown, the picture rejected or declined"),
    (HTTPStatus.BAD_GATEWAY, "The provider rejects the request, or its answer has not the shape that was asked for"),
    success={
        200: {"description": "The description", "content": {"application/json": {"model": Analysis}}},
        202: {
            "description": "It will be made",
            "headers": {
                "Preference-Applied": {
                    "description": "The preference that was met.",
                    "schema": {"type": "string", "examples": ["respond-async"]},
                }
            },
            "content": {"application/json": {"model": AnalyzeAccepted}},
        },
    },
)


def http(service: AnalysisService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database)


def routes(service: AnalysisService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()
    requests = Requests(service)

    @api.post("/items/<item_id>/analyze", summary="Describe an item", responses=_ANALYZE_RESPONSES)
    def analyze(
        item_id: str,
        caller: CallerDep,
        body: Annotated[AnalyzeRequest | None, Body()] = None,
        force_reanalyze: Annotated[bool | None, Query(description=_FORCE, examples=[True])] = None,
        provider: Annotated[Provider | None, Query(description=_PROVIDER)] = None,
        model: Annotated[str | None, Query(pattern=_MODEL_PATTERN, description=_MODEL, examples=[_A_MODEL])] = None,
        prefer: Annotated[
            str | None,
            Header(description="`respond-async`: answer at once, with 202.", examples=["respond-async"]),
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Analysis | AnalyzeAccepted]:
        """The existing description unless forced. Parameters may come in the query or as a JSON body, which wins."""
        given = body or AnalyzeRequest()
        force = given.force_reanalyze if given.force_reanalyze is not None else force_reanalyze
        options = AnalyzeOptions(bool(force), given.provider or provider, given.model or model)
        use_case = requests.request if "respond-async" in _preferences(prefer) else requests.analyze

        def shown(record: AnalysisRecord | None) -> _Analyzed:
            return AnalyzeAccepted(item_id=item_id) if record is None else Analysis.of(record)

        def act(keep: Keep) -> _Analyzed:
            def keep_record(connection: Connection, record: AnalysisRecord | None) -> None:
                keep(connection, shown(record), subject=item_id)

            return shown(use_case(caller, item_id, options, keep_record))

        answer = once(service.database, caller, _Analyzed, act)  # type: ignore[arg-type]  # a union is no type
        if isinstance(answer, AnalyzeAccepted):
            return _answer(HTTPStatus.ACCEPTED, answer, **_APPLIED)
        return _answer(HTTPStatus.OK, answer)

    @api.get(
        "/items/<item_id>/analyses", summary="Every version of an item's description", responses=documented(_NO_ITEM)
    )
    def list_analyses(item_id: str, caller: CallerDep) -> list[Analysis]:
        """Newest first."""
        return [Analysis.of(record) for record in requests.versions(caller, item_id)]

    @api.get(
        "/analyses/<analysis_id>",
        summary="One version of a description",
        responses=documented((HTTPStatus.NOT_FOUND, "The caller has no such analysis")),
    )
    def get_analysis(analysis_id: str, caller: CallerDep) -> Analysis:
        """By its id."""
        return Analysis.of(requests.version(caller, analysis_id))

    return api


_APPLIED = {"Preference-Applied": "respond-async"}


def _preferences(prefer: str | None) -> set[str]:
    """The names in a `Prefer` header (RFC 7240)."""
    return {part.split(";")[0].split("=")[0].strip().lower() for part in (prefer or "").split(",")}


def _answer(status: HTTPStatus, body: Any, **headers: str) -> Response[Any]:  # noqa: ANN401
    return Response(status_code=status.value, content_type="application/json", body=body, headers=dict(headers))
