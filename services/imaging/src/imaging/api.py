"""The routes: parse, call, answer."""

from http import HTTPStatus
from typing import Literal

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel, Field

from chassis.http import CallerDep, HttpEntry, Id, create_api, documented
from contracts.imaging import RenditionKind
from imaging.bootstrap import ImagingService
from imaging.reprocess import reprocess


class ImageFile(BaseModel):
    """A picture that was made of the original."""

    kind: RenditionKind = Field(description="What it is for.")
    media_type: str = Field(description="Of its bytes.", examples=["image/webp"])
    width: int = Field(ge=1, description="Pixels.", examples=[400])
    height: int = Field(ge=1, description="Pixels.", examples=[866])
    size: int = Field(ge=1, description="Bytes.", examples=[23456])


class ResizedItem(BaseModel):
    """The pictures that were made again."""

    status: Literal["resized"] = Field(default="resized", description="Always this.")
    id: Id = Field(description="Of the item.")
    width: int = Field(ge=1, description="Of the original; pixels, upright.", examples=[1170])
    height: int = Field(ge=1, description="Of the original; pixels, upright.", examples=[2532])
    renditions: list[ImageFile] = Field(description="Those that are stored now.")


def http(service: ImagingService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service), service.database)


def routes(service: ImagingService) -> APIGatewayHttpResolver:
    """The resolver of this service's routes."""
    api = create_api()

    @api.post(
        "/items/<item_id>/resize-only",
        summary="Make the renditions of an item again",
        responses=documented(
            (HTTPStatus.NOT_FOUND, "The caller has no such item"),
            (HTTPStatus.CONFLICT, "The item is not processed yet"),
            (HTTPStatus.UNPROCESSABLE_ENTITY, "The picture was refused, or cannot be read; `type` says why"),
        ),
    )
    def resize_only(item_id: str, caller: CallerDep) -> ResizedItem:
        """The renditions as they are now stored."""
        processed = reprocess(service, caller, item_id)
        return ResizedItem(
            id=item_id,
            width=processed.width,
            height=processed.height,
            renditions=[ImageFile(**rendition.model_dump(exclude={"key"})) for rendition in processed.renditions],
        )

    return api
