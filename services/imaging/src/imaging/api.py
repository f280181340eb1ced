"""The routes: parse, call, answer."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from chassis.http import CallerDep, HttpEntry, create_api, documented
from imaging.bootstrap import ImagingService
from imaging.reprocess import reprocess


def http(service: ImagingService) -> HttpEntry:
    """The entry point of the API."""
    return HttpEntry(routes(service))


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
    def resize_only(item_id: str, caller: CallerDep) -> dict[str, Any]:
        """The renditions as they are now stored."""
        processed = reprocess(service, caller, item_id)
        return {
            "status": "resized",
            "id": item_id,
            "width": processed.width,
            "height": processed.height,
            "renditions": [rendition.model_dump(mode="json", exclude={"key"}) for rendition in processed.renditions],
        }

    return api
